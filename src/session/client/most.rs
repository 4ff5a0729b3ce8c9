//! How much of one client may be in flight.

use std::cell::Cell;

use super::Client;
use crate::config::Limits;

/// Looked at for every request, and changed by a reload.
#[derive(Debug)]
pub(super) struct Most {
    /// Requests.
    pub(super) inflight: Cell<u32>,
    /// Bytes of theirs, and bytes expected of their replies.
    pub(super) bytes: Cell<u64>,
}

impl Most {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { inflight: Cell::new(limits.session_inflight), bytes: Cell::new(limits.session_inflight_bytes) }
    }
}

impl Client {
    /// From now on it is held to `limits`.
    pub(in crate::session) fn bound(&self, limits: &Limits) {
        self.most.inflight.set(limits.session_inflight);
        self.most.bytes.set(limits.session_inflight_bytes);
    }
}
