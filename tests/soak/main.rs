//! Many sessions, several workers and two Nearsides against versioned registers, under faults; what they
//! saw is checked against the contract of the cache.
//!
//! An ordinary run takes seconds; `make coherence` runs for as long as it is told to. Seeds are printed:
//! `NEARSIDE_SEED` sets one, which makes everybody choose the same again, though not at the same moments.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

mod check;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod plots;
mod readers;
mod registers;
mod relay;
mod round;
mod run;
mod session;
mod tellers;
mod wire;
mod world;
mod writers;

use std::time::Duration;

use run::{Length, run};

/// A server's run in `make test`.
const SHORT: Duration = Duration::from_secs(6);

/// From here on a run must have seen enough of everything.
const LONG: Duration = Duration::from_secs(600);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn soak(name: &str, program: Option<String>) {
    let Some(program) = program.filter(|program| !program.is_empty()) else { return };
    let long = number("NEARSIDE_COHERENCE_SECONDS").map(Duration::from_secs);
    let length = Length {
        total: long.unwrap_or(SHORT),
        round: if long.is_some() { Duration::from_secs(4) } else { Duration::from_millis(1500) },
        seed: number("NEARSIDE_SEED").unwrap_or_else(|| fastrand::u64(..1 << 40)),
    };
    let summary = run(&program, length, &|_| {});
    let text = summary.text(name, &length);
    eprintln!("{text}");
    assert!(summary.found.is_empty(), "{text}");
    if long.is_some_and(|long| long >= LONG) {
        assert!(summary.too_little().is_empty(), "{name}: {:#?}", summary.too_little());
    }
}

#[test]
fn redis7() {
    soak("redis7", Some("redis-server".into()));
}

#[test]
fn valkey9() {
    soak("valkey9", std::env::var("NEARSIDE_VALKEY_SERVER").ok());
}

#[test]
fn redis8() {
    soak("redis8", std::env::var("NEARSIDE_REDIS8_SERVER").ok());
}

/// Each invariant switched off in turn: a run that does not notice is no test of it.
#[cfg(feature = "flaws")]
#[test]
fn mutations() {
    let Some(seconds) = number("NEARSIDE_MUTATION_SECONDS") else { return };
    let only = std::env::var("NEARSIDE_MUTATION").ok();
    let mut unnoticed = Vec::new();
    for flaws in flaws() {
        if only.as_ref().is_some_and(|only| *only != format!("{:?}", flaws[0])) {
            continue;
        }
        let length = Length {
            total: Duration::from_secs(seconds),
            round: Duration::from_secs(2),
            seed: number("NEARSIDE_SEED").unwrap_or_else(|| fastrand::u64(..1 << 40)),
        };
        let begun = std::time::Instant::now();
        let summary = run("redis-server", length, &|near| {
            flaws.iter().for_each(|flaw| near.proxy.handle().near().flaws.switch(*flaw));
        });
        eprintln!("{flaws:?}: {} in {:.1?}, seed {}", summary.found.len(), begun.elapsed(), length.seed);
        eprintln!("  {}", summary.found.get(1).map_or("", String::as_str));
        if summary.found.is_empty() {
            unnoticed.push(flaws);
        }
    }
    assert!(unnoticed.is_empty(), "switched off, and not noticed: {unnoticed:?}");
}

/// What is switched off, one after the other. `cache::sim` misses those that are spared here.
#[cfg(feature = "flaws")]
fn flaws() -> Vec<Vec<nearside::cache::Flaw>> {
    use nearside::cache::Flaw;

    let alone = |flaw: &Flaw| match flaw {
        // Without it the entry that is kept carries the old epoch, and is never hit.
        Flaw::InstallEpoch => false,
        // What would have to be read between two looks is fetched by the thread that looks.
        Flaw::Together => false,
        // Keeps two clients from being shown a flush in flight the one way and the other: too rare here.
        Flaw::GlobalMark => false,
        // Either does for a flush, which alone of all such commands is tried here.
        Flaw::GlobalStart | Flaw::GlobalEnd => false,
        _ => true,
    };
    let flaws = Flaw::ALL.into_iter().filter(alone).map(|flaw| vec![flaw]);
    flaws.chain([vec![Flaw::GlobalStart, Flaw::GlobalEnd]]).collect()
}
