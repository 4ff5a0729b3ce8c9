//! The lane: one worker's shared, pipelined connection to one database under one credential.
//!
//! Sessions queue requests by a function call; the lane's task writes everything queued in one turn
//! of the loop with one system call, and hands every whole reply of one read to its caller before
//! the next read. It never waits for a session.

mod aside;
mod list;
mod replies;
mod serve;

pub use list::Lanes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::handshake::Link;
use super::inflight::{Done, Inflight};
use super::{Caller, Class, Credential, Failure, Permit, ServerInfo, Shared, Watch};
use crate::resp::Proto;

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
        watch: Rc<C::Watch>,
    ) -> Self {
        Self {
            watch,
            shared,
            db,
            credential,
            scratch,
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
        self.generation.get() == self.shared.generation()
    }

    /// Whether it cannot be reached: the last attempt to connect has failed.
    pub fn is_down(&self) -> bool {
        self.info.borrow().is_none() && self.down.borrow().is_some()
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

    /// The task: connect when there is work, serve until the connection ends, again.
    async fn run(self: Rc<Self>) {
        let settings = &self.shared.settings;
        let mut backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max);
        while self.work().await {
            let pause = match self.connect().await {
                Ok((link, permit)) => {
                    let greeted = Instant::now();
                    self.up(&link);
                    let end = self.serve(link, permit).await;
                    self.ended(&end);
                    let own = self.credential != self.shared.credential();
                    let doubted = !end.ours && own && Rc::strong_count(&self) > OWNERS;
                    self.doubted.set(doubted.then(Instant::now));
                    // A server that greets and hangs up is not a reason to hammer it.
                    if greeted.elapsed() > settings.reconnect_max {
                        backoff.reset();
                    }
                    !end.ours
                }
                // It was nobody's turn but others': the place in the queue is taken again at once.
                Err(failure @ Failure::Busy { .. }) => {
                    self.fail_waiting(settings.timeout, &failure);
                    false
                }
                Err(failure) => {
                    self.unreachable(failure);
                    true
                }
            };
            // Requests or not: who asks again at once after an error must not make attempts more.
            if pause {
                self.while_waiting(sleep(backoff.pause())).await;
            }
        }
    }

    /// Waits for a request; `false` when the lane is no longer wanted.
    async fn work(&self) -> bool {
        let wanted = std::future::poll_fn(|cx| {
            self.listen(cx.waker());
            match (self.queue.borrow().is_empty() && self.doubted.get().is_none(), self.retired.get()) {
                (false, _) => Poll::Ready(true),
                (true, true) => Poll::Ready(false),
                (true, false) => Poll::Pending,
            }
        })
        .await;
        // A failure of long ago says nothing of now: this request waits for an attempt of its own.
        let recent = 2 * self.shared.settings.reconnect_max;
        let mut down = self.down.borrow_mut();
        if down.as_ref().is_some_and(|down| down.last.elapsed() > recent) {
            *down = None;
        }
        wanted
    }

    /// From here on [`Self::signal`] wakes this task.
    fn listen(&self, waker: &Waker) {
        self.signalled.set(false);
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    async fn connect(&self) -> Result<(Link, Permit), Failure> {
        // Whoever gives up meanwhile is told by the permit's own timeout that connections are short.
        let permit = self.shared.permit(Class::Lane).await?;
        let track = self.watch.tracks();
        let attempt = self.shared.connect(Proto::Resp3, self.db, &self.credential, track);
        let link = self.while_waiting(attempt).await?;
        Ok((link, permit))
    }

    /// Runs `attempt`; meanwhile requests that have waited too long fail.
    async fn while_waiting<T>(&self, attempt: impl Future<Output = T>) -> T {
        let mut attempt = std::pin::pin!(attempt);
        loop {
            tokio::select! {
                biased;
                done = &mut attempt => return done,
                () = sleep(WAITING_TICK) => self.give_up(),
            }
        }
    }

    /// Requests fail that have waited longer than `upstream.timeout`, and all at once when the
    /// upstream has been away for longer than that: a dead upstream must not cost every request its wait.
    fn give_up(&self) {
        if self.queue.borrow().is_empty() {
            return;
        }
        let limit = self.shared.settings.timeout;
        let (wait, failure) = match &*self.down.borrow() {
            // Waiting does not mend a wrong password.
            Some(down)
                if down.since.elapsed() >= limit
                    || matches!(down.failure, Failure::Refused(_) | Failure::Revoked(_)) =>
            {
                (Duration::ZERO, down.failure.clone())
            }
            Some(down) => (limit, down.failure.clone()),
            None => (
                limit,
                self.shared.unreachable(&format!("no connection within {limit:?} (upstream.timeout)")),
            ),
        };
        self.fail_waiting(wait, &failure);
    }

    /// Requests that have waited for a connection for as long as `wait` fail.
    fn fail_waiting(&self, wait: Duration, failure: &Failure) {
        self.queue.borrow_mut().give_up(Instant::now(), wait, failure);
        self.settle();
    }

    fn up(&self, link: &Link) {
        self.doubted.set(None);
        self.generation.set(link.generation);
        *self.info.borrow_mut() = Some(Rc::clone(&link.info));
        self.watch.opened(&link.info);
        if let Some(down) = self.down.borrow_mut().take() {
            tracing::info!(peer = %link.peer, db = self.db, after = ?down.since.elapsed(), "upstream lane is back");
        } else {
            tracing::debug!(peer = %link.peer, db = self.db, "upstream lane is open");
        }
        self.clogged.set(false);
        self.queue.borrow_mut().connected(Instant::now());
    }

    fn ended(&self, End { reason, ours }: &End) {
        *self.info.borrow_mut() = None;
        self.watch.lost();
        let waiting = self.queue.borrow().len();
        if waiting > 0 && !ours {
            tracing::warn!(db = self.db, reason, waiting, "upstream lane lost");
        } else {
            tracing::debug!(db = self.db, reason, "upstream lane closed");
        }
        self.queue.borrow_mut().lost(reason, true);
        self.settle();
    }

    fn unreachable(&self, failure: Failure) {
        let failure = match failure {
            Failure::Refused(text) if self.doubted.get().is_some() => {
                self.revoked.set(self.doubted.take());
                Failure::Revoked(text)
            }
            other => other,
        };
        let mut down = self.down.borrow_mut();
        if down.is_none() {
            tracing::warn!(db = self.db, %failure, "upstream lane cannot be opened");
        }
        let last = Instant::now();
        let since = down.as_ref().map_or(last, |down| down.since);
        *down = Some(Down { since, last, failure });
        drop(down);
        self.give_up();
    }

    /// Tells the callers at the front of the queue whose requests have failed.
    fn settle(&self) {
        let mut touched = Vec::new();
        while let Some((done, failure, request)) = self.next_settled() {
            for (caller, ticket) in done.callers() {
                caller.failed(ticket, &failure, &request);
                if caller.touched() {
                    touched.push(caller);
                }
            }
        }
        touched.iter().for_each(C::flush);
    }

    /// The next failed request at the front.
    fn next_settled(&self) -> Option<(Done<C>, Failure, bytes::Bytes)> {
        self.queue.borrow_mut().settle()
    }
}
