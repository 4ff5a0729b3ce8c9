//! Random users and random requests: what `policy::acl` decides, and what real servers decide.
//!
//! `ACL SETUSER` accepts what `User::parse` accepts, `ACL DRYRUN` answers as `User::decide` does, and
//! `ACL LIST` shows what `User::describe` says. Seeds are fixed and few unless the environment asks for
//! more: `NEARSIDE_FUZZ_SECONDS` for each server, with seeds from `NEARSIDE_FUZZ_FROM` (random if it is
//! not set); `NEARSIDE_SEED` makes one user alone.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

#[path = "acl/make.rs"]
mod make;
#[path = "acl/rig.rs"]
mod rig;
#[path = "acl/runs.rs"]
mod runs;
#[path = "convert/server.rs"]
mod server;
#[path = "convert/spans.rs"]
mod spans;
#[path = "convert/talks.rs"]
#[allow(dead_code)] // the conversion tests use the rest
mod talks;

use std::time::{Duration, Instant};

use nearside::command::lookup;
use nearside::policy::acl::{Dialect, User, dryrun_text};

use make::Maker;
use rig::{Answer, Rig};
use server::binaries;

/// Users of an ordinary run, with each server.
const FEW: u64 = 250;
/// Requests that each user tries.
const TRIES: usize = 60;
/// Differences after which a run stops.
const ENOUGH: usize = 8;

#[test]
fn users_may_what_the_servers_let_them() {
    for binary in binaries() {
        let mut rig = Rig::start(&binary);
        let mut differences = Vec::new();
        for seed in seeds() {
            hold(&mut rig, seed, &mut differences);
            if differences.len() >= ENOUGH {
                break;
            }
        }
        assert!(differences.is_empty(), "{binary}:\n{}", differences.join("\n"));
        let counts = (rig.refused, rig.allowed, rig.tried);
        assert!(
            number("NEARSIDE_SEED").is_some() || rig.refused > 10 && rig.allowed > 1000,
            "the test has lost its point: {counts:?}"
        );
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn seeds() -> Box<dyn Iterator<Item = u64>> {
    if let Some(seed) = number("NEARSIDE_SEED") {
        return Box::new(seed..seed + 1);
    }
    match number("NEARSIDE_FUZZ_SECONDS") {
        None => Box::new(0..FEW),
        Some(seconds) => {
            let end = Instant::now() + Duration::from_secs(seconds);
            let from = number("NEARSIDE_FUZZ_FROM").unwrap_or_else(|| fastrand::u64(..1 << 40));
            Box::new((from..).take_while(move |_| Instant::now() < end))
        }
    }
}

/// One user.
fn hold(rig: &mut Rig, seed: u64, differences: &mut Vec<String>) {
    let mut maker = Maker::new(seed, rig.known.clone(), rig.said.clone());
    let rules = maker.rules();
    let mut differ = |what: String| differences.push(format!("seed {seed}: {rules}\n    {what}"));
    let theirs = rig.set_user("app", &rules);
    let user = match (User::parse("app", &rules), theirs) {
        (Ok(user), None) => user,
        (Err(ours), Some(theirs)) => {
            rig.refused += 1;
            return if !rig::same_reason(&ours, &theirs) {
                differ(format!("{ours}\n    {theirs}"))
            };
        }
        (ours, theirs) => return differ(format!("{:?}, not {theirs:?}", ours.map(|user| user.describe()))),
    };
    if let Some(difference) = rig.described(&rules, &user) {
        differ(difference);
    }
    for _ in 0..TRIES {
        let words = maker.request();
        let (ours, theirs) = (decided(&user, &words, rig.dialect), rig.dry_run("app", &words));
        rig.tried += 1;
        match theirs {
            Answer::Refused => {}
            // Redis finds no key in a `PFMERGE` without sources, and lets everybody write its destination.
            Answer::Said(_) if words[0].eq_ignore_ascii_case("pfmerge") && words.len() == 2 => {}
            Answer::Said(theirs) if theirs == ours => rig.allowed += u64::from(ours == b"OK"),
            Answer::Said(theirs) => {
                let show = String::from_utf8_lossy;
                differ(format!("{words:?}: {}, not {}", show(&ours), show(&theirs)));
            }
        }
    }
}

/// What `ACL DRYRUN` would say if it were ours.
fn decided(user: &User, words: &[String], dialect: Dialect) -> Vec<u8> {
    spans::with(words, |args| match user.decide(lookup(&args), &args) {
        Ok(()) => b"OK".to_vec(),
        Err(refusal) => dryrun_text(&refusal, user.name(), &args, dialect),
    })
}
