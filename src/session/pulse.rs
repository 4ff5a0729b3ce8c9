//! The proof that commands get through: one that does no harm, sent the way clients' commands go.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use super::{Client, Mark, Worker};
use crate::upstream::{Failure, Lane};

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
/// For who may not `PING`: without arguments it changes nothing, and nobody can be forbidden to say it. Each
/// refusal would leave an entry in the upstream's `ACL LOG`.
const HELLO: &[u8] = b"*1\r\n$5\r\nHELLO\r\n";
/// Errors that say that commands are not carried out. Any other is an answer: the upstream is there, and what
/// it says of our rights or of our password it says to clients too.
const CLOSED: &[&[u8]] = &[b"-BUSY", b"-LOADING", b"-MASTERDOWN", b"-CLUSTERDOWN"];

/// One worker's.
#[derive(Debug)]
pub struct Pulse {
    worker: Rc<Worker>,
    /// Held, so that it is not closed between two.
    lane: RefCell<Option<Rc<Lane<Client>>>>,
    due: Cell<Option<Instant>>,
    pace: Rc<Pace>,
}

/// What the one who asks and what it has asked agree on.
#[derive(Debug, Default)]
struct Pace {
    /// The number of the one under way, or of the next; what comes of an earlier one means nothing any more.
    number: Cell<u64>,
    under_way: Cell<bool>,
    says_hello: Cell<bool>,
}

/// One that is under way. Dropped without an answer, there will be none.
#[derive(Debug)]
pub struct Probing {
    worker: Rc<Worker>,
    pace: Rc<Pace>,
    number: u64,
    sent: Instant,
}

impl Pulse {
    /// The one of `worker`.
    pub fn new(worker: Rc<Worker>) -> Self {
        Self { worker, lane: RefCell::default(), due: Cell::default(), pace: Rc::default() }
    }

    /// The worker has gone round its loop. To be called a few times a second, on the worker's own runtime.
    pub fn look(&self, now: Instant) {
        let (worker, vitals) = (&self.worker, &self.worker.vitals);
        vitals.pulses.turned(worker.index, now);
        if !vitals.are_wanted(now) {
            self.lane.take();
            self.due.set(None);
            return;
        }
        let base = worker.shared.credential();
        let lane = worker.lanes.lane(worker.latest.get().config.upstream.database, &base);
        if let Some(failure) = lane.failure() {
            vitals.pulses.failed(worker.index, &text(&failure), false, now);
        }
        // Who comes now is served on another lane: what is under way on the former says nothing of that.
        let moved = self.lane.borrow().as_ref().is_none_or(|held| !Rc::ptr_eq(held, &lane));
        if moved {
            self.pace.number.set(self.pace.number.get() + 1);
            self.pace.under_way.set(false);
        }
        if moved || (!self.pace.under_way.get() && self.due.get().is_none_or(|due| now >= due)) {
            self.due.set(Some(now + vitals.settings().health.every));
            self.ask(&lane, now);
        }
        *self.lane.borrow_mut() = Some(lane);
    }

    fn ask(&self, lane: &Lane<Client>, now: Instant) {
        self.pace.under_way.set(true);
        let (worker, pace) = (Rc::clone(&self.worker), Rc::clone(&self.pace));
        worker.vitals.pulses.asked(worker.index, now);
        let request = if pace.says_hello.get() { HELLO } else { PING };
        let number = pace.number.get();
        lane.ask(Mark::Pulse(Box::new(Probing { worker, pace, number, sent: now })), request, now);
    }
}

/// Why there is no connection. That something was not sent is not what matters here.
fn text(failure: &Failure) -> String {
    match failure {
        Failure::Unreachable { upstream, reason } => format!("upstream {upstream} is unreachable: {reason}"),
        other => other.to_string(),
    }
}

impl Probing {
    /// Whether it is the one that is under way; from now on none is.
    fn ends(&self) -> bool {
        self.pace.number.get() == self.number && self.pace.under_way.replace(false)
    }

    /// It has been answered.
    pub(super) fn replied(self, reply: &[u8]) {
        if !self.ends() {
            return;
        }
        let (index, pulses, now) = (self.worker.index, &self.worker.vitals.pulses, Instant::now());
        if reply.starts_with(b"-NOPERM") {
            self.pace.says_hello.set(true);
        }
        if CLOSED.iter().any(|error| reply.starts_with(error)) {
            let text = String::from_utf8_lossy(&reply[1..]);
            pulses.failed(index, text.trim_end(), true, now);
        } else {
            pulses.answered(index, self.sent, now);
        }
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        if self.ends() {
            let pulses = &self.worker.vitals.pulses;
            pulses.failed(
                self.worker.index,
                "the connection was lost before the reply",
                true,
                Instant::now(),
            );
        }
    }
}
