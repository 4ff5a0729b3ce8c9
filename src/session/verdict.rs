//! What became of a request.

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is on its way, or answered.
    Done,
    /// Not taken: its turn has not come, by a rate.
    Paced,
    /// Not taken: too much is in flight.
    Room,
    /// Not taken: it must wait until every earlier one is answered.
    Drained,
    /// Not taken: it needs a connection of its own, and nothing is in flight.
    Pin,
    /// Not taken: its answer takes a walk over the cache, and nothing is in flight.
    Walk,
    /// Not taken: it opens a transaction, which may have arrived whole.
    Transaction,
    /// Not taken, and not whole: it is large, and passed on in pieces on a connection of its own.
    Large,
    /// Answered; it was the last.
    Close,
}

impl Verdict {
    /// Whether the request is dealt with.
    pub(super) fn consumed(self) -> bool {
        matches!(self, Self::Done | Self::Close)
    }
}
