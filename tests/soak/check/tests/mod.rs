//! The checker against two slow ones that say the same in other words, on random small histories.

mod linear;
mod pairs;
mod random;

use super::{Fault, History, NEVER, NOTHING, Op, Rules, Via, What, sweep};

/// Histories of each kind.
const MANY: u64 = 60_000;

fn op(inv: u64, res: u64, session: u16, what: What, version: u32) -> Op {
    Op { inv, res, register: 0, version, session, what, quick: false }
}

/// Two Nearsides with two lanes each, and the server itself.
fn rules() -> Rules {
    let via = |proxy, lane| Via { proxy, lane };
    let sessions = vec![
        via(Some(0), 0),
        via(Some(0), 1),
        via(Some(1), 2),
        via(Some(1), 3),
        via(None, 4),
        via(Some(0), 0),
    ];
    Rules { proxies: 2, bound: 100, vanishing: false, sessions, soon: 10 }
}

fn faults(ops: &[Op]) -> Vec<Fault> {
    let history = History { ops: ops.to_vec(), ..History::default() };
    sweep(&history, &rules()).violations.iter().map(|violation| violation.fault).collect()
}

#[test]
fn it_agrees_with_a_search_for_an_order() {
    let (mut fits, mut not) = (0, 0);
    for seed in 0..MANY {
        let (history, rules) = random::on_one_lane(seed);
        let (swept, found) = (sweep(&history, &rules).violations.is_empty(), linear::fits(&history, &rules));
        assert_eq!(swept, found, "seed {seed}: {history:#?} {rules:?}");
        if found { fits += 1 } else { not += 1 }
    }
    assert!(fits.min(not) > MANY / 10, "one-sided: {fits} fit, {not} do not");
}

#[test]
fn it_agrees_with_the_rules_pair_by_pair() {
    let (mut fits, mut not) = (0, 0);
    for seed in 0..MANY {
        let (history, rules) = random::on_many_lanes(seed);
        let (swept, found) = (sweep(&history, &rules).violations.is_empty(), pairs::fits(&history, &rules));
        assert_eq!(swept, found, "seed {seed}: {history:#?} {rules:?}");
        if found { fits += 1 } else { not += 1 }
    }
    assert!(fits.min(not) > MANY / 10, "one-sided: {fits} fit, {not} do not");
}

#[test]
fn a_stale_read_and_what_it_contradicts() {
    let write = op(10, 20, 0, What::Marked, 4);
    let read = op(21, 30, 1, What::Read, 2);
    let ops = vec![op(1, 2, 0, What::Marked, 2), write, read];
    let verdict = sweep(&History { ops, ..History::default() }, &rules());
    assert_eq!(verdict.violations.len(), 1);
    let found = verdict.violations[0];
    assert_eq!((found.fault, found.op, found.because), (Fault::Stale, read, Some(write)));
}

#[test]
fn what_others_wrote_is_known_after_the_bound() {
    let before = [op(1, 2, 4, What::Write, 2), op(10, 20, 4, What::Write, 4)];
    let with = |read: Op| faults(&[before[0], before[1], read]);
    assert_eq!(with(op(120, 121, 0, What::Read, 2)), []);
    assert_eq!(with(op(121, 122, 0, What::Read, 2)), [Fault::Stale]);
    assert_eq!(with(op(21, 22, 4, What::Read, 2)), [Fault::Stale], "the server itself knows at once");
}

#[test]
fn a_lane_a_session_and_a_message_know_at_once() {
    let seen = |what, by, then: u16| {
        faults(&[
            op(1, 2, 4, What::Write, 2),
            op(10, 20, 4, What::Write, 4),
            op(21, 22, by, what, 4),
            op(23, 24, then, What::Read, 2),
        ])
    };
    assert_eq!(seen(What::Read, 0, 5), [Fault::Stale], "the same lane");
    assert_eq!(seen(What::Read, 0, 1), [], "another lane");
    assert_eq!(seen(What::Aside, 0, 5), [], "another session, and it was perhaps not the lane");
    assert_eq!(seen(What::Aside, 0, 0), [Fault::Stale], "the same session");
    assert_eq!(seen(What::Hint, 0, 1), []);
    assert_eq!(seen(What::Hint, 0, 0), [Fault::Stale]);
    assert_eq!(seen(What::Signal, 0, 1), [Fault::Stale], "whoever acts on a message");
    assert_eq!(seen(What::Signal, 0, 2), [], "another Nearside");
}

#[test]
fn a_marked_write_in_flight_counts_once_it_was_read() {
    let history = |what| {
        faults(&[
            op(1, 2, 0, What::Marked, 2),
            op(10, 50, 0, what, 4),
            op(20, 30, 1, What::Read, 4),
            op(31, 32, 5, What::Read, 2),
        ])
    };
    assert_eq!(history(What::Marked), [Fault::Stale]);
    assert_eq!(history(What::Write), []);
}

#[test]
fn nothing_is_read_past_its_end() {
    let write = op(10, 20, 0, What::Marked, 2);
    let with = |read| {
        let lapses = vec![super::Lapse { version: 3, from: 40, by: 50 }];
        let verdict = sweep(&History { ops: vec![write, read], lapses, dense: false }, &rules());
        verdict.violations.first().map(|found| (found.fault, found.because))
    };
    assert_eq!(with(op(50, 60, 1, What::Read, 2)), None);
    assert_eq!(with(op(51, 60, 1, What::Read, 2)), Some((Fault::Stale, Some(write))));
    assert_eq!(with(op(41, 42, 1, What::Read, NOTHING)), None);
    assert_eq!(with(op(30, 39, 1, What::Read, NOTHING)), Some((Fault::Stale, Some(write))));
}

#[test]
fn an_update_lost_and_one_too_many() {
    let dense = |ops: &[Op]| {
        let history = History { ops: ops.to_vec(), dense: true, ..History::default() };
        sweep(&history, &rules()).violations.iter().map(|violation| violation.fault).collect::<Vec<_>>()
    };
    let first = op(1, 2, 0, What::Marked, 2);
    assert_eq!(dense(&[first, op(3, 4, 1, What::Marked, 2)]), [Fault::Twice, Fault::Passed]);
    assert_eq!(dense(&[first, op(3, 4, 1, What::Marked, 6)]), [Fault::Gap]);
    assert_eq!(dense(&[first, op(3, NEVER, 2, What::Blind, 0), op(3, 4, 1, What::Marked, 6)]), []);
    assert_eq!(dense(&[first, op(5, NEVER, 2, What::Blind, 0), op(3, 4, 1, What::Marked, 6)]), [Fault::Gap]);
}
