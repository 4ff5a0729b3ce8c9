//! Joining: a read that takes the reply to one of somebody else's that is under way.

use std::rc::Rc;

use super::Fill;
use crate::cache::{Flaw, Lane, Query, Time};
use crate::command::Cached;

/// For so long after it was sent a read may be joined, nanoseconds. Its reply may show a value that has
/// come to its end on its way, of which nobody tells: who joins is shown it for no longer than this.
pub(in crate::cache) const JOINED: Time = 20_000_000;

impl Fill {
    /// The read is in its place on the lane: others may join it.
    pub fn sent(self: &Rc<Self>, place: u64) {
        self.place.set(place);
        if let Some(part) = self.parts.first()
            && self.kind != Cached::Values
        {
            self.lane.fills.borrow_mut().insert(part.hash, Rc::downgrade(self));
        }
    }

    /// Nobody joins it any more.
    pub(super) fn close_to_others(&self) {
        if let Some(part) = self.parts.first() {
            let mut fills = self.lane.fills.borrow_mut();
            if fills.get(&part.hash).is_some_and(|other| std::ptr::eq(other.as_ptr(), self)) {
                fills.remove(&part.hash);
            }
        }
    }
}

impl Lane {
    /// Where the read is under way that `query` may join: its reply will be as current as one to a read
    /// sent now. The session must be one that could be given a hit.
    pub fn joinable(&self, query: &Query<'_>, now: Time) -> Option<u64> {
        let fill = self.fills.borrow().get(&query.hash)?.upgrade()?;
        let part = fill.parts.first()?;
        let near = self.near();
        let same = part.answers(query) && !fill.over.get();
        let current = self.epoch() == fill.epoch.get()
            && near.word.load() == fill.word.get()
            // The server has answered nothing since: what it had read by then could be older than promised.
            && now.saturating_sub(fill.since) < near.patience().min(JOINED)
            // Last, as for a hit: it orders the read among the writes of its key.
            && near.stamps.at(part.stripe).load() == part.stamp.get();
        (same && (current || near.flaws.has(Flaw::Join))).then(|| fill.place.get())
    }
}
