//! Whether commands get through.

use std::time::{Duration, Instant};

use nearside::telemetry::alerts::State;
use nearside::telemetry::health::Status;

use crate::common::{Proxy, Relay, Server, config, eventually, signal, stop};
use crate::rig::{is_ready, quick, until_alert, until_ready, until_status, vitals};

#[test]
fn an_upstream_that_is_gone_is_noticed_and_so_is_its_return() {
    let server = Server::start(&[]);
    let relay = Relay::before(&server.place());
    let proxy = Proxy::start(quick(&relay.place()));
    until_ready(&proxy, true);
    let health = until_status(&proxy, Status::Healthy);
    let redis = &health.services.redis;
    assert_eq!(redis.status, Status::Healthy);
    assert!(redis.latency.is_some_and(|latency| latency > 0.0 && latency < 1.0), "{health:?}");
    relay.fresh(crate::common::Fresh::Refused);
    relay.wires().iter().for_each(crate::common::Wire::cut);
    let why = until_ready(&proxy, false);
    let health = until_status(&proxy, Status::Unhealthy);
    assert!(health.reasons[0].starts_with("no command gets through"), "{health:?}");
    assert!(why.contains("upstream") || why.contains("lost"), "{why}");
    until_alert(&proxy, "upstream_down", State::Firing);
    let now = Instant::now();
    assert!(vitals(&proxy).live(now).ok && vitals(&proxy).startup(now).ok && !is_ready(&proxy));
    relay.fresh(crate::common::Fresh::Joined);
    until_ready(&proxy, true);
    until_alert(&proxy, "upstream_down", State::Ok);
    until_status(&proxy, Status::Healthy);
}

#[test]
fn one_that_dies_and_one_that_never_was() {
    let server = Server::start(&[]);
    let place = server.place();
    let proxy = Proxy::start(quick(&place));
    until_ready(&proxy, true);
    drop(server);
    let why = until_ready(&proxy, false);
    assert!(!why.is_empty());
    drop(proxy);
    let proxy = Proxy::start(quick(&place));
    let why = eventually("it has tried", || {
        Some(until_ready(&proxy, false)).filter(|why| why.contains("unreachable"))
    });
    assert!(why.starts_with("worker 0: upstream"), "{why}");
    assert!(!vitals(&proxy).startup(Instant::now()).ok && vitals(&proxy).live(Instant::now()).ok);
}

#[test]
fn one_that_is_frozen_is_not_waited_for() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(quick(&server.place()));
    until_ready(&proxy, true);
    stop(server.pid());
    let since = Instant::now();
    let why = until_ready(&proxy, false);
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    assert!(why.contains("health.timeout"), "{why}");
    assert!(vitals(&proxy).live(Instant::now()).ok);
    signal(server.pid(), "CONT");
    until_ready(&proxy, true);
}

#[test]
fn one_that_is_busy_with_a_script_takes_no_commands() {
    let server = Server::start(&["--lua-time-limit", "1"]);
    let proxy = Proxy::start(quick(&server.place()));
    until_ready(&proxy, true);
    let mut script = server.connect();
    script.say(&["EVAL", "while true do end", "0"]);
    let why = until_ready(&proxy, false);
    let why = if why.contains("BUSY") {
        why
    } else {
        eventually("it says that it is busy", || {
            Some(until_ready(&proxy, false)).filter(|why| why.contains("BUSY"))
        })
    };
    assert!(why.contains("BUSY"), "{why}");
    assert_eq!(server.connect().ask(&["SCRIPT", "KILL"]), b"+OK\r\n");
    until_ready(&proxy, true);
}

/// A lane that a paused write holds up is left to it: others are served on another, and that is what counts.
#[test]
fn a_lane_that_is_held_up_is_not_the_only_way() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(quick(&server.place()));
    until_ready(&proxy, true);
    assert_eq!(server.connect().ask(&["CLIENT", "PAUSE", "4000", "WRITE"]), b"+OK\r\n");
    let (mut writer, since) = (proxy.connect(), Instant::now());
    writer.say(&["SET", "k", "v"]);
    let mut through = 0;
    while since.elapsed() < Duration::from_millis(2500) {
        assert!(is_ready(&proxy), "{:?}", vitals(&proxy).ready(Instant::now()));
        through += usize::from(proxy.connect().ask(&["GET", "k"]) == b"$-1\r\n");
        std::thread::sleep(crate::common::PAUSE);
    }
    assert!(through > 10);
    assert_eq!(writer.reply(), b"+OK\r\n");
}

#[test]
fn a_password_nobody_has_configured_is_an_answer() {
    let server = Server::start(&["--requirepass", "x"]);
    let proxy = Proxy::start(quick(&server.place()));
    until_ready(&proxy, true);
    assert!(proxy.connect().ask(&["GET", "k"]).starts_with(b"-NOAUTH"));
    assert_eq!(server.connect().ask(&["AUTH", "x"]), b"+OK\r\n");
}

/// Who may not `PING` is asked otherwise, so that the upstream's log of refusals does not fill.
#[test]
fn who_may_not_ping_is_not_asked_to_for_ever() {
    let server = Server::start(&[]);
    let mut direct = server.connect();
    assert_eq!(direct.ask(&["ACL", "SETUSER", "app", "on", ">p", "~*", "+@all", "-ping"]), b"+OK\r\n");
    let mut config = quick(&server.place());
    (config.upstream.username, config.upstream.password) =
        (Some("app".into()), Some(nearside::config::Secret::new("p")));
    let proxy = Proxy::start(config);
    until_ready(&proxy, true);
    let from = Instant::now();
    // Each worker has asked at least ten times by then.
    eventually("it has asked for a second", || (from.elapsed() > Duration::from_secs(1)).then_some(()));
    assert!(is_ready(&proxy));
    let log = String::from_utf8_lossy(&direct.ask(&["ACL", "LOG"])).into_owned();
    let counts: Vec<&str> = log.split("count\r\n:").skip(1).filter_map(|rest| rest.lines().next()).collect();
    assert!(counts.iter().all(|count| count.parse::<u32>().unwrap() <= 2), "{log}");
}

#[test]
fn where_nobody_watches_nothing_is_sent() {
    let server = Server::start(&[]);
    let relay = Relay::before(&server.place());
    let mut quiet = config(&relay.place());
    quiet.health.every = Duration::from_millis(100);
    quiet.features.cache = false;
    let proxy = Proxy::start(quiet);
    // It has looked whether its upstream is itself.
    let (since, before) = (Instant::now(), relay.opened());
    eventually("its workers have turned for a while", || {
        let turns = vitals(&proxy).pulses.beats(Instant::now()).iter().all(|beat| beat.turned.is_some());
        (turns && since.elapsed() > Duration::from_millis(600)).then_some(())
    });
    assert_eq!(relay.opened(), before);
    // Until somebody asks.
    assert_eq!(vitals(&proxy).health(Instant::now()).status, Status::Unknown);
    until_ready(&proxy, true);
    assert!(relay.opened() >= before + 2);
}

#[test]
fn without_an_upstream_it_is_ready_and_sends_nothing() {
    let server = Server::start(&[]);
    let relay = Relay::before(&server.place());
    let mut off = quick(&relay.place());
    off.enabled = false;
    let proxy = Proxy::start(off);
    until_ready(&proxy, true);
    let health = until_status(&proxy, Status::Healthy);
    assert_eq!(health.services.redis.status, Status::Disabled);
    assert_eq!(relay.opened(), 0);
}

#[test]
fn one_that_drains_is_live_and_not_ready() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(quick(&server.place()));
    until_ready(&proxy, true);
    let mut client = proxy.connect();
    client.ask(&["PING"]);
    proxy.handle().drain();
    let now = Instant::now();
    assert!(!vitals(&proxy).ready(now).ok && vitals(&proxy).live(now).ok && vitals(&proxy).startup(now).ok);
}
