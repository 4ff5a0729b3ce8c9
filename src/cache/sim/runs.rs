//! Thousands of runs, each out of a seed of its own.

use std::io::Write as _;
use std::ops::Range;

use super::plan::Plan;
use super::world::{World, Worth};

/// Lines of a broken run that are shown.
const LINES: usize = 60;

/// Adds up what runs were worth. A broken one is told by its last lines.
fn all(seeds: Range<u64>) -> Worth {
    let mut worth = Worth::default();
    for seed in seeds {
        match World::new(seed, Plan::any, &[], false).run() {
            Ok(one) => worth.add(&one),
            Err((why, _)) => {
                let told = World::new(seed, Plan::any, &[], true).run();
                let log = told.err().map_or_else(String::new, |(_, log)| log);
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
                panic!("NEARSIDE_SEED={seed}: {why}\n{last}");
            }
        }
    }
    worth
}

/// Nobody is shown what nobody may see, and the runs are worth something.
fn all_is_well(seeds: Range<u64>) {
    let worth = all(seeds.clone());
    let runs = seeds.end - seeds.start;
    let mean = |count: u64| count as f64 / runs as f64;
    let enough = [
        ("reads", worth.reads, 200.0),
        ("hits", worth.hits, 40.0),
        ("reads of several keys from memory", worth.together, 5.0),
        ("joins", worth.joins, 2.0),
        ("writes", worth.writes, 15.0),
        ("fills", worth.fills, 80.0),
        ("installs", worth.installs, 40.0),
        ("fills killed", worth.killed, 20.0),
        ("keys announced", worth.pushes, 20.0),
        ("flushes announced", worth.flushes, 2.0),
        ("signals held", worth.held, 2.0),
        ("lanes fenced off", worth.late, 0.3),
        ("lanes lost", worth.lost, 0.5),
        ("late executions", worth.orphans, 0.02),
        ("values that expired", worth.expired, 1.0),
    ];
    for (what, count, least) in enough {
        assert!(mean(count) >= least, "only {} {what} in a run: {worth:?}", mean(count));
    }
}

#[test]
fn nobody_is_shown_what_nobody_may_see() {
    all_is_well(0..600);
}

#[test]
fn nor_in_other_runs() {
    all_is_well(600..1200);
}

#[test]
fn nor_in_more_of_them() {
    all_is_well(1200..1800);
}

#[test]
fn nor_in_still_more() {
    all_is_well(1800..2400);
}

/// As many more as `NEARSIDE_SIM_RUNS` says.
#[test]
fn further() {
    let runs = std::env::var("NEARSIDE_SIM_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(0);
    all(2400..2400 + runs);
}

#[test]
fn one_seed_is_one_run() {
    let told = |seed| World::new(seed, Plan::any, &[], true).tale();
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}

/// The run of `NEARSIDE_SEED`, step by step, and whether all was well.
#[test]
fn one() {
    let Some(seed) = std::env::var("NEARSIDE_SEED").ok().and_then(|seed| seed.parse().ok()) else { return };
    let tale = World::new(seed, Plan::any, &[], true).tale();
    let _ = std::io::stderr().write_all(tale.as_bytes());
    all(seed..seed + 1);
}
