//! What has been asked on a lane and not answered yet. Pure: bytes and instants in, decisions out.
//!
//! The invariant that matters: requests are answered in the order they were queued, each exactly
//! once. A request that will get no reply keeps its place in that order until its turn comes.

mod loss;
mod times;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};

use super::{Caller, Failure};
use times::Times;

/// An emptied buffer larger than this is given back.
const KEEP: usize = 256 * 1024;

/// One request in flight.
#[derive(Debug)]
struct Slot<C: Caller> {
    /// Where it stands in the lane's order, counted from its first.
    place: u64,
    /// `None`: nobody waits (any more); the reply is thrown away.
    caller: Option<Rc<C>>,
    ticket: C::Ticket,
    /// Others who have the same reply.
    joined: Vec<Joined<C>>,
    mark: C::Mark,
    len: usize,
    since: Instant,
    /// Replies it gets before its last one.
    more: u32,
    /// It has had some.
    begun: bool,
    repeatable: bool,
    repeated: bool,
    /// It was there before there was a connection.
    early: bool,
    /// It will get no reply, and its bytes are gone.
    failed: Option<Box<(Failure, Bytes)>>,
}

impl<C: Caller> Slot<C> {
    /// Whether anybody waits for the reply.
    fn is_awaited(&self) -> bool {
        self.caller.is_some() || !self.joined.is_empty()
    }

    fn done(self) -> Done<C> {
        Done { caller: self.caller, ticket: self.ticket, joined: self.joined, mark: self.mark, written: 0 }
    }
}

/// Somebody who waits for the reply to a request that another has sent.
#[derive(Debug)]
pub(super) struct Joined<C: Caller> {
    pub(super) caller: Rc<C>,
    pub(super) ticket: C::Ticket,
    since: Instant,
}

/// The end of one request: who asked, and what they asked.
#[derive(Debug)]
pub(super) struct Done<C: Caller> {
    pub(super) caller: Option<Rc<C>>,
    pub(super) ticket: C::Ticket,
    pub(super) joined: Vec<Joined<C>>,
    /// What rode with it; only with its last reply.
    pub(super) mark: C::Mark,
    /// When it was written; 1, the beginning of time, if it had to wait for the upstream to be connected
    /// to; 0: it was not, or nobody knows.
    pub(super) written: u64,
}

impl<C: Caller> Done<C> {
    fn of(caller: Option<Rc<C>>, ticket: C::Ticket) -> Self {
        Self { caller, ticket, joined: Vec::new(), mark: C::Mark::default(), written: 0 }
    }

    /// Everybody who waits for the reply, who asked first.
    pub(super) fn callers(self) -> impl Iterator<Item = (Rc<C>, C::Ticket)> {
        let first = self.caller.map(|caller| (caller, self.ticket));
        first.into_iter().chain(self.joined.into_iter().map(|joined| (joined.caller, joined.ticket)))
    }
}

/// Requests in the order they were queued: first those on the wire, then those still to be written.
#[derive(Debug)]
pub(super) struct Inflight<C: Caller> {
    slots: VecDeque<Slot<C>>,
    /// The bytes of all slots, in order.
    bytes: BytesMut,
    /// How many of them the socket has taken.
    written: usize,
    /// When it took them.
    times: Times,
    /// How many slots have failed; they wait for their turn.
    failed: usize,
    /// The place of the next request.
    next: u64,
    /// One past the place of the last request that was answered.
    answered: u64,
}

impl<C: Caller> Default for Inflight<C> {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            bytes: BytesMut::new(),
            written: 0,
            times: Times::default(),
            failed: 0,
            next: 0,
            answered: 0,
        }
    }
}

impl<C: Caller> Inflight<C> {
    /// Queues `request`; answers its place. `repeatable`: it may be sent again if a connection is lost
    /// after it was written.
    #[inline]
    pub(super) fn push(
        &mut self,
        caller: Option<(Rc<C>, C::Ticket)>,
        mark: C::Mark,
        request: &[u8],
        repeatable: bool,
        now: Instant,
    ) -> u64 {
        self.bytes.extend_from_slice(request);
        let (caller, ticket) = match caller {
            Some((caller, ticket)) => (Some(caller), ticket),
            None => (None, C::Ticket::default()),
        };
        let (len, place) = (request.len(), self.next);
        self.next += 1;
        self.slots.push_back(Slot {
            place,
            caller,
            ticket,
            joined: Vec::new(),
            mark,
            len,
            since: now,
            more: 0,
            begun: false,
            repeatable,
            repeated: false,
            early: false,
            failed: None,
        });
        place
    }

    /// The place the next request will have.
    pub(super) fn next_place(&self) -> u64 {
        self.next
    }

    /// One past the place of the last request that was answered.
    #[inline]
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// `caller` gets the reply to the read at `place` too; `false` if there is none to come.
    pub(super) fn join(&mut self, place: u64, caller: &Rc<C>, ticket: C::Ticket, now: Instant) -> bool {
        let at = self.slots.partition_point(|slot| slot.place < place);
        let there = |slot: &&mut Slot<C>| slot.place == place && slot.repeatable && slot.failed.is_none();
        let Some(slot) = self.slots.get_mut(at).filter(there) else { return false };
        slot.joined.push(Joined { caller: Rc::clone(caller), ticket, since: now });
        true
    }

    /// The request queued last gets so many replies before its last one. It must not be repeatable.
    pub(super) fn expect_more(&mut self, replies: usize) {
        if let Some(slot) = self.slots.back_mut() {
            slot.more = u32::try_from(replies).unwrap_or(u32::MAX);
        }
    }

    /// No request waits.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether requests wait for a reply that can still come.
    pub(super) fn any_written(&self) -> bool {
        self.written > 0
    }

    /// What is to be written next; empty when all is.
    #[inline]
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// What is missing of the request whose beginning is written already.
    #[cold]
    pub(super) fn begun(&self) -> &[u8] {
        let mut end = 0;
        for slot in &self.slots {
            if end >= self.written {
                break;
            }
            end += slot.len;
        }
        &self.bytes[self.written..end.max(self.written)]
    }

    /// The socket took `n` more bytes, at `now`.
    #[inline]
    pub(super) fn wrote(&mut self, n: usize, now: u64) {
        self.written += n;
        self.times.wrote(n, now);
        debug_assert!(self.written <= self.bytes.len());
    }

    /// The bytes of the request the next reply answers.
    pub(super) fn front_request(&self) -> &[u8] {
        self.slots.front().map_or(&[], |slot| &self.bytes[..slot.len])
    }

    /// Whether the request the next reply answers may be sent again.
    pub(super) fn front_repeatable(&self) -> bool {
        self.slots.front().is_some_and(|slot| slot.repeatable)
    }

    /// Whether whoever asked what the next reply answers, read now, wants to know what that was.
    #[inline]
    pub(super) fn front_is_wanted(&self, read: u64) -> bool {
        let Some(slot) = self.slots.front() else { return false };
        let wants = |caller: &Rc<C>, ticket| caller.wants_request(ticket, read);
        slot.caller.as_ref().is_some_and(|caller| wants(caller, &slot.ticket))
            || slot.joined.iter().any(|joined| wants(&joined.caller, &joined.ticket))
    }

    /// Whether the next reply is a read's, and whoever asked has no memory for its `len` bytes now.
    pub(super) fn front_refuses(&self, len: usize) -> bool {
        let refuses = |slot: &Slot<C>| {
            let mut callers = slot.caller.iter().chain(slot.joined.iter().map(|joined| &joined.caller));
            callers.any(|caller| !caller.takes(len))
        };
        self.slots.front().is_some_and(|slot| slot.repeatable && refuses(slot))
    }

    /// A reply has come for the front request; `None` if nothing written awaits one.
    #[inline]
    pub(super) fn answer(&mut self) -> Option<Done<C>> {
        let front = self.slots.front_mut()?;
        if front.failed.is_some() || self.written == 0 {
            return None;
        }
        if front.more > 0 {
            (front.more, front.begun) = (front.more - 1, true);
            let written = self.times.when(front.len);
            return Some(Done { written, ..Done::of(front.caller.clone(), front.ticket) });
        }
        if front.len > self.written {
            return None;
        }
        let slot = self.slots.pop_front()?;
        self.bytes.advance(slot.len);
        self.written -= slot.len;
        if self.bytes.is_empty() && self.bytes.capacity() > KEEP {
            self.bytes = BytesMut::new();
        }
        self.answered = slot.place + 1;
        let written = if slot.early { self.times.take(slot.len).min(1) } else { self.times.take(slot.len) };
        Some(Done { written, ..slot.done() })
    }

    /// The front request if it has failed: its turn has come.
    #[inline]
    pub(super) fn settle(&mut self) -> Option<(Done<C>, Failure, Bytes)> {
        if self.failed == 0 {
            return None;
        }
        self.slots.front()?.failed.as_ref()?;
        let mut slot = self.slots.pop_front()?;
        self.failed -= 1;
        let (failure, request) = *slot.failed.take()?;
        Some((slot.done(), failure, request))
    }

    /// When the oldest request was queued or written.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let slot = self.slots.iter().find(|slot| slot.is_awaited())?;
        Some(if slot.caller.is_some() { slot.since } else { slot.joined.first()?.since })
    }

    /// When the front request was queued or written, if its reply can still come.
    pub(super) fn front_since(&self) -> Option<Instant> {
        self.slots.front().filter(|slot| slot.failed.is_none()).map(|slot| slot.since)
    }
}

#[cfg(test)]
mod tests;
