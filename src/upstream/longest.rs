//! Replies that are longer than clients may have.

use std::sync::Arc;

use super::{Failure, Shared};
use crate::telemetry::Denials;

/// The limit, and where it is counted how often it was met.
#[derive(Debug)]
pub(super) struct Longest {
    bytes: usize,
    denials: Arc<Denials>,
}

impl Default for Longest {
    fn default() -> Self {
        Self { bytes: usize::MAX, denials: Arc::default() }
    }
}

impl Shared {
    /// Replies of more than `longest` bytes are kept from clients (0: none is), and counted.
    pub fn with_longest_reply(mut self, longest: u64, denials: &Arc<Denials>) -> Self {
        let bytes = if longest == 0 { usize::MAX } else { usize::try_from(longest).unwrap_or(usize::MAX) };
        self.longest = Longest { bytes, denials: Arc::clone(denials) };
        self
    }

    /// Whether a reply of `len` bytes that starts with `first` is kept from clients. Short replies say what
    /// became of a request, and never are.
    #[inline]
    pub fn is_too_long(&self, first: Option<&u8>, len: usize) -> bool {
        len > self.longest.bytes && !matches!(first, Some(b'+' | b'-' | b':' | b'_' | b'#'))
    }

    /// Such a reply has come.
    #[cold]
    pub fn too_long(&self) -> Failure {
        self.longest.denials.count("rules.max_reply");
        tracing::info!(target: "audit", rule = "rules.max_reply", "reply withheld");
        Failure::TooLong { limit: self.longest.bytes }
    }
}
