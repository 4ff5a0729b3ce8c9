//! A session's own connection: transactions, blocking commands, and what concerns all keys.

use super::Stripe;
use super::fences::Signal;
use super::kit::MILLI;
use super::ops::{Kind, Op};
use super::server::Frame;
use super::sessions::Answer;
use super::wire::{Event, Owner};
use super::world::World;

/// What is under way on a session's own connection.
pub(super) struct Own {
    tag: u64,
    kind: Kind,
    marks: Vec<(Stripe, bool)>,
    text: String,
}

impl World {
    pub(super) fn send_own(&mut self, session: usize, op: &Op, tag: u64) {
        let wire = match self.sessions[session].wire {
            Some(wire) => wire,
            None => {
                // Who opens a connection sees whether it leads to where the others do.
                if self.tracks.iter().filter_map(|track| track.wire).any(|wire| self.server.is_behind(wire)) {
                    self.move_all();
                }
                let peer = self.server.accept();
                self.wires.open(peer, Owner::Session(session), op.db);
                self.sessions[session].wire = Some(peer);
                peer
            }
        };
        self.wires.all[wire].db = op.db;
        let marks = if op.kind == Kind::Exec { self.begin_writes(&op.writes()) } else { Vec::new() };
        if op.kind == Kind::Global {
            self.near.global_begins();
        }
        self.sessions[session].own = Some(Own { tag, kind: op.kind, marks, text: op.text.clone() });
        self.wires.send(&mut self.rng, &self.plan, wire, op.text.clone(), false);
    }

    pub(super) fn own_brings(&mut self, session: usize, frame: Frame) {
        let Frame::Reply { bytes, at, changed } = frame else { return };
        let Some(own) = self.sessions[session].own.take() else {
            return self.fail(format!("session {session} has a reply to nothing"));
        };
        let whose = (session, own.tag);
        match own.kind {
            Kind::Signal => {
                let worker = self.sessions[session].worker;
                return self.hold(worker, Signal { whose: Some((whose, changed)), at }, None);
            }
            Kind::Global => self.near.global_ends(),
            _ => {
                self.end_writes(&own.marks);
                // What it has seen there its lanes may not have heard of.
                for lane in 0..self.tracks.len() {
                    if self.tracks[lane].worker == self.sessions[session].worker {
                        self.sessions[session].marks[lane] = self.tracks[lane].sent + 1;
                    }
                }
            }
        }
        self.answer(whose, Answer::Reply { bytes, at, changed });
    }

    pub(super) fn lose_own(&mut self, session: usize) {
        let Some(wire) = self.sessions[session].wire.take() else { return };
        self.abandon(wire);
        let Some(own) = self.sessions[session].own.take() else { return };
        self.end_writes(&own.marks);
        if own.kind == Kind::Global {
            if own.text == "SWAPDB" {
                // Nobody announces it: it counts as in flight until it cannot be executed any more.
                let when = self.wires.all[wire].last_up() + MILLI;
                self.wires.at(when, Event::Closed(wire));
            } else {
                self.near.global_ends();
            }
        }
        self.answer((session, own.tag), Answer::Lost);
    }
}
