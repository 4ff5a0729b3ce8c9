//! Stamps: what tells a current entry from one that was.
//!
//! Every key has a word that changes when the key may have changed, so nothing ever has to be removed:
//! an entry holds the word it was fetched under, and is current as long as that still stands. Keys share
//! words (stripes); that costs an entry now and then, never its truth.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a word that count what is in flight; the generation is above them.
const IN_FLIGHT_BITS: u32 = 16;
const IN_FLIGHT: u64 = (1 << IN_FLIGHT_BITS) - 1;
const GENERATION: u64 = 1 << IN_FLIGHT_BITS;

/// Whether a value of a [`Word`] says that something is in flight.
#[inline]
pub fn is_busy(value: u64) -> bool {
    value & IN_FLIGHT != 0
}

/// A generation and a count of what is in flight, in one atomic word.
#[derive(Debug, Default)]
pub struct Word(AtomicU64);

impl Word {
    /// Its value: two equal ones mean that nothing has happened in between.
    #[inline]
    pub fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// A new generation.
    #[inline]
    pub fn bump(&self) {
        self.0.fetch_add(GENERATION, Ordering::AcqRel);
    }

    /// One more is in flight; `false` when no more can be counted.
    #[inline]
    pub fn begin(&self) -> bool {
        let next = |value| (value & IN_FLIGHT != IN_FLIGHT).then(|| value + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }

    /// One that [`Self::begin`] counted has ended, and a new generation begins: in one step, so that
    /// nobody sees the one without the other.
    #[inline]
    pub fn end(&self) {
        self.0.fetch_add(GENERATION - 1, Ordering::AcqRel);
    }

    /// One that [`Self::begin`] counted has ended without a new generation. Only for what is left out on
    /// purpose, and for what was counted and not done.
    pub fn forget(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Which word of [`Stamps`] a key has.
pub type Stripe = u32;

/// The stamp table, shared by all workers of an upstream.
pub struct Stamps {
    words: Box<[Word]>,
    mask: u64,
}

impl std::fmt::Debug for Stamps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stamps").field("words", &self.words.len()).finish()
    }
}

impl Stamps {
    /// So many words, rounded up to a power of two.
    pub fn new(words: usize) -> Self {
        let words = words.clamp(1, 1 << 31).next_power_of_two();
        Self { mask: words as u64 - 1, words: (0..words).map(|_| Word::default()).collect() }
    }

    /// The stripe of a key with that hash.
    #[inline]
    pub fn stripe(&self, hash: u64) -> Stripe {
        (hash & self.mask) as Stripe
    }

    /// The word of a stripe.
    #[inline]
    pub fn at(&self, stripe: Stripe) -> &Word {
        &self.words[(u64::from(stripe) & self.mask) as usize]
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none; never.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_write_leaves_another_word_than_it_found() {
        let word = Word::default();
        let before = word.load();
        assert!(word.begin());
        assert!(is_busy(word.load()));
        word.end();
        assert!(!is_busy(word.load()));
        assert_ne!(word.load(), before);
    }

    #[test]
    fn two_writes_in_flight_are_busy_until_both_have_ended() {
        let word = Word::default();
        assert!(word.begin() && word.begin());
        word.end();
        assert!(is_busy(word.load()));
        word.end();
        assert!(!is_busy(word.load()));
    }

    #[test]
    fn a_count_that_is_full_does_not_run_over_into_the_generation() {
        let word = Word::default();
        for _ in 0..IN_FLIGHT {
            assert!(word.begin());
        }
        let full = word.load();
        assert!(!word.begin());
        assert_eq!(word.load(), full);
        word.end();
        assert!(word.begin());
    }

    #[test]
    fn stripes_are_within_the_table_whatever_the_hash() {
        let stamps = Stamps::new(1000);
        assert_eq!(stamps.len(), 1024);
        for hash in [0, 1, u64::MAX, 1 << 33] {
            stamps.at(stamps.stripe(hash)).bump();
        }
    }
}
