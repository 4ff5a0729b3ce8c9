//! The generic cell rate algorithm.
//!
//! Of our own, in a page, because a crate does not fit: `governor` books nothing in advance (a delayed
//! request has to have its turn kept), has no debt (a request larger than the burst, bytes that pass
//! before they can be refused), cannot undo a booking that another rate refused, and keeps every key it
//! has seen until it is told to look through all of them.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// More nanoseconds than any cost; keeps sums far from overflow.
const LONGEST: f64 = (u64::MAX / 8) as f64;

/// How fast an allowance refills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Nanoseconds in which one is refilled.
    each: f64,
    /// Nanoseconds in which all of it is.
    full: u64,
}

impl Pace {
    /// `rate` every `period`, at most `burst` at once. Zeros count as one.
    pub(super) fn new(rate: u64, period: Duration, burst: u64) -> Self {
        let each = period.as_nanos() as f64 / rate.max(1) as f64;
        Self { each, full: nanos(each * burst.max(1) as f64) }
    }

    /// What `count` of them cost, in nanoseconds of refilling.
    #[inline]
    pub(super) fn cost(&self, count: u64) -> u64 {
        nanos(self.each * count as f64)
    }
}

#[inline]
fn nanos(value: f64) -> u64 {
    value.min(LONGEST) as u64
}

/// One allowance: when it will be full again. Never is the same as long ago.
#[derive(Debug, Default)]
pub(super) struct Allowance(AtomicU64);

impl Allowance {
    /// Takes `cost` now, or as soon as it fits if that is within `patience`: answers how long that is.
    /// What costs more than the allowance holds fits when it is full, and leaves a debt.
    ///
    /// # Errors
    /// How long it would take to fit. Nothing has been taken.
    #[inline]
    pub(super) fn take(&self, pace: &Pace, cost: u64, now: u64, patience: u64) -> Result<u64, u64> {
        let mut full_at = self.0.load(Relaxed);
        loop {
            let from = full_at.max(now);
            let wait = (from + cost.min(pace.full)).saturating_sub(now + pace.full);
            if wait > patience {
                return Err(wait);
            }
            match self.0.compare_exchange_weak(full_at, from.saturating_add(cost), Relaxed, Relaxed) {
                Ok(_) => return Ok(wait),
                Err(other) => full_at = other,
            }
        }
    }

    /// Takes `cost` whether it fits or not.
    pub(super) fn owe(&self, cost: u64, now: u64) {
        let taken =
            self.0.fetch_update(Relaxed, Relaxed, |full_at| Some(full_at.max(now).saturating_add(cost)));
        debug_assert!(taken.is_ok());
    }

    /// Undoes a [`Self::take`] of so much.
    pub(super) fn give_back(&self, cost: u64) {
        let given = self.0.fetch_update(Relaxed, Relaxed, |full_at| Some(full_at.saturating_sub(cost)));
        debug_assert!(given.is_ok());
    }

    /// How long it takes until one that costs `cost` fits.
    pub(super) fn wait(&self, pace: &Pace, cost: u64, now: u64) -> u64 {
        (self.full_at().max(now) + cost.min(pace.full)).saturating_sub(now + pace.full)
    }

    /// When it will be full again.
    pub(super) fn full_at(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(super) fn set(&self, full_at: u64) {
        self.0.store(full_at, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn pace(rate: u64, burst: u64) -> Pace {
        Pace::new(rate, Duration::from_secs(1), burst)
    }

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate_holds() {
        let (pace, allowance) = (pace(100, 10), Allowance::default());
        let take = |now| allowance.take(&pace, pace.cost(1), now, 0);
        assert!((0..10).all(|_| take(SECOND).is_ok()));
        assert_eq!(take(SECOND), Err(10_000_000));
        assert_eq!(take(SECOND + 4_000_000), Err(6_000_000));
        assert_eq!(take(SECOND + 10_000_000), Ok(0));
        assert_eq!(take(SECOND + 10_000_000), Err(10_000_000));
        // A second later it is full again, and no fuller.
        assert_eq!((0..100).filter(|_| take(3 * SECOND).is_ok()).count(), 10);
    }

    #[test]
    fn over_time_exactly_the_rate_passes_whatever_the_rate() {
        for rate in [1, 3, 7, 1000, 999_983] {
            // Two at once: the steps of this test are no multiple of the rate.
            let (pace, allowance) = (pace(rate, 2), Allowance::default());
            let step = (SECOND / rate / 10).max(1);
            let passed = (0..10 * SECOND / step)
                .step_by(1)
                .take(2_000_000)
                .filter(|i| allowance.take(&pace, pace.cost(1), SECOND + i * step, 0).is_ok())
                .count() as f64;
            let seconds = (10 * SECOND / step).min(2_000_000) as f64 * step as f64 / SECOND as f64;
            let expected = seconds * rate as f64;
            assert!((passed - expected).abs() <= 2.0 + expected / 100.0, "{rate}: {passed} of {expected}");
        }
    }

    #[test]
    fn who_waits_keeps_his_turn() {
        let (pace, allowance) = (pace(10, 1), Allowance::default());
        let take = || allowance.take(&pace, pace.cost(1), SECOND, 250_000_000);
        assert_eq!([take(), take(), take()], [Ok(0), Ok(100_000_000), Ok(200_000_000)]);
        assert_eq!(take(), Err(300_000_000));
    }

    #[test]
    fn what_is_larger_than_the_burst_passes_and_leaves_a_debt() {
        let (pace, allowance) = (pace(1000, 100), Allowance::default());
        assert_eq!(allowance.take(&pace, pace.cost(5000), SECOND, 0), Ok(0));
        assert_eq!(allowance.take(&pace, pace.cost(1), SECOND, 0), Err(4_901_000_000));
        assert_eq!(allowance.take(&pace, pace.cost(1), 6 * SECOND, 0), Ok(0));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (pace, allowance) = (pace(1, 1), Allowance::default());
        assert_eq!(allowance.take(&pace, pace.cost(1), SECOND, 0), Ok(0));
        allowance.give_back(pace.cost(1));
        assert_eq!(allowance.take(&pace, pace.cost(1), SECOND, 0), Ok(0));
        allowance.owe(pace.cost(1), SECOND);
        assert_eq!(allowance.wait(&pace, pace.cost(1), SECOND), 2 * SECOND);
    }

    #[test]
    fn workers_together_take_no_more_than_there_is() {
        let (pace, allowance) = (pace(1, 1000), Allowance::default());
        let took = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let taken = allowance.take(&pace, pace.cost(1), SECOND, 0).is_ok();
                        took.fetch_add(u64::from(taken), Relaxed);
                    }
                });
            }
        });
        assert_eq!(took.into_inner(), 1000);
    }
}
