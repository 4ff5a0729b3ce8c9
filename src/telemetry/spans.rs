//! Requests that were picked, on their way to a collector of traces.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The most that wait to be sent.
const MOST: usize = 4096;

/// A request that has been answered.
#[derive(Clone, Debug)]
pub struct Picked {
    /// The worker's number, and how many it has picked: as in the access log.
    pub id: String,
    /// What it was called.
    pub command: String,
    /// `hit`, `denied`, or who else has answered it.
    pub outcome: &'static str,
    /// The client's id, address and user.
    pub client: u64,
    /// See `client`.
    pub address: String,
    /// See `client`.
    pub user: String,
    /// The client's database.
    pub db: u32,
    /// When it had its reply.
    pub end: SystemTime,
    /// How long it took, microseconds.
    pub total_us: u64,
    /// The upstream's part of that; 0 where it was not asked.
    pub upstream_us: u64,
}

/// Those that wait to be sent. Costs nothing until somebody sends them.
#[derive(Debug, Default)]
pub struct Spans {
    wanted: AtomicBool,
    waiting: Mutex<VecDeque<Picked>>,
    lost: AtomicU64,
}

impl Spans {
    /// From now on somebody takes them.
    pub fn want(&self) {
        self.wanted.store(true, Relaxed);
    }

    /// Whether anybody does.
    pub fn are_wanted(&self) -> bool {
        self.wanted.load(Relaxed)
    }

    /// One more. Where as many wait already as may, it is lost.
    pub fn pick(&self, picked: Picked) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            return waiting.push_back(picked);
        }
        self.lost.fetch_add(1, Relaxed);
    }

    /// All that wait.
    pub fn take(&self) -> Vec<Picked> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// How many were lost so far.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}
