//! The contract, held against the server's history.
//!
//! Every reply shows the server as it was at some moment. A reply must not be older than what the floors
//! say that were there when its request came: writes acknowledged through the proxy, strangers' writes
//! executed D before, what signals have caused, what the lane has shown; nor, once it is given out, than
//! what the session has been shown.

use super::ops::Seen;
use super::server::{Moment, REGS, Reg, Server, State, name_of};
use super::{JOINED, Time};

/// Where a reply comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Memory,
    Server,
    /// It was to somebody else's read, sent before. It may show a value that has come to its end since, of
    /// which nobody is told, but only for so long.
    Joined,
}

/// What must be seen from now on.
#[derive(Clone, Debug)]
pub(super) struct Floors {
    /// Of each value: an acknowledged write, or a stranger's that is D old.
    pub(super) known: [Moment; REGS],
    /// Of each value: somebody has been shown a write that is not acknowledged yet.
    pub(super) shown: [Moment; REGS],
    /// Of each value: its end, if whoever set that was told so or D has passed.
    pub(super) ended: [Moment; REGS],
    /// Of everything: what signals have told of.
    pub(super) told: Moment,
    /// Of everything: what the lane has shown.
    pub(super) lane: Moment,
}

impl Floors {
    pub(super) fn new() -> Self {
        Self { known: [0; REGS], shown: [0; REGS], ended: [0; REGS], told: 0, lane: 0 }
    }

    fn of(&self, reg: Reg, session: Moment, how: How) -> (Moment, &'static str) {
        let ended = if how == How::Joined { 0 } else { self.ended[reg] };
        let all = [
            (ended, "its end"),
            (self.known[reg], "an acknowledged write, or one D before"),
            (self.shown[reg], "a write in flight that somebody was shown"),
            (self.told, "what a signal told of"),
            (self.lane, "what the lane has shown"),
            (session, "what the session was shown before"),
        ];
        all.into_iter().max_by_key(|(at, _)| *at).unwrap_or((0, ""))
    }
}

/// The moment that `seen` shows: the earliest that the floors allow, or exactly `at`.
pub(super) fn moment(
    server: &Server,
    seen: &Seen,
    floors: &Floors,
    session: Moment,
    (asked, how): (Time, How),
    at: Option<Moment>,
) -> Result<Moment, String> {
    let counted = seen.count.iter().flat_map(|(regs, _)| regs);
    let regs: Vec<Reg> = seen.values.iter().map(|(reg, _)| *reg).chain(counted.copied()).collect();
    let lowest: Vec<usize> =
        regs.iter().map(|reg| server.place(*reg, floors.of(*reg, session, how).0)).collect();
    let fits = |at: Moment| {
        let state = |reg: Reg| server.history[reg][server.place(reg, at)];
        let high = regs.iter().zip(&lowest).all(|(reg, lowest)| server.place(*reg, at) >= *lowest);
        let late = if how == How::Joined { JOINED } else { 0 };
        let ended = |state: State| state.strict && state.expires.is_some_and(|end| end + late < asked);
        let same = seen.values.iter().all(|(reg, value)| state(*reg).value == *value && !ended(state(*reg)));
        let there = |regs: &Vec<Reg>| regs.iter().filter(|reg| state(**reg).value.is_some()).count();
        high && same && seen.count.as_ref().is_none_or(|(regs, count)| there(regs) == *count)
    };
    let since = |at: Moment| regs.iter().map(|reg| server.history[*reg][server.place(*reg, at)].since).max();
    let found = match at {
        Some(at) => fits(at).then(|| since(at).unwrap_or(0)),
        None => {
            let starts = regs.iter().zip(&lowest).flat_map(|(reg, from)| &server.history[*reg][*from..]);
            let mut starts: Vec<Moment> = starts.map(|state| state.since).collect();
            starts.sort_unstable();
            starts.into_iter().find(|at| fits(*at))
        }
    };
    found.ok_or_else(|| {
        let said: Vec<String> =
            seen.values.iter().map(|(reg, value)| format!("{}={value:?}", name_of(*reg))).collect();
        let must: Vec<String> = regs
            .iter()
            .map(|reg| {
                let (floor, why) = floors.of(*reg, session, how);
                let state = server.history[*reg][server.place(*reg, floor)];
                format!("{} is {:?} since {} (floor {floor}: {why})", name_of(*reg), state.value, state.since)
            })
            .collect();
        format!("{} {:?}, while {}", said.join(" "), seen.count, must.join("; "))
    })
}
