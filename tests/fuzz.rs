//! Random sessions, held directly with a server and through Nearside: the same bytes back.
//!
//! `conversations` holds what somebody thought of; this holds what nobody did. Seeds are fixed and few
//! unless the environment asks for more: `NEARSIDE_FUZZ_SECONDS` for each kind of server, with seeds
//! from `NEARSIDE_FUZZ_FROM` (random if it is not set); `NEARSIDE_SEED` holds one session alone. A
//! session that differs is shrunk and printed as a conversation.

#[allow(dead_code)] // a part of it is for the README
#[path = "conversations/blur.rs"]
mod blur;
mod common;
#[path = "conversations/frame.rs"]
mod frame;
#[path = "fuzz/hold.rs"]
mod hold;
#[path = "conversations/kinds.rs"]
mod kinds;
#[path = "fuzz/line.rs"]
mod line;
#[path = "fuzz/make.rs"]
mod make;
#[path = "conversations/permitted.rs"]
mod permitted;
#[path = "fuzz/phrases.rs"]
mod phrases;
#[path = "fuzz/rig.rs"]
mod rig;
#[path = "fuzz/same.rs"]
mod same;
#[path = "fuzz/say.rs"]
mod say;
#[path = "fuzz/shrink.rs"]
mod shrink;
#[path = "conversations/varies.rs"]
mod varies;
#[path = "conversations/words.rs"]
mod words;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use make::Session;
use rig::Rig;

/// Sessions of an ordinary run, with each kind of server.
const FEW: u64 = 200;
/// Differences after which a run stops.
const ENOUGH: usize = 6;

#[test]
fn redis7() {
    run("redis7");
}

#[test]
fn valkey9() {
    run("valkey9");
}

#[test]
fn redis8() {
    run("redis8");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn run(name: &str) {
    let Some(kind) = kinds::kinds().into_iter().find(|kind| kind.name == name) else { return };
    let mut rig = Rig::start(&kind);
    let seeds = match (number("NEARSIDE_SEED"), number("NEARSIDE_FUZZ_SECONDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, None) => 0..FEW,
        (None, Some(_)) => number("NEARSIDE_FUZZ_FROM").unwrap_or_else(|| fastrand::u64(..1 << 48))..u64::MAX,
    };
    let limit = Duration::from_secs(number("NEARSIDE_FUZZ_SECONDS").unwrap_or(60));
    let (begun, mut found, mut held) = (Instant::now(), Vec::new(), 0);
    for seed in seeds.clone() {
        if begun.elapsed() > limit || found.len() >= ENOUGH {
            break;
        }
        let session = make::session(seed, rig::SETTINGS);
        if is_odd(name, &session) {
            continue;
        }
        held += 1;
        if std::env::var_os("NEARSIDE_FUZZ_TRACE").is_some() {
            let _ = std::fs::write(format!("/tmp/fuzz-{name}"), format!("{session:?}"));
        }
        if differs(&mut rig, &session).is_some() {
            found.extend(report(&mut rig, &session));
        }
    }
    assert!(found.is_empty(), "{name}, {held} sessions from {}:\n{}", seeds.start, found.join("\n"));
}

/// Whether there is a reason not to hold `session`.
fn is_odd(name: &str, session: &Session) -> bool {
    // Where replies cannot be matched to requests the client sees its connection as the upstream does.
    if session.is_opaque() && session.says.iter().any(|say| ["CLIENT", "HELLO"].contains(&&*say.name())) {
        return true;
    }
    // Whether who is killed still gets what was owed depends on when the server writes.
    let endless = session.connections > 1 && session.says.iter().any(|say| say.has("0") && hold::blocks(say));
    // It neither answers nor closes any more.
    let silenced = session.says.iter().any(|say| say.has("REPLY"));
    if (endless || silenced) && session.says.iter().any(|say| say.has("KILL")) {
        return true;
    }
    // Redis 8.2 answers nothing to an AUTH that fails after a command that blocked.
    if name == "redis8" && session.connections > 1 && session.says.iter().any(|say| say.has("AUTH")) {
        return true;
    }
    // Redis 8.2 neither answers nor closes when what follows a blocked command in the same read is no RESP.
    let mut later = session.says.iter().skip_while(|say| !hold::waits(say));
    name == "redis8" && session.sending != make::Sending::Stepwise && later.any(make::is_bad)
}

fn differs(rig: &mut Rig, session: &Session) -> Option<String> {
    let held = hold::hold(rig, session);
    same::difference(session, &held)
}

/// The shrunk session, if it differs once more.
fn report(rig: &mut Rig, session: &Session) -> Option<String> {
    let first = differs(rig, session)?;
    let least = shrink::shrink(session, |session| differs(rig, session).is_some());
    let difference = differs(rig, &least).unwrap_or(first);
    let mut out = format!(
        "== NEARSIDE_SEED={} with {}, setting {}{}, {:?}\n",
        session.seed,
        rig.kind.name,
        session.setting,
        if session.cached { ", cached" } else { "" },
        least.sending
    );
    for say in &least.says {
        let _ = writeln!(out, "{}", say.line());
    }
    let _ = writeln!(out, "  {difference}");
    Some(out)
}
