//! The lane: one worker's shared, pipelined connection to one database under one credential.
//!
//! Sessions queue requests by a function call; the lane's task writes everything queued in one turn
//! of the loop with one system call, and hands every whole reply of one read to its caller before
//! the next read. It never waits for a session.

mod aside;
mod life;
mod list;
mod replies;
mod serve;

pub use list::Lanes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::inflight::Inflight;
use super::{Caller, Credential, Failure, ServerInfo, Shared};
use crate::telemetry::Tally;

/// Who holds a lane that no session holds: the list, and the lane's task.
const OWNERS: usize = 2;
/// How often waiting requests are looked at while there is no connection.
const WAITING_TICK: Duration = Duration::from_millis(20);

/// See the module. Shared by the sessions of one worker; dropping the last handle closes nothing by
/// itself, [`Lanes::tidy`] does.
#[derive(Debug)]
pub struct Lane<C: Caller> {
    shared: Arc<Shared>,
    db: u32,
    credential: Credential,
    queue: RefCell<Inflight<C>>,
    watch: Rc<C::Watch>,
    scratch: Rc<RefCell<BytesMut>>,
    tally: Rc<Tally>,
    waker: RefCell<Option<Waker>>,
    signalled: Cell<bool>,
    retired: Cell<bool>,
    /// Stuck, and left to those who wait on it.
    aside: Cell<bool>,
    /// A check whether it is stuck is under way.
    suspected: Cell<bool>,
    /// Reads that brought something so far, and as of the last look.
    heard: Cell<u64>,
    heard_before: Cell<u64>,
    /// Since when no session has held it.
    free_since: Cell<Option<Instant>>,
    /// Requests queued so far; tells a quiet lane from a busy one.
    sends: Cell<u64>,
    info: RefCell<Option<Rc<ServerInfo>>>,
    down: RefCell<Option<Down>>,
    /// A reply is arriving that is too large to be waited for.
    clogged: Cell<bool>,
    /// Which server its connection is, or was, to.
    generation: Cell<u64>,
    /// Since when the server has hung up on a client's own credential: whether it still holds is to be
    /// found out.
    doubted: Cell<Option<Instant>>,
    /// Since when it does not.
    revoked: Cell<Option<Instant>>,
}

/// There is no connection, and not for want of trying.
#[derive(Debug)]
struct Down {
    /// Since when.
    since: Instant,
    /// When the last attempt failed.
    last: Instant,
    /// How.
    failure: Failure,
}

/// Why a connection has ended.
#[derive(Debug)]
struct End {
    reason: String,
    /// The lane has given it up itself, for another: no reason to pause.
    ours: bool,
}

impl<C: Caller> Lane<C> {
    fn new(
        shared: Arc<Shared>,
        db: u32,
        credential: Credential,
        scratch: Rc<RefCell<BytesMut>>,
        tally: Rc<Tally>,
        watch: Rc<C::Watch>,
    ) -> Self {
        Self {
            watch,
            shared,
            db,
            credential,
            scratch,
            tally,
            queue: RefCell::default(),
            waker: RefCell::default(),
            signalled: Cell::new(false),
            retired: Cell::new(false),
            aside: Cell::new(false),
            suspected: Cell::new(false),
            heard: Cell::new(0),
            heard_before: Cell::new(0),
            free_since: Cell::new(None),
            sends: Cell::new(0),
            info: RefCell::default(),
            down: RefCell::default(),
            clogged: Cell::new(false),
            generation: Cell::new(0),
            doubted: Cell::new(None),
            revoked: Cell::new(None),
        }
    }

    /// Queues a request; its replies, so many, or its failure, come to `caller`, after `mark` has been told.
    /// Never waits. `repeatable`: sending it twice does no harm, so it survives a lost connection. Answers
    /// its place among all requests of the lane.
    #[inline]
    pub fn send(
        &self,
        (caller, ticket): (&Rc<C>, C::Ticket),
        mark: C::Mark,
        request: &[u8],
        repeatable: bool,
        replies: usize,
        now: Instant,
    ) -> u64 {
        let mut queue = self.queue.borrow_mut();
        let place = queue.push(Some((Rc::clone(caller), ticket)), mark, request, repeatable, now);
        if replies > 1 {
            queue.expect_more(replies - 1);
        }
        drop(queue);
        self.sends.set(self.sends.get() + 1);
        self.signal();
        place
    }

    /// Queues a request that no caller waits for; only `mark` is told of the reply. It is not sent again
    /// on another connection.
    pub fn ask(&self, mark: C::Mark, request: &[u8], now: Instant) -> u64 {
        let place = self.queue.borrow_mut().push(None, mark, request, false, now);
        self.signal();
        place
    }

    /// `caller` gets the reply, or the failure, of the read at `place` as if it had sent it. `false`: there
    /// is none to come, and nothing has happened.
    pub fn join(&self, place: u64, caller: &Rc<C>, ticket: C::Ticket, now: Instant) -> bool {
        self.queue.borrow_mut().join(place, caller, ticket, now)
    }

    /// The place the next request will have.
    pub fn next_place(&self) -> u64 {
        self.queue.borrow().next_place()
    }

    /// One past the place of the last request that was answered: whatever has a place from there on, and
    /// everything the server did before, is still to come.
    #[inline]
    pub fn answered(&self) -> u64 {
        self.queue.borrow().answered()
    }

    /// Who watches it.
    #[inline]
    pub fn watch(&self) -> &Rc<C::Watch> {
        &self.watch
    }

    /// Whether its connection is to the server that is the current one.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.generation.get() == self.shared.epoch()
    }

    /// Whether it cannot be reached: the last attempt to connect has failed.
    pub fn is_down(&self) -> bool {
        self.info.borrow().is_none() && self.down.borrow().is_some()
    }

    /// Why it cannot be reached, if it cannot ([`Self::is_down`]).
    pub fn failure(&self) -> Option<Failure> {
        let down = self.down.borrow();
        down.as_ref().filter(|_| self.info.borrow().is_none()).map(|down| down.failure.clone())
    }

    /// What the server said of itself, while there is a connection.
    pub fn link_info(&self) -> Option<Rc<ServerInfo>> {
        self.info.borrow().clone()
    }

    /// Has the task look at the lane, once, after whatever else is ready in this turn.
    #[inline]
    fn signal(&self) {
        if !self.signalled.replace(true)
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// From here on [`Self::signal`] wakes this task.
    fn listen(&self, waker: &Waker) {
        self.signalled.set(false);
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}
