//! Commands whose replies turned out too large for a lane, remembered for a while.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use crate::resp::request::Args;

/// How many are remembered at most; each costs about a hundred bytes.
const MAX_REMEMBERED: u64 = 4096;

/// Remembers command and first argument (the key, usually) by hash, so that the next such request
/// goes straight to a connection of its own. Forgetting or confusing one costs time, nothing else.
#[derive(Debug)]
pub(super) struct Large {
    seen: Cache<u64, ()>,
    any: AtomicBool,
    hasher: RandomState,
    memory: Arc<AtomicU64>,
}

/// Each is forgotten after so many nanoseconds.
#[derive(Debug)]
struct Forgets(Arc<AtomicU64>);

impl Expiry<u64, ()> for Forgets {
    fn expire_after_create(&self, _: &u64, (): &(), _: Instant) -> Option<Duration> {
        Some(Duration::from_nanos(self.0.load(Ordering::Relaxed)))
    }

    fn expire_after_update(
        &self,
        key: &u64,
        value: &(),
        at: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, value, at)
    }
}

fn nanos(duration: Duration) -> u64 {
    // Longer than any process lives, and no timer's end.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX / 64)
}

impl Large {
    /// Each is remembered for `memory`.
    pub(super) fn new(memory: Duration) -> Self {
        let memory = Arc::new(AtomicU64::new(nanos(memory)));
        let forgets = Forgets(Arc::clone(&memory));
        let seen = Cache::builder().max_capacity(MAX_REMEMBERED).expire_after(forgets).build();
        Self { seen, any: AtomicBool::new(false), hasher: RandomState::new(), memory }
    }

    /// The same for those that are noted from now on.
    pub(super) fn remember_for(&self, memory: Duration) {
        self.memory.store(nanos(memory), Ordering::Relaxed);
    }

    pub(super) fn note(&self, args: &Args<'_>) {
        self.seen.insert(self.hash(args), ());
        self.any.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn contains(&self, args: &Args<'_>) -> bool {
        self.any.load(Ordering::Relaxed) && self.seen.contains_key(&self.hash(args))
    }

    fn hash(&self, args: &Args<'_>) -> u64 {
        self.hasher.hash_one((args.get(0).to_ascii_uppercase(), args.get(1)))
    }
}
