//! What the lanes of one worker share of the cache.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Entry, Figures, Front, Near, Store};

/// One worker's part of the cache.
#[derive(Debug)]
pub struct PerWorker {
    /// The part all workers share.
    pub near: Arc<Near>,
    /// Its number.
    pub index: usize,
    pub(super) front: RefCell<Front>,
}

impl PerWorker {
    /// The part of worker `index`.
    pub fn new(near: Arc<Near>, index: usize) -> Self {
        let store: Arc<Store> = Arc::clone(&near.store);
        Self { near, index, front: RefCell::new(Front::new(store)) }
    }

    /// What it counts.
    #[inline]
    pub fn figures(&self) -> &Figures {
        self.near.figures(self.index)
    }

    /// Keeps `entry`, in place of one with the same key.
    pub(super) fn keep(&self, entry: Arc<Entry>) {
        self.front.borrow_mut().insert(entry);
    }
}
