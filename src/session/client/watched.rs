//! What tells a busy client from one that is silent, stuck in a request, or unknown.

use std::cell::Cell;
use std::time::Instant;

use super::{Client, STEP};
use crate::session::intake::Taken;

/// Bytes that a client must bring in some time to count as one that goes on with its request.
const PIECE: u64 = 16 * 1024;

/// Written on the path of requests, looked at a few times a second.
#[derive(Debug)]
pub(super) struct Watched {
    /// Bytes held for its requests.
    kept: Cell<usize>,
    received: Cell<u64>,
    /// A request has begun and is not whole, and it is the client that has to go on.
    begun: Cell<bool>,
    /// Since when it must authenticate.
    stranger: Cell<Option<Instant>>,
    /// When it was last seen to do anything, and to go on with a request it had begun.
    idle: Seen,
    stuck: Seen,
}

/// Requests and bytes when it was last seen to do something, and when that was.
#[derive(Debug)]
struct Seen {
    requests: Cell<u64>,
    received: Cell<u64>,
    at: Cell<Instant>,
}

impl Seen {
    fn new(now: Instant) -> Self {
        Self { requests: Cell::new(0), received: Cell::new(0), at: Cell::new(now) }
    }

    /// Since when nothing has happened; `busy`: something is happening now.
    fn since(&self, requests: u64, received: u64, busy: bool, now: Instant) -> Instant {
        if busy || requests != self.requests.get() || received >= self.received.get() + PIECE {
            self.requests.set(requests);
            self.received.set(received);
            self.at.set(now);
        }
        self.at.get()
    }
}

/// How long a client has done nothing, in what it should do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// It is owed nothing, waits for nothing, and has sent no request since.
    pub idle: Instant,
    /// It has begun a request and has hardly gone on with it since.
    pub begun: Option<Instant>,
    /// It has not said who it is, which it must.
    pub stranger: Option<Instant>,
}

impl Watched {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            kept: Cell::new(0),
            received: Cell::new(0),
            begun: Cell::new(false),
            stranger: Cell::new(None),
            idle: Seen::new(now),
            stuck: Seen::new(now),
        }
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.get()
    }
}

impl Client {
    /// What has been read from it, and whether it is its turn to go on with a request it has begun.
    #[inline]
    pub(in crate::session) fn took(&self, taken: Taken, begun: bool) {
        let before = self.watched.received.replace(taken.received);
        if taken.received != before {
            self.tally.meters().client_in.plus(taken.received - before);
        }
        self.watched.begun.set(begun);
        if taken.memory != self.watched.kept.replace(taken.memory) {
            self.keeps();
        }
    }

    /// Accounts for what is held for its requests.
    fn keeps(&self) {
        let held = self.held();
        if held > self.reserved.get() + STEP {
            self.reserve(held);
        } else if self.reserved.get() > 0 || self.starved.get() {
            self.release(held);
        }
    }

    /// Whether it must authenticate, as of `now`.
    #[inline]
    pub(in crate::session) fn must_authenticate(&self, must: bool, now: Instant) {
        if must != self.watched.stranger.get().is_some() {
            self.watched.stranger.set(must.then_some(now));
        }
    }

    /// There was no memory for what it holds: perhaps there is by now. To be asked a few times a second.
    pub fn try_again(&self) {
        self.starved.set(false);
        let held = self.held();
        if held > self.reserved.get() + STEP {
            self.reserve(held);
        }
        if !self.starved.get() {
            self.wake();
        }
    }

    /// Bytes held for it: requests that cannot go on, replies it has not read, those that wait.
    pub fn held(&self) -> usize {
        let out = self.out.borrow();
        self.owed(&out)
    }

    /// Those of them that are not reserved.
    pub fn loose(&self) -> usize {
        self.held().saturating_sub(self.reserved.get())
    }

    /// How silent it is. To be asked a few times a second.
    pub fn silence(&self, now: Instant) -> Silence {
        let watched = &self.watched;
        let (requests, received) = (self.requests.get(), watched.received.get());
        let busy = !self.is_idle() || self.is_patient();
        let begun = watched.begun.get() && !busy;
        let stuck = watched.stuck.since(requests, received, !begun, now);
        Silence {
            idle: watched.idle.since(requests, received, busy, now),
            begun: begun.then_some(stuck),
            stranger: watched.stranger.get(),
        }
    }
}
