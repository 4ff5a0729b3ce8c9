//! The output itself: replies gathered, accounted for, written, and held to their limits.

use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{Again, Client, Later, Out};
use crate::config::OutputLimit;

/// A reply buffer larger than this is given back once it is empty.
const KEEP: usize = 16 * 1024;
/// Most reply buffers a worker keeps for reuse.
const SPARES: usize = 64;
/// Unread reply bytes at which no more is fetched for a client from a connection of its own.
const HIGH_WATER: usize = 256 * 1024;
/// What is held for a client is taken from the memory for buffers in steps of this size.
pub(super) const STEP: usize = 64 * 1024;

impl Client {
    /// Nothing more will be said to it; what it still says can be read.
    pub(in crate::session) fn end_of_stream(&self) {
        self.write.end();
    }

    /// A reply of our own, in its place: nothing else may be owed.
    pub(in crate::session) fn say(&self, reply: &[u8]) {
        debug_assert!(self.outstanding.get() == 0);
        self.append(|out| out.extend_from_slice(reply));
    }

    /// A reply of our own after everything that is owed, the last one.
    pub(in crate::session) fn say_last(&self, reply: &str) {
        self.last_words.borrow_mut().extend_from_slice(reply.as_bytes());
        self.speak_last();
    }

    /// Adds to what goes to the client, and holds it to its limit.
    pub(in crate::session) fn append(&self, add: impl FnOnce(&mut Vec<u8>)) {
        let mut out = self.out.borrow_mut();
        if out.buf.capacity() == 0
            && let Some(spare) = self.spares.borrow_mut().pop()
        {
            out.buf = spare;
        }
        add(&mut out.buf);
        self.account(&out);
    }

    /// Like [`Self::append`], but what the socket takes at once is not copied first.
    pub(in crate::session) fn pass(&self, piece: &[u8]) {
        let sent = if self.is_flushed() { self.write.try_write(piece).unwrap_or(0) } else { 0 };
        self.card.wrote(sent, piece.len() - sent);
        self.tally.meters().client_out.plus(sent as u64);
        if sent < piece.len() {
            self.append(|out| out.extend_from_slice(&piece[sent..]));
        }
    }

    /// A message that answers no request: goes out between two replies, and is written now. The
    /// limit on unread output holds for it as for replies.
    pub(in crate::session) fn push(&self, message: &[u8]) {
        self.queue(message);
        self.flush_now();
        if !self.is_flushed() {
            self.check_limit(Instant::now());
        }
    }

    /// Like [`Self::push`], but written at the end of the turn, when the client is flushed.
    pub(in crate::session) fn queue(&self, message: &[u8]) {
        let mut out = self.out.borrow_mut();
        if out.in_reply {
            out.pushes.extend_from_slice(message);
            self.account(&out);
            drop(out);
            return self.check_limit(Instant::now());
        }
        drop(out);
        self.append(|out| out.extend_from_slice(message));
    }

    /// Whether there was no memory for what it leaves unread.
    pub fn is_starved(&self) -> bool {
        self.starved.get()
    }

    /// Whether a reply that is passed on in pieces is half through; messages wait for its end.
    pub(in crate::session) fn set_in_reply(&self, in_reply: bool) {
        let out = &mut *self.out.borrow_mut();
        out.in_reply = in_reply;
        if !in_reply && !out.pushes.is_empty() {
            let pushes = std::mem::take(&mut out.pushes);
            out.buf.extend_from_slice(&pushes);
        }
    }

    #[inline]
    fn account(&self, out: &Out) {
        let owed = self.owed(out);
        if owed > self.reserved.get() + STEP {
            self.reserve(owed);
        }
    }

    /// Bytes that are held for it, requests included.
    #[inline]
    pub(super) fn owed(&self, out: &Out) -> usize {
        out.buf.len() - out.sent + out.behind + out.pushes.len() + self.watched.kept()
    }

    /// Accounts for what is held beyond the first step. A client that pipelines deep before it
    /// reads is read from as long as there is memory, as it would be by Redis.
    #[cold]
    pub(in crate::session) fn reserve(&self, owed: usize) {
        let more = owed - self.reserved.get();
        if self.shared.reserve(more) {
            self.reserved.set(owed);
        } else {
            self.starved.set(true);
        }
    }

    /// Gives back what is not held any more.
    pub(super) fn release(&self, owed: usize) {
        let keep = if owed > STEP { owed } else { 0 };
        if self.reserved.get() > keep {
            self.shared.release(self.reserved.get() - keep);
            self.reserved.set(keep);
        }
        self.starved.set(self.starved.get() && owed > STEP);
    }

    /// Bytes the client has not taken yet.
    pub(in crate::session) fn unread(&self) -> usize {
        let out = self.out.borrow();
        out.buf.len() - out.sent + self.write.pending()
    }

    /// Whether it has taken everything there is for it.
    pub fn is_flushed(&self) -> bool {
        self.unread() == 0
    }

    /// Which limit on unread replies applies.
    pub(in crate::session) fn set_output_limit(&self, limit: OutputLimit) {
        self.output_limit.set(limit);
    }

    /// Whether it is cut for what it leaves unread.
    pub(in crate::session) fn has_output_limit(&self) -> bool {
        let limit = self.output_limit.get();
        limit.hard > 0 || limit.soft > 0
    }

    /// Whether so little is unread that more may be fetched for it.
    pub(in crate::session) fn is_reading(&self) -> bool {
        self.unread() < HIGH_WATER
    }

    /// The next read to ask again, once everything before it is answered.
    pub(in crate::session) fn next_again(&self) -> Option<Again> {
        if self.outstanding.get() > 0 {
            return None;
        }
        let out = &mut *self.out.borrow_mut();
        self.pass_later(out);
        let again = match out.later.front() {
            Some(Later::Again(_)) => out.later.pop_front(),
            _ => None,
        };
        self.again.set(!out.later.is_empty());
        match again? {
            Later::Again(again) => Some(again),
            Later::Replies(_) | Later::Held(_) => None,
        }
    }

    /// Replies that nothing stands before any more go out.
    pub(super) fn pass_later(&self, out: &mut Out) {
        let passes = |next: &Later| match next {
            Later::Again(_) => false,
            Later::Replies(_) => true,
            Later::Held(signal) => signal.is_passed(),
        };
        while out.later.front().is_some_and(passes) {
            if let Some(Later::Replies(replies)) = out.later.pop_front() {
                out.behind -= replies.len();
                out.buf.extend_from_slice(&replies);
            }
        }
    }

    pub(in crate::session) fn has_later(&self) -> bool {
        self.again.get()
    }

    /// Writes what the socket takes, now.
    pub(in crate::session) fn flush_now(&self) {
        let mut out = self.out.borrow_mut();
        let before = out.sent;
        while out.sent < out.buf.len() {
            match self.write.try_write(&out.buf[out.sent..]) {
                Ok(n) => out.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.cut.set(true);
                    break;
                }
            }
        }
        if self.write.flush().is_err() {
            self.cut.set(true);
        }
        let (unread, pending) = (out.buf.len() - out.sent, self.write.pending());
        self.card.wrote(out.sent - before, unread + pending + out.behind);
        self.tally.meters().client_out.plus((out.sent - before) as u64);
        if self.reserved.get() > 0 || self.starved.get() {
            self.release(self.owed(&out));
        }
        if unread == 0 {
            let mut emptied = std::mem::take(&mut out.buf);
            (out.sent, out.over_soft) = (0, None);
            drop(out);
            let mut spares = self.spares.borrow_mut();
            if emptied.capacity() <= KEEP && spares.len() < SPARES && emptied.capacity() > 0 {
                emptied.clear();
                spares.push(emptied);
            }
        } else if out.sent > HIGH_WATER && out.sent > unread / 2 {
            // Not sooner: to move what is left for every piece that goes would cost its square.
            let sent = std::mem::take(&mut out.sent);
            out.buf.drain(..sent);
        }
        // The task waits for the socket, and is not read from meanwhile.
        let full = unread + pending > 0;
        if full != (self.stuck.get() > 0) {
            self.note_stuck(full);
        }
        if full != self.full.replace(full) || self.cut.get() {
            self.wake();
        }
    }

    /// Whether its replies are passed on from a connection of its own, where what it leaves unread is timed.
    pub(in crate::session) fn relayed(&self, relayed: bool) {
        self.relayed.set(relayed);
        if self.stuck.get() > 0 {
            self.stuck.set(self.tally.now());
        }
    }

    /// It has begun to leave something unread, or has read all.
    #[cold]
    fn note_stuck(&self, full: bool) {
        let now = self.tally.now();
        let since = self.stuck.replace(if full { now } else { 0 });
        if !full && !self.relayed.get() {
            self.has_stalled(now.saturating_sub(since));
        }
    }

    /// Writes what is left; ready or not, the session may go on. Fails once the socket has.
    pub(in crate::session) fn poll_flush(&self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.is_flushed() && !self.cut.get() {
            match self.write.poll_ready(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready?,
            }
            self.flush_now();
        }
        self.full.set(false);
        Ok(())
    }

    /// Cuts a client that has left more unread than it may, or for too long.
    pub fn check_limit(&self, now: Instant) {
        let limit = self.output_limit.get();
        let mut out = self.out.borrow_mut();
        let unread = (out.buf.len() - out.sent + self.write.pending() + out.pushes.len()) as u64;
        let over_hard = limit.hard > 0 && unread > limit.hard;
        let over_soft = limit.soft > 0 && unread > limit.soft;
        let since = if over_soft { Some(*out.over_soft.get_or_insert(now)) } else { None };
        out.over_soft = since;
        drop(out);
        let too_long = since
            .is_some_and(|since| now.duration_since(since) >= limit.soft_for.max(Duration::from_millis(1)));
        if over_hard || too_long {
            tracing::warn!(client = self.id, peer = %self.peer, unread, "closed: output buffer limit");
            self.cut();
        }
    }

    /// Where the next reply goes: out, or behind what is to be asked again.
    #[inline]
    pub(in crate::session) fn deliver(&self, add: impl FnOnce(&mut Vec<u8>)) {
        if !self.has_later() {
            return self.append(add);
        }
        let out = &mut *self.out.borrow_mut();
        if !matches!(out.later.back(), Some(Later::Replies(_))) {
            out.later.push_back(Later::Replies(Vec::new()));
        }
        if let Some(Later::Replies(replies)) = out.later.back_mut() {
            let before = replies.len();
            add(replies);
            out.behind += replies.len() - before;
        }
        self.account(out);
    }

    pub(in crate::session) fn speak_last(&self) {
        if self.outstanding.get() == 0 && !self.last_words.borrow().is_empty() {
            let words = std::mem::take(&mut *self.last_words.borrow_mut());
            self.deliver(|out| out.extend_from_slice(&words));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.release(self.reserved.get());
    }
}
