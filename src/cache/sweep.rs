//! Freeing what will never be given out again, in small steps.
//!
//! The store is not told when an entry is over: moka drops all that are over in one go, several
//! microseconds for each, and holds every worker up meanwhile. A million entries that come in one
//! minute would stop the proxy for seconds in the next.

use std::fmt;
use std::sync::Arc;

use super::{Entry, Near, Time};

/// A walk over all entries that frees those that are over. To be taken on in small steps, with other work
/// between: an entry that is freed costs some microseconds. What comes meanwhile may be missed. Dropping it
/// ends the walk.
pub struct Sweep<'n> {
    near: &'n Near,
    left: Box<dyn Iterator<Item = Arc<Entry>> + 'n>,
}

impl fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sweep")
    }
}

impl Near {
    /// Begins a walk that frees what is over.
    pub fn sweep(&self) -> Sweep<'_> {
        Sweep { near: self, left: Box::new(self.stores.iter().flat_map(|store| store.iter())) }
    }

    /// Whether `entry` will never be given out again, neither while its lane is up nor after.
    fn is_over(&self, entry: &Entry, now: Time) -> bool {
        // A word that was left behind never comes again.
        entry.word != self.word.load()
            || now >= entry.expires
            || now >= entry.deadline.saturating_add(entry.stale_for)
    }
}

impl Sweep<'_> {
    /// Looks at the next `most` entries; `false` when the walk has come to its end.
    pub fn step(&mut self, most: usize, now: Time) -> bool {
        for _ in 0..most {
            let Some(entry) = self.left.next() else {
                self.near.stores.iter().for_each(|store| store.tidy());
                return false;
            };
            if self.near.is_over(&entry, now) {
                self.near.stores.iter().for_each(|store| store.remove(entry.hash));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Origin;
    use crate::cache::kit::{near, settings};

    fn keep(near: &Near, hash: u64, deadline: Time, expires: Time, stale_for: Time) {
        let origin = Origin { lane: 1, epoch: 1, word: near.word.load(), deadline, expires, stale_for };
        near.stores[0].insert(Arc::new(Entry::new(hash, 1, (0, 0), origin, b"args", b"+v\r\n")));
    }

    fn left(near: &Near) -> Vec<u64> {
        let mut hashes: Vec<u64> = near.stores[0].iter().map(|entry| entry.hash).collect();
        hashes.sort_unstable();
        hashes
    }

    #[test]
    fn what_is_over_goes_and_what_may_still_be_given_out_stays() {
        let near = near(settings(), 1);
        keep(&near, 1, 10, 100, 0);
        keep(&near, 2, 10, 10, 50);
        keep(&near, 3, 10, 100, 50);
        keep(&near, 4, 11, 100, 0);
        while near.sweep().step(usize::MAX, 10) {}
        assert_eq!(left(&near), [3, 4]);
        assert_eq!(near.size().0, 2);
    }

    #[test]
    fn after_a_change_of_all_keys_everything_goes_in_as_many_steps_as_it_takes() {
        let near = near(settings(), 1);
        (0..1_000).for_each(|hash| keep(&near, hash << 40 | hash, Time::MAX, Time::MAX, 0));
        near.word.bump();
        let mut sweep = near.sweep();
        assert!(sweep.step(100, 0));
        assert_eq!(left(&near).len(), 900);
        let mut steps = 1;
        while sweep.step(100, 0) {
            steps += 1;
        }
        assert_eq!((steps, near.size()), (10, (0, 0)));
    }
}
