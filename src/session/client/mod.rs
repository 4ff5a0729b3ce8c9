//! What a client is owed: its replies, in order, under a limit, written as soon as they are there.
//!
//! Shared between the session's task and the lanes that answer it. A lane hands a reply over with a
//! function call and flushes once per turn, straight to the socket: the session's task sleeps on.

mod caller;
mod held;
mod most;
mod owed;
mod ticket;
mod watched;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;

use super::near::{Signal, Signals};
use super::nod::Nod;
use super::roster::{Card, Flag, Roster};
use super::whole::Transaction;
use super::{Traces, Worker};
use crate::cache::Sent;
use crate::command::Command;
use crate::config::{Config, OutputLimit};
use crate::net::{Peer, WriteHalf};
use crate::pubsub::Shares;
use crate::telemetry::meters::Class;
use crate::telemetry::{Desk, Tally};
use crate::upstream::{Credential, Shared};
use most::Most;
use owed::STEP;
pub(super) use ticket::{After, Ticket};
use watched::Watched;

/// What a reply is taken to be before one has been seen, bytes. Guards the first burst.
const FIRST_GUESS: usize = 8 * 1024;

/// A worker's emptied reply buffers.
pub(super) type Spares = Rc<RefCell<Vec<Vec<u8>>>>;

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

/// What has to wait, and what has come after it.
#[derive(Debug)]
enum Later {
    /// The request whose reply did not fit the lane.
    Again(Again),
    /// Replies that came after it.
    Replies(Vec<u8>),
    /// What follows waits for this.
    Held(Signal),
}

/// A read to be asked again, and when it was first.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) request: Bytes,
    pub(super) class: Class,
    pub(super) asked: u64,
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
    /// Pushes that wait for the end of a reply that is passed on in pieces.
    pushes: Vec<u8>,
    /// Such a reply is half through.
    in_reply: bool,
}

/// The client's end of the session.
#[derive(Debug)]
pub struct Client {
    /// What others may know of it.
    pub(super) card: Arc<Card>,
    /// All clients.
    pub(super) roster: Arc<Roster>,
    /// What waits for a reply on the lane, in order.
    nods: RefCell<VecDeque<Nod>>,
    /// Fences sent behind requests of unknown effect that are on the lane, if one was.
    unknowns: RefCell<VecDeque<Option<Sent>>>,
    signals: Rc<Signals>,
    /// What holds its replies back and does not know yet whom to tell.
    untold: RefCell<Vec<Signal>>,
    /// Transactions that are on the lane.
    pub(super) transactions: RefCell<VecDeque<Transaction>>,
    /// It has had its last reply: the connection ends once that is written.
    ending: Cell<bool>,
    /// Its id, unique in this process; what `CLIENT ID` answers.
    pub id: u64,
    /// Its address.
    pub peer: Peer,
    write: WriteHalf,
    out: RefCell<Out>,
    spares: Spares,
    pub(super) tally: Rc<Tally>,
    pub(super) traces: Rc<Traces>,
    /// Since when it has left something unread; 0: it has not.
    stuck: Cell<u64>,
    /// What it leaves unread is timed where it is passed on.
    relayed: Cell<bool>,
    desk: Arc<dyn Desk>,
    most: Most,
    pub(super) shared: Arc<Shared>,
    shares: Arc<Shares>,
    /// Memory for buffers taken for what is unread, bytes.
    reserved: Cell<usize>,
    /// There was no more of it: the client is not read from until it has read some.
    starved: Cell<bool>,
    /// Something waits (a read to be asked again, a reply for a fence), and every reply after it behind it.
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
    to_be_pinned: Cell<bool>,
    /// Who it is upstream.
    credential: RefCell<Rc<Credential>>,
    /// Since when.
    acts_since: Cell<Instant>,
    watched: Watched,
}

impl Client {
    pub(super) fn new(
        card: Arc<Card>,
        peer: Peer,
        write: WriteHalf,
        worker: &Worker,
        config: &Config,
    ) -> Self {
        Self {
            id: card.id,
            roster: Arc::clone(&worker.roster),
            nods: RefCell::default(),
            unknowns: RefCell::default(),
            signals: Rc::clone(&worker.keeper.signals),
            untold: RefCell::default(),
            transactions: RefCell::default(),
            ending: Cell::new(false),
            peer,
            write,
            out: RefCell::default(),
            spares: Rc::clone(&worker.spares),
            tally: Rc::clone(&worker.tally),
            traces: Rc::clone(&worker.traces),
            stuck: Cell::new(0),
            relayed: Cell::new(false),
            desk: Arc::clone(&worker.desk),
            most: Most::new(&config.limits),
            shared: Arc::clone(&worker.shared),
            shares: Arc::clone(worker.feeds.shares()),
            reserved: Cell::new(0),
            starved: Cell::new(false),
            again: Cell::new(false),
            output_limit: Cell::new(config.client_output_buffer_limit.normal),
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
            to_be_pinned: Cell::new(false),
            credential: RefCell::new(Rc::new(worker.shared.credential())),
            watched: Watched::new(card.since),
            acts_since: Cell::new(Instant::now()),
            card,
        }
    }

    /// Ends the connection; its task notices in its next turn.
    pub fn cut(&self) {
        self.cut.set(true);
        self.wake();
    }

    /// Closes the connection, whatever its task is waiting for. What it has not read yet is lost.
    pub fn kill(&self) {
        self.hang_up();
        self.wake();
    }

    /// Whether it acts as `credential`, and did so before `when`.
    pub fn acts_as(&self, credential: &Credential, when: Instant) -> bool {
        self.acts_since.get() < when && **self.credential.borrow() == *credential
    }

    /// From now on it acts as `credential`.
    pub(super) fn act_as(&self, credential: Rc<Credential>) {
        self.acts_since.set(Instant::now());
        *self.credential.borrow_mut() = credential;
    }

    /// Has the session take an upstream connection of its own as soon as it can.
    pub fn pin(&self) {
        self.to_be_pinned.set(true);
        self.wake();
    }

    /// Whether it is to take one; asked for once.
    pub(super) fn takes_pin(&self) -> bool {
        self.to_be_pinned.get()
            && self.outstanding() == 0
            && !self.has_later()
            && self.to_be_pinned.replace(false)
    }

    /// A request has been taken; `None`: its name is not known here.
    #[inline]
    pub(super) fn count(&self, command: Option<&'static Command>, class: Class, bytes: usize) {
        self.requests.set(self.requests.get() + 1);
        self.tally.command(class);
        self.card.count(command, bytes);
    }

    /// It has had its last reply. The connection ends once that is written; nothing else is.
    pub(super) fn end(&self) {
        self.card.set(Flag::Closing, true);
        self.ending.set(true);
        self.wake();
    }

    /// Whether it has had its last reply.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.get()
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

    /// Whether its end has been decided.
    pub fn is_cut(&self) -> bool {
        self.cut.get()
    }

    pub(super) fn outstanding(&self) -> u32 {
        self.outstanding.get()
    }

    pub(super) fn listen(&self, waker: &Waker) {
        // What is to be asked again must not wait for the client to speak.
        let soon = self.has_later() || self.to_be_pinned.get();
        self.waiting.set(if soon { Waiting::Drained } else { Waiting::Nothing });
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
        outstanding < self.most.inflight.get()
            && expected as u64 <= self.most.bytes.get()
            && self.weight.get() <= self.most.bytes.get()
            && !self.starved.get()
            && !self.again.get()
    }
}
