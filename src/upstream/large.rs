//! Commands whose replies turned out too large for a lane, remembered for a while.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
}

impl Large {
    /// Each is remembered for `memory`.
    pub(super) fn new(memory: Duration) -> Self {
        let seen = Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(memory).build();
        Self { seen, any: AtomicBool::new(false), hasher: RandomState::new() }
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
