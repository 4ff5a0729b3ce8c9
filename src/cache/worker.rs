//! What the lanes of one worker share of the cache.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::{Entry, Figures, Front, Near, Sketch, Store, Time, nanos};

/// One in so many reads is counted for the hot keys.
pub(super) const SAMPLE: u32 = 16;

/// One worker's part of the cache.
#[derive(Debug)]
pub struct PerWorker {
    /// The part all workers share.
    pub near: Arc<Near>,
    /// Its number.
    pub index: usize,
    pub(super) front: RefCell<Front>,
    sketch: RefCell<Sketch>,
    /// Reads until the next one that is counted, and what the gaps between those are drawn from: reads may
    /// come in a rhythm.
    uncounted: Cell<u32>,
    gaps: RefCell<fastrand::Rng>,
    /// Hits since the last one that was compared, times the share that is.
    unverified: Cell<f64>,
}

impl PerWorker {
    /// The part of worker `index`.
    pub fn new(near: Arc<Near>, index: usize) -> Self {
        let store: Arc<Store> = Arc::clone(&near.store);
        let front_bytes = store.front_bytes(near.workers());
        let sketch = Sketch::new(nanos(near.settings.admit_window), near.settings.admit_after);
        Self {
            near,
            index,
            front: RefCell::new(Front::new(store, front_bytes)),
            sketch: RefCell::new(sketch),
            uncounted: Cell::new(0),
            gaps: RefCell::new(fastrand::Rng::with_seed(index as u64)),
            unverified: Cell::new(0.0),
        }
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

    /// Whether the read with that hash, which was not answered from memory, is hot enough to be kept.
    #[inline]
    pub fn admits(&self, hash: u64, now: Time) -> bool {
        self.sketch.borrow_mut().admits(hash, now)
    }

    /// How often the read with that hash has missed lately, at most; `None` where nobody counts.
    pub fn misses(&self, hash: u64) -> Option<u8> {
        (self.near.settings.admit_after > 1).then(|| self.sketch.borrow().estimate(hash))
    }

    /// A read of the key `name`, which the upstream did not see (`hit`) or did: for the hot keys.
    #[inline]
    pub fn reads(&self, name: &[u8], hit: bool, now: Time) {
        match self.uncounted.get() {
            0 => self.counts(name, hit, now),
            left => self.uncounted.set(left - 1),
        }
    }

    #[inline(never)]
    fn counts(&self, name: &[u8], hit: bool, now: Time) {
        // On average one in SAMPLE.
        self.uncounted.set(self.gaps.borrow_mut().u32(..2 * SAMPLE - 1));
        self.near.hot(self.index).read(self.near.hasher.key(name), name, hit, now);
    }

    /// Whether this hit is one of those that are compared with the upstream.
    #[inline]
    pub fn verifies(&self) -> bool {
        let share = self.near.settings.verify;
        if share <= 0.0 {
            return false;
        }
        let sum = self.unverified.get() + share;
        self.unverified.set(sum - sum.floor());
        sum >= 1.0
    }
}
