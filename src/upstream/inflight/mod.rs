//! What has been asked on a lane and not answered yet. Pure: bytes and instants in, decisions out.
//!
//! The invariant that matters: requests are answered in the order they were queued, each exactly
//! once. A request that will get no reply keeps its place in that order until its turn comes.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use super::{Caller, Failure};

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
    /// It will get no reply, and its bytes are gone.
    failed: Option<Box<(Failure, Bytes)>>,
}

impl<C: Caller> Slot<C> {
    /// Whether anybody waits for the reply.
    fn is_awaited(&self) -> bool {
        self.caller.is_some() || !self.joined.is_empty()
    }

    fn done(self) -> Done<C> {
        Done { caller: self.caller, ticket: self.ticket, joined: self.joined, mark: self.mark }
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
}

impl<C: Caller> Done<C> {
    fn of(caller: Option<Rc<C>>, ticket: C::Ticket) -> Self {
        Self { caller, ticket, joined: Vec::new(), mark: C::Mark::default() }
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
    /// How many slots have failed; they wait for their turn.
    failed: usize,
    /// The place of the next request.
    next: u64,
    /// One past the place of the last request that was answered.
    answered: u64,
}

impl<C: Caller> Default for Inflight<C> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), bytes: BytesMut::new(), written: 0, failed: 0, next: 0, answered: 0 }
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

    /// The socket took `n` more bytes.
    #[inline]
    pub(super) fn wrote(&mut self, n: usize) {
        self.written += n;
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
            return Some(Done::of(front.caller.clone(), front.ticket));
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
        Some(slot.done())
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

    /// Requests older than `limit`: their callers are told. What was written stays in its place, and
    /// its reply, if it comes, is thrown away; what was not is forgotten, and fails as `unsent`.
    pub(super) fn time_out(
        &mut self,
        now: Instant,
        limit: Duration,
        unsent: impl Fn() -> Failure,
    ) -> Vec<(Done<C>, Failure, Bytes)> {
        let mut late = Vec::new();
        let (mut at, mut kept, mut kept_bytes) = (0, 0, 0);
        let count = self.slots.iter().take_while(|s| now.saturating_duration_since(s.since) >= limit).count();
        for slot in self.slots.iter_mut().take(count) {
            let sent = at < self.written;
            let failure = || match &slot.failed {
                Some(failed) => failed.0.clone(),
                None if sent => Failure::TimedOut { after: limit },
                None => unsent(),
            };
            let waited =
                |joined: &mut Joined<C>| now.saturating_duration_since(joined.since) >= limit || !sent;
            let joined = slot.joined.extract_if(.., waited).map(|joined| (joined.caller, joined.ticket));
            for (caller, ticket) in
                slot.caller.take().map(|caller| (caller, slot.ticket)).into_iter().chain(joined)
            {
                let request = Bytes::copy_from_slice(&self.bytes[at..at + slot.len]);
                late.push((Done::of(Some(caller), ticket), failure(), request));
            }
            at += slot.len;
            if sent {
                (kept, kept_bytes) = (kept + 1, at);
            }
        }
        if at > kept_bytes {
            let gone = self.slots.drain(kept..count).filter(|slot| slot.failed.is_some()).count();
            self.failed -= gone;
            let rest = self.bytes.split_off(at);
            self.bytes.truncate(kept_bytes);
            self.bytes.extend_from_slice(&rest);
        }
        late
    }

    /// Requests that have waited for a connection for longer than `limit` fail with `failure`.
    /// Only while there is no connection.
    pub(super) fn give_up(&mut self, now: Instant, limit: Duration, failure: &Failure) {
        debug_assert_eq!(self.written, 0);
        let waited = |slot: &Slot<C>| now.saturating_duration_since(slot.since) >= limit;
        self.fail(|slot, _| waited(slot).then(|| failure.clone()));
    }

    /// Takes over the requests of callers all of whose requests may be sent again and are `innocent`, and
    /// none of which is the one in front that holds up the others. Their replies here are thrown away.
    pub(super) fn take_innocent(&mut self, innocent: impl Fn(&[u8]) -> bool) -> Vec<(Done<C>, Bytes)> {
        let (mut tied, mut at): (Vec<*const C>, _) = (Vec::new(), 0);
        for (i, slot) in self.slots.iter().enumerate() {
            let request = &self.bytes[at..at + slot.len];
            at += slot.len;
            if i == 0 || !slot.repeatable || !innocent(request) {
                let joined = slot.joined.iter().map(|joined| &joined.caller);
                tied.extend(slot.caller.iter().chain(joined).map(Rc::as_ptr));
            }
        }
        let (mut taken, mut at) = (Vec::new(), 0);
        for slot in &mut self.slots {
            let request = at..at + slot.len;
            at = request.end;
            if slot.failed.is_some() {
                continue;
            }
            let free = |caller: &Rc<C>| !tied.contains(&Rc::as_ptr(caller));
            let first = slot.caller.take_if(|caller| free(caller)).map(|caller| (caller, slot.ticket));
            let joined = slot.joined.extract_if(.., |joined| free(&joined.caller));
            let moved = first.into_iter().chain(joined.map(|joined| (joined.caller, joined.ticket)));
            taken.extend(moved.map(|(caller, ticket)| {
                (Done::of(Some(caller), ticket), Bytes::copy_from_slice(&self.bytes[request.clone()]))
            }));
        }
        taken
    }

    /// The connection is gone. What was written and may not be sent again fails; everything else
    /// waits for the next connection, in its place. `resend`: what may be repeated is.
    pub(super) fn lost(&mut self, reason: &str, resend: bool) {
        let written = std::mem::take(&mut self.written);
        self.fail(|slot, end| {
            if !slot.is_awaited() {
                return Some(Failure::Lost { reason: reason.to_owned() });
            }
            // A request of which a byte is missing has not been executed.
            let may_be_executed = end <= written;
            // Whoever has had a reply must not get it again.
            let whole = !may_be_executed && !slot.begun;
            if whole || (resend && slot.repeatable && !slot.repeated) {
                slot.repeated |= may_be_executed;
                return None;
            }
            Some(Failure::Lost { reason: reason.to_owned() })
        });
    }

    /// Whether a written request must not be sent again, and somebody waits for its reply.
    pub(super) fn must_stay(&self) -> bool {
        let mut at = 0;
        let written = self.slots.iter().take_while(|slot| {
            let begun = at < self.written;
            at += slot.len;
            begun
        });
        written.into_iter().any(|slot| !slot.repeatable && slot.is_awaited())
    }

    /// The connection is given up because the reply to the front request is too large for it: that one
    /// fails as [`Failure::TooLarge`], as do reads that `large` holds to be like it; the others are sent
    /// again. Only when [`Self::must_stay`] says no.
    pub(super) fn too_large(&mut self, large: impl Fn(&[u8]) -> bool) {
        self.written = 0;
        let all = Bytes::copy_from_slice(&self.bytes);
        let mut front = true;
        self.fail(|slot, end| {
            let request = &all[end - slot.len..end];
            let fails = !slot.is_awaited() || (slot.repeatable && (front || large(request)));
            front = false;
            fails.then_some(Failure::TooLarge)
        });
    }

    /// There is a connection: requests are now timed from the moment they are written.
    pub(super) fn connected(&mut self, now: Instant) {
        for slot in &mut self.slots {
            slot.since = now;
        }
    }

    /// Fails each slot for which `judge`, given the slot and where its bytes end, names a failure.
    fn fail(&mut self, mut judge: impl FnMut(&mut Slot<C>, usize) -> Option<Failure>) {
        let all = std::mem::take(&mut self.bytes).freeze();
        let mut end = 0;
        for slot in &mut self.slots {
            let request = all.slice(end..end + slot.len);
            end += slot.len;
            if slot.failed.is_some() {
                continue;
            }
            match judge(slot, end) {
                None => self.bytes.extend_from_slice(&request),
                Some(failure) => {
                    // What rode with it learns that no reply will come, before anybody else does.
                    slot.mark = C::Mark::default();
                    (slot.len, slot.failed) = (0, Some(Box::new((failure, request))));
                    self.failed += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
