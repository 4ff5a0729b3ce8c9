//! Signals: what comes on other connections than lanes and may make a client act on what it has not been
//! told by a lane yet. They wait until every lane has been heard to the same point.
//!
//! Those that come in one turn share a fence. A fence that is not answered in time goes by, and costs the
//! lanes in question what they have.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::mark::{Fenced, Mark};
use super::{LaneWatch, clock};
use crate::cache::{Fence, PerWorker, Sent};
use crate::pubsub::Barrier;
use crate::session::Client;
use crate::upstream::{Caller, Lane, Lanes};

/// How long a fence may take.
const PATIENCE: Duration = Duration::from_millis(50);
/// What a lane is asked as a fence: any answer will do, even a refusal.
pub(super) const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// How workers call each other; one for each.
#[derive(Debug)]
pub struct Bells(Vec<Bell>);

#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    /// Fences are under way that other workers' lanes have to answer.
    waits: AtomicBool,
}

impl Bells {
    /// For so many workers.
    pub fn new(workers: usize) -> Self {
        Self((0..workers.max(1)).map(|_| Bell::default()).collect())
    }

    fn of(&self, worker: usize) -> &Bell {
        &self.0[worker % self.0.len()]
    }

    /// A lane of `worker` has answered a fence: whoever waits for one looks again.
    fn tell_all_but(&self, worker: usize) {
        let others = self.0.iter().enumerate().filter(|(other, _)| *other != worker);
        others
            .filter(|(_, bell)| bell.waits.load(Ordering::Acquire))
            .for_each(|(_, bell)| bell.rung.notify_one());
    }
}

/// Signals that have come together.
#[derive(Debug, Default)]
struct Batch {
    /// Every lane is to be asked, whatever is on its way already.
    any: Cell<bool>,
    /// Fences that are on their way and are enough for the rest.
    sent: RefCell<Vec<Sent>>,
    passed: Cell<bool>,
    tasks: RefCell<Vec<Waker>>,
    clients: RefCell<Vec<Rc<Client>>>,
}

impl Batch {
    /// They may be passed on.
    fn pass(&self) {
        self.passed.set(true);
        self.tasks.take().into_iter().for_each(Waker::wake);
        for client in self.clients.take() {
            client.release_held();
            client.flush();
        }
    }
}

/// A signal that is held back.
#[derive(Clone, Debug)]
pub(in crate::session) struct Signal(Rc<Batch>);

impl Signal {
    /// Whether it may be passed on.
    pub(in crate::session) fn is_passed(&self) -> bool {
        self.0.passed.get()
    }

    /// Ready when it may be.
    pub(in crate::session) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_passed() {
            return Poll::Ready(());
        }
        let mut tasks = self.0.tasks.borrow_mut();
        if !tasks.iter().any(|waker| waker.will_wake(cx.waker())) {
            tasks.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// `client` is told when it may be.
    pub(in crate::session) fn tell(&self, client: &Rc<Client>) {
        if !self.is_passed() {
            self.0.clients.borrow_mut().push(Rc::clone(client));
        }
    }
}

/// A worker's signals.
#[derive(Debug)]
pub(in crate::session) struct Signals {
    worker: Rc<PerWorker>,
    bells: Arc<Bells>,
    open: RefCell<Option<Rc<Batch>>>,
    /// Something is to be looked at.
    stirred: Notify,
}

impl Signals {
    /// Those of `worker`.
    pub(super) fn new(worker: Rc<PerWorker>, bells: Arc<Bells>) -> Self {
        Self { worker, bells, open: RefCell::default(), stirred: Notify::new() }
    }

    /// A signal has come that must not be passed on yet; `None`: it may, nothing is kept that could be
    /// older. `sent`: a fence that was sent behind what brought it, on the same lane.
    pub(in crate::session) fn hold(&self, sent: Option<Sent>) -> Option<Signal> {
        let near = &self.worker.near;
        if !near.is_on() || !near.is_live(clock::now()) {
            return None;
        }
        self.worker.figures().signals_held.add();
        let mut open = self.open.borrow_mut();
        let batch = open.get_or_insert_with(|| {
            self.stirred.notify_one();
            Rc::default()
        });
        match sent {
            Some(sent) => batch.sent.borrow_mut().push(sent),
            None => batch.any.set(true),
        }
        Some(Signal(Rc::clone(batch)))
    }

    /// What messages on shared connections wait for.
    pub(super) fn barrier(self: &Rc<Self>) -> Barrier {
        let signals = Rc::clone(self);
        Barrier(Rc::new(move || {
            let signal = signals.hold(None)?;
            Some(Box::new(move |cx: &mut Context<'_>| signal.poll(cx)))
        }))
    }

    /// A lane of this worker has answered a fence.
    pub(super) fn passed(&self) {
        self.stirred.notify_one();
        self.bells.tell_all_but(self.worker.index);
    }

    /// Seals batches, sends the fences that other workers ask of `lanes`, and lets signals go. Never ends.
    pub(super) async fn run(self: Rc<Self>, lanes: &Lanes<Client>) {
        let mut under_way: Vec<(Rc<Batch>, Fence, Instant)> = Vec::new();
        let bell = self.bells.of(self.worker.index);
        loop {
            let deadline = under_way.first().map(|(_, _, deadline)| *deadline);
            let late = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stirred.notified() => {}
                () = bell.rung.notified() => {}
                () = late => {}
            }
            if let Some(batch) = self.open.take() {
                bell.waits.store(true, Ordering::Release);
                let sent = if batch.any.get() { Vec::new() } else { batch.sent.take() };
                let fence = self.worker.near.fence(&sent, clock::now());
                let me = self.worker.index;
                let others = fence.workers().filter(|worker| *worker != me);
                others.for_each(|worker| self.bells.of(worker).rung.notify_one());
                under_way.push((batch, fence, Instant::now() + PATIENCE));
            }
            lanes.each(|lane| self.send_due(lane));
            self.let_go(&mut under_way);
            bell.waits.store(!under_way.is_empty(), Ordering::Release);
        }
    }

    /// Sends the fence that is asked of `lane`, if one is.
    fn send_due(self: &Rc<Self>, lane: &Lane<Client>) {
        let watch: &LaneWatch = lane.watch();
        let Some(number) = watch.lane.fence_due() else { return };
        if lane.link_info().is_none() {
            return watch.lane.fence_passed(number);
        }
        self.send(lane, number);
    }

    /// Sends the fence of that number.
    pub(super) fn send(self: &Rc<Self>, lane: &Lane<Client>, number: u64) {
        self.worker.figures().fences.add();
        let of = Rc::clone(&lane.watch().lane);
        let mark = Mark::Fence(Fenced { lane: of, number, signals: Rc::clone(self) });
        lane.ask(mark, PING, Instant::now());
    }

    fn let_go(&self, under_way: &mut Vec<(Rc<Batch>, Fence, Instant)>) {
        let now = Instant::now();
        under_way.retain(|(batch, fence, deadline)| {
            if !fence.is_passed() {
                if now < *deadline {
                    return true;
                }
                let late = self.worker.near.fence_late(fence);
                (0..late).for_each(|_| self.worker.figures().fences_late.add());
            }
            batch.pass();
            false
        });
    }
}
