//! Both directions of a session's own connection, and how a stay on it ends.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::BytesMut;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

use super::recheck::Queued;
use super::replies::Replies;
use super::timed::{Taken, Timed};
use crate::config::Secret;
use crate::net;
use crate::resp::scan::request::Remainder;
use crate::session::client::Again;
use crate::session::metered::cause;
use crate::session::near::{Signal, Underway};
use crate::session::state::{Expect, Held};
use crate::session::traced::noted;
use crate::session::{Client, Session, local};
use crate::telemetry::meters::By;
use crate::upstream::{Failure, Lease};

/// Request bytes gathered before more is read from the client.
pub(super) const HIGH_WATER: usize = 256 * 1024;
/// Rounds of work before other sessions get theirs.
const ROUNDS_PER_TURN: usize = 4;

/// How a stay ends.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing holds the session and nothing is owed: the connection is free.
    Done(Box<Lease>),
    /// The connection is gone; the client has been told, and goes on.
    Lost,
    /// The client is gone, or must go.
    Closed,
}

/// What cuts a stay short.
#[derive(Debug)]
pub(super) enum Stop {
    /// The connection is gone, for this reason.
    Upstream(String),
    /// An answer is overdue.
    TimedOut,
    /// The client is gone.
    Client,
}

/// One stay on a connection of one's own.
pub(super) struct Relay<'a> {
    pub(super) session: &'a mut Session,
    pub(super) client: Rc<Client>,
    /// `None` once it has been given up.
    pub(super) lease: Option<Lease>,
    pub(super) to_upstream: BytesMut,
    pub(super) from_upstream: BytesMut,
    /// The turn to ask for a large reply, until it begins.
    pub(super) turn: Option<OwnedSemaphorePermit>,
    pub(super) replies: Replies,
    pub(super) expect: VecDeque<Expect>,
    pub(super) held: Held,
    /// When to look again for the client that is to take this one's invalidations, and how often that was done.
    pub(super) look_again: Option<Pin<Box<Sleep>>>,
    pub(super) looks: u32,
    /// The client that takes the invalidations, in the upstream's count and in ours.
    pub(super) redirected: (i64, i64),
    /// Something that is not answered yet may change who is let in without a password.
    pub(super) terms: bool,
    /// Passwords it may give the upstream's user that we are.
    pub(super) passwords: Vec<Secret>,
    /// What the connection brings from now on is nobody's.
    pub(super) deaf: bool,
    /// The upstream would not let go of what the client is blocked on.
    pub(super) stuck: Rc<Cell<bool>>,
    /// An element that was popped for the client is still on its way to it.
    pub(super) popped: bool,
    /// The proxy drains: it was asked whether anything is left for who listens.
    pub(super) farewell: bool,
    /// What an open transaction has queued, should rights change.
    pub(super) queued: Queued,
    /// What is under way that concerns what is kept.
    pub(super) underway: Underway,
    /// What has been read waits until every lane has heard of it.
    pub(super) signal: Option<Signal>,
    /// A large request of which the rest is still to come.
    pub(super) streaming: Option<Remainder>,
    /// No further request is taken: the stay ends once everything is answered.
    pub(super) leaving: bool,
    /// The session ends with the stay.
    pub(super) closing: bool,
    pub(super) taken: u32,
    /// How long its requests take.
    pub(super) timed: Timed,
    pub(super) progress: Instant,
}

impl<'a> Relay<'a> {
    pub(super) fn new(
        session: &'a mut Session,
        lease: Lease,
        turn: Option<OwnedSemaphorePermit>,
        again: Option<Again>,
    ) -> Self {
        let client = Rc::clone(session.client());
        client.relayed(true);
        let mut timed = Timed::new(session.path.asked);
        if let Some(again) = &again {
            timed.asked = again.asked;
            let traces = &session.path.worker.traces;
            if traces.is_on() {
                timed.words = noted(&again.request);
            }
            let (class, sampled, words) = (again.class, traces.samples(), timed.words.len());
            timed.took(Taken { class, by: By::Upstream, words, sampled, denied: false }, 1);
        }
        let underway = Underway::new(&session.path.worker.keeper.worker);
        Self {
            underway,
            signal: None,
            client,
            lease: Some(lease),
            expect: again.iter().map(|_| Expect::Reply).collect(),
            leaving: again.is_some(),
            to_upstream: again.map_or_else(BytesMut::new, |again| again.request.into()),
            from_upstream: BytesMut::new(),
            turn,
            replies: Replies::new(Arc::clone(&session.path.worker.shared)),
            held: Held::default(),
            look_again: None,
            looks: 0,
            redirected: (-1, -1),
            terms: false,
            passwords: Vec::new(),
            deaf: false,
            stuck: Rc::default(),
            popped: false,
            farewell: false,
            queued: Queued::default(),
            streaming: None,
            closing: false,
            taken: 0,
            timed,
            progress: Instant::now(),
            session,
        }
    }

    /// Relays until the session can leave, or one side is gone. Dropping it closes the connection.
    pub(super) async fn run(&mut self) -> End {
        let mut timer = pin!(sleep(self.answer_within()));
        self.client.card.set_upstream_id(self.lease.as_ref().map_or(0, |lease| lease.id));
        let tally = Rc::clone(&self.session.path.worker.tally);
        let stop = poll_fn(|cx| {
            let stop = self.poll(cx, timer.as_mut());
            tally.settle();
            stop
        })
        .await;
        self.session.path.asked = self.timed.asked;
        self.client.relayed(false);
        self.forget_underway();
        self.terms_may_have_changed(true);
        let worker = &self.session.path.worker;
        if !worker.monitors.has(&self.client) {
            self.session.path.limit_output(false);
            self.client.patient.set(false);
        }
        self.client.set_in_reply(false);
        self.client.card.set_upstream_id(0);
        self.mirror();
        match stop {
            Ok(()) => match (self.closing, self.lease.take()) {
                (false, Some(lease)) => End::Done(Box::new(lease)),
                _ => End::Closed,
            },
            Err(Stop::Client) => {
                self.look_for_lost().await;
                End::Closed
            }
            // It has been killed: there is nothing more to be said.
            Err(Stop::Upstream(_)) if self.session.path.worker.roster.card(self.client.id).is_none() => {
                End::Closed
            }
            Err(Stop::Upstream(reason)) => self.abandon(&Failure::Lost { reason }),
            Err(Stop::TimedOut) => self.abandon(&Failure::TimedOut { after: self.answer_within() }),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<Result<(), Stop>> {
        self.client.listen(cx.waker());
        self.renew(timer.as_mut())?;
        let limit = self.answer_within();
        for _ in 0..ROUNDS_PER_TURN {
            let mut moved = self.take_requests();
            moved |= self.write(cx)?;
            moved |= self.read_upstream(cx)?;
            if self.popped {
                // Who has left by now gets nothing any more.
                if self.session.intake.has_ended() {
                    return Poll::Ready(Err(Stop::Client));
                }
            }
            // Who reads a reply may rely on it: others are to see it before.
            self.mirror();
            if self.client.poll_flush(cx).is_err() || self.client.is_cut() {
                return Poll::Ready(Err(Stop::Client));
            }
            self.popped &= !self.client.is_flushed();
            if self.done() {
                return Poll::Ready(Ok(()));
            }
            moved |= self.read_client(cx)?;
            moved |= self.leaves();
            if moved {
                self.progress = Instant::now();
                continue;
            }
            if self.look_again.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
                self.look_again = None;
                continue;
            }
            self.watched();
            while timer.as_mut().poll(cx).is_ready() {
                let silent = self.progress.elapsed();
                if silent >= limit && self.answer_is_due() {
                    return Poll::Ready(Err(Stop::TimedOut));
                }
                timer.as_mut().reset((Instant::now() + limit.saturating_sub(silent).max(limit / 4)).into());
            }
            return Poll::Pending;
        }
        net::give_way(cx);
        Poll::Pending
    }

    /// Whether the stay can end: nothing owed, nothing held, nothing half done.
    fn done(&mut self) -> bool {
        // Who waits for somebody else's write would keep a drain waiting for ever.
        if self.session.path.worker.draining.get() {
            self.let_go();
            if self.stuck.get() || (self.held.opaque && self.closing) {
                self.closing = true;
                return true;
            }
        }
        let waits = self.look_again.is_some();
        if !waits && matches!(self.expect.front(), Some(Expect::NoRequest(_))) {
            self.closing = true;
            return true;
        }
        let quiet =
            self.expect.is_empty() && self.to_upstream.is_empty() && self.replies.at_start() && !waits;
        quiet
            && self.signal.is_none()
            && self.client.outstanding() == 0
            && self.streaming.is_none()
            && (!self.held.any() || self.closing)
    }

    /// Whether the upstream owes an answer that it should have given by now. An upload that has stopped
    /// in the middle is the client's doing.
    fn answer_is_due(&self) -> bool {
        let waits = (!self.expect.is_empty() && self.streaming.is_none()) || !self.to_upstream.is_empty();
        waits && self.client.is_flushed() && !self.blocked()
    }

    /// The connection is gone: every request that awaits a reply is told so, once. Where the client
    /// relied on the connection itself it is closed as well.
    fn abandon(&mut self, failure: &Failure) -> End {
        self.lease = None;
        if self.replies.is_passing() {
            // What has begun, whether it was asked for or not, cannot become an error any more.
            return End::Closed;
        }
        let tally = Rc::clone(&self.session.path.worker.tally);
        let client = &self.client;
        self.timed.failed(&tally, |told| client.tell_if_wanted(told));
        tally.settle();
        for expect in std::mem::take(&mut self.expect) {
            match expect {
                Expect::Ours(words) => self.client.append(|out| out.extend_from_slice(&words)),
                Expect::Nothing | Expect::OpaqueReset | Expect::NoRequest(_) => {}
                // It has ended, as was asked.
                Expect::Shutdown => self.closing = true,
                _ => {
                    if let Some(cause) = cause(failure) {
                        tally.error(cause);
                    }
                    self.client.append(|out| local::failure(failure, out));
                }
            }
        }
        self.client.flush_now();
        let lost = self.held.any() || self.streaming.is_some() || self.closing;
        if lost { End::Closed } else { End::Lost }
    }
}
