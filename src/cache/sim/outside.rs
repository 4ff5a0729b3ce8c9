//! What others do to the server, and what goes wrong.

use super::kit::MILLI;
use super::plan::{Outside, PATIENCE, Trouble, pick};
use super::server::{Frame, Moment, NAMES, Reg};
use super::wire::{Event, Owner};
use super::world::World;

impl World {
    pub(super) fn key(&mut self) -> &'static str {
        NAMES[self.rng.usize(..self.plan.keys)]
    }

    pub(super) fn outside(&mut self) {
        let pause = 1 + self.rng.u64(..self.plan.outside * 2);
        self.wires.after(pause, Event::Outside);
        let Some(what) = pick(&mut self.rng, &self.plan.outsides.clone()) else { return };
        let (key, other, ms) = (self.key(), self.key(), self.rng.u8(2..40));
        let field = if self.rng.bool() { "f" } else { "g" };
        let text = match what {
            Outside::Set | Outside::Signal if self.rng.u8(..4) > 0 => format!("SET {key}"),
            Outside::Set => format!("SET {key} PX {ms}"),
            Outside::Mset => format!("MSET {key} {other}"),
            Outside::Signal => format!("MSET {key} {other}"),
            Outside::Delete => format!("DEL {}", if self.rng.bool() { key } else { "h" }),
            Outside::Expire => format!("PEXPIRE {key} {ms}"),
            Outside::Field => match self.rng.u8(..3) {
                0 => format!("HSET h {field}"),
                1 => format!("HSETEX h {field} {ms}"),
                _ => format!("HPEXPIRE h {field} {ms}"),
            },
            Outside::Flush => "FLUSHALL".into(),
            Outside::Evict => format!("EVICT {key}"),
        };
        let db = self.rng.usize(..self.plan.dbs);
        let changed = self.server.run(None, db, &text);
        let at = self.server.moment;
        self.say(|| format!("outside, db {db}: {text} @{at}"));
        self.unacknowledged(changed, at);
        if what == Outside::Signal {
            if self.rng.bool() {
                self.server.run(None, db, "LPUSH");
            } else {
                let subscriber = self.subscribers[self.rng.usize(..self.subscribers.len())];
                if !self.server.is_behind(subscriber) {
                    self.server.out.push((subscriber, Frame::Message(at)));
                }
            }
        }
        self.spread();
    }

    pub(super) fn expires(&mut self, reg: Reg, since: Moment) {
        let Some(state) = self.server.expire(reg, since) else { return };
        self.worth.expired += 1;
        self.spread();
        let at = self.server.moment;
        self.say(|| format!("{} of @{since} has expired @{at}", super::server::name_of(reg)));
        let later = self.soon(40 * MILLI);
        let (db, key) = super::server::whose(reg);
        self.wires.after(later, Event::Reclaim(db, key));
        if self.acknowledged.contains(&state.since) {
            self.floors.ended[reg] = at;
        } else {
            let when = self.when[state.since as usize] + PATIENCE;
            self.wires.at(when, Event::Ended(reg, at));
        }
    }

    pub(super) fn trouble(&mut self) {
        let pause = 1 + self.rng.u64(..self.plan.trouble * 2);
        self.wires.after(pause, Event::Trouble);
        match pick(&mut self.rng, &self.plan.troubles.clone()) {
            Some(Trouble::Lane) => {
                let lane = self.rng.usize(..self.tracks.len());
                self.lose(lane);
            }
            Some(Trouble::Own) => {
                let session = self.rng.usize(..self.sessions.len());
                self.lose_own(session);
            }
            Some(Trouble::HalfOpen) => {
                let lane = self.rng.usize(..self.tracks.len());
                let Some(wire) = self.tracks[lane].wire.filter(|wire| !self.wires.all[*wire].cut) else {
                    return;
                };
                debug_assert_eq!(self.wires.all[wire].owner, Owner::Lane(lane));
                self.say(|| format!("the server drops connection {wire}"));
                self.server.close(wire);
                self.wires.all[wire].cut = true;
                let noticed = self.soon(3 * PATIENCE);
                self.wires.after(noticed, Event::Lost(wire));
            }
            Some(Trouble::FailOver) => {
                self.say(|| "another server becomes the master".into());
                self.server.fail_over();
            }
            None => {}
        }
    }
}
