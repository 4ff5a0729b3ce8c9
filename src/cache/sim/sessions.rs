//! Sessions: requests in pipelines, answered from memory, by somebody else's read, or by the server, and
//! always in order (I3, I11 to I14).

use std::collections::VecDeque;
use std::sync::Arc;

use super::check::{Floors, How, moment};
use super::foreign::Own;
use super::kit::{Request, permit};
use super::lanes::{What, Whose};
use super::ops::{Kind, Op};
use super::plan::{Does, pick};
use super::server::{Moment, NO_MOMENT, Reg};
use super::wire::Event;
use super::world::{Queue, World};
use super::{Fill, Flaw, Query, Time};
use crate::cache::Entry;
use crate::command;

/// What a request got.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Hit(Vec<u8>),
    Reply {
        bytes: Vec<u8>,
        at: Moment,
        changed: Vec<Reg>,
    },
    /// The reply to somebody else's read, which was sent before.
    Joined {
        bytes: Vec<u8>,
        at: Moment,
    },
    Lost,
}

/// A request that is not answered yet.
pub(super) struct Pending {
    tag: u64,
    op: Op,
    floors: Floors,
    asked: Time,
    answer: Option<Answer>,
}

/// One client.
pub(super) struct Session {
    pub(super) worker: usize,
    /// Where it is, and where it will be when all it has sent is done.
    db: usize,
    next_db: usize,
    queue: Queue,
    pending: VecDeque<Pending>,
    /// Of each lane: no hits before it has answered the request at that place.
    pub(super) marks: Vec<u64>,
    /// What it has been shown.
    floor: Moment,
    pub(super) wire: Option<usize>,
    pub(super) own: Option<Own>,
}

impl Session {
    pub(super) fn new(worker: usize, db: usize, lanes: usize) -> Self {
        Self {
            worker,
            db,
            next_db: db,
            queue: VecDeque::new(),
            pending: VecDeque::new(),
            marks: vec![0; lanes],
            floor: 0,
            wire: None,
            own: None,
        }
    }
}

impl World {
    fn lane_of(&self, session: usize, db: usize) -> usize {
        self.sessions[session].worker * self.plan.dbs + db
    }

    /// A client sends a few requests at once.
    pub(super) fn turn(&mut self, session: usize) {
        let pause = 1 + self.rng.u64(..self.plan.think * 2);
        self.wires.after(pause, Event::Turn(session));
        let waiting = self.sessions[session].queue.len() + self.sessions[session].pending.len();
        if waiting > 6 {
            return;
        }
        for _ in 0..self.rng.usize(1..=self.plan.depth) {
            let Some(does) = pick(&mut self.rng, &self.plan.does.clone()) else { return };
            let (kind, text) = self.request(does);
            let at = &mut self.sessions[session];
            if kind == Kind::Select {
                at.next_db = (at.next_db + 1) % self.plan.dbs;
            }
            let db = at.next_db;
            let lane = self.tracks[self.lane_of(session, db)].floor;
            let (floors, now) = (Floors { lane, ..self.floors.clone() }, self.wires.now);
            self.say(|| format!("session {session}, db {db}: {text}"));
            self.sessions[session].queue.push_back((Op { kind, db, text }, floors, now));
        }
        self.pump(session);
    }

    fn request(&mut self, does: Does) -> (Kind, String) {
        let (key, other, ms) = (self.key(), self.key(), self.rng.u8(2..40));
        let field = if self.rng.bool() { "f" } else { "g" };
        match does {
            Does::Get => (Kind::Read, format!("GET {key}")),
            Does::Mget => (Kind::Read, format!("MGET {key} {other}")),
            Does::Exists if self.rng.bool() => (Kind::Read, format!("EXISTS {key}")),
            Does::Exists => (Kind::Read, format!("EXISTS {key} {other} {key}")),
            Does::Hash => match self.rng.u8(..8) {
                0..3 => (Kind::Read, format!("HGET h {field}")),
                3..7 => (Kind::Read, "HGETALL h".into()),
                _ => (Kind::Write, format!("HSET h {field}")),
            },
            Does::Set => match self.rng.u8(..8) {
                0 => (Kind::Write, format!("DEL {key}")),
                1..3 => (Kind::Write, format!("SET {key} PX {ms}")),
                _ => (Kind::Write, format!("SET {key}")),
            },
            Does::Mset => (Kind::Write, format!("MSET {key} {other}")),
            Does::Expire if self.rng.bool() => (Kind::Write, format!("PEXPIRE {key} {ms}")),
            Does::Expire => (Kind::Write, format!("HPEXPIRE h {field} {ms}")),
            Does::Script => (Kind::Script, format!("EVAL {} {key}", self.rng.usize(..self.plan.dbs))),
            Does::Exec if self.rng.bool() => (Kind::Exec, format!("EXEC SET {key}")),
            Does::Exec => (Kind::Exec, format!("EXEC MSET {key} {other}")),
            Does::Peek => (Kind::Peek, format!("GET {key}")),
            Does::Pop => (Kind::Signal, "BLPOP q".into()),
            Does::FarScript => (Kind::Signal, format!("EVAL {} {key}", self.rng.usize(..self.plan.dbs))),
            Does::Flush => (Kind::Global, "FLUSHALL".into()),
            Does::Swap => (Kind::Global, "SWAPDB".into()),
            Does::Select => (Kind::Select, "SELECT".into()),
        }
    }

    /// Begins what can be begun. Another connection only with nothing unanswered (I12).
    fn pump(&mut self, session: usize) {
        while let Some((op, _, _)) = self.sessions[session].queue.front() {
            let at = &self.sessions[session];
            let along = |first: &Pending| first.op.on_lane() && op.on_lane();
            if !at.pending.front().is_none_or(along) {
                return;
            }
            let Some((op, floors, asked)) = self.sessions[session].queue.pop_front() else { return };
            if op.kind == Kind::Select {
                let lane = self.lane_of(session, op.db);
                self.sessions[session].db = op.db;
                self.sessions[session].marks[lane] = self.tracks[lane].sent + 1;
                continue;
            }
            debug_assert_eq!(op.db, self.sessions[session].db);
            self.begin(session, op, floors, asked);
        }
    }

    fn begin(&mut self, session: usize, op: Op, floors: Floors, asked: Time) {
        self.next += 1;
        let tag = self.next;
        let alone = self.sessions[session].pending.is_empty();
        let lane = self.lane_of(session, op.db);
        self.sessions[session].pending.push_back(Pending {
            tag,
            op: op.clone(),
            floors,
            asked,
            answer: None,
        });
        let whose = (session, tag);
        match op.kind {
            _ if !op.on_lane() => self.send_own(session, &op, tag),
            _ if self.tracks[lane].wire.is_none() => self.answer(whose, Answer::Lost),
            Kind::Read => self.read(whose, lane, &op, alone),
            Kind::Write => {
                let marks = self.begin_writes(&op.writes());
                self.enqueue(lane, &op.text, What::Write(whose, marks), false);
            }
            _ => {
                let (state, number) = self.tracks[lane].lane.fence_here();
                self.enqueue(lane, &op.text, What::Script(whose, (state, number)), false);
                self.enqueue(lane, "PING", What::Fence(number), true);
            }
        }
    }

    fn read(&mut self, whose: Whose, at: usize, op: &Op, alone: bool) {
        let (track, flaws, now) = (&self.tracks[at], &self.near.flaws, self.wires.now);
        let marked = track.answered < self.sessions[whose.0].marks[at] && !flaws.has(Flaw::OwnSession);
        let may = (alone || flaws.has(Flaw::Order)) && !marked;
        let (lane, request) = (std::rc::Rc::clone(&track.lane), Request::of(&op.text));
        let several = request.args().len() > 2 && matches!(op.text.as_bytes()[0], b'M' | b'E');
        let query = request.query(&lane);
        if may && several {
            if let Some(bytes) = self.together(whose.0, at, &request) {
                self.worth.together += 1;
                return self.answer(whose, Answer::Hit(bytes));
            }
            if self.tracks[at].wire.is_none() {
                return self.answer(whose, Answer::Lost);
            }
        } else if may {
            let mut found = None;
            if lane.look(permit(), &query, now, |bytes| found = Some(bytes.to_vec())) {
                return self.answer(whose, Answer::Hit(found.unwrap_or_default()));
            }
            if let Some(place) = lane.joinable(&query, now) {
                let slot = self.tracks[at].slots.iter_mut().find(|slot| slot.place == place);
                if let Some(What::Value(_, waiters)) = slot.map(|slot| &mut slot.what) {
                    waiters.push(whose);
                    self.worth.joins += 1;
                    return self.say(|| format!("session {} joins the read at {place}", whose.0));
                }
                return self.fail(format!("nothing to join at {place}"));
            }
        }
        let admitted = self.rng.u8(..8) > 0;
        let fill = match (admitted, op.text.starts_with("MGET")) {
            (false, _) => None,
            (true, true) => Fill::values(&lane, &request.args(), self.wires.now),
            (true, false) if several => None,
            (true, false) => Fill::one(&lane, &query, request.command(), &request.args(), self.wires.now),
        };
        self.forward(at, &op.text, fill, whose);
    }

    /// Several keys out of memory: all, and all current once the last has been looked at (I14).
    fn together(&mut self, session: usize, at: usize, request: &Request) -> Option<Vec<u8>> {
        let lane = std::rc::Rc::clone(&self.tracks[at].lane);
        let args = request.args();
        let counts = args.is(0, "EXISTS");
        let one = Request::of(if counts { "EXISTS k" } else { "GET k" });
        let row = command::number(one.command());
        let mut all: Vec<Arc<Entry>> = Vec::new();
        for key in 1..args.len() {
            let query = Query::part(&self.near.hasher, lane.number, row, &args, key);
            all.push(lane.find(permit(), &query, self.wires.now)?);
            if key + 1 < args.len() {
                self.others_go_on(session);
            }
        }
        let now = self.wires.now;
        if !self.near.flaws.has(Flaw::Together) && !all.iter().all(|entry| lane.holds(entry, now)) {
            return None;
        }
        let replies = all.iter().map(|entry| entry.reply());
        if counts {
            let sum = replies.filter(|reply| *reply == b":1\r\n").count();
            return Some(format!(":{sum}\r\n").into_bytes());
        }
        let head = format!("*{}\r\n", all.len()).into_bytes();
        Some(replies.fold(head, |whole, reply| [&whole, reply].concat()))
    }

    /// A request has got its answer; it is given out in its turn.
    pub(super) fn answer(&mut self, (session, tag): Whose, answer: Answer) {
        let pending = &mut self.sessions[session].pending;
        if let Some(pending) = pending.iter_mut().find(|pending| pending.tag == tag) {
            pending.answer = Some(answer);
        }
        while self.sessions[session].pending.front().is_some_and(|first| first.answer.is_some()) {
            let Some(first) = self.sessions[session].pending.pop_front() else { break };
            self.give(session, &first);
        }
        // Not from the middle of what began it: what comes next follows there.
        self.pump(session);
    }

    /// The client is given an answer: held against the contract, and remembered for what comes later.
    fn give(&mut self, session: usize, first: &Pending) {
        let lane = self.lane_of(session, first.op.db);
        let (how, bytes, at, changed) = match first.answer.clone() {
            Some(Answer::Hit(bytes)) => (How::Memory, bytes, None, Vec::new()),
            Some(Answer::Reply { bytes, at, changed }) => (How::Server, bytes, Some(at), changed),
            Some(Answer::Joined { bytes, at }) => (How::Joined, bytes, Some(at), Vec::new()),
            _ => return self.say(|| format!("session {session}: {} failed", first.op.text)),
        };
        if at == Some(NO_MOMENT) {
            // What a former master says is none of the cache's business.
            return self.say(|| format!("session {session}: {} from a former master", first.op.text));
        }
        let shown = if matches!(first.op.kind, Kind::Read | Kind::Peek) {
            self.worth.reads += 1;
            self.worth.hits += u64::from(how == How::Memory);
            let seen = first.op.seen(&bytes);
            self.say(|| format!("session {session}: {} is {seen:?}, {how:?}", first.op.text));
            let (floors, session_floor) = (&first.floors, self.sessions[session].floor);
            match moment(&self.server, &seen, floors, session_floor, (first.asked, how), at) {
                Ok(shown) => {
                    self.reveal(session, first, shown);
                    shown
                }
                Err(why) => {
                    return self.fail(format!("session {session}, {}, {how:?}: {why}", first.op.text));
                }
            }
        } else {
            self.worth.writes += 1;
            let at = at.unwrap_or(0);
            self.say(|| format!("session {session}: {} is done @{at}", first.op.text));
            if matches!(first.op.kind, Kind::Write | Kind::Exec) {
                self.raise(&changed, at);
            } else {
                self.floors.told = self.floors.told.max(at);
            }
            if !changed.is_empty() {
                self.acknowledged.insert(at);
            }
            at
        };
        let session = &mut self.sessions[session];
        session.floor = session.floor.max(shown);
        if first.op.on_lane() {
            self.tracks[lane].floor = self.tracks[lane].floor.max(shown);
        }
    }

    /// A client has been shown the server at `shown`: nobody sees a proxied write undone, itself not a
    /// write that it sends later.
    fn reveal(&mut self, session: usize, first: &Pending, shown: Moment) {
        let seen = match &first.answer {
            Some(Answer::Hit(bytes) | Answer::Reply { bytes, .. } | Answer::Joined { bytes, .. }) => {
                first.op.seen(bytes)
            }
            _ => return,
        };
        let counted = seen.count.iter().flat_map(|(regs, _)| regs.iter());
        for reg in seen.values.iter().map(|(reg, _)| reg).chain(counted) {
            let since = self.server.history[*reg][self.server.place(*reg, shown)].since;
            if self.known.contains(&since) {
                self.floors.shown[*reg] = self.floors.shown[*reg].max(since);
            }
            let own = |later: &Pending| match &later.answer {
                Some(Answer::Reply { at, changed, .. }) => changed.contains(reg) && *at <= shown,
                _ => false,
            };
            if self.sessions[session].pending.iter().any(own) {
                self.fail(format!("session {session}, {}: its own later write", first.op.text));
            }
        }
    }
}
