//! Events that matter for security, for the log: what is one, in which words, and how many of a kind.
//!
//! They go to the log with the target `audit` and level `info`, each as one line whose fields machines can
//! read (`log.format = "json"`). What they may say is decided here: no arguments but names, and keys only
//! as `audit.redact_keys` allows. A flood of one kind by one user is cut to a few a second and a count of the
//! rest, so that who is refused cannot fill a disk.

mod event;
mod flood;
mod guesses;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use event::{Event, Kind};
use flood::Flood;
use guesses::Guesses;

use crate::config;

/// Most bytes of a name or a key that an event repeats.
const REPEATED: usize = 128;

/// The events of one proxy. No global: the log is whatever the caller has installed.
#[derive(Debug)]
pub struct Audit {
    enabled: AtomicBool,
    redact_keys: AtomicBool,
    /// So that the same text is known again within a run, and cannot be guessed from its hash.
    hasher: RandomState,
    flood: Mutex<Flood>,
    /// Whether something may have been left out that nobody has told of.
    owing: AtomicBool,
    guesses: Mutex<Guesses>,
    /// Whether there are guesses: who logs in at once takes no lock.
    guessing: AtomicBool,
}

impl Default for Audit {
    fn default() -> Self {
        Self::new(&config::Audit::default())
    }
}

impl Audit {
    /// As `settings` asks for it.
    pub fn new(settings: &config::Audit) -> Self {
        Self {
            enabled: AtomicBool::new(settings.enabled),
            redact_keys: AtomicBool::new(settings.redact_keys),
            hasher: RandomState::new(),
            flood: Mutex::default(),
            owing: AtomicBool::new(false),
            guesses: Mutex::default(),
            guessing: AtomicBool::new(false),
        }
    }

    /// From now on as `settings` asks for it.
    pub fn renew(&self, settings: &config::Audit) {
        self.enabled.store(settings.enabled, Ordering::Relaxed);
        self.redact_keys.store(settings.redact_keys, Ordering::Relaxed);
    }

    /// Whether there are events at all.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Something of this `kind` has happened; `whose` flood it would be part of, if it happened often: a
    /// user's, an address's. `event` is only asked for if it is told.
    #[cold]
    pub fn tell<'a>(&self, kind: Kind, whose: &str, event: impl FnOnce() -> Event<'a>) {
        if !self.is_on() {
            return;
        }
        if lock(&self.flood).admits(kind, whose, Instant::now()) {
            event::write(kind, &event());
        } else {
            self.owing.store(true, Ordering::Relaxed);
        }
    }

    /// Tells how many events were left out, once their second is over. Call it a few times a second, and
    /// with `last` when nothing will follow.
    pub fn tell_left_out(&self, last: bool) {
        if !self.owing.load(Ordering::Relaxed) {
            return;
        }
        let mut flood = lock(&self.flood);
        let ended = flood.ended(Instant::now(), last);
        self.owing.store(flood.owes(), Ordering::Relaxed);
        drop(flood);
        ended.iter().for_each(event::write_left_out);
    }

    /// Somebody at `address` has failed to authenticate.
    pub fn guessed_wrong(&self, address: Option<IpAddr>) {
        if self.is_on() {
            lock(&self.guesses).wrong(address, Instant::now());
            self.guessing.store(true, Ordering::Relaxed);
        }
    }

    /// Somebody at `address` has authenticated: how often that had failed from there since it last did not.
    /// `None`: not once, lately.
    pub fn guessed_right(&self, address: Option<IpAddr>) -> Option<u32> {
        if !self.guessing.load(Ordering::Relaxed) {
            return None;
        }
        let mut guesses = lock(&self.guesses);
        let failures = guesses.right(address, Instant::now());
        self.guessing.store(!guesses.is_empty(), Ordering::Relaxed);
        failures
    }

    /// A key, or a channel, as an event may show it.
    pub fn key(&self, key: &[u8]) -> String {
        if self.redact_keys.load(Ordering::Relaxed) { self.hidden(key) } else { shown(key) }
    }

    /// A name that somebody has given: shown if it is `known`, for what is not may be a password in the
    /// wrong place.
    pub fn name(&self, name: &[u8], known: bool) -> String {
        if known { shown(name) } else { self.hidden(name) }
    }

    /// What tells texts apart without showing them: the length and a hash under a key of this run's.
    fn hidden(&self, text: &[u8]) -> String {
        format!("<{} bytes #{:08x}>", text.len(), self.hasher.hash_one(text) >> 32)
    }
}

/// Text as it is, but for what is no text, and not too much of it.
fn shown(text: &[u8]) -> String {
    let mut shown = String::from_utf8_lossy(&text[..text.len().min(REPEATED)]).into_owned();
    if text.len() > REPEATED {
        shown.push('…');
    }
    shown
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_told_apart_and_not_shown() {
        let audit = Audit::new(&config::Audit { enabled: true, redact_keys: true });
        let (one, two) = (audit.key(b"session:1"), audit.key(b"session:2"));
        assert!(one.starts_with("<9 bytes #") && one.len() == "<9 bytes #01234567>".len(), "{one}");
        assert!(one != two && one == audit.key(b"session:1"));
        let other = Audit::new(&config::Audit { enabled: true, redact_keys: true });
        assert_ne!(one, other.key(b"session:1"), "its key is a run's own");
        assert_eq!(audit.name(b"app", true), "app");
        assert_eq!(audit.name(b"app", false), audit.key(b"app"));
    }

    #[test]
    fn keys_are_shown_where_that_is_allowed_and_not_for_ever() {
        let audit = Audit::default();
        assert_eq!(audit.key(b"a\xff\n"), "a\u{fffd}\n");
        assert_eq!(audit.key(&[b'x'; 1000]), format!("{}…", "x".repeat(128)));
    }

    #[test]
    fn nobody_is_remembered_when_it_is_off() {
        let audit = Audit::new(&config::Audit { enabled: false, redact_keys: false });
        audit.guessed_wrong(None);
        assert_eq!(audit.guessed_right(None), None);
        audit.tell(Kind::Denied, "app", || panic!("it is not asked for"));
    }
}
