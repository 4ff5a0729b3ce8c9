//! Verify mode: a share of hits is read from the upstream as well, and compared.

use std::rc::Rc;
use std::sync::Arc;

use crate::cache::{self, Entry, Time};
use crate::command::numbered;

/// A hit that is to be compared with the reply to the same read.
#[derive(Debug)]
pub struct Verify {
    pub(super) lane: Rc<cache::Lane>,
    pub(super) entry: Arc<Entry>,
}

impl Verify {
    /// Compares, if nothing has changed between the hit and this reply: then they must be equal.
    pub(super) fn compare(&self, reply: &[u8], now: Time) {
        if !self.lane.holds(&self.entry, now) || reply.starts_with(b"-") {
            return;
        }
        let figures = self.lane.worker.figures();
        figures.verified.add();
        if same(self.entry.reply(), reply) {
            return;
        }
        figures.mismatches.add();
        let command = numbered(self.entry.row).map_or("?", |command| command.name);
        tracing::error!(
            command,
            args = %self.entry.args().escape_ascii(),
            kept = self.entry.reply().len(),
            upstream = reply.len(),
            epoch = self.entry.epoch,
            stamp = self.entry.stamp,
            "a reply given out from memory differs from the upstream's, and nothing has announced a change"
        );
    }
}

/// Whether two replies say the same. The members of sets and hashes come in any order.
fn same(kept: &[u8], reply: &[u8]) -> bool {
    if kept == reply {
        return true;
    }
    let unordered = |reply: &[u8]| matches!(reply.first(), Some(b'%' | b'~' | b'*'));
    if kept.len() != reply.len() || !unordered(kept) || !unordered(reply) {
        return false;
    }
    let lines = |reply: &[u8]| {
        let mut lines: Vec<Vec<u8>> = reply.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort_unstable();
        lines
    };
    lines(kept) == lines(reply)
}
