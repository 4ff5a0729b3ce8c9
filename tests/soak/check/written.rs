//! What was written, by version.

use std::collections::HashMap;

use super::{Fault, History, INITIAL, NEVER, Op, Rules, Time, Version, Violation, What};

/// A state of nothing.
#[derive(Clone, Copy, Debug)]
struct Nothing {
    version: Version,
    /// The first of what can have made it began then.
    from: Time,
    /// The one deletion that makes it, if nothing else can.
    by: Option<u32>,
    /// Something that can have made it has begun, in time.
    open: bool,
}

/// Which operation made which value, and since when there can be nothing.
#[derive(Debug, Default)]
pub(super) struct Written {
    values: HashMap<Version, u32>,
    /// Ascending.
    nothings: Vec<Nothing>,
}

impl Written {
    /// What `history` wrote; versions made twice are `violations`.
    pub(super) fn new(history: &History, rules: &Rules, violations: &mut Vec<Violation>) -> Self {
        let mut written = Self::default();
        let mut nothings = vec![(INITIAL, 0, None)];
        for (at, op) in (0..).zip(&history.ops) {
            if !op.what.is_write() {
                continue;
            }
            if op.version % 2 == 1 {
                nothings.push((op.version, op.inv, Some(at)));
            } else if let Some(other) = written.values.insert(op.version, at) {
                let because = Some(history.ops[other as usize]);
                violations.push(Violation { fault: Fault::Twice, op: *op, because });
            }
            if rules.vanishing && op.version.is_multiple_of(2) {
                nothings.push((op.version + 1, op.inv, None));
            }
        }
        nothings.extend(history.lapses.iter().map(|lapse| (lapse.version, lapse.from, None)));
        nothings.sort_unstable();
        for (version, from, by) in nothings {
            match written.nothings.last_mut() {
                Some(last) if last.version == version => last.by = None,
                _ => written.nothings.push(Nothing { version, from, by, open: false }),
            }
        }
        written
    }

    /// Who made a value.
    pub(super) fn value(&self, version: Version) -> Option<u32> {
        self.values.get(&version).copied()
    }

    /// When each state of nothing may begin.
    pub(super) fn openings(&self) -> impl Iterator<Item = Time> {
        self.nothings.iter().map(|nothing| nothing.from)
    }

    /// The state of nothing at this place may have begun, unless something newer was seen before.
    pub(super) fn open(&mut self, at: u32, truth: Version) {
        let nothing = &mut self.nothings[at as usize];
        nothing.open = truth <= nothing.version;
    }

    /// The oldest state of nothing that is not older than `floor` and may have begun.
    pub(super) fn nothing(&self, floor: Version) -> Option<Version> {
        let first = self.nothings.partition_point(|nothing| nothing.version < floor);
        self.nothings[first..].iter().find(|nothing| nothing.open).map(|nothing| nothing.version)
    }

    /// The write that alone can have made `version`, if it carried a mark and was acknowledged.
    pub(super) fn marked<'a>(&self, version: Version, ops: &'a [Op]) -> Option<&'a Op> {
        let at = if version.is_multiple_of(2) {
            self.value(version)
        } else {
            let found = self.nothings.binary_search_by_key(&version, |nothing| nothing.version);
            found.ok().and_then(|found| self.nothings[found].by)
        };
        at.map(|at| &ops[at as usize]).filter(|op| op.what == What::Marked && op.res != NEVER)
    }
}
