//! A fill: a read that is sent so that its reply can be kept.
//!
//! Three requests in one write: `CLIENT CACHING YES` has the server watch the key for this connection, then
//! comes the read itself, then the key's TTL (and those of hash fields). Any change before the last reply
//! shows as an invalidation between the replies, so what is kept at the end is what the key was then.

pub(super) mod join;
mod keep;
mod part;
mod reply;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Flaw, Lane, Query, Time, Trust, is_busy};
use crate::command::{Cached, Command};
use crate::resp::request::{Args, encode};
pub use keep::values_row;
use part::Part;
use reply::{elements, integer};

/// Has the server watch what the next command reads.
const CACHING: &[u8] = b"*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n";
/// Most keys, or fields, of one fill.
const MOST: usize = 128;

/// What has come so far.
#[derive(Debug, Default)]
struct Got {
    value: Vec<u8>,
    /// The shortest TTL of the fields it depends on, milliseconds.
    field_ttl: Option<i64>,
    /// The TTLs of its keys, as `PTTL` says them.
    ttls: Vec<i64>,
}

/// A fill under way. Whoever holds its last handle without the last reply leaves nothing behind.
#[derive(Debug)]
pub struct Fill {
    lane: Rc<Lane>,
    kind: Cached,
    parts: Vec<Part>,
    /// How many elements the reply has, where it is cut into several values.
    elements: usize,
    fields: Vec<Box<[u8]>>,
    /// The server is asked to watch.
    tracked: bool,
    epoch: Cell<u64>,
    word: Cell<u64>,
    connection: u64,
    /// When it was begun.
    since: Time,
    /// Where the read stands in the lane's order.
    place: Cell<u64>,
    /// How many fields' TTLs are asked for.
    asked: Cell<usize>,
    /// Replies that are still to come.
    awaited: Cell<usize>,
    over: Cell<bool>,
    got: RefCell<Got>,
}

/// What a reply to a fill asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing more.
    Enough,
    /// This has to be asked as well; [`Fill::fields`] takes the reply.
    Ask(Vec<u8>),
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.close_to_others();
        if self.connection == self.lane.connection() {
            self.lane.state().filled();
        }
    }
}

impl Fill {
    /// Begins one for a read with one key; to be called before anything of it is sent. `None`: its reply
    /// must not be kept.
    pub fn one(
        lane: &Rc<Lane>,
        query: &Query<'_>,
        command: &Command,
        args: &Args<'_>,
        now: Time,
    ) -> Option<Rc<Self>> {
        let kind = if command.cached == Cached::Count { Cached::Key } else { command.cached };
        if kind == Cached::Whole && lane.has_field_ttl() {
            return None;
        }
        let fields: Vec<Box<[u8]>> = match kind {
            Cached::Fields if lane.has_field_ttl() => (2..args.len()).map(|at| args.get(at).into()).collect(),
            _ => Vec::new(),
        };
        let part = Part::new(lane, query, 0).filter(|_| fields.len() <= MOST);
        Self::begin(lane, kind, part.into_iter().collect(), (1, fields), now)
    }

    /// Begins one for an `MGET`: an entry per key, but for keys that must not be kept.
    pub fn values(lane: &Rc<Lane>, args: &Args<'_>, now: Time) -> Option<Rc<Self>> {
        let row = values_row()?;
        if args.len() > MOST || !args.is_array() {
            return None;
        }
        let part =
            |at| Part::new(lane, &Query::part(&lane.near().hasher, lane.number, row, args, at), at - 1);
        let parts = (1..args.len()).filter_map(part).collect();
        Self::begin(lane, Cached::Values, parts, (args.len() - 1, Vec::new()), now)
    }

    fn begin(
        lane: &Rc<Lane>,
        kind: Cached,
        mut parts: Vec<Part>,
        (elements, fields): (usize, Vec<Box<[u8]>>),
        now: Time,
    ) -> Option<Rc<Self>> {
        let word = lane.near().word.load();
        parts.retain(|part| !is_busy(part.stamp.get()));
        if lane.trust() == Trust::None || is_busy(word) || parts.is_empty() {
            return None;
        }
        // Before anything is sent, so that no fence passes this lane over.
        lane.state().fill();
        lane.worker.figures().fills.add();
        let behind = parts.len() + usize::from(!fields.is_empty());
        let tracked = lane.trust() == Trust::Tracked;
        Some(Rc::new(Self {
            lane: Rc::clone(lane),
            kind,
            elements,
            tracked,
            epoch: Cell::new(lane.epoch()),
            word: Cell::new(word),
            connection: lane.connection(),
            since: now,
            place: Cell::new(0),
            asked: Cell::new(fields.len()),
            awaited: Cell::new(usize::from(tracked) + 1 + behind),
            over: Cell::new(false),
            got: RefCell::new(Got { ttls: vec![-2; parts.len()], ..Got::default() }),
            parts,
            fields,
        }))
    }

    /// What is sent before the read; [`Self::watched`] takes its reply.
    pub fn before(&self) -> Option<&'static [u8]> {
        self.tracked.then_some(CACHING)
    }

    /// What is sent behind the read to learn TTLs of fields; [`Self::fields`] takes its reply.
    pub fn ask_fields(&self) -> Option<Vec<u8>> {
        let name = &self.parts.first()?.name;
        let fields: Vec<&[u8]> = self.fields.iter().map(|field| &**field).collect();
        (!fields.is_empty()).then(|| field_ttls(name, &fields))
    }

    /// What is sent behind the read to learn the TTL of each key; [`Self::ttl`] takes the replies.
    pub fn ask_ttls(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.parts.iter().map(|part| encode(&[b"PTTL", &part.name]))
    }

    /// The reply to [`Self::before`].
    pub fn watched(&self, reply: &[u8]) {
        if reply == b"+OK\r\n" { self.settle() } else { self.refused(reply) }
    }

    /// The reply to the read.
    pub fn value(&self, reply: &[u8]) -> Heard {
        self.close_to_others();
        if self.over.get() {
            return Heard::Enough;
        }
        let (near, figures) = (self.lane.near(), self.lane.worker.figures());
        let most = near.max_value().saturating_mul(self.elements as u64);
        if matches!(reply.first(), Some(b'-' | b'!' | b'|')) || reply.len() as u64 > most {
            figures.unfit.add();
            self.abandon();
            return Heard::Enough;
        }
        if near.flaws.has(Flaw::LateStamp) {
            self.parts.iter().for_each(|part| part.stamp.set(near.stamps.at(part.stripe).load()));
            self.epoch.set(self.lane.epoch());
            self.word.set(near.word.load());
        }
        self.got.borrow_mut().value.extend_from_slice(reply);
        let next = self.names(reply);
        match &next {
            Some(Heard::Ask(_)) => self.awaited.set(self.awaited.get() + 1),
            Some(Heard::Enough) => {}
            None => {
                figures.unfit.add();
                self.abandon();
            }
        }
        self.settle();
        next.unwrap_or(Heard::Enough)
    }

    /// What has to be asked about the fields that `reply` names; `None`: it cannot be.
    fn names(&self, reply: &[u8]) -> Option<Heard> {
        let Cached::Names(step) = self.kind else { return Some(Heard::Enough) };
        if !self.lane.has_field_ttl() {
            return Some(Heard::Enough);
        }
        let all = elements(reply)?;
        let names: Option<Vec<&[u8]>> =
            all.iter().step_by(usize::from(step)).map(|element| reply::bulk(element)).collect();
        let names = names.filter(|names| names.len() <= MOST)?;
        if names.is_empty() {
            return Some(Heard::Enough);
        }
        self.asked.set(names.len());
        Some(Heard::Ask(field_ttls(&self.parts.first()?.name, &names)))
    }

    /// The reply to [`Self::ask_fields`] or [`Heard::Ask`]: a TTL for each field, -1 for none, -2 where
    /// there is no such field.
    pub fn fields(&self, reply: &[u8]) {
        let asked = self.asked.get();
        let ttls: Option<Vec<i64>> = match reply {
            // No such key, then: nothing of it has a field.
            b"_\r\n" => Some(vec![-2; asked]),
            _ => elements(reply).and_then(|all| all.iter().map(|element| integer(element)).collect()),
        };
        match ttls {
            Some(ttls) if ttls.len() == asked && self.agree(&ttls) => {
                self.got.borrow_mut().field_ttl = ttls.into_iter().filter(|ttl| *ttl >= 0).min();
                self.settle();
            }
            _ => self.abandon(),
        }
    }

    /// The reply to `PTTL` for key `at`; the last one keeps the entries, if all still holds.
    pub fn ttl(&self, at: usize, reply: &[u8], now: Time) {
        let ttl = match integer(reply) {
            _ if self.lane.near().flaws.has(Flaw::Ttl) => Some(-1),
            ttl => ttl,
        };
        match (ttl, self.got.borrow_mut().ttls.get_mut(at)) {
            (Some(ttl), Some(place)) => *place = ttl,
            _ => return self.refused(reply),
        }
        self.settle_at(now);
    }

    /// What a fill needs was not granted. A user who may not have it is not asked for again and again.
    fn refused(&self, reply: &[u8]) {
        if reply.starts_with(b"-NOPERM") {
            self.lane.forbidden(&String::from_utf8_lossy(reply));
        }
        self.abandon();
    }

    /// Nothing of it is kept. A reply will not come, or is of no use.
    pub fn abandon(&self) {
        self.over.set(true);
        self.close_to_others();
    }

    fn settle(&self) {
        // Only the TTL of a key comes last, or what was asked because of the value: that one takes as long
        // as a round trip more, which is not counted against its age.
        self.settle_at(self.since);
    }

    fn settle_at(&self, now: Time) {
        self.awaited.set(self.awaited.get().saturating_sub(1));
        if self.awaited.get() > 0 || self.over.replace(true) {
            return;
        }
        let got = self.got.take();
        self.keep_all(&got, now);
    }
}

fn field_ttls(name: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    let count = fields.len().to_string();
    let head: [&[u8]; 4] = [b"HPTTL", name, b"FIELDS", count.as_bytes()];
    encode(&[&head, fields].concat())
}
