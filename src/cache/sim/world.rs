//! One run: everything there is, and the loop that makes it happen.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use fastrand::Rng;

use super::check::Floors;
use super::fences::{Batch, Hold, Signal};
use super::kit::MILLI;
use super::lanes::Track;
use super::ops::Op;
use super::plan::{BEAT, PATIENCE, Plan};
use super::server::{Frame, Moment, Reg, Server};
use super::sessions::Session;
use super::wire::{Event, Owner, Wires};
use super::{Flaw, Near, PerWorker, Time, kit};
use crate::config;

macro_rules! worth {
    ($($name:ident,)+) => {
        /// What a run has been worth.
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct Worth { $(pub(super) $name: u64,)+ }

        impl Worth {
            pub(super) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

worth! {
    reads,
    hits,
    joins,
    together,
    writes,
    held,
    late,
    lost,
    orphans,
    expired,
    fills,
    installs,
    killed,
    pushes,
    flushes,
}

/// One run under way.
pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) plan: Plan,
    pub(super) near: Arc<Near>,
    pub(super) server: Server,
    pub(super) wires: Wires,
    pub(super) tracks: Vec<Track>,
    pub(super) sessions: Vec<Session>,
    pub(super) subscribers: Vec<usize>,
    pub(super) batches: Vec<Batch>,
    pub(super) holds: Vec<Hold>,
    pub(super) next: u64,
    pub(super) floors: Floors,
    /// Moments of writes that went through the proxy and whose outcome it may still learn, or has.
    pub(super) known: HashSet<Moment>,
    pub(super) acknowledged: HashSet<Moment>,
    /// When each moment was.
    pub(super) when: Vec<Time>,
    /// A worker is in the middle of something, while others go on.
    pub(super) inside: bool,
    pub(super) worth: Worth,
    log: Option<String>,
    pub(super) broken: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64, plan: impl FnOnce(&mut Rng) -> Plan, flaws: &[Flaw], told: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = plan(&mut rng);
        let settings = config::Cache {
            stamps: plan.stamps,
            max_staleness: std::time::Duration::from_nanos(PATIENCE),
            ..kit::settings()
        };
        let near = kit::near(settings, plan.workers);
        flaws.iter().for_each(|flaw| near.flaws.switch(*flaw));
        let mut world = Self {
            rng,
            near: Arc::clone(&near),
            server: Server::new(),
            wires: Wires::new(),
            tracks: Vec::new(),
            sessions: Vec::new(),
            subscribers: Vec::new(),
            batches: (0..plan.workers).map(|_| Batch::default()).collect(),
            holds: Vec::new(),
            next: 0,
            floors: Floors::new(),
            known: HashSet::new(),
            acknowledged: HashSet::new(),
            when: vec![0],
            inside: false,
            worth: Worth::default(),
            log: told.then(String::new),
            broken: None,
            plan,
        };
        for worker in 0..world.plan.workers {
            let part = Rc::new(PerWorker::new(Arc::clone(&near), worker));
            for db in 0..world.plan.dbs {
                world.tracks.push(Track::new(&part, worker, db));
                let lane = world.tracks.len() - 1;
                world.open(lane);
                let beat = world.rng.u64(..BEAT);
                world.wires.after(beat, Event::Beat(lane));
            }
            world.subscribers.push(0);
            world.subscribe(worker);
        }
        for session in 0..world.plan.sessions {
            let (worker, db) = (world.rng.usize(..world.plan.workers), world.rng.usize(..world.plan.dbs));
            world.sessions.push(Session::new(worker, db, world.tracks.len()));
            let think = world.rng.u64(..world.plan.think * 2);
            world.wires.after(think, Event::Turn(session));
        }
        world.wires.after(world.plan.outside / 2, Event::Outside);
        world.wires.after(world.plan.trouble / 2, Event::Trouble);
        world
    }

    pub(super) fn subscribe(&mut self, worker: usize) {
        let peer = self.server.accept();
        self.wires.open(peer, Owner::Subscriber(worker), 0);
        self.subscribers[worker] = peer;
    }

    /// The whole run in words.
    pub(super) fn tale(mut self) -> String {
        self.go();
        self.log.unwrap_or_default()
    }

    fn go(&mut self) {
        while self.broken.is_none() && self.wires.now < self.plan.length {
            let Some(event) = self.wires.pop() else { break };
            self.step(event);
        }
    }

    /// Runs to the end, or until somebody was shown what nobody may see.
    pub(super) fn run(mut self) -> Result<Worth, (String, String)> {
        self.go();
        let names: Vec<&str> = super::super::Figures::NAMES.iter().map(|(name, _)| *name).collect();
        let totals = self.near.totals();
        let total = |wanted: &str| {
            names
                .iter()
                .zip(&totals)
                .filter(|(name, _)| name.starts_with(wanted))
                .map(|(_, value)| *value)
                .sum()
        };
        (self.worth.fills, self.worth.installs) = (total("fills"), total("installs"));
        (self.worth.killed, self.worth.pushes) = (total("killed_by"), total("invalidations"));
        self.worth.flushes = total("flushes");
        match self.broken {
            Some(broken) => Err((broken, self.log.unwrap_or_default())),
            None => Ok(self.worth),
        }
    }

    pub(super) fn step(&mut self, event: Event) {
        self.server.now = self.wires.now;
        match event {
            Event::Up(wire) => self.reaches_server(wire),
            Event::Down(wire) => self.reaches_proxy(wire),
            Event::Turn(session) => self.turn(session),
            Event::Outside => self.outside(),
            Event::Trouble => self.trouble(),
            Event::Expire(reg, since) => self.expires(reg, since),
            Event::Reclaim(db, key) => {
                self.server.reclaim(db, key, None);
                self.spread();
            }
            Event::Floor(regs, at) => self.raise(&regs, at),
            Event::Ended(reg, at) => self.floors.ended[reg] = self.floors.ended[reg].max(at),
            Event::Beat(lane) => self.beat(lane),
            Event::Seal(worker) => self.seal(worker),
            Event::Wake(worker) => self.wake(worker),
            Event::Look(id) => self.look_at(id),
            Event::Deadline(id) => self.deadline(id),
            Event::Lost(wire) => self.notice(wire),
            Event::Open(lane) => self.open(lane),
            Event::Closed(wire) => {
                self.say(|| format!("connection {wire} is known to be closed"));
                self.near.global_ends();
            }
        }
        self.look_at_holds();
    }

    /// While a session is in the middle of something, others go on: of other workers, or (`yields`) of
    /// its own as well.
    pub(super) fn others_go_on(&mut self, session: usize) {
        let (yields, worker) = (self.plan.yields, self.sessions[session].worker);
        if self.inside || self.rng.bool() {
            return;
        }
        self.inside = true;
        for _ in 0..self.rng.u8(1..if yields { 40 } else { 6 }) {
            let (tracks, sessions) = (&self.tracks, &self.sessions);
            let elsewhere = |owner: Owner| match owner {
                Owner::Lane(lane) => yields || tracks[lane].worker != worker,
                Owner::Session(session) => sessions[session].worker != worker,
                Owner::Subscriber(other) => other != worker,
            };
            let next = self.wires.pop_if(|event, wires| match event {
                Event::Up(_)
                | Event::Outside
                | Event::Expire(..)
                | Event::Reclaim(..)
                | Event::Floor(..)
                | Event::Ended(..) => true,
                Event::Down(wire) => elsewhere(wires[*wire].owner),
                Event::Turn(other) => *other != session && (yields || sessions[*other].worker != worker),
                Event::Beat(_) => yields,
                _ => false,
            });
            match next {
                Some(event) => self.step(event),
                None => break,
            }
        }
        self.inside = false;
    }

    pub(super) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            let now = self.wires.now;
            log.push_str(&format!("{:>4}.{:06} {}\n", now / MILLI, now % MILLI, what()));
        }
    }

    /// What the server has to say goes out, and what is to expire is remembered.
    pub(super) fn spread(&mut self) {
        self.when.resize(self.server.moment as usize + 1, self.wires.now);
        for (wire, frame) in std::mem::take(&mut self.server.out) {
            self.wires.bring(&mut self.rng, &self.plan, wire, frame);
        }
        for (at, reg, since) in std::mem::take(&mut self.server.deadlines) {
            self.wires.at(at, Event::Expire(reg, since));
        }
    }

    /// Something that nobody has been told the outcome of was executed.
    pub(super) fn unacknowledged(&mut self, changed: Vec<Reg>, at: Moment) {
        if !changed.is_empty() {
            self.wires.after(PATIENCE, Event::Floor(changed, at));
        }
    }

    pub(super) fn raise(&mut self, regs: &[Reg], at: Moment) {
        regs.iter().for_each(|reg| self.floors.known[*reg] = self.floors.known[*reg].max(at));
    }

    fn reaches_server(&mut self, wire: usize) {
        let at = &mut self.wires.all[wire];
        let (Some(text), false) = (at.up.pop_front(), at.cut) else { return };
        let (lost, db) = (at.lost, at.db);
        let changed = self.server.run(Some(wire), db, &text);
        let moment = self.server.moment;
        if text != "HELLO" && !text.starts_with("CLIENT") {
            self.say(|| {
                format!("server, connection {wire}: {text}{} @{moment}", if lost { " (late)" } else { "" })
            });
        }
        if lost {
            self.worth.orphans += u64::from(!changed.is_empty());
            self.unacknowledged(changed, moment);
        } else if !changed.is_empty() && !text.contains("EVAL") {
            self.known.insert(moment);
        }
        self.spread();
    }

    fn reaches_proxy(&mut self, wire: usize) {
        let at = &mut self.wires.all[wire];
        let (Some(frame), false) = (at.down.pop_front(), at.lost) else { return };
        match at.owner {
            Owner::Lane(lane) => self.lane_brings(lane, frame),
            Owner::Session(session) => self.own_brings(session, frame),
            Owner::Subscriber(worker) => {
                if let Frame::Message(at) = frame {
                    self.hold(worker, Signal { whose: None, at }, None);
                }
            }
        }
    }

    /// The proxy gives a connection up. What it sent may still be executed, or a part of it.
    pub(super) fn abandon(&mut self, wire: usize) {
        self.say(|| format!("connection {wire} is lost"));
        self.server.close(wire);
        let at = &mut self.wires.all[wire];
        at.lost = true;
        let keep = self.rng.usize(..=at.up.len());
        at.up.truncate(keep);
        for frame in std::mem::take(&mut at.down) {
            if let Frame::Reply { at, changed, .. } = frame {
                self.known.remove(&at);
                changed.iter().for_each(|reg| self.floors.shown[*reg] = 0);
                self.unacknowledged(changed, at);
            }
        }
    }

    /// An own connection, or the connection of a lane, is gone.
    fn notice(&mut self, wire: usize) {
        if self.wires.all[wire].lost {
            return;
        }
        match self.wires.all[wire].owner {
            Owner::Lane(lane) => self.lose(lane),
            Owner::Session(session) => self.lose_own(session),
            Owner::Subscriber(_) => {}
        }
    }

    pub(super) fn fail(&mut self, what: String) {
        self.say(|| format!("BROKEN: {what}"));
        self.broken.get_or_insert(what);
    }

    pub(super) fn soon(&mut self, most: Time) -> Time {
        self.rng.u64(..most.max(1))
    }
}

/// Requests a session has not begun, with what must be seen by them.
pub(super) type Queue = VecDeque<(Op, Floors, Time)>;
