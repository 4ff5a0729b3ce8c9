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
    /// `None`: nobody waits (any more); the reply is thrown away.
    caller: Option<Rc<C>>,
    ticket: C::Ticket,
    len: usize,
    since: Instant,
    /// Replies it gets before its last one.
    more: u32,
    /// It has had some.
    begun: bool,
    repeatable: bool,
    repeated: bool,
    /// It will get no reply, and its bytes are gone.
    failed: Option<(Failure, Bytes)>,
}

/// The end of one request: who asked, and what they asked.
#[derive(Debug)]
pub(super) struct Done<C: Caller> {
    pub(super) caller: Option<Rc<C>>,
    pub(super) ticket: C::Ticket,
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
}

impl<C: Caller> Default for Inflight<C> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), bytes: BytesMut::new(), written: 0, failed: 0 }
    }
}

impl<C: Caller> Inflight<C> {
    /// Queues `request`. `repeatable`: it may be sent again if a connection is lost after it was written.
    #[inline]
    pub(super) fn push(
        &mut self,
        caller: Option<Rc<C>>,
        ticket: C::Ticket,
        request: &[u8],
        repeatable: bool,
        now: Instant,
    ) {
        self.bytes.extend_from_slice(request);
        let len = request.len();
        self.slots.push_back(Slot {
            caller,
            ticket,
            len,
            since: now,
            more: 0,
            begun: false,
            repeatable,
            repeated: false,
            failed: None,
        });
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
        let refuses = |slot: &Slot<C>| slot.caller.as_ref().is_some_and(|caller| !caller.takes(len));
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
            return Some(Done { caller: front.caller.clone(), ticket: front.ticket });
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
        Some(Done { caller: slot.caller, ticket: slot.ticket })
    }

    /// The front request if it has failed: its turn has come.
    #[inline]
    pub(super) fn settle(&mut self) -> Option<(Done<C>, Failure, Bytes)> {
        if self.failed == 0 {
            return None;
        }
        self.slots.front()?.failed.as_ref()?;
        let slot = self.slots.pop_front()?;
        self.failed -= 1;
        let (failure, request) = slot.failed?;
        Some((Done { caller: slot.caller, ticket: slot.ticket }, failure, request))
    }

    /// When the oldest request was queued or written.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.slots.iter().find(|slot| slot.caller.is_some()).map(|slot| slot.since)
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
            if let Some(caller) = slot.caller.take() {
                let request = Bytes::copy_from_slice(&self.bytes[at..at + slot.len]);
                let failure = match &slot.failed {
                    Some((failure, _)) => failure.clone(),
                    None if sent => Failure::TimedOut { after: limit },
                    None => unsent(),
                };
                late.push((Done { caller: Some(caller), ticket: slot.ticket }, failure, request));
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
            if let Some(caller) = &slot.caller
                && (i == 0 || !slot.repeatable || !innocent(request))
            {
                tied.push(Rc::as_ptr(caller));
            }
        }
        let (mut taken, mut at) = (Vec::new(), 0);
        for slot in &mut self.slots {
            let request = at..at + slot.len;
            at = request.end;
            let free = slot.caller.as_ref().is_some_and(|caller| !tied.contains(&Rc::as_ptr(caller)));
            if free && slot.failed.is_none() {
                let done = Done { caller: slot.caller.take(), ticket: slot.ticket };
                taken.push((done, Bytes::copy_from_slice(&self.bytes[request])));
            }
        }
        taken
    }

    /// The connection is gone. What was written and may not be sent again fails; everything else
    /// waits for the next connection, in its place. `resend`: what may be repeated is.
    pub(super) fn lost(&mut self, reason: &str, resend: bool) {
        let written = std::mem::take(&mut self.written);
        self.fail(|slot, end| {
            if slot.caller.is_none() {
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
        written.into_iter().any(|slot| !slot.repeatable && slot.caller.is_some())
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
            let fails = slot.caller.is_none() || (slot.repeatable && (front || large(request)));
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
                    (slot.len, slot.failed) = (0, Some((failure, request)));
                    self.failed += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
