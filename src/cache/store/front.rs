//! A worker's own table of the entries it gives out most, in front of the store.
//!
//! A look there costs one or two lines of memory: no lock, no count of owners, nothing written that another
//! worker reads. It decides nothing: an entry is as current, or not, as it would be in the store.

use std::sync::Arc;

use super::Store;
use crate::cache::Entry;

/// Entries that may share a place: their hashes lie in half a line of memory.
const WAYS: usize = 4;
/// Places at first.
const FIRST: usize = 64;
/// Places at most.
const MOST: usize = 1 << 16;
/// Heavier entries are not taken, bytes: what they cost to send is much more than to find.
const HEAVY: usize = 4096;
/// The store is told of every so many looks, lest it takes the hottest entries for cold ones.
const TOLD: u32 = 32;
/// One in so many entries found in the store is taken in place of another.
const TAKEN: u32 = 4;

/// See the module. Dropping it frees what the store has given up as well.
#[derive(Debug)]
pub struct Front {
    store: Arc<Store>,
    hashes: Box<[[u64; WAYS]]>,
    entries: Box<[[Option<Arc<Entry>>; WAYS]]>,
    /// Entries held, and what they weigh.
    held: usize,
    bytes: usize,
    most_bytes: usize,
    looks: u32,
    misses: u32,
    /// The place looked at last for one to make room.
    hand: usize,
}

impl Front {
    /// An empty table before `store` that holds at most `most_bytes`.
    pub fn new(store: Arc<Store>, most_bytes: usize) -> Self {
        Self {
            store,
            hashes: vec![[0; WAYS]; FIRST].into(),
            entries: std::iter::repeat_with(Default::default).take(FIRST).collect(),
            held: 0,
            bytes: 0,
            most_bytes,
            looks: 0,
            misses: 0,
            hand: 0,
        }
    }

    /// Shows the entry kept under `hash` to `look`, if there is one; it may be any entry of that hash.
    #[inline]
    pub fn look<R>(&mut self, hash: u64, look: impl FnOnce(&Arc<Entry>) -> R) -> Option<R> {
        let place = self.place(hash);
        let way = self.hashes[place].iter().position(|other| *other == hash);
        if let Some(entry) = way.and_then(|way| self.entries[place][way].as_ref()) {
            self.looks = self.looks.wrapping_add(1);
            if self.looks.is_multiple_of(TOLD) {
                self.store.tell(hash);
            }
            return Some(look(entry));
        }
        self.look_behind(hash, look)
    }

    #[inline(never)]
    fn look_behind<R>(&mut self, hash: u64, look: impl FnOnce(&Arc<Entry>) -> R) -> Option<R> {
        let entry = self.store.get(hash)?;
        let result = look(&entry);
        self.misses = self.misses.wrapping_add(1);
        if self.held < self.hashes.len() * WAYS / 2 || self.misses.is_multiple_of(TAKEN) {
            self.take(entry);
        }
        Some(result)
    }

    /// Keeps `entry`, in the store too, in place of one of the same hash.
    pub fn insert(&mut self, entry: Arc<Entry>) {
        self.store.insert(Arc::clone(&entry));
        self.take(entry);
    }

    /// What it holds weighs so much, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn place(&self, hash: u64) -> usize {
        // The store uses the low bits.
        (hash >> 32) as usize & (self.hashes.len() - 1)
    }

    fn take(&mut self, entry: Arc<Entry>) {
        let (hash, weight) = (entry.hash, entry.weight());
        let place = self.place(hash);
        let holds = |way: &usize| self.hashes[place][*way] == hash && self.entries[place][*way].is_some();
        let same = (0..WAYS).find(holds);
        if weight > HEAVY {
            return same.into_iter().for_each(|way| self.drop_way(place, way));
        }
        let free = || self.entries[place].iter().position(Option::is_none);
        let way = match same.or_else(free) {
            Some(way) => way,
            None if self.may_grow() => {
                self.grow();
                return self.take(entry);
            }
            // Any of them: one that is wanted comes again soon.
            None => self.misses as usize / TAKEN as usize % WAYS,
        };
        self.drop_way(place, way);
        if weight > self.most_bytes {
            return;
        }
        // Who has been there for long goes, wanted or not: what is read now must get in.
        while self.bytes + weight > self.most_bytes {
            self.hand = (self.hand + 1) % (self.hashes.len() * WAYS);
            self.drop_way(self.hand / WAYS, self.hand % WAYS);
        }
        self.hashes[place][way] = hash;
        self.entries[place][way] = Some(entry);
        (self.held, self.bytes) = (self.held + 1, self.bytes + weight);
    }

    fn drop_way(&mut self, place: usize, way: usize) {
        if let Some(entry) = self.entries[place][way].take() {
            (self.held, self.bytes) = (self.held - 1, self.bytes - entry.weight());
        }
    }

    fn may_grow(&self) -> bool {
        self.hashes.len() < MOST
            && self.held > self.hashes.len() * WAYS / 4
            && self.bytes < self.most_bytes / 2
    }

    fn grow(&mut self) {
        let places = self.hashes.len() * 2;
        let old = std::mem::take(&mut self.entries);
        self.hashes = vec![[0; WAYS]; places].into();
        self.entries = std::iter::repeat_with(Default::default).take(places).collect();
        (self.held, self.bytes) = (0, 0);
        old.into_iter().flatten().flatten().for_each(|entry| self.take(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Origin, Policy};

    fn entry(hash: u64, reply: &[u8]) -> Arc<Entry> {
        let origin = Origin { lane: 1, epoch: 1, word: 0, deadline: 1, expires: 1, stale_for: 0 };
        Arc::new(Entry::new(hash, 1, (0, 0), origin, b"args", reply))
    }

    fn front(most_bytes: usize) -> Front {
        Front::new(Arc::new(Store::new(1 << 24, Policy::Lru)), most_bytes)
    }

    fn spread(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn what_is_inserted_last_under_a_hash_is_found() {
        let mut front = front(1 << 20);
        front.insert(entry(7, b"old"));
        front.insert(entry(7, b"new"));
        assert_eq!(front.look(7, |entry| entry.reply().to_vec()), Some(b"new".to_vec()));
        assert_eq!(front.look(8, |_| ()), None);
    }

    #[test]
    fn the_hash_zero_is_like_any_other() {
        let mut front = front(1 << 20);
        assert_eq!(front.look(0, |_| ()), None);
        front.insert(entry(0, b"x"));
        assert_eq!(front.look(0, |_| ()), Some(()));
    }

    #[test]
    fn it_holds_no_more_bytes_than_it_may_and_the_store_has_the_rest() {
        let mut front = front(10_000);
        (0..1000).for_each(|n| front.insert(entry(spread(n), b"value")));
        assert!(front.bytes() <= 10_000, "{}", front.bytes());
        front.store.tidy();
        assert!((0..1000).all(|n| front.look(spread(n), |_| ()).is_some()));
        assert!(front.bytes() <= 10_000, "{}", front.bytes());
    }

    #[test]
    fn a_full_table_takes_in_what_is_read_now() {
        let mut front = front(100_000);
        (0..5_000).for_each(|n| front.insert(entry(spread(n), b"value")));
        for n in 5_000..10_000 {
            front.insert(entry(spread(n), b"value"));
            let place = front.place(spread(n));
            assert!(front.hashes[place].contains(&spread(n)), "{n}");
            assert!((80_000..=100_000).contains(&front.bytes()), "{}", front.bytes());
        }
    }

    #[test]
    fn a_heavy_entry_takes_the_place_of_a_light_one_of_its_hash_without_staying() {
        let mut front = front(1 << 20);
        front.insert(entry(7, b"light"));
        front.insert(entry(7, &[b'x'; 2 * HEAVY]));
        assert_eq!(front.bytes(), 0);
        assert_eq!(front.look(7, |entry| entry.reply().len()), Some(2 * HEAVY));
    }

    #[test]
    fn it_grows_with_what_is_read() {
        let mut front = front(1 << 24);
        (0..10_000).for_each(|n| front.insert(entry(spread(n), b"v")));
        let there = |n: &u64| {
            let place = front.place(spread(*n));
            front.hashes[place].contains(&spread(*n))
        };
        assert!((0..10_000).filter(there).count() > 9_000);
    }
}
