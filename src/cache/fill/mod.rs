//! A fill: a read that is sent so that its reply can be kept.
//!
//! Three requests in one write: `CLIENT CACHING YES` has the server watch the key for this connection, then
//! comes the read itself, then the key's TTL (and those of hash fields). Any change before the last reply
//! shows as an invalidation between the replies, so what is kept at the end is what the key was then.

mod reply;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::{Entry, Flaw, Kept, Lane, Origin, Query, Stripe, Time, Trust, is_busy};
use crate::command::{Cached, Command, lookup, number};
use crate::resp::request::{Args, encode};
use reply::{absent, elements, integer};

/// Has the server watch what the next command reads.
const CACHING: &[u8] = b"*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n";
/// Most keys, or fields, of one fill.
const MOST: usize = 128;
/// Nanoseconds in a millisecond, which TTLs are counted in.
const MILLI: Time = 1_000_000;

/// One entry to be.
#[derive(Debug)]
struct Part {
    row: u16,
    name: Box<[u8]>,
    tail: Box<[u8]>,
    hash: u64,
    stripe: Stripe,
    stamp: Cell<u64>,
    kept: Kept,
}

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
    fields: Vec<Box<[u8]>>,
    epoch: Cell<u64>,
    word: Cell<u64>,
    connection: u64,
    /// When it was begun.
    since: Time,
    /// Where the read stands in the lane's order.
    place: Cell<u64>,
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
        let part = Part::new(lane, query)?;
        if fields.len() > MOST || is_busy(part.stamp.get()) {
            return None;
        }
        Self::begin(lane, kind, vec![part], fields, now)
    }

    /// Begins one for an `MGET`: an entry per key, but for keys that must not be kept.
    pub fn values(lane: &Rc<Lane>, args: &Args<'_>, now: Time) -> Option<Rc<Self>> {
        let row = values_row()?;
        if args.len() > MOST || !args.is_array() {
            return None;
        }
        let query = |at| Query::part(&lane.near().hasher, lane.number, row, args, at);
        let parts: Option<Vec<Part>> = (1..args.len()).map(|at| Part::new(lane, &query(at))).collect();
        Self::begin(lane, Cached::Values, parts?, Vec::new(), now)
    }

    fn begin(
        lane: &Rc<Lane>,
        kind: Cached,
        parts: Vec<Part>,
        fields: Vec<Box<[u8]>>,
        now: Time,
    ) -> Option<Rc<Self>> {
        let word = lane.near().word.load();
        if lane.trust() == Trust::None || is_busy(word) {
            return None;
        }
        lane.state().fill();
        lane.worker.figures().fills.add();
        let behind = parts.len() + usize::from(!fields.is_empty());
        let caching = usize::from(lane.trust() == Trust::Tracked);
        Some(Rc::new(Self {
            lane: Rc::clone(lane),
            kind,
            epoch: Cell::new(lane.epoch()),
            word: Cell::new(word),
            connection: lane.connection(),
            since: now,
            place: Cell::new(0),
            awaited: Cell::new(caching + 1 + behind),
            over: Cell::new(false),
            got: RefCell::new(Got { ttls: vec![-2; parts.len()], ..Got::default() }),
            parts,
            fields,
        }))
    }

    /// What is sent before the read; [`Self::watched`] takes its reply.
    pub fn before(&self) -> Option<&'static [u8]> {
        (self.lane.trust() == Trust::Tracked).then_some(CACHING)
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

    /// The read is in its place on the lane: others may join it.
    pub fn sent(self: &Rc<Self>, place: u64) {
        self.place.set(place);
        if let (Cached::Values, _) | (_, None) = (self.kind, self.parts.first()) {
            return;
        }
        self.lane.fills.borrow_mut().insert(self.parts[0].hash, Rc::downgrade(self));
    }

    /// The reply to [`Self::before`].
    pub fn watched(&self, reply: &[u8]) {
        if reply == b"+OK\r\n" { self.settle() } else { self.abandon() }
    }

    /// The reply to the read.
    pub fn value(&self, reply: &[u8]) -> Heard {
        self.close_to_others();
        if self.over.get() {
            return Heard::Enough;
        }
        let (near, figures) = (self.lane.near(), self.lane.worker.figures());
        if matches!(reply.first(), Some(b'-' | b'!' | b'|')) || reply.len() as u64 > near.settings.max_value {
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
        if !self.lane.has_field_ttl() || matches!(reply, b"%0\r\n" | b"*0\r\n") {
            return Some(Heard::Enough);
        }
        let all = elements(reply)?;
        let names: Option<Vec<&[u8]>> =
            all.iter().step_by(usize::from(step)).map(|element| reply::bulk(element)).collect();
        let names = names.filter(|names| names.len() <= MOST)?;
        Some(Heard::Ask(field_ttls(&self.parts.first()?.name, &names)))
    }

    /// The reply to [`Self::ask_fields`] or [`Heard::Ask`]: a TTL for each field, -1 for none, -2 where
    /// there is no such field.
    pub fn fields(&self, reply: &[u8]) {
        let ttls: Option<Vec<i64>> = match reply {
            b"_\r\n" => Some(Vec::new()),
            _ => elements(reply).and_then(|all| all.iter().map(|element| integer(element)).collect()),
        };
        match ttls {
            Some(ttls) if self.agree(&ttls) => {
                self.got.borrow_mut().field_ttl = ttls.into_iter().filter(|ttl| *ttl >= 0).min();
                self.settle();
            }
            _ => self.abandon(),
        }
    }

    /// Whether fields that are gone by now were not there when they were read either.
    fn agree(&self, ttls: &[i64]) -> bool {
        if ttls.iter().all(|ttl| *ttl != -2) {
            return true;
        }
        let got = self.got.borrow();
        match self.kind {
            Cached::Fields if self.fields.len() == 1 && !got.value.starts_with(b"*") => absent(&got.value),
            Cached::Fields => elements(&got.value).is_some_and(|values| {
                values.len() == ttls.len()
                    && values.iter().zip(ttls).all(|(value, ttl)| *ttl != -2 || absent(value))
            }),
            _ => false,
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
            _ => return self.abandon(),
        }
        self.settle_at(now);
    }

    /// Nothing of it is kept. A reply will not come, or is of no use.
    pub fn abandon(&self) {
        self.over.set(true);
        self.close_to_others();
    }

    fn close_to_others(&self) {
        if let Some(part) = self.parts.first() {
            let mut fills = self.lane.fills.borrow_mut();
            if fills.get(&part.hash).is_some_and(|other| std::ptr::eq(other.as_ptr(), self)) {
                fills.remove(&part.hash);
            }
        }
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
        let values = match self.kind {
            Cached::Values => elements(&got.value).unwrap_or_default(),
            _ => vec![&got.value[..]],
        };
        if values.len() == self.parts.len() {
            let each = self.parts.iter().zip(values).zip(&got.ttls);
            each.for_each(|((part, value), ttl)| self.keep(part, value, (*ttl, got.field_ttl), now));
        }
    }

    /// Keeps one entry, if everything still is as it was when the read was sent.
    fn keep(&self, part: &Part, value: &[u8], (ttl, field_ttl): (i64, Option<i64>), now: Time) {
        let (near, figures) = (self.lane.near(), self.lane.worker.figures());
        let flaws = &near.flaws;
        let is_nil = value == b"_\r\n";
        let is_value = self.kind == Cached::Values || values_row() == Some(part.row);
        let fits = if is_value { is_nil == (ttl == -2) } else { ttl != -2 || absent(value) };
        let lives = [Some(ttl).filter(|ttl| *ttl >= 0), field_ttl].into_iter().flatten().min();
        let expires = match lives {
            Some(ms) => self.since.saturating_add((ms as Time).saturating_mul(MILLI)).saturating_sub(MILLI),
            None => Time::MAX,
        };
        let deadline = expires.min(self.since.saturating_add(part.kept.max_age).saturating_sub(MILLI));
        if (!fits && !flaws.has(Flaw::Ttl)) || lives == Some(0) || deadline <= now {
            return figures.killed_by_ttl.add();
        }
        let stamp = near.stamps.at(part.stripe).load();
        if (stamp != part.stamp.get() || is_busy(stamp)) && !flaws.has(Flaw::InstallStamp) {
            return figures.killed_by_stamp.add();
        }
        if self.lane.epoch() != self.epoch.get() && !flaws.has(Flaw::InstallEpoch) {
            return figures.killed_by_epoch.add();
        }
        if near.word.load() != self.word.get() && !flaws.has(Flaw::InstallWord) {
            return figures.killed_by_word.add();
        }
        let origin = Origin {
            lane: self.lane.number,
            // What was switched off must not be made good by what a hit looks at.
            epoch: if flaws.has(Flaw::InstallEpoch) { self.lane.epoch() } else { self.epoch.get() },
            word: if flaws.has(Flaw::InstallWord) { near.word.load() } else { self.word.get() },
            deadline,
            expires,
            stale_for: part.kept.stale_for,
        };
        self.lane.state().live_until(deadline);
        let entry = Entry::new(part.hash, part.row, (part.stripe, stamp), origin, &part.tail, value);
        self.lane.worker.keep(Arc::new(entry));
        figures.installs.add();
    }
}

impl Part {
    /// `None`: its key is not kept.
    fn new(lane: &Lane, query: &Query<'_>) -> Option<Self> {
        let near = lane.near();
        let kept = near.patterns.kept(query.name)?;
        let stripe = near.stripe(query.name);
        let stamp = Cell::new(near.stamps.at(stripe).load());
        let (name, tail) = (query.name.into(), query.tail.into());
        Some(Self { row: query.row, name, tail, hash: query.hash, stripe, stamp, kept })
    }
}

impl Lane {
    /// Where the read is under way that `query` may join: its reply will be as current as one to a read
    /// sent now.
    pub fn joinable(&self, query: &Query<'_>, now: Time) -> Option<u64> {
        let fill = self.fills.borrow().get(&query.hash)?.upgrade()?;
        let part = fill.parts.first()?;
        let near = self.near();
        let same = part.row == query.row && *part.tail == *query.tail && !fill.over.get();
        let current = near.stamps.at(part.stripe).load() == part.stamp.get()
            && self.epoch() == fill.epoch.get()
            && near.word.load() == fill.word.get()
            // The server has answered nothing since: what it had read by then could be older than promised.
            && now.saturating_sub(fill.since) < near.patience();
        (same && (current || near.flaws.has(Flaw::Join))).then(|| fill.place.get())
    }
}

/// The number of the row whose entries `MGET` is made of: `GET`.
pub fn values_row() -> Option<u16> {
    get().map(number)
}

fn get() -> Option<&'static Command> {
    let span = crate::resp::request::Span { start: 0, end: 3 };
    lookup(&Args::new(b"GET", &[span]))
}

fn field_ttls(name: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    let count = fields.len().to_string();
    let head: [&[u8]; 4] = [b"HPTTL", name, b"FIELDS", count.as_bytes()];
    encode(&[&head, fields].concat())
}
