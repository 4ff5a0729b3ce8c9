//! Whether every worker has taken over what is in force.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The generation that each worker has taken over.
#[derive(Debug)]
pub struct Taken {
    workers: Mutex<Vec<u64>>,
    changed: Condvar,
}

impl Taken {
    /// So many workers, with what was in force at the start.
    pub fn new(workers: usize) -> Self {
        Self { workers: Mutex::new(vec![0; workers]), changed: Condvar::new() }
    }

    /// Worker `index` has taken `generation` over; one that has ended says `u64::MAX`.
    pub fn says(&self, index: usize, generation: u64) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = workers.get_mut(index) {
            *worker = generation;
        }
        self.changed.notify_all();
    }

    /// Blocks until all have, for `limit` at most; `false`: some have not. No worker may call it: it would
    /// wait for itself.
    pub fn wait(&self, generation: u64, limit: Duration) -> bool {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let lags = |workers: &mut Vec<u64>| workers.iter().any(|has| *has < generation);
        let waited = self.changed.wait_timeout_while(workers, limit, lags);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
