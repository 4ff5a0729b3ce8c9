//! The feed: one worker's shared connection for the subscriptions of one credential.

mod serve;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use tokio::time::sleep;

use super::book::Book;
use super::{Barrier, Shares, Subscriber, Topic};
use crate::command::Channels;
use crate::resp::Proto;
use crate::upstream::{Backoff, Class, Credential, Failure, Lease, Pool, Shared, Wanted};

/// How feeds behave, besides what the upstream's own settings say.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A lost connection is made again and everything subscribed anew; else subscribers are told.
    pub resubscribe: bool,
    /// What messages wait for.
    pub barrier: Barrier,
}

/// What the feeds of a worker have in common.
#[derive(Debug)]
struct Common {
    shared: Arc<Shared>,
    pool: Rc<Pool>,
    shares: Arc<Shares>,
    settings: Settings,
}

/// A worker's feeds, by credential.
#[derive(Debug)]
pub struct Feeds<S: Subscriber> {
    common: Rc<Common>,
    open: RefCell<Vec<Rc<Feed<S>>>>,
    opened: Cell<u64>,
}

impl<S: Subscriber> Feeds<S> {
    /// No feed yet. Their connections are leases of `pool`.
    pub fn new(shared: Arc<Shared>, pool: Rc<Pool>, shares: Arc<Shares>, settings: Settings) -> Self {
        let common = Rc::new(Common { shared, pool, shares, settings });
        Self { common, open: RefCell::default(), opened: Cell::new(0) }
    }

    /// The feed of `credential`. Opens no connection: the first subscription does. Must be called on
    /// the worker's own runtime.
    pub fn feed(&self, credential: &Credential) -> Rc<Feed<S>> {
        let mut open = self.open.borrow_mut();
        open.retain(|feed| !feed.ended.get());
        if let Some(feed) = open.iter().find(|feed| feed.credential == *credential) {
            return Rc::clone(feed);
        }
        self.opened.set(self.opened.get() + 1);
        let feed = Rc::new(Feed {
            number: self.opened.get(),
            credential: credential.clone(),
            book: RefCell::new(Book::new(self.opened.get(), Arc::clone(&self.common.shares))),
            common: Rc::clone(&self.common),
            waker: RefCell::default(),
            signalled: Cell::new(false),
            ended: Cell::new(false),
        });
        open.push(Rc::clone(&feed));
        tokio::task::spawn_local(Rc::clone(&feed).run());
        feed
    }

    /// How many subscribers the upstream does not see.
    pub fn shares(&self) -> &Arc<Shares> {
        &self.common.shares
    }
}

/// See the module. It connects when somebody subscribes, and closes once nobody has for a while.
#[derive(Debug)]
pub struct Feed<S: Subscriber> {
    number: u64,
    credential: Credential,
    book: RefCell<Book<S>>,
    common: Rc<Common>,
    waker: RefCell<Option<Waker>>,
    signalled: Cell<bool>,
    /// Its task is over; another one takes its place.
    ended: Cell<bool>,
}

impl<S: Subscriber> Feed<S> {
    /// Unlike every other feed's of the worker; what [`Subscriber::joined`] is told.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// `who` subscribes: [`Subscriber::joined`] for each name, or [`Subscriber::replied`] with an error,
    /// or [`Subscriber::failed`]; then [`Subscriber::done`].
    pub fn join(&self, who: &Rc<S>, kind: Channels, names: VecDeque<Bytes>) {
        self.book.borrow_mut().join(who, kind, names, Instant::now());
        self.signal();
    }

    /// `who` wants to hear no more of these; messages published before the upstream has seen the end
    /// still come. `true`: then there is a [`Subscriber::done`]. `false`: it is done already.
    pub fn leave(&self, who: &Rc<S>, kind: Channels, names: Vec<Bytes>) -> bool {
        let waits = self.book.borrow_mut().leave(who, kind, names, Instant::now());
        self.signal();
        waits
    }

    /// Sends a request of one reply in order with the messages: [`Subscriber::replied`] or
    /// [`Subscriber::failed`], then [`Subscriber::done`]. `false`: there is no connection.
    pub fn ask(&self, who: &Rc<S>, request: &[u8]) -> bool {
        let sent = self.book.borrow_mut().ask(who, request, Instant::now());
        self.signal();
        sent
    }

    /// Whoever had this [`Subscriber::id`] is gone; it listened to `topics` here.
    pub fn forget(&self, who: u64, topics: &[Topic]) {
        self.book.borrow_mut().forget(who, topics, Instant::now());
        self.signal();
    }

    /// Has the task look at the book, once, after whatever else is ready in this turn.
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

    /// The task: connect when there is need, serve until the connection ends, again.
    async fn run(self: Rc<Self>) {
        let settings = self.common.shared.settings();
        let mut backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max);
        let mut lost_at = None;
        loop {
            self.needed().await;
            let settings = self.common.shared.settings();
            backoff.bounds(settings.reconnect_min, settings.reconnect_max);
            match self.connect().await {
                Ok(lease) => {
                    if let Some(at) = lost_at.take() {
                        let gap = Instant::now().duration_since(at);
                        tracing::warn!(
                            ?gap,
                            "shared subscriptions are back; messages of the meantime are lost"
                        );
                    }
                    let greeted = Instant::now();
                    match self.serve(lease).await {
                        None => break,
                        Some(reason) => lost_at = self.lost(&reason).then(Instant::now),
                    }
                    if greeted.elapsed() > settings.reconnect_max {
                        backoff.reset();
                    }
                }
                Err(failure) => {
                    self.book.borrow_mut().fail_waiting(&failure, Instant::now());
                    self.book.borrow_mut().flush();
                }
            }
            sleep(backoff.pause()).await;
            if !self.book.borrow().is_wanted() {
                break;
            }
        }
        self.ended.set(true);
    }

    /// Waits until a connection is needed.
    async fn needed(&self) {
        std::future::poll_fn(|cx| {
            self.listen(cx.waker());
            if self.book.borrow().is_wanted() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn connect(&self) -> Result<Lease, Failure> {
        let wanted =
            Wanted { proto: Proto::Resp3, db: 0, credential: self.common.shared.current(&self.credential) };
        let lease = self.common.pool.take(Class::Pinned, &wanted).await?;
        if lease.tainted {
            // It answers nothing but errors, and not in RESP3.
            return Err(Failure::Refused("NOAUTH Authentication required.".into()));
        }
        Ok(lease)
    }

    /// The connection is gone. Answers whether somebody waits for the next one.
    fn lost(&self, reason: &str) -> bool {
        let failure = Failure::Lost { reason: reason.into() };
        let now = Instant::now();
        let mut book = self.book.borrow_mut();
        let listened = book.has_listeners();
        book.disconnect(&failure, now);
        if listened {
            self.common.shares.lost();
        }
        if self.common.settings.resubscribe {
            tracing::warn!(reason, "shared subscriptions lost; subscribing again");
        } else {
            tracing::warn!(reason, "shared subscriptions lost; their clients are closed");
            book.end();
            book.fail_waiting(&failure, now);
        }
        book.flush();
        listened && book.has_listeners()
    }
}
