//! Where entries are kept: a store for each worker, and before it a small table of those read most.
//!
//! Workers share neither entries, which belong to lanes, nor a store: an allocator gives memory that one
//! thread has freed of another's to that other only, and a budget that moved from worker to worker would be
//! resident once for each of them.
//!
//! Neither decides whether an entry is current. They may keep one that is not, and may lose one at any time;
//! whoever looks compares the exact key and proves the entry good.

mod front;

pub use front::Front;

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::Entry;

/// What an entry costs in the store besides its own weight, bytes: moka's six small allocations for each and
/// its part of the table of buckets. Measured with `cargo run --release --example cache_store -- memory 512
/// 1000000`: 305 while the store fills, up to 360 when millions of entries of all sizes have come and gone.
const NODE: usize = 330;
/// Entries in the table before it may weigh one part in so many of the budget. Nearly all of them are in the
/// store too: it leaves them less.
const FRONTS: u64 = 8;
const LEFT_TO_FRONTS: u64 = 32;

/// Which entry goes first when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The one not read for longest.
    Lru,
    /// The one read least often; a newcomer that is read less often than those it would push out is not
    /// let in.
    Lfu,
}

/// All entries of a worker, within its part of the budget. Others may look into it.
#[derive(Debug)]
pub struct Store {
    entries: Cache<u64, Arc<Entry>, Same>,
    budget: u64,
}

impl Store {
    /// An empty store of `budget` bytes, everything counted: entries, the store's own nodes, the allocator's
    /// rounding and the table before it. Nothing leaves because of its age ([`super::Sweep`] sees to that).
    pub fn new(budget: u64, policy: Policy) -> Self {
        let order = match policy {
            Policy::Lru => EvictionPolicy::lru(),
            Policy::Lfu => EvictionPolicy::tiny_lfu(),
        };
        let entries = Cache::builder()
            .max_capacity(budget - budget / LEFT_TO_FRONTS)
            .weigher(|_, entry: &Arc<Entry>| u32::try_from(entry.weight() + NODE).unwrap_or(u32::MAX))
            .eviction_policy(order)
            .build_with_hasher(Same);
        Self { entries, budget }
    }

    /// What the table before it may hold, bytes.
    pub fn front_bytes(&self) -> usize {
        usize::try_from(self.budget / FRONTS).unwrap_or(usize::MAX)
    }

    /// The entry kept under this hash.
    pub fn get(&self, hash: u64) -> Option<Arc<Entry>> {
        self.entries.get(&hash)
    }

    /// The entry under this hash has been read elsewhere.
    #[inline(never)]
    fn tell(&self, hash: u64) {
        self.entries.get(&hash);
    }

    /// Keeps an entry under its hash, in place of what was there.
    pub fn insert(&self, entry: Arc<Entry>) {
        self.entries.insert(entry.hash, entry);
    }

    /// Forgets what is kept under this hash.
    pub fn remove(&self, hash: u64) {
        self.entries.invalidate(&hash);
    }

    /// How many entries there are, but for the changes of the last moments.
    pub fn len(&self) -> u64 {
        self.entries.entry_count()
    }

    /// Whether there is no entry, but for the changes of the last moments.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes the entries cost, but for the changes of the last moments.
    pub fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    /// Every entry, in no order; what comes and goes meanwhile may be missed. Not counted as reads.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Entry>> + '_ {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// Does what has been put off: what came and went last is counted. A busy store does it by itself.
    pub fn tidy(&self) {
        self.entries.run_pending_tasks();
    }
}

/// Hashes are keyed and spread already: hashing them again would only cost.
#[derive(Clone, Copy, Debug, Default)]
struct Same;

impl BuildHasher for Same {
    type Hasher = Word;

    fn build_hasher(&self) -> Word {
        Word(0)
    }
}

/// The word that was written last.
#[derive(Debug)]
struct Word(u64);

impl Hasher for Word {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
