//! What an operator is shown of entries: which there are, whose they are, and what speaks against each.
//!
//! Entries are shared, lanes belong to their workers: what is said of another worker's entry was true a
//! moment ago. A lane decides for itself ([`super::Lane::holds`]).

use std::collections::HashMap;
use std::sync::Arc;

use super::{Entry, LaneState, Near, Query, Time, is_busy};
use crate::command::{self, Cached, all};

/// Why an entry is not given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// The lane that fetched it is closed.
    LaneClosed,
    /// The lane has lost its connection since, or was given up, or all keys have changed.
    Epoch,
    /// A command that concerns all keys is in flight.
    GlobalInFlight,
    /// A command that concerns all keys has run since, or everything was given up.
    Given,
    /// Its TTL has passed at the server.
    Expired,
    /// It is as old as an entry may be.
    Old,
    /// A write of its key, or of one that shares its stamp, is in flight.
    WriteInFlight,
    /// Its key, or one that shares its stamp, has changed since.
    Changed,
    /// Nobody has asked for anything on its lane lately, or the upstream is silent: the next heartbeat that
    /// is answered makes it current again.
    NotFresh,
}

impl Void {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::LaneClosed => "void: its lane is closed",
            Self::Epoch => "void: its lane was lost, given up or told that all keys have changed (epoch)",
            Self::GlobalInFlight => "void: a command that concerns all keys is in flight",
            Self::Given => "void: a command that concerned all keys has run, or the cache was flushed",
            Self::Expired => "void: its TTL has passed",
            Self::Old => "void: it has reached its max_age",
            Self::WriteInFlight => "void: a write of its key is in flight",
            Self::Changed => "void: its key has changed (stamp)",
            Self::NotFresh => "resting: its lane is not vouched for at the moment",
        }
    }
}

/// An entry, whose it is and whether it is current.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The entry.
    pub entry: Arc<Entry>,
    /// The lane that fetched it; `None`: it is closed.
    pub lane: Option<Arc<LaneState>>,
    /// What speaks against it; `None`: it is current.
    pub void: Option<Void>,
}

/// A walk over all entries. Holds no lock between steps.
pub struct Survey<'n> {
    near: &'n Near,
    lanes: HashMap<u32, Arc<LaneState>>,
    left: Box<dyn Iterator<Item = Arc<Entry>> + 'n>,
}

impl std::fmt::Debug for Survey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Survey")
    }
}

impl Near {
    /// Begins a walk over all entries, current or not. Costs about a microsecond for each: whoever walks
    /// must stop in time.
    pub fn survey(&self) -> Survey<'_> {
        let lanes = self.lanes().iter().map(|lane| (lane.number, Arc::clone(lane))).collect();
        Survey { near: self, lanes, left: Box::new(self.stores.iter().flat_map(|store| store.iter())) }
    }

    /// What speaks against `entry`, which `lane` fetched.
    fn void(&self, entry: &Entry, lane: Option<&LaneState>, now: Time) -> Option<Void> {
        let Some(lane) = lane else { return Some(Void::LaneClosed) };
        let (word, stamp) = (self.word.load(), self.stamps.at(entry.stripe).load());
        if lane.epoch() != entry.epoch {
            Some(Void::Epoch)
        } else if is_busy(word) {
            Some(Void::GlobalInFlight)
        } else if word != entry.word {
            Some(Void::Given)
        } else if now >= entry.expires {
            Some(Void::Expired)
        } else if now >= entry.deadline {
            Some(Void::Old)
        } else if is_busy(stamp) {
            Some(Void::WriteInFlight)
        } else if stamp != entry.stamp {
            Some(Void::Changed)
        } else {
            (!lane.is_fresh(now)).then_some(Void::NotFresh)
        }
    }
}

impl Survey<'_> {
    /// The next entry; `None` at the end.
    pub fn step(&mut self) -> Option<Arc<Entry>> {
        self.left.next()
    }

    /// Whose `entry` is, and whether it is current.
    pub fn show(&self, entry: Arc<Entry>, now: Time) -> Shown {
        let lane = self.lanes.get(&entry.lane).cloned();
        let void = self.near.void(&entry, lane.as_deref(), now);
        Shown { entry, lane, void }
    }

    /// The entries of the key `name` that can be found without a walk: those of commands that were given
    /// nothing but the key. Costs a look for each such command and lane.
    pub fn of(&self, name: &[u8], now: Time) -> Vec<Shown> {
        let (hasher, tail) = (&self.near.hasher, Query::tail_of(name));
        let bare = |row: &&command::Command| row.cached != Cached::No && row.arity_ok(2);
        let rows: Vec<u16> = all().filter(bare).map(command::number).collect();
        let mut lanes: Vec<u32> = self.lanes.keys().copied().collect();
        lanes.sort_unstable();
        let queries = lanes.iter().flat_map(|lane| rows.iter().map(move |row| (*lane, *row)));
        let found = queries.filter_map(|(lane, row)| {
            let query = Query::bare(hasher, lane, row, name, &tail);
            let mut found = self.near.stores.iter().filter_map(|store| store.get(query.hash));
            found.find(|entry| entry.answers(&query)).map(|entry| self.show(entry, now))
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::cache::kit::{Request, SECOND, hit, lane_of, near, settings};
    use crate::cache::{Fill, Lane};

    fn warm(lane: &Rc<Lane>, text: &str, ttl: i64) {
        let request = Request::of(text);
        let query = request.query(lane);
        let fill = Fill::one(lane, &query, request.command(), &request.args(), 0).expect("a fill");
        fill.watched(b"+OK\r\n");
        fill.value(b"$1\r\nv\r\n");
        fill.ttl(0, format!(":{ttl}\r\n").as_bytes(), 0);
    }

    fn voids(lane: &Lane, now: Time) -> Vec<Option<Void>> {
        let mut survey = lane.near().survey();
        let mut all = Vec::new();
        while let Some(entry) = survey.step() {
            all.push(survey.show(entry, now).void);
        }
        all
    }

    #[test]
    fn what_speaks_against_an_entry_is_named_and_its_lane_agrees() {
        type Change = fn(&Lane);
        let changes: [(Change, Time, Option<Void>); 10] = [
            (|_| {}, 0, None),
            (|lane| lane.invalidated(Some(b"k")), 0, Some(Void::Changed)),
            (
                |lane| assert!(lane.near().write_begins(lane.near().stripe(b"k"))),
                0,
                Some(Void::WriteInFlight),
            ),
            (|lane| lane.invalidated(None), 0, Some(Void::Epoch)),
            (|lane| lane.lost(0), 0, Some(Void::Epoch)),
            (|lane| lane.near().global_begins(), 0, Some(Void::GlobalInFlight)),
            (|lane| lane.near().word.bump(), 0, Some(Void::Given)),
            (|_| {}, 30 * SECOND, Some(Void::Expired)),
            (|_| {}, 5 * SECOND, Some(Void::NotFresh)),
            (|lane| lane.beaten(4 * SECOND, true), 4 * SECOND, None),
        ];
        for (index, (change, now, expected)) in changes.into_iter().enumerate() {
            let lane = lane_of(&near(settings(), 1), 0);
            warm(&lane, "GET k", 20_000);
            change(&lane);
            assert_eq!(voids(&lane, now), [expected], "{index}");
            assert_eq!(hit(&lane, "GET k", now).is_some(), expected.is_none(), "{index}");
        }
    }

    #[test]
    fn an_entry_that_has_lived_long_enough_is_old_and_one_of_a_closed_lane_is_nobodys() {
        let near = near(settings(), 1);
        let lane = lane_of(&near, 0);
        warm(&lane, "GET k", -1);
        assert_eq!(voids(&lane, 61 * SECOND), [Some(Void::Old)]);
        drop(lane);
        let mut survey = near.survey();
        let entry = survey.step().expect("it is still there");
        assert_eq!(survey.show(entry, 0).void, Some(Void::LaneClosed));
    }

    #[test]
    fn entries_of_a_key_are_found_on_every_lane_and_for_every_bare_command() {
        let near = near(settings(), 2);
        let lanes = [lane_of(&near, 0), lane_of(&near, 1)];
        lanes.iter().for_each(|lane| warm(lane, "GET k", -1));
        warm(&lanes[0], "STRLEN k", -1);
        warm(&lanes[0], "GET other", -1);
        let of = near.survey().of(b"k", 0);
        let rows: Vec<(Option<usize>, Option<&str>)> = of
            .iter()
            .map(|shown| {
                let name = command::numbered(shown.entry.row).map(|command| command.name);
                (shown.lane.as_ref().map(|lane| lane.worker), name)
            })
            .collect();
        assert_eq!(rows, [(Some(0), Some("GET")), (Some(0), Some("STRLEN")), (Some(1), Some("GET"))]);
    }
}
