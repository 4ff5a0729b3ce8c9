//! The cache's settings that can change while it is in use.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::{Near, Patterns, Time, nanos};
use crate::config::{self, CacheMode};

/// What is in force, for all workers.
#[derive(Debug)]
pub(super) struct Live {
    max_value: AtomicU64,
    patience: AtomicU64,
    acl_check: AtomicU64,
    /// The bits of a share.
    verify: AtomicU64,
    /// Nothing is given out or fetched to be kept, though everything else goes on.
    paused: AtomicBool,
    patterns: RwLock<Arc<Patterns>>,
}

impl Live {
    pub(super) fn new(settings: &config::Cache, mode: CacheMode) -> Self {
        Self {
            max_value: AtomicU64::new(settings.max_value),
            patience: AtomicU64::new(nanos(settings.max_staleness)),
            acl_check: AtomicU64::new(nanos(settings.acl_check)),
            verify: AtomicU64::new(settings.verify.to_bits()),
            paused: AtomicBool::new(false),
            patterns: RwLock::new(Arc::new(patterns(settings, mode))),
        }
    }
}

fn patterns(settings: &config::Cache, mode: CacheMode) -> Patterns {
    let longest = if mode == CacheMode::Ttl { settings.ttl_max_age } else { Duration::MAX };
    Patterns::new(settings, longest)
}

impl Near {
    /// From now on `settings` are in force, as far as they can change; `on`: whether anything is given out. Each
    /// worker has to take it over: [`super::PerWorker::renew`].
    pub fn renew(&self, settings: &config::Cache, on: bool) {
        let live = &self.live;
        live.max_value.store(settings.max_value, Ordering::Relaxed);
        live.patience.store(nanos(settings.max_staleness), Ordering::Release);
        live.acl_check.store(nanos(settings.acl_check), Ordering::Relaxed);
        live.verify.store(settings.verify.to_bits(), Ordering::Relaxed);
        live.paused.store(!on, Ordering::Release);
        let new = patterns(settings, self.mode);
        let mut patterns = live.patterns.write().unwrap_or_else(PoisonError::into_inner);
        if **patterns != new {
            *patterns = Arc::new(new);
        }
    }

    /// How stale an answer may be, in nanoseconds: D of the contract.
    #[inline]
    pub fn patience(&self) -> Time {
        self.live.patience.load(Ordering::Acquire)
    }

    /// Whether answers are given out and kept. Where the cache is on at all it may be paused: what is written
    /// and announced is followed all the same, so that it can go on with what it has.
    #[inline]
    pub fn gives(&self) -> bool {
        self.is_on() && !self.live.paused.load(Ordering::Relaxed)
    }

    /// Largest reply that is kept.
    pub(super) fn max_value(&self) -> u64 {
        self.live.max_value.load(Ordering::Relaxed)
    }

    /// Share of hits that are compared.
    #[inline]
    pub(super) fn verify(&self) -> f64 {
        f64::from_bits(self.live.verify.load(Ordering::Relaxed))
    }

    /// How often the upstream's users are compared with what they were.
    pub fn acl_check(&self) -> Duration {
        Duration::from_nanos(self.live.acl_check.load(Ordering::Relaxed))
    }

    /// Which keys are kept. Takes a lock; a worker has its own ([`super::PerWorker::patterns`]).
    pub fn patterns(&self) -> Arc<Patterns> {
        Arc::clone(&self.live.patterns.read().unwrap_or_else(PoisonError::into_inner))
    }
}
