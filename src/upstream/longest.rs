//! Replies that are longer than clients may have.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::{Failure, Shared};
use crate::telemetry::audit::{Event, Kind};
use crate::telemetry::{Audit, Denials, Stats};

/// The limit, and where it is counted how often it was met.
#[derive(Debug)]
pub(super) struct Longest {
    bytes: AtomicUsize,
    denials: Arc<Denials>,
    audit: Arc<Audit>,
}

impl Default for Longest {
    fn default() -> Self {
        Self { bytes: AtomicUsize::new(usize::MAX), denials: Arc::default(), audit: Arc::default() }
    }
}

impl Longest {
    pub(super) fn set(&self, longest: u64) {
        self.bytes.store(bytes(longest), Relaxed);
    }
}

fn bytes(longest: u64) -> usize {
    if longest == 0 { usize::MAX } else { usize::try_from(longest).unwrap_or(usize::MAX) }
}

impl Shared {
    /// Replies of more than `longest` bytes are kept from clients (0: none is), and counted.
    pub fn with_longest_reply(mut self, longest: u64, stats: &Stats) -> Self {
        let bytes = AtomicUsize::new(bytes(longest));
        let (denials, audit) = (Arc::clone(&stats.denials), Arc::clone(&stats.audit));
        self.longest = Longest { bytes, denials, audit };
        self
    }

    /// Whether a reply of `len` bytes that starts with `first` is kept from clients. Short replies say what
    /// became of a request, and never are.
    #[inline]
    pub fn is_too_long(&self, first: Option<&u8>, len: usize) -> bool {
        len > self.longest.bytes.load(Relaxed) && !matches!(first, Some(b'+' | b'-' | b':' | b'_' | b'#'))
    }

    /// Such a reply has come.
    #[cold]
    pub fn too_long(&self) -> Failure {
        let rule = "rules.max_reply";
        self.longest.denials.count(rule);
        let event = || Event { rule: Some(rule.into()), ..Event::default() };
        self.longest.audit.tell(Kind::ReplyWithheld, "", event);
        Failure::TooLong { limit: self.longest.bytes.load(Relaxed) }
    }
}
