//! Lanes as the session layer drives them: what is sent, and what is done with what comes back, frame by
//! frame and in order (I1).

use std::collections::VecDeque;
use std::rc::Rc;

use super::fences::Signal;
use super::kit::MILLI;
use super::plan::BEAT;
use super::server::{Frame, Moment, NAMES, NO_MOMENT, Reg};
use super::sessions::Answer;
use super::wire::{Event, Owner};
use super::world::World;
use super::{Fill, Lane, PerWorker, Sent, Stripe, Time, Trust};
use crate::cache::Heard;

/// A session and one of its requests.
pub(super) type Whose = (usize, u64);

/// What a reply is for.
pub(super) enum What {
    Caching(Rc<Fill>),
    Value(Option<Rc<Fill>>, Vec<Whose>),
    Ttl(Rc<Fill>, usize),
    Fields(Rc<Fill>),
    Hello(Time),
    Fence(u64),
    Write(Whose, Vec<(Stripe, bool)>),
    Script(Whose, Sent),
}

/// A request without its reply.
pub(super) struct Slot {
    pub(super) place: u64,
    pub(super) what: What,
}

/// A lane, its connection, and what is under way on it.
pub(super) struct Track {
    pub(super) worker: usize,
    pub(super) db: usize,
    pub(super) lane: Rc<Lane>,
    pub(super) wire: Option<usize>,
    pub(super) slots: VecDeque<Slot>,
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// What it has shown.
    pub(super) floor: Moment,
}

impl Track {
    pub(super) fn new(part: &Rc<PerWorker>, worker: usize, db: usize) -> Self {
        let lane = Rc::new(Lane::new(Rc::clone(part), 0));
        Self { worker, db, lane, wire: None, slots: VecDeque::new(), sent: 0, answered: 0, floor: 0 }
    }
}

/// The words of an encoded request.
pub(super) fn words(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request).into_owned();
    text.split("\r\n").skip(2).step_by(2).collect::<Vec<_>>().join(" ")
}

impl World {
    pub(super) fn open(&mut self, lane: usize) {
        let peer = self.server.accept();
        let db = self.tracks[lane].db;
        self.wires.open(peer, Owner::Lane(lane), db);
        self.say(|| format!("lane {lane} opens connection {peer}"));
        self.tracks[lane].wire = Some(peer);
        self.tracks[lane].lane.opened(Trust::Tracked, true, String::new());
        self.heartbeat(lane);
    }

    fn heartbeat(&mut self, lane: usize) {
        let now = self.wires.now;
        if self.tracks[lane].lane.should_beat(now) {
            self.tracks[lane].lane.beats(now);
            self.enqueue(lane, "HELLO", What::Hello(now), false);
        }
    }

    pub(super) fn beat(&mut self, lane: usize) {
        if self.tracks[lane].wire.is_some() {
            self.heartbeat(lane);
        }
        self.wires.after(BEAT, Event::Beat(lane));
    }

    /// Sends a request on a lane that has a connection; answers its place. `joined`: most likely in one
    /// write with the one before.
    pub(super) fn enqueue(&mut self, lane: usize, text: &str, what: What, joined: bool) -> u64 {
        let track = &mut self.tracks[lane];
        track.sent += 1;
        let (place, wire) = (track.sent, track.wire.unwrap_or_default());
        track.slots.push_back(Slot { place, what });
        let joined = joined && self.rng.u8(..8) > 0;
        self.wires.send(&mut self.rng, &self.plan, wire, text.into(), joined);
        place
    }

    /// Sends a read, and what its fill wants to know besides.
    pub(super) fn forward(&mut self, lane: usize, text: &str, fill: Option<Rc<Fill>>, whose: Whose) {
        let before = fill.as_ref().and_then(|fill| fill.before());
        if let (Some(fill), Some(before)) = (&fill, before) {
            self.enqueue(lane, &words(before), What::Caching(Rc::clone(fill)), false);
        }
        let place = self.enqueue(lane, text, What::Value(fill.clone(), vec![whose]), before.is_some());
        let Some(fill) = fill else { return };
        fill.sent(place);
        if let Some(fields) = fill.ask_fields() {
            self.enqueue(lane, &words(&fields), What::Fields(Rc::clone(&fill)), true);
        }
        for (at, ask) in fill.ask_ttls().collect::<Vec<_>>().into_iter().enumerate() {
            self.enqueue(lane, &words(&ask), What::Ttl(Rc::clone(&fill), at), true);
        }
    }

    pub(super) fn lane_brings(&mut self, lane: usize, frame: Frame) {
        match frame {
            Frame::Push(key) => {
                self.say(|| format!("lane {lane}: push {}", key.map_or("all", |key| NAMES[key])));
                self.tracks[lane].lane.invalidated(key.map(|key| NAMES[key].as_bytes()));
            }
            Frame::Message(_) => {}
            Frame::Reply { bytes, at, changed } => self.lane_answers(lane, bytes, at, changed),
        }
    }

    fn lane_answers(&mut self, lane: usize, bytes: Vec<u8>, at: Moment, changed: Vec<Reg>) {
        let now = self.wires.now;
        let track = &mut self.tracks[lane];
        let Some(slot) = track.slots.pop_front() else {
            return self.fail(format!("lane {lane} has a reply to nothing"));
        };
        track.answered = slot.place;
        match slot.what {
            What::Caching(fill) => fill.watched(&bytes),
            What::Ttl(fill, key) => fill.ttl(key, &bytes, now),
            What::Fields(fill) => fill.fields(&bytes),
            What::Hello(since) => {
                let is_master = at != NO_MOMENT;
                track.lane.beaten(since, is_master);
                if !is_master {
                    self.move_all();
                }
            }
            What::Fence(number) => {
                track.lane.fence_passed(number);
                self.say(|| format!("lane {lane}: fence {number} answered"));
            }
            What::Value(fill, waiters) => {
                if let Some(fill) = fill
                    && let Heard::Ask(ask) = fill.value(&bytes)
                {
                    self.enqueue(lane, &words(&ask), What::Fields(fill), false);
                }
                // Whoever joined asked later than the first.
                for (index, whose) in waiters.into_iter().enumerate() {
                    let bytes = bytes.clone();
                    let answer = match index {
                        0 => Answer::Reply { bytes, at, changed: Vec::new() },
                        _ => Answer::Joined { bytes, at },
                    };
                    self.answer(whose, answer);
                }
            }
            What::Write(whose, marks) => {
                self.end_writes(&marks);
                self.answer(whose, Answer::Reply { bytes, at, changed });
            }
            What::Script(whose, sent) => {
                let worker = track.worker;
                self.hold(worker, Signal { whose: Some((whose, changed)), at }, Some(sent));
            }
        }
    }

    /// The server is not the master any more: everything is void, and everybody moves to the new one.
    pub(super) fn move_all(&mut self) {
        self.say(|| "the master is another".into());
        self.near.flush();
        (0..self.tracks.len()).for_each(|lane| self.lose(lane));
        (0..self.sessions.len()).for_each(|session| self.lose_own(session));
        (0..self.plan.workers).for_each(|worker| self.subscribe(worker));
    }

    pub(super) fn begin_writes(&mut self, names: &[&str]) -> Vec<(Stripe, bool)> {
        let stripes = names.iter().map(|name| self.near.stripe(name.as_bytes()));
        stripes.map(|stripe| (stripe, self.near.write_begins(stripe))).collect()
    }

    pub(super) fn end_writes(&mut self, marks: &[(Stripe, bool)]) {
        for (stripe, counted) in marks {
            if *counted { self.near.write_ends(*stripe) } else { self.near.changed(*stripe) }
        }
    }

    /// A lane's connection is gone: first everything is void, then people are told.
    pub(super) fn lose(&mut self, lane: usize) {
        let Some(wire) = self.tracks[lane].wire.take() else { return };
        self.worth.lost += 1;
        self.abandon(wire);
        let now = self.wires.now;
        let track = &mut self.tracks[lane];
        track.lane.lost(now);
        track.answered = track.sent;
        let slots = std::mem::take(&mut track.slots);
        for slot in &slots {
            if let What::Write(_, marks) = &slot.what {
                self.end_writes(marks);
            }
        }
        for slot in slots {
            match slot.what {
                What::Value(_, waiters) => {
                    waiters.into_iter().for_each(|whose| self.answer(whose, Answer::Lost))
                }
                What::Write(whose, _) | What::Script(whose, _) => self.answer(whose, Answer::Lost),
                _ => {}
            }
        }
        let delay = self.soon(4 * MILLI);
        self.wires.after(delay, Event::Open(lane));
    }
}
