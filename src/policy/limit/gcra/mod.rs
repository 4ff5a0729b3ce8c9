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
mod tests;
