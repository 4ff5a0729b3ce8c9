//! Time, and connections: messages in order, each direction at its own pace.

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;

use super::Time;
use super::kit::MILLI;
use super::plan::Plan;
use super::server::{Frame, Moment, Reg};

/// What is to happen.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The next request of a connection reaches the server.
    Up(usize),
    /// The next frame of a connection reaches the proxy.
    Down(usize),
    /// A session sends something.
    Turn(usize),
    Outside,
    Trouble,
    /// A value comes to its end.
    Expire(Reg, Moment),
    /// What has expired is removed.
    Reclaim(usize, usize),
    /// From now on nobody may see anything older.
    Floor(Vec<Reg>, Moment),
    /// From now on nobody may see what has come to its end then.
    Ended(Reg, Moment),
    Beat(usize),
    /// A worker is told that a fence has been asked for.
    Wake(usize),
    /// A worker's turn is over.
    Seal(usize),
    /// Held signals are looked at once more.
    Look(u64),
    Deadline(u64),
    /// The proxy notices that a connection is gone.
    Lost(usize),
    Open(usize),
    /// A lost connection is known to be closed.
    Closed(usize),
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Lane(usize),
    Session(usize),
    /// Where a session hears messages.
    Subscriber(usize),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) owner: Owner,
    pub(super) db: usize,
    pub(super) up: VecDeque<String>,
    pub(super) down: VecDeque<Frame>,
    last_up: Time,
    last_down: Time,
    /// The proxy has given it up; what it sent may still be executed.
    pub(super) lost: bool,
    /// The server has given it up.
    pub(super) cut: bool,
}

impl Wire {
    /// When the last request that was sent reaches the server.
    pub(super) fn last_up(&self) -> Time {
        self.last_up
    }
}

/// The clock, what is to come, and all connections.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) now: Time,
    next: u64,
    events: BTreeMap<(Time, u64), Event>,
    pub(super) all: Vec<Wire>,
}

impl Wires {
    pub(super) fn new() -> Self {
        Self { now: 0, next: 0, events: BTreeMap::new(), all: Vec::new() }
    }

    pub(super) fn after(&mut self, delay: Time, event: Event) {
        self.at(self.now + delay, event);
    }

    pub(super) fn at(&mut self, when: Time, event: Event) {
        self.next += 1;
        self.events.insert((when.max(self.now), self.next), event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let ((when, _), event) = self.events.pop_first()?;
        self.now = when;
        Some(event)
    }

    /// The next event, if `may` says so.
    pub(super) fn pop_if(&mut self, may: impl FnOnce(&Event, &[Wire]) -> bool) -> Option<Event> {
        let (_, event) = self.events.first_key_value()?;
        if may(event, &self.all) { self.pop() } else { None }
    }

    pub(super) fn open(&mut self, peer: usize, owner: Owner, db: usize) {
        assert_eq!(peer, self.all.len(), "both sides count alike");
        let (up, down) = (VecDeque::new(), VecDeque::new());
        self.all.push(Wire { owner, db, up, down, last_up: 0, last_down: 0, lost: false, cut: false });
    }

    fn delay(rng: &mut Rng, plan: &Plan) -> Time {
        let usual = rng.u64(20_000..700_000);
        if rng.u64(..1000) < plan.stalls { usual + rng.u64(..plan.stall) } else { usual }
    }

    pub(super) fn send(&mut self, rng: &mut Rng, plan: &Plan, wire: usize, text: String, joined: bool) {
        let delay = if joined { 0 } else { Self::delay(rng, plan) };
        let (now, at) = (self.now, &mut self.all[wire]);
        at.last_up = at.last_up.max(now + delay);
        at.up.push_back(text);
        let when = at.last_up;
        self.at(when, Event::Up(wire));
    }

    pub(super) fn bring(&mut self, rng: &mut Rng, plan: &Plan, wire: usize, frame: Frame) {
        let delay = Self::delay(rng, plan);
        let (now, at) = (self.now, &mut self.all[wire]);
        if at.lost || at.cut {
            return;
        }
        // What stands together mostly comes together.
        let delay = if rng.bool() { delay } else { 0 };
        let is_late = matches!(frame, Frame::Push(_)) && rng.u64(..1000) < plan.late_pushes;
        let delay = if is_late { delay + rng.u64(..plan.stall) } else { delay };
        at.last_down = at.last_down.max(now + delay.max(MILLI / 50));
        at.down.push_back(frame);
        let when = at.last_down;
        self.at(when, Event::Down(wire));
    }
}
