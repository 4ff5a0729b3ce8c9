//! Which requests the access log tells of.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The share of requests that are told of. One per proxy.
#[derive(Debug, Default)]
pub struct Share {
    below: AtomicU64,
    /// Those that were told of, for a collector of traces.
    #[cfg(feature = "otlp")]
    pub spans: super::spans::Spans,
}

impl Share {
    /// This share, 0 to 1.
    pub fn new(share: f64) -> Self {
        let new = Self::default();
        new.set(share);
        new
    }

    /// From now on it is this one.
    pub fn set(&self, share: f64) {
        // Kept as what a random number must stay below; the cast saturates.
        self.below.store((share.clamp(0.0, 1.0) * u64::MAX as f64) as u64, Relaxed);
    }
}

/// One worker's choice of requests, and their numbers.
#[derive(Debug)]
pub struct Sampler {
    share: Arc<Share>,
    worker: usize,
    chosen: Cell<u64>,
    random: RefCell<fastrand::Rng>,
}

impl Sampler {
    /// Worker `worker` chooses as often as `share` says.
    pub fn new(share: Arc<Share>, worker: usize) -> Self {
        Self { share, worker, chosen: Cell::new(0), random: RefCell::default() }
    }

    /// Whether any request is chosen.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.share.below.load(Relaxed) > 0
    }

    /// Whether this request is. Costs a load and a branch where none is.
    #[inline]
    pub fn chooses(&self) -> bool {
        let share = self.share.below.load(Relaxed);
        share > 0 && self.random.borrow_mut().u64(..) <= share
    }

    /// How often it chooses, and what else is known to all that choose.
    #[cfg(feature = "otlp")]
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// The id of the next request that is told of: the worker's number, and how many it has told of.
    pub fn next_id(&self) -> String {
        self.chosen.set(self.chosen.get() + 1);
        format!("{}-{}", self.worker, self.chosen.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_chosen_as_asked_for() {
        let share = Arc::new(Share::new(0.0));
        let sampler = Sampler::new(Arc::clone(&share), 3);
        let chosen = || (0..10_000).filter(|_| sampler.chooses()).count();
        assert!(!sampler.is_on() && chosen() == 0);
        share.set(1.0);
        assert!(sampler.is_on() && chosen() == 10_000);
        share.set(0.1);
        assert!((700..1300).contains(&chosen()));
        assert_eq!([sampler.next_id(), sampler.next_id()], ["3-1", "3-2"]);
    }
}
