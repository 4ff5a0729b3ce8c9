//! Reads that may be answered from memory, and what is sent for those that are not.

use std::rc::Rc;
use std::sync::Arc;

use super::clock;
use super::doing::{Doing, doing};
use super::mark::{Filling, Global, Mark, Part, Written};
use super::verify::Verify;
use crate::cache::{self, Entry, Fill, Flaw, Miss, Query, Time, Trust};
use crate::command::{Cached, Command, number};
use crate::policy::Permit;
use crate::resp::Proto;
use crate::resp::convert::{Conversion, convert};
use crate::resp::request::Args;
use crate::session::Client;
use crate::session::client::{After, Ticket};
use crate::session::path::Path;
use crate::session::verdict::Verdict;
use crate::telemetry::meters::By;
use crate::upstream::Lane;

/// What a session has seen that its lane may not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Seen {
    /// Nothing: whatever it was told came by its lane.
    #[default]
    Nothing,
    /// Something, on another connection or another lane.
    Elsewhere,
    /// The same; its lane will have caught up once it has answered a request from this place on.
    Until(u64),
}

impl Path {
    /// The cache's clock, looked at once for all requests of one read.
    #[inline]
    fn time(&mut self) -> Time {
        *self.now.get_or_insert_with(clock::now)
    }

    /// Whether the next read is worth looking for; always, where the upstream is away.
    #[inline]
    pub(in crate::session) fn tries(&mut self) -> bool {
        self.worker.keeper.worker.tries() || self.lane().is_down()
    }

    /// Answers a read from memory, or by joining one that is under way. `None`: it has to be sent.
    #[inline]
    pub(in crate::session) fn remembered(
        &mut self,
        permit: Permit,
        command: &'static Command,
        args: &Args<'_>,
        how: Option<Conversion>,
    ) -> Option<Verdict> {
        if command.cached == Cached::No || !self.worker.keeper.gives() || !command.arity_ok(args.len()) {
            return None;
        }
        self.worker.keeper.worker.missed();
        // Whatever is unanswered may be answered with something older, or newer, than what is kept.
        let flaws = |path: &Self, flaw| path.worker.keeper.worker.near.flaws.has(flaw);
        if (self.client.outstanding() > 0 && !flaws(self, Flaw::Order)) || self.client.has_later() {
            return None;
        }
        // Who does not read what it is owed is not given more: it waits for room like any other request.
        if self.client.is_starved() {
            return None;
        }
        let lane = Rc::clone(self.lane());
        // Writes go to the current server, and so must reads.
        let moved = !lane.is_current() && !lane.is_down();
        if moved || lane.is_aside() || (!self.has_caught_up(&lane) && !flaws(self, Flaw::OwnSession)) {
            return None;
        }
        let now = self.time();
        let kept = Rc::clone(&lane.watch().lane);
        if command.cached == Cached::Values || (command.cached == Cached::Count && args.len() != 2) {
            return self.all_remembered(permit, &kept, command, args, now);
        }
        let query = Query::whole(&self.worker.keeper.worker.near.hasher, kept.number, command, args)?;
        if self.give(how, |give| kept.look(permit, &query, now, give)) {
            kept.worker.figures().hits.add();
            kept.worker.reads(query.name, true, now);
            self.verify(permit, &lane, &query, args, now);
            self.answered_here(By::Memory);
            return Some(Verdict::Done);
        }
        if lane.is_down() && self.give(how, |give| kept.look_stale(permit, &query, now, give)) {
            kept.worker.figures().stale_served.add();
            kept.worker.reads(query.name, true, now);
            self.answered_here(By::Memory);
            return Some(Verdict::Done);
        }
        self.join(&lane, &kept, &query, args, how, now)
    }

    /// Whether its lane has been heard to the point the session has seen.
    #[inline]
    fn has_caught_up(&mut self, lane: &Lane<Client>) -> bool {
        match self.seen {
            Seen::Nothing => true,
            Seen::Elsewhere => {
                self.seen = Seen::Until(lane.next_place());
                false
            }
            Seen::Until(place) if lane.answered() > place => {
                self.seen = Seen::Nothing;
                true
            }
            Seen::Until(_) => false,
        }
    }

    /// Has a reply put for the client, if `look` finds one.
    #[inline]
    fn give(&self, how: Option<Conversion>, look: impl FnOnce(&mut dyn FnMut(&[u8])) -> bool) -> bool {
        look(&mut |reply| {
            self.client.append(|out| match how {
                None => out.extend_from_slice(reply),
                Some(how) => convert(how, reply, out),
            });
        })
    }

    /// `MGET` and `EXISTS` of several: only if all are current together.
    fn all_remembered(
        &mut self,
        permit: Permit,
        kept: &Rc<cache::Lane>,
        command: &'static Command,
        args: &Args<'_>,
        now: Time,
    ) -> Option<Verdict> {
        if !args.is_array() {
            return None;
        }
        let near = &self.worker.keeper.worker.near;
        let row = if command.cached == Cached::Values { cache::values_row()? } else { number(command) };
        let find = |at| {
            let query = Query::part(&near.hasher, kept.number, row, args, at);
            kept.find(permit, &query, now)
        };
        let entries: Vec<Arc<Entry>> = (1..args.len()).map(find).collect::<Option<_>>()?;
        // The last look at each comes after all have been found.
        let together = entries.iter().all(|entry| kept.holds(entry, now));
        if !together && !near.flaws.has(Flaw::Together) {
            return None;
        }
        let proto = self.proto;
        self.client.append(|out| match command.cached {
            Cached::Count => {
                let there = entries.iter().filter(|entry| entry.reply() == b":1\r\n").count();
                out.extend_from_slice(format!(":{there}\r\n").as_bytes());
            }
            _ => {
                out.extend_from_slice(format!("*{}\r\n", entries.len()).as_bytes());
                entries.iter().for_each(|entry| match proto {
                    Proto::Resp3 => out.extend_from_slice(entry.reply()),
                    Proto::Resp2 => convert(Conversion::Generic, entry.reply(), out),
                });
            }
        });
        kept.worker.figures().hits.add();
        (1..args.len()).for_each(|at| kept.worker.reads(args.get(at), true, now));
        self.answered_here(By::Memory);
        Some(Verdict::Done)
    }

    /// Waits for the reply to the same read, if one is under way and will be as current as one of its own.
    fn join(
        &mut self,
        lane: &Rc<Lane<Client>>,
        kept: &Rc<cache::Lane>,
        query: &Query<'_>,
        args: &Args<'_>,
        how: Option<Conversion>,
        now: Time,
    ) -> Option<Verdict> {
        let place = kept.joinable(query, now)?;
        let weight = u32::try_from(args.bytes().len()).unwrap_or(u32::MAX);
        let (class, asked, sampled) = (self.class, self.asked, self.worker.traces.samples());
        let (conversion, after, by) = (how, After::Nothing, By::Joined);
        let ticket = Ticket { conversion, after, weight, class, by, asked, sampled };
        if !lane.join(place, &self.client, ticket, self.arrived) {
            return None;
        }
        self.client.sent(weight);
        kept.worker.figures().joins.add();
        kept.worker.reads(query.name, true, now);
        Some(Verdict::Done)
    }

    /// Has a share of hits compared with the upstream.
    #[inline]
    fn verify(&self, permit: Permit, lane: &Lane<Client>, query: &Query<'_>, args: &Args<'_>, now: Time) {
        if !self.worker.keeper.worker.verifies() {
            return;
        }
        let kept = &lane.watch().lane;
        if let Some(entry) = kept.find(permit, query, now) {
            let mark = Mark::Verify(Box::new(Verify { lane: Rc::clone(kept), entry }));
            lane.ask(mark, args.bytes(), self.arrived);
        }
    }

    /// A read is about to be sent: what has to be sent with it if its reply is to be kept, if it
    /// `tries` to. `in_turn`: it was not looked for because something before it is unanswered, and may well be
    /// kept already.
    #[inline]
    pub(in crate::session) fn fill(
        &mut self,
        command: &'static Command,
        args: &Args<'_>,
        tries: bool,
        in_turn: bool,
    ) -> Option<Rc<Fill>> {
        if command.cached == Cached::No || !self.worker.keeper.gives() || !command.arity_ok(args.len()) {
            return None;
        }
        let lane = Rc::clone(self.lane());
        let kept = &lane.watch().lane;
        let now = self.time();
        command.keys(args).for_each(|name| kept.worker.reads(name, false, now));
        let looked_for = kept.worker.missed();
        let fill = if tries { begin(&lane, command, args, in_turn, now) } else { Err(Miss::PassedBy) };
        kept.worker.figures().missed(match (looked_for, &fill) {
            (_, Err(why @ (Miss::PassedBy | Miss::Untracked))) => *why,
            (None, _) => Miss::Order,
            (Some(Miss::Cold), Err(why)) => *why,
            (Some(why), _) => why,
        });
        fill.ok()
    }

    /// Sends a read with what its fill needs.
    pub(in crate::session) fn send_fill(
        &self,
        lane: &Lane<Client>,
        fill: &Rc<Fill>,
        ticket: Ticket,
        request: &[u8],
    ) {
        let arrived = self.arrived;
        if let Some(before) = fill.before() {
            lane.ask(Filling::mark(fill, Part::Watched), before, arrived);
        }
        let mark = Filling::mark(fill, Part::Value);
        fill.sent(lane.send((&self.client, ticket), mark, request, true, 1, arrived));
        if let Some(fields) = fill.ask_fields() {
            lane.ask(Filling::mark(fill, Part::Fields), &fields, arrived);
        }
        for (at, ttl) in (0..).zip(fill.ask_ttls()) {
            lane.ask(Filling::mark(fill, Part::Ttl(at)), &ttl, arrived);
        }
    }

    /// What rides with `args` on the lane, and whether nobody knows what it does.
    #[inline]
    pub(in crate::session) fn mark(&self, command: &'static Command, args: &Args<'_>) -> (Mark, bool) {
        let keeper = &self.worker.keeper;
        if !keeper.is_on() {
            return (Mark::None, false);
        }
        match doing(Some(command), args, keeper.worker.near.settings.scripts_declare_keys) {
            Doing::Nothing => (Mark::None, false),
            Doing::Keys => (self.writes(command.keys(args)), false),
            Doing::Unknown => (Mark::None, true),
            Doing::Global { .. } | Doing::Rights => (Mark::Global(Global::begin(&keeper.worker)), false),
        }
    }

    /// A mark for writes of these keys.
    #[inline]
    pub(in crate::session) fn writes<'k>(&self, mut keys: impl Iterator<Item = &'k [u8]>) -> Mark {
        let worker = &self.worker.keeper.worker;
        let Some(first) = keys.next() else { return Mark::None };
        let first = Written::begin(worker, first);
        let Some(second) = keys.next() else { return Mark::Write(first) };
        let others = std::iter::once(second).chain(keys).map(|key| Written::begin(worker, key));
        Mark::Writes(std::iter::once(first).chain(others).collect())
    }

    /// Something nobody knows the effect of has been sent: its reply will wait for a fence, which goes out
    /// right behind it.
    pub(in crate::session) fn fence_behind(&mut self) {
        let lane = Rc::clone(self.lane());
        let kept = &lane.watch().lane;
        let sent = (kept.trust() == Trust::Tracked).then(|| kept.fence_here());
        if let Some((_, number)) = sent {
            self.worker.keeper.signals.send(&lane, number);
        }
        self.client.await_unknown(sent);
    }
}

/// Begins to fetch a read's reply so that it can be kept; or says why not.
fn begin(
    lane: &Lane<Client>,
    command: &'static Command,
    args: &Args<'_>,
    in_turn: bool,
    now: Time,
) -> Result<Rc<Fill>, Miss> {
    let kept = &lane.watch().lane;
    if !kept.is_fresh(now) {
        lane.watch().beat(lane, now);
    }
    if kept.trust() == Trust::None || !lane.is_current() {
        return Err(Miss::Untracked);
    }
    let hasher = &kept.near().hasher;
    let fill = match command.cached {
        Cached::Values => {
            let row = cache::values_row().ok_or(Miss::NotCacheable)?;
            let part = |at| Query::part(hasher, kept.number, row, args, at);
            // All are counted; all are hot, or none of them is kept.
            let cold = (1..args.len()).filter(|at| !kept.worker.admits(part(*at).hash, now)).count();
            if cold > 0 {
                return Err(Miss::NotAdmitted);
            }
            if in_turn && (1..args.len()).all(|at| kept.has(&part(at), now)) {
                return Err(Miss::Order);
            }
            Fill::values(kept, args, now)
        }
        Cached::Count if args.len() != 2 => None,
        _ => {
            let query = Query::whole(hasher, kept.number, command, args).ok_or(Miss::NotCacheable)?;
            if !kept.worker.admits(query.hash, now) {
                return Err(Miss::NotAdmitted);
            }
            if in_turn && kept.has(&query, now) {
                return Err(Miss::Order);
            }
            Fill::one(kept, &query, command, args, now)
        }
    };
    fill.ok_or(Miss::NotCacheable)
}
