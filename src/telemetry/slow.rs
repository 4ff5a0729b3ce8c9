//! The slow log: requests that took long, and where their time went.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::config;

/// A request that took long. Its time is `queue_us + upstream_us + client_us = total_us`, but for rounding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number; rises by one per entry, also over a reset.
    pub id: u64,
    /// When it was entered, seconds since 1970.
    pub unix_time: u64,
    /// Microseconds from when it was read to when its reply was put for the client.
    pub total_us: u64,
    /// Nearside's part: it waited for a turn, a rate, a connection of its own, or to be written.
    pub queue_us: u64,
    /// The upstream's part: from when it was written to when its reply was read. All of it for a request that
    /// the upstream did not answer, or that found no shared connection open and waited for one.
    pub upstream_us: u64,
    /// The client's part, as far as it was known then: how long a reply that is passed on in pieces stood
    /// still because the client did not read what there was of it. A client that leaves shorter replies
    /// unread has an entry of its own when it has read them at last: all its time is the client's, and it
    /// names the last command the client had sent, without arguments.
    pub client_us: u64,
    /// The client's id, as in `CLIENT LIST`.
    pub client: u64,
    /// Its address, or the path of the Unix socket.
    pub address: String,
    /// Its name (`CLIENT SETNAME`).
    pub name: String,
    /// The user it acted as.
    pub user: String,
    /// Its database.
    pub db: u32,
    /// The command's name and its arguments: at most 32, 128 bytes of each, as Redis does; what may be
    /// secret is `(redacted)`. A transaction that came whole has the names of its commands.
    pub command: Vec<String>,
}

/// The last entries. One per proxy; nothing is locked for requests that are not slow.
#[derive(Debug)]
pub struct SlowLog {
    /// Nanoseconds; `u64::MAX`: it is off.
    in_force: AtomicU64,
    threshold: AtomicU64,
    max_len: AtomicUsize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    next: u64,
}

impl SlowLog {
    /// Empty.
    pub fn new(config: &config::SlowLog) -> Self {
        let log = Self {
            in_force: AtomicU64::new(u64::MAX),
            threshold: AtomicU64::new(0),
            max_len: AtomicUsize::new(0),
            kept: Mutex::default(),
        };
        log.set(config);
        log
    }

    /// From now on it keeps what takes as long as `config` says, and so many of it.
    pub fn set(&self, config: &config::SlowLog) {
        let nanos = u64::try_from(config.threshold.as_nanos()).unwrap_or(u64::MAX);
        self.threshold.store(nanos, Relaxed);
        self.max_len.store(config.max_len, Relaxed);
        self.in_force.store(if config.max_len == 0 { u64::MAX } else { nanos }, Relaxed);
        self.kept().entries.truncate(config.max_len);
    }

    /// Nanoseconds from which on a request is slow; `u64::MAX`: none is.
    #[inline]
    pub fn threshold(&self) -> u64 {
        self.in_force.load(Relaxed)
    }

    /// Enters a request; its number and time are set here.
    pub fn enter(&self, mut entry: Entry) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        entry.unix_time = since.unwrap_or(Duration::ZERO).as_secs();
        let kept = &mut *self.kept();
        entry.id = kept.next;
        kept.next += 1;
        kept.entries.push_front(entry);
        kept.entries.truncate(self.max_len.load(Relaxed));
    }

    /// The last `most` entries, the newest first.
    pub fn entries(&self, most: usize) -> Vec<Entry> {
        self.kept().entries.iter().take(most).cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept().entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all entries.
    pub fn reset(&self) {
        self.kept().entries.clear();
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(max_len: usize) -> SlowLog {
        SlowLog::new(&config::SlowLog { threshold: Duration::from_millis(1), max_len })
    }

    #[test]
    fn the_last_entries_are_kept_the_newest_first() {
        let log = log(3);
        (0..5).for_each(|total_us| log.enter(Entry { total_us, ..Entry::default() }));
        let ids: Vec<(u64, u64)> = log.entries(10).iter().map(|entry| (entry.id, entry.total_us)).collect();
        assert_eq!((ids, log.len()), (vec![(4, 4), (3, 3), (2, 2)], 3));
        assert_eq!(log.entries(1).len(), 1);
        log.reset();
        assert!(log.is_empty());
        log.enter(Entry::default());
        assert_eq!(log.entries(1)[0].id, 5);
    }

    #[test]
    fn it_can_be_set_while_it_runs() {
        let slow = log(2);
        assert_eq!(slow.threshold(), 1_000_000);
        (0..2).for_each(|_| slow.enter(Entry::default()));
        slow.set(&config::SlowLog { threshold: Duration::ZERO, max_len: 1 });
        assert_eq!((slow.threshold(), slow.len()), (0, 1));
        slow.set(&config::SlowLog { threshold: Duration::ZERO, max_len: 0 });
        assert_eq!((slow.threshold(), slow.len()), (u64::MAX, 0));
    }
}
