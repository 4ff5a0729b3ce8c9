//! What a client is owed: its replies, in order, under a limit, written as soon as they are there.
//!
//! Shared between the session's task and the lanes that answer it. A lane hands a reply over with a
//! function call and flushes once per turn, straight to the socket: the session's task sleeps on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Section, Worker};
use crate::config::{Limits, OutputLimit};
use crate::net::{Peer, WriteHalf};
use crate::resp::convert::{Conversion, convert};
use crate::resp::reply;
use crate::upstream::{Caller, Failure, Shared};

/// A reply buffer larger than this is given back once it is empty.
const KEEP: usize = 16 * 1024;
/// Most reply buffers a worker keeps for reuse.
const SPARES: usize = 64;
/// Unread reply bytes at which no more is fetched for a client from a connection of its own.
const HIGH_WATER: usize = 256 * 1024;
/// Unread reply bytes are taken from the memory for buffers in steps of this size.
const STEP: usize = 256 * 1024;
/// What a reply is taken to be before one has been seen, bytes. Guards the first burst.
const FIRST_GUESS: usize = 8 * 1024;

/// A worker's emptied reply buffers.
pub(super) type Spares = Rc<RefCell<Vec<Vec<u8>>>>;

/// What the session wants to know again when a lane's reply comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticket {
    /// How the reply is put for a RESP2 client; `None`: as it is.
    pub(super) conversion: Option<Conversion>,
    /// It is an `INFO` to which our section is added.
    pub(super) info: bool,
    /// Bytes of the request.
    pub(super) weight: u32,
}

/// What the session's task waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Waiting {
    #[default]
    Nothing,
    /// Room for more requests in flight.
    Room,
    /// Every reply that is owed.
    Drained,
}

/// What follows a reply that has to be asked for again.
#[derive(Debug)]
enum Later {
    /// The request whose reply did not fit the lane.
    Again(Bytes),
    /// Replies that came after it.
    Replies(Vec<u8>),
}

/// Bytes on their way to the client.
#[derive(Debug, Default)]
struct Out {
    buf: Vec<u8>,
    sent: usize,
    later: VecDeque<Later>,
    /// Bytes of the replies in `later`.
    behind: usize,
    /// Since when the soft limit is exceeded.
    over_soft: Option<Instant>,
}

/// The client's end of the session.
#[derive(Debug)]
pub struct Client {
    /// Its id, unique in this process; what `CLIENT ID` answers.
    pub id: u64,
    /// Its address.
    pub peer: Peer,
    /// Our address as it sees it.
    pub local: Peer,
    /// When it connected.
    pub since: Instant,
    write: WriteHalf,
    out: RefCell<Out>,
    spares: Spares,
    section: Section,
    limits: Rc<Limits>,
    shared: Arc<Shared>,
    /// Memory for buffers taken for what is unread, bytes.
    reserved: Cell<usize>,
    /// There was no more of it: the client is not read from until it has read some.
    starved: Cell<bool>,
    /// A read waits to be asked again, and every reply after it waits behind.
    again: Cell<bool>,
    output_limit: Cell<OutputLimit>,
    outstanding: Cell<u32>,
    /// Bytes of the requests that are outstanding.
    weight: Cell<u64>,
    /// Running mean of reply sizes, quick to rise.
    reply_size: Cell<usize>,
    full: Cell<bool>,
    touched: Cell<bool>,
    cut: Cell<bool>,
    waiting: Cell<Waiting>,
    waker: RefCell<Option<Waker>>,
    last_words: RefCell<Vec<u8>>,
    /// It waits for somebody else's doing, blocked or subscribed: idleness is its business.
    pub(super) patient: Cell<bool>,
    /// Requests received; what tells an idle client from a busy one.
    pub(super) requests: Cell<u64>,
}

impl Client {
    pub(super) fn new(id: u64, peer: Peer, local: Peer, write: WriteHalf, worker: &Worker) -> Self {
        Self {
            id,
            peer,
            local,
            since: Instant::now(),
            write,
            out: RefCell::default(),
            spares: Rc::clone(&worker.spares),
            section: worker.info.clone(),
            limits: Rc::clone(&worker.limits),
            shared: Arc::clone(&worker.shared),
            reserved: Cell::new(0),
            starved: Cell::new(false),
            again: Cell::new(false),
            output_limit: Cell::new(worker.config.client_output_buffer_limit.normal),
            outstanding: Cell::new(0),
            weight: Cell::new(0),
            reply_size: Cell::new(FIRST_GUESS),
            full: Cell::new(false),
            touched: Cell::new(false),
            cut: Cell::new(false),
            waiting: Cell::default(),
            waker: RefCell::default(),
            last_words: RefCell::default(),
            patient: Cell::new(false),
            requests: Cell::new(0),
        }
    }

    /// Ends the connection; its task notices in its next turn.
    pub fn cut(&self) {
        self.cut.set(true);
        self.wake();
    }

    /// Has the session's task look at the world again.
    pub fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Requests received so far.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Whether it is owed nothing.
    pub fn is_idle(&self) -> bool {
        self.outstanding.get() == 0 && self.is_flushed()
    }

    /// Whether it is blocked or subscribed, and so not idle however silent.
    pub fn is_patient(&self) -> bool {
        self.patient.get()
    }

    /// Ends the connection for good: what is still in flight for it is answered to nobody.
    pub(super) fn hang_up(&self) {
        self.cut.set(true);
        self.write.shut_down();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.get()
    }

    pub(super) fn outstanding(&self) -> u32 {
        self.outstanding.get()
    }

    pub(super) fn listen(&self, waker: &Waker) {
        self.waiting.set(Waiting::Nothing);
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    pub(super) fn wake_when_roomy(&self) {
        self.waiting.set(Waiting::Room);
    }

    pub(super) fn wake_when_drained(&self) {
        self.waiting.set(Waiting::Drained);
    }

    /// A request of so many bytes went to a lane.
    #[inline]
    pub(super) fn sent(&self, weight: u32) {
        self.outstanding.set(self.outstanding.get() + 1);
        self.weight.set(self.weight.get() + u64::from(weight));
    }

    /// Whether another request may be in flight: bounded by count, by its own weight and what its
    /// reply is likely to weigh, and by what the client has not read yet.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        let outstanding = self.outstanding.get();
        let expected = (outstanding as usize).saturating_mul(self.reply_size.get());
        outstanding < self.limits.session_inflight
            && expected as u64 <= self.limits.session_inflight_bytes
            && self.weight.get() <= self.limits.session_inflight_bytes
            && !self.starved.get()
            && !self.again.get()
    }

    /// Which limit on unread replies applies.
    pub(super) fn set_output_limit(&self, limit: OutputLimit) {
        self.output_limit.set(limit);
    }

    /// A reply of our own, in its place: nothing else may be owed.
    pub(super) fn say(&self, reply: &[u8]) {
        debug_assert!(self.outstanding.get() == 0);
        self.append(|out| out.extend_from_slice(reply));
    }

    /// A reply of our own after everything that is owed, the last one.
    pub(super) fn say_last(&self, reply: &str) {
        self.last_words.borrow_mut().extend_from_slice(reply.as_bytes());
        self.speak_last();
    }

    /// Adds to what goes to the client, and holds it to its limit.
    pub(super) fn append(&self, add: impl FnOnce(&mut Vec<u8>)) {
        let mut out = self.out.borrow_mut();
        if out.buf.capacity() == 0
            && let Some(spare) = self.spares.borrow_mut().pop()
        {
            out.buf = spare;
        }
        add(&mut out.buf);
        self.account(&out);
    }

    #[inline]
    fn account(&self, out: &Out) {
        let owed = out.buf.len() - out.sent + out.behind;
        if owed > self.reserved.get() + STEP {
            self.reserve(owed);
        }
    }

    /// Accounts for unread replies beyond the first step. A client that pipelines deep before it
    /// reads is read from as long as there is memory, as it would be by Redis.
    #[cold]
    fn reserve(&self, owed: usize) {
        let more = owed - self.reserved.get();
        if self.shared.reserve(more) {
            self.reserved.set(owed);
        } else {
            self.starved.set(true);
        }
    }

    /// Gives back what the client has read.
    fn release(&self, owed: usize) {
        let keep = if owed > STEP { owed } else { 0 };
        if self.reserved.get() > keep {
            self.shared.release(self.reserved.get() - keep);
            self.reserved.set(keep);
        }
        self.starved.set(self.starved.get() && owed > STEP);
    }

    /// Bytes the client has not taken yet.
    pub(super) fn unread(&self) -> usize {
        let out = self.out.borrow();
        out.buf.len() - out.sent
    }

    /// Whether it has taken everything there is for it.
    pub fn is_flushed(&self) -> bool {
        self.unread() == 0
    }

    /// Whether it is cut for what it leaves unread.
    pub(super) fn has_output_limit(&self) -> bool {
        let limit = self.output_limit.get();
        limit.hard > 0 || limit.soft > 0
    }

    /// Whether so little is unread that more may be fetched for it.
    pub(super) fn is_reading(&self) -> bool {
        self.unread() < HIGH_WATER
    }

    /// The next read to ask again, once everything before it is answered.
    pub(super) fn next_again(&self) -> Option<Bytes> {
        if self.outstanding.get() > 0 {
            return None;
        }
        let out = &mut *self.out.borrow_mut();
        loop {
            let next = out.later.pop_front();
            self.again.set(!out.later.is_empty());
            match next? {
                Later::Again(request) => return Some(request),
                Later::Replies(replies) => {
                    out.behind -= replies.len();
                    out.buf.extend_from_slice(&replies);
                }
            }
        }
    }

    pub(super) fn has_later(&self) -> bool {
        self.again.get()
    }

    /// Writes what the socket takes, now.
    pub(super) fn flush_now(&self) {
        let mut out = self.out.borrow_mut();
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
        let unread = out.buf.len() - out.sent;
        if self.reserved.get() > 0 || self.starved.get() {
            self.release(unread + out.behind);
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
        if (unread > 0) != self.full.replace(unread > 0) || self.cut.get() {
            self.wake();
        }
    }

    /// Writes what is left; ready or not, the session may go on. Fails once the socket has.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> io::Result<()> {
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
        let unread = (out.buf.len() - out.sent) as u64;
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

    /// A request has been answered, with or without a reply.
    #[inline]
    fn done(&self, ticket: Ticket, size: usize) {
        self.outstanding.set(self.outstanding.get() - 1);
        self.weight.set(self.weight.get() - u64::from(ticket.weight));
        let mean = self.reply_size.get();
        self.reply_size.set(if size > mean { size } else { (mean * 7 + size) / 8 });
    }

    /// Where the next reply goes: out, or behind what is to be asked again.
    #[inline]
    fn deliver(&self, add: impl FnOnce(&mut Vec<u8>)) {
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

    fn speak_last(&self) {
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

impl Caller for Client {
    type Ticket = Ticket;

    #[inline]
    fn answered(&self, ticket: Ticket, frame: &[u8]) {
        self.done(ticket, frame.len());
        if self.cut.get() {
            return;
        }
        if ticket.info {
            let longer = reply::with_section(frame, &(self.section.0)());
            return self.deliver(|out| match ticket.conversion {
                None => out.extend_from_slice(&longer),
                Some(how) => convert(how, &longer, out),
            });
        }
        match ticket.conversion {
            None => self.deliver(|out| out.extend_from_slice(frame)),
            Some(how) => self.deliver(|out| convert(how, frame, out)),
        }
    }

    fn failed(&self, ticket: Ticket, failure: &Failure, request: &[u8]) {
        self.done(ticket, 0);
        match failure {
            Failure::TooLarge => {
                self.out.borrow_mut().later.push_back(Later::Again(Bytes::copy_from_slice(request)));
                self.again.set(true);
            }
            other => self.deliver(|out| super::local::failure(other, out)),
        }
    }

    fn takes(&self, len: usize) -> bool {
        let out = self.out.borrow();
        let owed = out.buf.len() - out.sent + out.behind + len;
        if owed > self.reserved.get() + STEP {
            self.reserve(owed);
        }
        owed <= self.reserved.get() + STEP
    }

    #[inline]
    fn flush(self: &Rc<Self>) {
        self.touched.set(false);
        self.speak_last();
        self.flush_now();
        let ready = match self.waiting.get() {
            Waiting::Nothing => false,
            Waiting::Room => self.has_room() || self.outstanding.get() == 0,
            Waiting::Drained => self.outstanding.get() == 0,
        };
        if ready {
            self.wake();
        }
        if self.output_limit.get().hard > 0 {
            self.check_limit(Instant::now());
        }
    }

    #[inline]
    fn touched(&self) -> bool {
        !self.touched.replace(true)
    }
}
