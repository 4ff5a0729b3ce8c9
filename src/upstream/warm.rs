//! When a worker opens a connection ahead of need.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::backoff::Backoff;

/// How long after somebody had to wait for a connection none is opened ahead of need.
const CALM: Duration = Duration::from_secs(10);
/// By then a proxy knows whether its upstream is itself, and would have ended.
const START: Duration = Duration::from_secs(1);

/// One worker's part of `upstream.min_idle`. Opens one at a time.
#[derive(Debug)]
pub(super) struct Warm {
    share: usize,
    opening: Cell<bool>,
    not_before: Cell<Instant>,
    backoff: RefCell<Backoff>,
}

impl Warm {
    /// Keeps `share` connections idle; pauses from `min` to `max` when the upstream is away.
    pub(super) fn new(share: usize, min: Duration, max: Duration) -> Self {
        Self {
            share,
            opening: Cell::new(false),
            not_before: Cell::new(Instant::now() + START),
            backoff: RefCell::new(Backoff::new(min, max)),
        }
    }

    /// How many are to lie idle.
    pub(super) fn share(&self) -> usize {
        self.share
    }

    /// Whether one may be opened now that `idle` are there.
    pub(super) fn wants(&self, idle: usize, now: Instant) -> bool {
        idle < self.share && !self.opening.get() && now >= self.not_before.get()
    }

    /// Somebody waits for a connection: none is opened ahead of need for a while.
    pub(super) fn calm_down(&self, now: Instant) {
        self.not_before.set(now + CALM);
    }

    /// One is being opened, until [`Self::end`].
    pub(super) fn begin(&self) {
        self.opening.set(true);
    }

    /// The pauses to be made from now on.
    pub(super) fn bounds(&self, min: Duration, max: Duration) {
        self.backoff.borrow_mut().bounds(min, max);
    }

    /// It has been opened, or not.
    pub(super) fn end(&self, opened: bool, now: Instant) {
        self.opening.set(false);
        let mut backoff = self.backoff.borrow_mut();
        if opened {
            backoff.reset();
        } else {
            self.not_before.set(now + backoff.pause());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_not_while_it_fails_or_others_wait() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(1));
        let (warm, now) = (Warm::new(2, min, max), Instant::now() + 2 * START);
        assert!(!warm.wants(0, Instant::now()), "not at the very start");
        assert!(warm.wants(1, now) && !warm.wants(2, now));
        warm.begin();
        assert!(!warm.wants(0, now));
        warm.end(false, now);
        assert!(!warm.wants(0, now) && warm.wants(0, now + min));
        warm.begin();
        warm.end(true, now);
        warm.calm_down(now);
        assert!(!warm.wants(0, now + CALM / 2) && warm.wants(0, now + CALM));
    }
}
