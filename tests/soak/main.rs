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
