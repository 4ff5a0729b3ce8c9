//! The cheapest counter there is.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter with one writer: a plain load and store. Anybody may read it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    #[inline]
    pub fn add(&self) {
        self.plus(1);
    }

    /// So many more.
    #[inline]
    pub fn plus(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
