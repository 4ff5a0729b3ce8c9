//! A search for an order of all operations that a single register would allow.

use std::collections::HashSet;

use super::super::{History, INITIAL, NEVER, NOTHING, Rules, Time, Version, What};

/// A thing that happens at one moment of its interval.
#[derive(Clone, Copy)]
struct Event {
    inv: Time,
    res: Time,
    effect: Effect,
    /// It need not have happened.
    optional: bool,
}

#[derive(Clone, Copy)]
enum Effect {
    Write(Version),
    Count,
    Read(Version),
    Told(Version),
    Lapse(Version),
}

/// Whether there is one, if everybody is on one lane.
pub(super) fn fits(history: &History, rules: &Rules) -> bool {
    let ops = history.ops.iter().map(|op| Event {
        inv: op.inv,
        res: op.res,
        optional: op.res == NEVER,
        effect: match op.what {
            What::Write | What::Marked => Effect::Write(op.version),
            What::Blind => Effect::Count,
            What::Read | What::Aside => Effect::Read(op.version),
            What::Signal | What::Hint => Effect::Told(op.version),
        },
    });
    let lapses = history.lapses.iter().map(|lapse| Event {
        inv: lapse.from,
        res: lapse.by,
        optional: lapse.by == NEVER,
        effect: Effect::Lapse(lapse.version),
    });
    let events: Vec<Event> = ops.chain(lapses).collect();
    let search = Search { events, dense: history.dense, vanishing: rules.vanishing };
    search.rest(0, INITIAL, &mut HashSet::new())
}

struct Search {
    events: Vec<Event>,
    dense: bool,
    vanishing: bool,
}

impl Search {
    /// Whether what is not `done` can follow in this state.
    fn rest(&self, done: u32, state: Version, tried: &mut HashSet<(u32, Version)>) -> bool {
        let left = || self.events.iter().enumerate().filter(move |(at, _)| done & (1 << at) == 0);
        if left().all(|(_, event)| event.optional) {
            return true;
        }
        if !tried.insert((done, state)) {
            return false;
        }
        if self.vanishing && state.is_multiple_of(2) && self.rest(done, state + 1, tried) {
            return true;
        }
        let first_end = left().map(|(_, event)| event.res).min().unwrap_or(NEVER);
        left().any(|(at, event)| {
            event.inv <= first_end
                && self
                    .after(event.effect, state)
                    .is_some_and(|state| self.rest(done | (1 << at), state, tried))
        })
    }

    fn after(&self, effect: Effect, state: Version) -> Option<Version> {
        let next = if state == INITIAL { 2 } else { state + 2 };
        match effect {
            Effect::Write(version) if self.dense => (version == next).then_some(version),
            Effect::Write(version) if version % 2 == 1 => (version >= state).then_some(version),
            Effect::Write(version) => (version > state).then_some(version),
            Effect::Count => Some(next),
            Effect::Read(NOTHING) => (state % 2 == 1).then_some(state),
            Effect::Read(version) => (version == state).then_some(state),
            Effect::Told(version) => (version <= state).then_some(state),
            Effect::Lapse(version) if state == version - 1 => Some(version),
            Effect::Lapse(version) => (state >= version).then_some(state),
        }
    }
}
