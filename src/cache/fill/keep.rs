//! The end of a fill: whether what came is what the keys were, for how long, and whether all still holds.

use std::sync::Arc;

use super::part::Part;
use super::reply::{absent, elements};
use super::{Fill, Got};
use crate::cache::{Entry, Flaw, Origin, Time, is_busy};
use crate::command::{Cached, lookup, number, numbered};
use crate::resp::request::{Args, Span};

/// Nanoseconds in a millisecond, which TTLs are counted in.
const MILLI: Time = 1_000_000;

impl Fill {
    /// Everything has come: keeps what can be kept.
    pub(super) fn keep_all(&self, got: &Got, now: Time) {
        let values = match self.kind {
            Cached::Values => elements(&got.value).filter(|values| values.len() == self.elements),
            _ => Some(vec![&got.value[..]]),
        };
        let Some(values) = values else { return self.lane.worker.figures().unfit.add() };
        for (part, ttl) in self.parts.iter().zip(&got.ttls) {
            if let Some(value) = values.get(part.at) {
                self.keep(part, value, *ttl, got.field_ttl, now);
            }
        }
    }

    /// Keeps one entry, if everything still is as it was when the read was sent.
    fn keep(&self, part: &Part, value: &[u8], ttl: i64, field_ttl: Option<i64>, now: Time) {
        let (near, figures) = (self.lane.near(), self.lane.worker.figures());
        let flaws = &near.flaws;
        if value.len() as u64 > near.max_value() {
            return figures.unfit.add();
        }
        let lives = [Some(ttl).filter(|ttl| *ttl >= 0), field_ttl].into_iter().flatten().min();
        // A millisecond less: TTLs are rounded.
        let end = |nanos: Time| self.since.saturating_add(nanos).saturating_sub(MILLI);
        let expires =
            lives.map_or(Time::MAX, |ms| end(Time::try_from(ms).unwrap_or(0).saturating_mul(MILLI)));
        let deadline = expires.min(end(part.kept.max_age.min(self.lane.longest())));
        if (!part.fits(value, ttl) && !flaws.has(Flaw::Ttl)) || lives == Some(0) || deadline <= now {
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

    /// Whether fields that are gone by now were not there when they were read either.
    pub(super) fn agree(&self, ttls: &[i64]) -> bool {
        if ttls.iter().all(|ttl| *ttl != -2) {
            return true;
        }
        let Some(row) = self.parts.first().map(|part| part.row) else { return false };
        let (got, name) = (self.got.borrow(), name(row));
        match (self.kind, elements(&got.value)) {
            (Cached::Fields, None) => ttls.len() == 1 && absent(name, &got.value),
            (Cached::Fields, Some(values)) => {
                values.len() == ttls.len()
                    && values.iter().zip(ttls).all(|(value, ttl)| *ttl != -2 || absent(name, value))
            }
            _ => false,
        }
    }
}

impl Part {
    /// Whether `value` can be the reply while `PTTL` says `ttl`: the key may have expired in between, of
    /// which nobody tells.
    fn fits(&self, value: &[u8], ttl: i64) -> bool {
        if values_row() == Some(self.row) {
            // `MGET` has nothing for a key of another type as well, where `GET` has an error.
            (value == b"_\r\n") == (ttl == -2)
        } else {
            ttl != -2 || absent(name(self.row), value)
        }
    }
}

/// The number of the row whose entries `MGET` is made of: `GET`.
pub fn values_row() -> Option<u16> {
    lookup(&Args::new(b"GET", &[Span { start: 0, end: 3 }])).map(number)
}

fn name(row: u16) -> &'static str {
    numbered(row).map_or("", |command| command.name)
}
