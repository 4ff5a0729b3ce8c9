//! Where entries are kept.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::Entry;

/// Which entry goes first when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The one not read for longest.
    Lru,
    /// The one read least often.
    Lfu,
}

/// All workers' entries.
#[derive(Debug)]
pub struct Store {
    entries: Cache<u64, Arc<Entry>>,
}

impl Store {
    pub fn new(budget: u64, _policy: Policy, _max_age: Duration) -> Self {
        Self {
            entries: Cache::builder()
                .max_capacity(budget)
                .weigher(|_, e: &Arc<Entry>| e.weight() as u32)
                .build(),
        }
    }
    pub fn clear(&self) {
        self.entries.invalidate_all();
    }
    pub fn len(&self) -> u64 {
        self.entries.entry_count()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    pub fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }
    pub fn for_each(&self, mut show: impl FnMut(&Arc<Entry>)) {
        self.entries.iter().for_each(|(_, e)| show(&e));
    }
    /// The entry kept under this hash, if there is one.
    pub fn get(&self, hash: u64) -> Option<Arc<Entry>> {
        self.entries.get(&hash)
    }
    /// Every entry, in no order; what comes and goes meanwhile may be missed. Not counted as reads.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Entry>> + '_ {
        self.entries.iter().map(|(_, entry)| entry)
    }
    pub fn tidy(&self) {
        self.entries.run_pending_tasks();
    }
}

/// One worker's way to the store.
#[derive(Debug)]
pub struct Front(Arc<Store>);

impl Front {
    pub fn new(store: Arc<Store>) -> Self {
        Self(store)
    }
    pub fn look<R>(&mut self, hash: u64, f: impl FnOnce(&Arc<Entry>) -> R) -> Option<R> {
        self.0.entries.get(&hash).map(|e| f(&e))
    }
    pub fn insert(&mut self, entry: Arc<Entry>) {
        self.0.entries.insert(entry.hash, entry);
    }
}
