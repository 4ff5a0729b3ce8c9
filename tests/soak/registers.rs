//! The registers of a round: their keys, and what their values say.
//!
//! Three kinds: counters, which anybody counts up; single keys; and groups of keys that are always
//! written together, which makes them one register. Singles and groups have one writer each, at a
//! slot. When the outcome of a write is unknown it may still happen, at any time: the slot goes on as
//! another register, so that nothing is ever overwritten by something older.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::check::{NOTHING, Version};
use crate::wire::Reply;

/// Keys of a group.
pub(crate) const TOGETHER: usize = 3;

/// Counters that only who plots counts up, of two Nearsides.
const PLOTTED: u32 = 4;

#[derive(Debug)]
pub(crate) struct Registers {
    /// What all keys of the round begin with.
    tag: String,
    counters: u32,
    singles: u32,
    /// Which register each slot is now.
    turns: Vec<AtomicU32>,
    /// The newest value that each slot was written, if it was acknowledged.
    latest: Vec<AtomicU32>,
}

/// What a reply says of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Version(Version),
    /// An error: nothing is known.
    Unknown,
    /// It is not this register's.
    Odd,
}

impl Registers {
    pub(crate) fn new(tag: String, counters: u32, singles: u32, groups: u32) -> Self {
        let slots = || (0..singles + groups).map(|_| AtomicU32::new(0)).collect();
        Self { tag, counters, singles, turns: slots(), latest: slots() }
    }

    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.turns.len()).unwrap_or(u32::MAX)
    }

    /// How many counters there are.
    pub(crate) fn counters(&self) -> u32 {
        self.counters
    }

    /// One of the counters; the first ones more often.
    pub(crate) fn counter(&self, random: &mut fastrand::Rng) -> Option<u32> {
        (self.counters > 0).then(|| skewed(random, self.counters - PLOTTED))
    }

    /// One of the counters that nobody else touches than who plots through that Nearside.
    pub(crate) fn plotted(&self, proxy: u8, random: &mut fastrand::Rng) -> u32 {
        self.counters - 1 - u32::from(proxy) * 2 - random.u32(..2)
    }

    /// What one of the slots is now; the first ones more often.
    pub(crate) fn written(&self, random: &mut fastrand::Rng) -> u32 {
        let single = random.bool();
        let slot = match single {
            true => skewed(random, self.singles),
            false => self.singles + skewed(random, self.slots() - self.singles),
        };
        self.at(slot)
    }

    /// What `slot` is now.
    pub(crate) fn at(&self, slot: u32) -> u32 {
        self.counters + slot + self.slots() * self.turns[slot as usize].load(Ordering::Relaxed)
    }

    /// The slot of a register that has one.
    pub(crate) fn slot(&self, register: u32) -> Option<u32> {
        (!self.is_counter(register)).then(|| (register - self.counters) % self.slots())
    }

    /// `slot` goes on as another register.
    pub(crate) fn turn(&self, slot: u32) {
        self.latest[slot as usize].store(0, Ordering::Relaxed);
        self.turns[slot as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The newest value of `slot`.
    pub(crate) fn latest(&self, slot: u32) -> u32 {
        self.latest[slot as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn set_latest(&self, slot: u32, number: u32) {
        self.latest[slot as usize].store(number, Ordering::Relaxed);
    }

    pub(crate) fn is_counter(&self, register: u32) -> bool {
        register < self.counters
    }

    /// How many keys it has.
    pub(crate) fn parts(&self, register: u32) -> usize {
        let group = !self.is_counter(register) && (register - self.counters) % self.slots() >= self.singles;
        if group { TOGETHER } else { 1 }
    }

    pub(crate) fn key(&self, register: u32, part: usize) -> Vec<u8> {
        Self::key_of(&self.tag, register, part)
    }

    /// The key of a register of another round.
    pub(crate) fn key_of(tag: &str, register: u32, part: usize) -> Vec<u8> {
        let mut key = Vec::with_capacity(24);
        let _ = write!(key, "{tag}:{register}:{part}");
        key
    }

    /// The `number`-th value of a register that is no counter.
    pub(crate) fn value(register: u32, number: u32, padding: usize) -> Vec<u8> {
        let mut value = Vec::with_capacity(24 + padding);
        let _ = write!(value, "{register}.{number}:");
        value.resize(value.len() + padding, b'x');
        value
    }

    /// What `reply` says of `register`.
    pub(crate) fn seen(&self, register: u32, reply: &Reply) -> Seen {
        let text = match reply {
            Reply::Nothing => return Seen::Version(NOTHING),
            Reply::Text(text) if text.is_empty() => return Seen::Version(NOTHING),
            Reply::Error(_) => return Seen::Unknown,
            Reply::Integer(number) => {
                return u32::try_from(*number).map_or(Seen::Odd, |n| Seen::Version(n * 2));
            }
            Reply::Text(text) => String::from_utf8_lossy(text),
            Reply::List(_) | Reply::Push(_) => return Seen::Odd,
        };
        let number = if self.is_counter(register) {
            text.parse::<u32>().ok()
        } else {
            let head = text.split_once(':').and_then(|(head, _)| head.split_once('.'));
            head.filter(|(own, _)| own.parse() == Ok(register)).and_then(|(_, number)| number.parse().ok())
        };
        number.map_or(Seen::Odd, |number| Seen::Version(number * 2))
    }
}

/// A number below `limit`; small ones more often.
fn skewed(random: &mut fastrand::Rng, limit: u32) -> u32 {
    let (one, other) = (random.u32(..limit), random.u32(..limit));
    one.min(other)
}
