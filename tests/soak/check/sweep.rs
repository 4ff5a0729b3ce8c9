//! One pass over the beginnings and ends of all operations on one register.

use super::floor::{Floor, Floors};
use super::written::Written;
use super::{Fault, History, NEVER, NOTHING, Op, Rules, Time, Verdict, Version, Via, Violation, What, gaps};

/// What happens at a moment. At the same moment beginnings come first: what touches is concurrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Begins(u32),
    /// A state of nothing may begin.
    Opens(u32),
    Ends(u32),
    /// What ended `bound` ago is known to everybody.
    Known(u32),
    /// A lapse is over.
    Lapsed(u32),
}

/// Checks one register's history.
pub(crate) fn sweep(history: &History, rules: &Rules) -> Verdict {
    let mut verdict = Verdict::default();
    let written = Written::new(history, rules, &mut verdict.violations);
    let mut sweep = Sweep {
        history,
        rules,
        written,
        floors: Floors::new(rules),
        begun: vec![Floor::default(); history.ops.len()],
        shown: vec![0; history.ops.len()],
        acknowledged: vec![Vec::new(); rules.proxies],
        verdict,
    };
    for (time, moment) in moments(history, rules, &sweep.written) {
        match moment {
            Moment::Opens(at) => sweep.written.open(at, sweep.floors.truth.version),
            Moment::Begins(at) => sweep.begins(at),
            Moment::Ends(at) => sweep.ends(at, time),
            Moment::Known(at) => {
                let floor = Floor { version: sweep.shown[at as usize], by: at };
                sweep.floors.raise_all(floor);
            }
            Moment::Lapsed(at) => sweep.lapsed(at),
        }
    }
    if history.dense {
        sweep.verdict.violations.extend(gaps::check(history, &sweep.shown));
    }
    sweep.verdict
}

fn moments(history: &History, rules: &Rules, written: &Written) -> Vec<(Time, Moment)> {
    let mut moments = Vec::with_capacity(history.ops.len() * 3);
    for (at, op) in (0..).zip(&history.ops) {
        moments.push((op.inv, Moment::Begins(at)));
        if op.res != NEVER {
            moments.push((op.res, Moment::Ends(at)));
            moments.push((op.res.saturating_add(rules.bound), Moment::Known(at)));
        }
    }
    for (at, lapse) in (0..).zip(&history.lapses) {
        if lapse.by != NEVER {
            moments.push((lapse.by, Moment::Lapsed(at)));
        }
    }
    moments.extend((0..).zip(written.openings()).map(|(at, from)| (from, Moment::Opens(at))));
    moments.sort_unstable();
    moments
}

struct Sweep<'a> {
    history: &'a History,
    rules: &'a Rules,
    written: Written,
    floors: Floors,
    /// The floor of each operation when it began.
    begun: Vec<Floor>,
    /// The version that each showed; 0: none yet.
    shown: Vec<Version>,
    /// The last acknowledgements of each Nearside, one for each lane.
    acknowledged: Vec<Vec<(u16, Time)>>,
    verdict: Verdict,
}

impl Sweep<'_> {
    fn op(&self, at: u32) -> Op {
        self.history.ops[at as usize]
    }

    fn via(&self, op: &Op) -> Via {
        self.rules.sessions[usize::from(op.session)]
    }

    fn report(&mut self, fault: Fault, op: Op, floor: Floor) {
        let because = (floor.version > 0).then(|| self.op(floor.by));
        self.verdict.violations.push(Violation { fault, op, because });
    }

    fn begins(&mut self, at: u32) {
        let op = self.op(at);
        let via = self.via(&op);
        self.begun[at as usize] = match via.proxy {
            Some(proxy) if op.what.is_read() => {
                self.floors.proxies[usize::from(proxy)].max(self.floors.lanes[usize::from(via.lane)])
            }
            _ => self.floors.truth,
        };
    }

    fn ends(&mut self, at: u32, now: Time) {
        let mut op = self.op(at);
        let floor = self.begun[at as usize].max(self.floors.sessions[usize::from(op.session)]);
        if op.what.is_read() && op.version == NOTHING {
            match self.written.nothing(floor.version) {
                Some(version) => op.version = version,
                None => return self.report(Fault::Stale, op, floor),
            }
        }
        match op.what {
            What::Write | What::Marked => self.wrote(&op, floor),
            What::Read | What::Aside => self.read(&op, floor),
            What::Signal | What::Hint => self.made(&op),
            What::Blind => return,
        }
        self.shown[at as usize] = op.version;
        self.raise(&op, Floor { version: op.version, by: at }, now);
    }

    fn wrote(&mut self, op: &Op, floor: Floor) {
        // Deleting what is gone already leaves the same state.
        let passed = if op.version.is_multiple_of(2) {
            floor.version >= op.version
        } else {
            floor.version > op.version
        };
        if passed {
            self.report(Fault::Passed, *op, floor);
        }
    }

    fn read(&mut self, op: &Op, floor: Floor) {
        if op.version < floor.version {
            self.report(Fault::Stale, *op, floor);
        }
        self.made(op);
    }

    /// Whether somebody made that value, in time.
    fn made(&mut self, op: &Op) {
        if op.version % 2 == 1 {
            return;
        }
        let Some(by) = self.written.value(op.version) else {
            if !self.history.dense {
                self.report(Fault::Invented, *op, Floor::default());
            }
            return;
        };
        let (write, begun) = (self.op(by), self.begun[by as usize]);
        if write.inv > op.res {
            self.verdict.violations.push(Violation { fault: Fault::Early, op: *op, because: Some(write) });
        } else if write.res == NEVER && begun.version >= op.version {
            self.report(Fault::Passed, write, begun);
        }
    }

    /// Those who have to know it from now on.
    fn raise(&mut self, op: &Op, floor: Floor, now: Time) {
        let via = self.via(op);
        self.floors.truth.raise(floor);
        self.floors.sessions[usize::from(op.session)].raise(floor);
        let Some(proxy) = via.proxy else { return };
        let proxy = usize::from(proxy);
        let at_once = match op.what {
            What::Write | What::Marked => {
                self.acknowledge(proxy, via.lane, now);
                true
            }
            What::Read | What::Aside => {
                self.count_soon(op, proxy, via.lane);
                let marked = self.written.marked(op.version, &self.history.ops);
                marked.is_some_and(|write| self.via(write).proxy == via.proxy)
            }
            What::Signal => true,
            What::Hint | What::Blind => false,
        };
        if at_once {
            self.floors.proxies[proxy].raise(floor);
        }
        if op.what == What::Read {
            self.floors.lanes[usize::from(via.lane)].raise(floor);
        }
    }

    fn acknowledge(&mut self, proxy: usize, lane: u16, now: Time) {
        let lanes = &mut self.acknowledged[proxy];
        match lanes.iter_mut().find(|(other, _)| *other == lane) {
            Some(last) => last.1 = now,
            None => lanes.push((lane, now)),
        }
    }

    fn count_soon(&mut self, op: &Op, proxy: usize, lane: u16) {
        let soon = |at: Time| at <= op.inv && op.inv - at <= self.rules.soon;
        if op.quick && self.acknowledged[proxy].iter().any(|(other, at)| *other != lane && soon(*at)) {
            self.verdict.soon += 1;
        }
    }

    /// What was written by a write that is acknowledged has expired.
    fn lapsed(&mut self, at: u32) {
        let lapse = self.history.lapses[at as usize];
        if let Some(by) = self.written.value(lapse.version - 1) {
            self.floors.raise_all(Floor { version: lapse.version, by });
        }
    }
}
