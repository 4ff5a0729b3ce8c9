//! One process takes over from another: what passes to it, and that both serve without hits meanwhile.

use crate::common::{PATIENCE, Place, Run, Talk, eventually, signal};
use crate::rig::{Rig, figure, reply_or_end, until_alone, until_connected};

/// Everything that is read twice is kept.
pub(crate) const CACHING: [&str; 4] = ["--set", "cache.admit_after=1", "--set", "workers=1"];

/// Reads until a hit is given out.
pub(crate) fn until_hit(talk: &mut Talk, key: &str) {
    eventually("a hit", || {
        let before = figure(talk, "cache_hits");
        talk.ask(&["GET", key]);
        (figure(talk, "cache_hits") != before).then_some(())
    });
}

fn is_suspended(talk: &mut Talk) -> bool {
    figure(talk, "cache_suspended") == "1"
}

#[test]
fn the_next_one_serves_where_the_last_one_did() {
    let rig = Rig::new();
    let mut old = rig.start_next(&CACHING);
    let mut held = rig.connect();
    assert_eq!(held.ask(&["SET", "k", "v"]), b"+OK\r\n");
    until_hit(&mut held, "k");
    let mut idle = rig.connect();
    until_connected(&mut idle, 2);
    // It stays where it is: what was begun is to end there.
    assert_eq!(held.ask(&["MULTI"]), b"+OK\r\n");
    eventually("it is ready", || (rig.get("/ready") == 200).then_some(()));
    let mut new = rig.start_next(&CACHING);
    assert_eq!(reply_or_end(&mut idle), None);
    let mut talk = rig.connect();
    let mut local = Talk::connect(&Place::Unix(rig.unix()));
    until_connected(&mut talk, 2);
    for _ in 0..5 {
        assert_eq!(talk.ask(&["GET", "k"]), b"$1\r\nv\r\n");
        assert_eq!(local.ask(&["GET", "k"]), b"$1\r\nv\r\n");
    }
    eventually("it is ready", || (rig.get("/ready") == 200).then_some(()));
    // Two processes serve: neither from its cache.
    assert!(old.runs() && is_suspended(&mut talk));
    assert_eq!(figure(&mut talk, "cache_hits"), "0");
    let explained = talk.ask_text(&["NEARSIDE", "CACHE", "EXPLAIN", "k"]);
    assert!(explained.contains("hand-over"), "{explained}");
    assert_eq!(held.ask(&["SET", "k", "w"]), b"+QUEUED\r\n");
    assert_eq!(held.ask(&["EXEC"]), b"*1\r\n+OK\r\n");
    assert_eq!(reply_or_end(&mut held), None);
    assert!(old.end().success());
    until_alone(&mut new);
    assert!(!is_suspended(&mut talk));
    assert_eq!(talk.ask(&["GET", "k"]), b"$1\r\nw\r\n");
    until_hit(&mut talk, "k");
    // The files are its own now, and go with it.
    eventually("it is ready", || (rig.get("/ready") == 200).then_some(()));
    assert!(rig.unix().exists() && rig.takeover().exists() && rig.admin().exists());
    signal(new.pid(), "TERM");
    assert!(new.end().success());
    assert!(!rig.unix().exists() && !rig.takeover().exists() && !rig.admin().exists());
}

#[test]
fn a_third_one_waits_until_the_first_has_gone() {
    let rig = Rig::new();
    let flags = ["--drain-timeout", "60s"];
    let mut first = rig.start_next(&flags);
    let mut held = rig.connect();
    assert_eq!(held.ask(&["MULTI"]), b"+OK\r\n");
    let mut second = rig.start_next(&flags);
    let takeover = rig.takeover();
    let flags = ["--takeover", takeover.to_str().expect("letters"), "--drain-timeout", "60s"];
    let mut third = Run::start(&mut rig.command(&flags));
    third.says("still waits for the end of the one before");
    assert_eq!(rig.connect().ask(&["PING"]), b"+PONG\r\n");
    assert!(first.runs() && second.runs());
    assert_eq!(held.ask(&["EXEC"]), b"*0\r\n");
    third.says("listening on");
    assert!(first.end().success() && second.end().success());
    assert_eq!(rig.connect().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn addresses_may_differ() {
    let rig = Rig::new();
    let mut old = rig.start_next(&[]);
    let other = rig.dir.join("other");
    let mut command = crate::common::binary();
    command.args(["--listen", &format!("127.0.0.1:{}", rig.port)]);
    command.args([
        "--listen",
        &format!("unix:{}", other.display()),
        "--upstream",
        &rig.upstream(),
        "--admin-listen",
        "none",
    ]);
    command.arg("--takeover").arg(rig.takeover());
    let mut new = Run::start(&mut command);
    new.says("listening on");
    assert!(old.end().success());
    assert_eq!(rig.connect().ask(&["PING"]), b"+PONG\r\n");
    assert_eq!(Talk::connect(&Place::Unix(other)).ask(&["PING"]), b"+PONG\r\n");
    assert!(!rig.unix().exists(), "nobody listens there any more");
    until_alone(&mut new);
}

#[test]
fn what_waits_for_others_is_let_go() {
    let rig = Rig::new();
    let mut old = rig.start_next(&[]);
    let mut control = rig.server.connect();
    let mut blocked = rig.connect();
    blocked.set_patience(PATIENCE);
    blocked.say(&["BLPOP", "q", "0"]);
    eventually("it blocks", || {
        control.ask_text(&["INFO", "clients"]).contains("blocked_clients:1\r\n").then_some(())
    });
    let _new = rig.start_next(&[]);
    assert_eq!(reply_or_end(&mut blocked), None);
    assert!(old.end().success());
    // Nothing was popped for it.
    let mut again = rig.connect();
    again.say(&["BLPOP", "q", "0"]);
    assert_eq!(control.ask(&["RPUSH", "q", "x"]), b":1\r\n");
    assert_eq!(again.reply(), b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
}
