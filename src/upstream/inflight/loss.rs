//! Requests that will get no reply, not in time, or not on this connection.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::times::Times;
use super::{Done, Inflight, Joined, Slot};
use crate::upstream::{Caller, Failure};

impl<C: Caller> Inflight<C> {
    /// Requests older than `limit`: their callers are told. What was written stays in its place, and
    /// its reply, if it comes, is thrown away; what was not is forgotten, and fails as `unsent`.
    pub(in crate::upstream) fn time_out(
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
    pub(in crate::upstream) fn give_up(&mut self, now: Instant, limit: Duration, failure: &Failure) {
        debug_assert_eq!(self.written, 0);
        let waited = |slot: &Slot<C>| now.saturating_duration_since(slot.since) >= limit;
        self.fail(|slot, _| waited(slot).then(|| failure.clone()));
    }

    /// Takes over the requests of callers all of whose requests may be sent again and are `innocent`, and
    /// none of which is the one in front that holds up the others. Their replies here are thrown away.
    pub(in crate::upstream) fn take_innocent(
        &mut self,
        innocent: impl Fn(&[u8]) -> bool,
    ) -> Vec<(Done<C>, Bytes)> {
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
    pub(in crate::upstream) fn lost(&mut self, reason: &str, resend: bool) {
        let written = std::mem::take(&mut self.written);
        self.times = Times::default();
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
    pub(in crate::upstream) fn must_stay(&self) -> bool {
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
    pub(in crate::upstream) fn too_large(&mut self, large: impl Fn(&[u8]) -> bool) {
        self.written = 0;
        self.times = Times::default();
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
    pub(in crate::upstream) fn connected(&mut self, now: Instant) {
        for slot in &mut self.slots {
            (slot.since, slot.early) = (now, true);
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
