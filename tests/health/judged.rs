//! Warnings that are judged by what passes: how long it takes, how often it fails, how often memory answers.

use std::time::{Duration, Instant};

use nearside::telemetry::alerts::State;
use nearside::telemetry::health::Status;

use crate::common::{Proxy, Relay, Server, eventually};
use crate::rig::{alert, is_ready, quick, until_alert, until_ready, until_status, vitals};

/// Does the same again and again until that warning stands so.
fn meanwhile(proxy: &Proxy, name: &str, wanted: State, mut act: impl FnMut()) {
    eventually(&format!("{name} is {}", wanted.name()), || {
        act();
        (alert(proxy, name).state == wanted).then_some(())
    });
}

#[test]
fn slow_commands_are_said_and_blocking_ones_are_not_slow() {
    let server = Server::start(&[]);
    let relay = Relay::before(&server.place());
    let mut config = quick(&relay.place());
    config.alerts.least_commands = 3;
    // A lane that is silent for a tenth of a second is left for another, which would not be slow.
    config.alerts.latency = Duration::from_millis(20);
    let proxy = Proxy::start(config);
    until_ready(&proxy, true);
    let (mut one, mut blocked) = (proxy.connect(), proxy.connect());
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(4) {
        assert_eq!(one.ask(&["SET", "k", "v"]), b"+OK\r\n");
        blocked.ask(&["BLPOP", "nothing", "0.5"]);
    }
    let quick_ones = alert(&proxy, "latency");
    assert!(
        quick_ones.state == State::Ok && quick_ones.value.is_none_or(|mean| mean < 0.1),
        "{quick_ones:?}"
    );
    relay.wires().iter().for_each(|wire| wire.down().delay(Duration::from_millis(50)));
    meanwhile(&proxy, "latency", State::Firing, || drop(one.ask(&["SET", "k", "v"])));
    let found = alert(&proxy, "latency");
    assert!(found.value.is_some_and(|mean| mean > 0.02), "{found:?}");
    assert!(vitals(&proxy).live(Instant::now()).ok && vitals(&proxy).startup(Instant::now()).ok);
    // Slow is not broken.
    until_ready(&proxy, true);
    until_status(&proxy, Status::Degraded);
    relay.wires().iter().for_each(|wire| wire.down().delay(Duration::ZERO));
    meanwhile(&proxy, "latency", State::Ok, || drop(one.ask(&["SET", "k", "v"])));
}

#[test]
fn failures_are_said_and_clients_own_errors_are_not_failures() {
    let server = Server::start(&["--maxmemory", "1mb"]);
    let mut direct = server.connect();
    direct.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    direct.ask(&["SET", "text", "x"]);
    let mut config = quick(&server.place());
    config.alerts.memory = 0.0;
    let proxy = Proxy::start(config);
    until_ready(&proxy, true);
    let mut client = proxy.connect();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(4) {
        assert!(client.ask(&["LPUSH", "text", "x"]).starts_with(b"-WRONGTYPE"));
        assert!(client.ask(&["NOSUCH"]).starts_with(b"-ERR"));
    }
    assert_eq!(alert(&proxy, "error_rate").state, State::Ok);
    assert_eq!(alert(&proxy, "error_rate").value, Some(0.0));
    direct.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    meanwhile(&proxy, "error_rate", State::Firing, || {
        assert!(client.ask(&["SET", "k", "v"]).starts_with(b"-OOM"));
        assert!(client.ask(&["GET", "text"]).starts_with(b"$1"));
    });
    let found = alert(&proxy, "error_rate");
    assert!(found.value.is_some_and(|share| share > 0.01), "{found:?}");
    assert!(is_ready(&proxy));
    direct.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    meanwhile(&proxy, "error_rate", State::Ok, || drop(client.ask(&["SET", "k", "v"])));
}

#[test]
fn a_cache_that_hits_little_is_said_when_enough_is_read() {
    let server = Server::start(&[]);
    let mut config = quick(&server.place());
    config.alerts.least_reads = 1000;
    let proxy = Proxy::start(config);
    until_ready(&proxy, true);
    let (mut client, mut at) = (proxy.connect(), 0_u64);
    let mut misses = |count: u64| {
        let names: Vec<String> = (at..at + count).map(|i| format!("k{i}")).collect();
        at += count;
        names.iter().for_each(|name| client.say(&["GET", name]));
        names.iter().for_each(|_| assert_eq!(client.reply(), b"$-1\r\n"));
    };
    // Too few to be judged: a few hundred in two seconds and one look.
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(7) {
        misses(2);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(alert(&proxy, "hit_rate").value, None);
    meanwhile(&proxy, "hit_rate", State::Firing, || misses(500));
    let found = alert(&proxy, "hit_rate");
    assert!(found.value.is_some_and(|share| share < 0.1), "{found:?}");
    assert!(is_ready(&proxy));
    until_status(&proxy, Status::Degraded);
    // From now on memory answers.
    let mut client = proxy.connect();
    meanwhile(&proxy, "hit_rate", State::Ok, || {
        (0..500).for_each(|_| client.say(&["GET", "one"]));
        (0..500).for_each(|_| assert_eq!(client.reply(), b"$-1\r\n"));
    });
}

#[test]
fn too_many_clients_are_said() {
    let server = Server::start(&[]);
    let mut config = quick(&server.place());
    config.maxclients = 10;
    let proxy = Proxy::start(config);
    until_ready(&proxy, true);
    let mut clients: Vec<_> = (0..10).map(|_| proxy.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.ask(&["PING"]), b"+PONG\r\n"));
    let found = until_alert(&proxy, "clients", State::Firing);
    assert!(found.text.starts_with("10 of 10"), "{found:?}");
    assert!(is_ready(&proxy));
    drop(clients);
    until_alert(&proxy, "clients", State::Ok);
}
