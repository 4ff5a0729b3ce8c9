//! Random small histories: sane ones in which now and then something is wrong.

use super::super::{History, Lapse, NEVER, NOTHING, Op, Rules, Time, Via, What};
use super::op;

/// Everybody on one lane of one Nearside, each operation in a session of its own.
pub(super) fn on_one_lane(seed: u64) -> (History, Rules) {
    let mut random = fastrand::Rng::with_seed(seed);
    let dense = random.bool();
    let mut history = if dense { counted(&mut random) } else { written(&mut random) };
    for (session, op) in (0..).zip(&mut history.ops) {
        op.session = session;
        if op.what == What::Aside {
            op.what = What::Read;
        }
        if op.what == What::Hint {
            op.what = What::Signal;
        }
        if op.what == What::Signal {
            op.inv = op.res;
        }
    }
    let sessions = vec![Via { proxy: Some(0), lane: 0 }; history.ops.len()];
    let vanishing = !dense && random.u8(..4) == 0;
    (history, Rules { proxies: 1, bound: 1000, vanishing, sessions, soon: 0 })
}

/// Two Nearsides, some lanes, and clients of the server itself.
pub(super) fn on_many_lanes(seed: u64) -> (History, Rules) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut history = written(&mut random);
    let rules = Rules { bound: random.u64(0..12), vanishing: random.u8(..4) == 0, ..super::rules() };
    let sessions = u16::try_from(rules.sessions.len()).expect("a few");
    for op in &mut history.ops {
        op.session = random.u16(..sessions);
    }
    for session in 0..sessions {
        in_program_order(&mut history.ops, session);
    }
    (history, rules)
}

/// Swaps ends until the operations of a session end in the order they began in.
fn in_program_order(ops: &mut [Op], session: u16) {
    ops.sort_by_key(|op| op.inv);
    let own: Vec<usize> =
        (0..ops.len()).filter(|at| ops[*at].session == session && ops[*at].res != NEVER).collect();
    let mut ends: Vec<Time> = own.iter().map(|at| ops[*at].res).collect();
    ends.sort_unstable();
    for (at, end) in own.into_iter().zip(ends) {
        ops[at].res = end;
    }
}

fn interval(random: &mut fastrand::Rng) -> (Time, Time) {
    let (one, other) = (random.u64(0..24), random.u64(0..24));
    (one.min(other), one.max(other))
}

/// A counter: several writers.
fn counted(random: &mut fastrand::Rng) -> History {
    let (writes, reads) = (random.u32(0..4), random.u32(1..5));
    let mut ops = Vec::new();
    for number in 1..=writes {
        let (inv, res) = interval(random);
        ops.push(match random.u8(..5) {
            0 => op(inv, NEVER, 0, What::Blind, 0),
            _ => op(inv, res, 0, What::Marked, number * 2),
        });
    }
    push_reads(random, writes, reads, &mut ops);
    History { ops, dense: true, ..History::default() }
}

/// A register with one writer, whose writes follow each other; with deletions and expiries.
fn written(random: &mut fastrand::Rng) -> History {
    let (writes, reads) = (random.u32(0..4), random.u32(1..5));
    let mut times: Vec<Time> = (0..writes * 2).map(|_| random.u64(0..24)).collect();
    times.sort_unstable();
    let (mut ops, mut lapses, mut number) = (Vec::new(), Vec::new(), 0);
    for pair in times.chunks(2) {
        let res = if random.u8(..6) == 0 { NEVER } else { pair[1] };
        let what = if random.bool() { What::Marked } else { What::Write };
        if number > 0 && random.u8(..4) == 0 {
            ops.push(op(pair[0], res, 0, what, number * 2 + 1));
            continue;
        }
        number += 1;
        ops.push(op(pair[0], res, 0, what, number * 2));
        if random.u8(..3) == 0 {
            let after = random.u64(1..10);
            let by = if res == NEVER { NEVER } else { res + after };
            lapses.push(Lapse { version: number * 2 + 1, from: pair[0] + after, by });
        }
    }
    push_reads(random, number, reads, &mut ops);
    History { ops, lapses, dense: false }
}

fn push_reads(random: &mut fastrand::Rng, values: u32, reads: u32, ops: &mut Vec<Op>) {
    for _ in 0..reads {
        let (inv, res) = interval(random);
        let version = match random.u32(0..=values) {
            0 => NOTHING,
            number => number * 2,
        };
        let what = match random.u8(..8) {
            0 if version != NOTHING => What::Signal,
            1 if version != NOTHING => What::Hint,
            2 | 3 => What::Aside,
            _ => What::Read,
        };
        ops.push(op(inv, res, 0, what, version));
    }
}
