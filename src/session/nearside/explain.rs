//! `NEARSIDE CACHE EXPLAIN`: everything that decides whether a key is answered from memory.

use std::sync::Arc;

use super::keys::entry;
use super::shape::Shape;
use super::walk::{TURN, walk};
use crate::cache::{Query, Shown, Survey, Time, Trust, is_busy, values_row};
use crate::session::explain::near_rule;
use crate::session::near::{Seen, now};
use crate::session::path::Path;

/// Entries that are shown.
const MOST: usize = 100;
/// Nanoseconds in the unit that times are shown in.
const MILLI: Time = 1_000_000;

/// What has been found so far of one key.
#[derive(Debug)]
pub(super) struct Found<'k> {
    name: &'k [u8],
    entries: Vec<Shown>,
    scanned: usize,
}

impl<'k> Found<'k> {
    /// What is found without a walk.
    pub(super) fn new(survey: &Survey<'_>, name: &'k [u8]) -> Self {
        Self { name, entries: survey.of(name, now()), scanned: 0 }
    }

    /// One turn of a walk: `None` when there is more, else whether it has come to its end.
    pub(super) fn search(&mut self, survey: &mut Survey<'_>) -> Option<bool> {
        let (name, entries) = (self.name, &mut self.entries);
        walk(survey, TURN, &mut self.scanned, |survey, entry| {
            let is_new = entry.words().next() == Some(name)
                && !entries.iter().any(|shown| Arc::ptr_eq(&shown.entry, &entry));
            if is_new {
                entries.push(survey.show(entry, now()));
            }
            entries.len() < MOST
        })
    }

    /// The reply. `ended`: the walk has come to its end.
    pub(super) fn done(self, path: &mut Path, survey: &Survey<'_>, ended: bool) -> Vec<u8> {
        let now = now();
        // What was found some turns ago may have changed since.
        let entries: Vec<Shown> =
            self.entries.into_iter().map(|shown| survey.show(shown.entry, now)).collect();
        let next = next(path, self.name, &entries, now);
        let misses = misses(path, self.name).map(u64::from);
        let near = &path.worker.keeper.worker.near;
        let standing = near.standing();
        let kept = near.patterns().kept(self.name);
        let mut shape = Shape::new(path.proto);
        shape.map(14);
        shape.text("key");
        shape.bytes(self.name);
        shape.text("mode");
        shape.text(standing.mode);
        shape.text("mode_reason");
        shape.text(&standing.reason);
        shape.text("rule");
        shape.text(&near_rule(&near.patterns().rule(self.name)));
        shape.text("max_age_ms");
        shape.count_or_nothing(kept.map(|kept| kept.max_age / MILLI));
        shape.text("serve_stale_ms");
        shape.count_or_nothing(kept.map(|kept| kept.stale_for / MILLI));
        shape.text("admit_after");
        shape.count(near.settings.admit_after);
        shape.text("misses");
        shape.count_or_nothing(misses);
        shape.text("write_in_flight");
        shape.flag(is_busy(near.stamps.at(near.stripe(self.name)).load()));
        shape.text("global_in_flight");
        shape.flag(is_busy(near.word.load()));
        shape.text("next_get");
        shape.text(&next);
        shape.text("scanned");
        shape.count(self.scanned);
        shape.text("complete");
        shape.flag(ended);
        shape.text("entries");
        shape.array(entries.len());
        entries.iter().for_each(|shown| entry(&mut shape, shown, now));
        shape.done()
    }
}

/// The reply as far as one turn goes.
pub(super) fn at_once(path: &mut Path, name: &[u8]) -> Vec<u8> {
    let near = Arc::clone(&path.worker.keeper.worker.near);
    let mut survey = near.survey();
    let mut found = Found::new(&survey, name);
    let ended = found.search(&mut survey);
    found.done(path, &survey, ended.unwrap_or(false))
}

/// How often a `GET` of it on this client's lane has missed lately.
fn misses(path: &mut Path, name: &[u8]) -> Option<u8> {
    let (row, tail) = (values_row()?, Query::tail_of(name));
    let number = path.lane().watch().lane.number;
    let worker = &path.worker.keeper.worker;
    worker.misses(Query::bare(&worker.near.hasher, number, row, name, &tail).hash)
}

/// What would become of this client's next `GET`, as far as can be told beforehand. In the order in which
/// a read is looked at.
fn next(path: &mut Path, name: &[u8], entries: &[Shown], now: Time) -> String {
    const SENT: &str = "sent to the upstream";
    let misses = misses(path, name);
    let lane = std::rc::Rc::clone(path.lane());
    let (kept, near) = (&lane.watch().lane, &path.worker.keeper.worker.near);
    if !near.gives() {
        return format!("{SENT}: the cache is off ({})", near.standing().reason);
    }
    let Some(row) = values_row() else { return SENT.into() };
    let has_caught_up = match path.seen {
        Seen::Nothing => true,
        Seen::Elsewhere => false,
        Seen::Until(place) => lane.answered() > place,
    };
    if !has_caught_up {
        return format!("{SENT}: this client has seen what its lane may not have heard of yet");
    }
    let mine = entries.iter().find(|shown| shown.entry.lane == kept.number && shown.entry.row == row);
    if mine.is_some_and(|shown| shown.void.is_none()) {
        return "answered from memory".into();
    }
    let tail = Query::tail_of(name);
    if kept.joinable(&Query::bare(&near.hasher, kept.number, row, name, &tail), now).is_some() {
        return "answered by the reply to the same read, which is under way".into();
    }
    if lane.is_down() {
        return "sent to the upstream, to which there is no connection".into();
    }
    let why =
        mine.and_then(|shown| shown.void).map_or("it has no entry on this client's lane", |void| void.text());
    let admit_after = near.settings.admit_after;
    // The next read counts as well.
    let cold = misses.filter(|misses| u32::from(*misses) + 1 < admit_after);
    let not_kept = match kept.trust() {
        Trust::None if lane.link_info().is_none() => Some("this client's lane has no connection yet".into()),
        Trust::None => Some(near.standing().reason),
        _ if near.patterns().kept(name).is_none() => Some(near_rule(&near.patterns().rule(name))),
        _ if near.is_suspended() => Some("another process serves the same clients (a hand-over)".into()),
        _ if is_busy(near.word.load()) => Some("a command that concerns all keys is in flight".into()),
        _ if is_busy(near.stamps.at(near.stripe(name)).load()) => Some("a write is in flight".into()),
        _ => cold.map(|misses| {
            format!("it has missed {misses} times lately, and has to miss {admit_after} (admit_after)")
        }),
    };
    let kept = not_kept.map_or_else(|| "the reply is kept".into(), |reason| format!("not kept: {reason}"));
    format!("{SENT}: {why}; {kept}")
}
