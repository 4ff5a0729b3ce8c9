//! What is counted on the path of requests: exact for conversations that are known.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

mod common;

use common::{Proxy, Relay, Server, Talk, config, eventually};
use nearside::config::{CacheMode, Config};
use nearside::telemetry::meters::{By, Cause, Class, Snapshot};

/// Waits until so many requests have been counted as answered, and answers what was counted since `before`.
fn after(proxy: &Proxy, before: &Snapshot, answers: u64) -> Snapshot {
    eventually("the meters are written at the end of the turn", || {
        let new = proxy.handle().stats().meters().since(before);
        (new.answered.iter().sum::<u64>() >= answers).then_some(new)
    })
}

fn now(proxy: &Proxy) -> Snapshot {
    proxy.handle().stats().meters()
}

/// Each command of `lines`, and the first byte of its reply.
fn converse(talk: &mut Talk, lines: &[(&str, u8)]) {
    for (line, first) in lines {
        let reply = talk.ask(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(reply[0], *first, "{line}: {}", String::from_utf8_lossy(&reply));
    }
}

fn cacheless(server: &Server) -> Config {
    let mut config = config(&server.place());
    config.cache.mode = CacheMode::Off;
    config
}

#[test]
fn a_known_conversation_is_counted_exactly() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(cacheless(&server));
    let mut talk = proxy.connect();
    let lines: &[(&str, u8)] = &[
        ("SET s 1", b'+'),
        ("GET s", b'$'),
        ("GET none", b'$'),
        ("LPUSH s x", b'-'),
        ("HSET h f v", b':'),
        ("EVALSHA ffffffffffffffffffffffffffffffffffffffff 0", b'-'),
        ("EXISTS s h", b':'),
        ("QWERTY", b'-'),
        ("PING", b'+'),
        ("CLIENT ID", b':'),
        ("SELECT 0", b'+'),
    ];
    let sent: usize = lines
        .iter()
        .map(|(line, _)| {
            line.split(' ').fold(4, |sum, word| sum + word.len() + word.len().to_string().len() + 5)
        })
        .sum();
    converse(&mut talk, lines);
    let seen = after(&proxy, &Snapshot::default(), lines.len() as u64);
    assert_eq!(seen.commands_total(), lines.len() as u64);
    for (class, count) in [
        (Class::StringWrite, 1),
        (Class::StringRead, 2),
        (Class::ListWrite, 1),
        (Class::HashWrite, 1),
        (Class::Script, 1),
        (Class::KeyRead, 1),
        (Class::Unknown, 1),
        (Class::Connection, 3),
    ] {
        let at = class.index();
        assert_eq!((seen.commands[at], seen.total[at].count()), (count, count), "{}", class.name());
    }
    // `SELECT` of the database it has is answered here, everything else by the upstream.
    assert_eq!((seen.answered_by(By::Here), seen.answered_by(By::Upstream)), (1, 10));
    assert_eq!(seen.upstream_latency().count(), 10);
    assert_eq!(seen.errors_total(), 3);
    for cause in [Cause::WrongType, Cause::NoScript, Cause::Err] {
        assert_eq!(seen.errors_of(cause), 1, "{}", cause.name());
    }
    let (all, upstream) = (seen.latency(), seen.upstream_latency());
    assert!(upstream.sum_ns > 0 && all.sum_ns >= upstream.sum_ns, "{all:?} {upstream:?}");
    assert!(seen.client_in as usize >= sent - 20 && seen.client_in as usize <= sent + 20, "{seen:?} {sent}");
    assert!(seen.client_out > 100 && seen.upstream_in > 100 && seen.upstream_out > 100, "{seen:?}");
}

#[test]
fn a_pipeline_counts_as_many_as_it_has() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(cacheless(&server));
    let mut talk = proxy.connect();
    let one = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    talk.send(&one.repeat(1000));
    (0..1000).for_each(|_| assert_eq!(talk.reply(), b"$-1\r\n"));
    let seen = after(&proxy, &Snapshot::default(), 1000);
    let at = Class::StringRead.index();
    assert_eq!((seen.commands[at], seen.total[at].count(), seen.upstream[at].count()), (1000, 1000, 1000));
    assert_eq!((seen.client_in, seen.client_out), (1000 * one.len() as u64, 5000));
    assert!(seen.upstream_out >= seen.client_in);
}

#[test]
fn what_memory_answers_is_counted_and_timed() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let mut talk = proxy.connect();
    converse(&mut talk, &[("SET k v", b'+')]);
    let hits = || now(&proxy).answered_by(By::Memory);
    eventually("it is kept", || {
        assert_eq!(talk.ask(&["GET", "k"]), b"$1\r\nv\r\n");
        (hits() > 0).then_some(())
    });
    let before = eventually("all are counted", || {
        let seen = now(&proxy);
        (seen.answered.iter().sum::<u64>() == seen.commands_total()).then_some(seen)
    });
    talk.send(&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".repeat(50));
    (0..50).for_each(|_| assert_eq!(talk.reply(), b"$1\r\nv\r\n"));
    let seen = after(&proxy, &before, 50);
    let at = Class::StringRead.index();
    assert_eq!((seen.answered_by(By::Memory), seen.commands[at], seen.total[at].count()), (50, 50, 50));
    assert_eq!(seen.upstream_latency().count(), 0);
    assert!(seen.latency().mean().is_some_and(|mean| mean.as_millis() < 1000));
}

#[test]
fn connections_of_ones_own_are_counted_alike() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(cacheless(&server));
    let mut talk = proxy.connect();
    let lines: &[(&str, u8)] = &[
        ("WATCH k", b'+'),
        ("MULTI", b'+'),
        ("SET k 1", b'+'),
        ("LPUSH k 1", b'+'),
        ("EXEC", b'*'),
        ("MULTI", b'+'),
        ("NOCOMMAND", b'-'),
        ("EXEC", b'-'),
        ("DEBUG SLEEP 0", b'+'),
    ];
    converse(&mut talk, lines);
    let seen = after(&proxy, &Snapshot::default(), lines.len() as u64);
    assert_eq!((seen.commands_total(), seen.latency().count()), (9, 9));
    assert_eq!(seen.upstream_latency().count(), 9);
    assert_eq!(seen.commands[Class::Transaction.index()], 5);
    assert_eq!(
        (seen.errors_of(Cause::Err), seen.errors_of(Cause::ExecAbort), seen.errors_total()),
        (1, 1, 2)
    );

    // The same, whole: on the lane.
    let before = now(&proxy);
    talk.send(b"MULTI\r\nSET k 2\r\nINCR k\r\nEXEC\r\n");
    (0..4).for_each(|_| drop(talk.reply()));
    let seen = after(&proxy, &before, 4);
    assert_eq!((seen.commands_total(), seen.latency().count(), seen.errors_total()), (4, 4, 0));
    assert_eq!(seen.commands[Class::StringWrite.index()], 2);
    assert_eq!(seen.total[Class::StringWrite.index()].count(), 2);
}

#[test]
fn waiting_for_others_is_no_latency() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(cacheless(&server));
    let (mut blocked, mut other) = (proxy.connect(), proxy.connect());
    blocked.say(&["BRPOP", "q", "0"]);
    eventually("it is blocked", || (now(&proxy).commands[Class::Blocking.index()] == 1).then_some(()));
    blocked.say(&["XREAD", "BLOCK", "1", "STREAMS", "none", "$"]);
    converse(&mut other, &[("LPUSH q x", b':')]);
    assert_eq!(blocked.reply(), b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
    assert_eq!(blocked.reply(), b"*-1\r\n");
    converse(&mut blocked, &[("SUBSCRIBE c", b'*')]);
    let seen = after(&proxy, &Snapshot::default(), 3);
    let at = Class::Blocking.index();
    assert_eq!((seen.commands[at], seen.total[at].count(), seen.upstream[at].count()), (2, 0, 0));
    let at = Class::Subscribe.index();
    assert_eq!((seen.commands[at], seen.total[at].count()), (1, 0));
    assert_eq!(seen.latency().count(), 1, "LPUSH");
}

#[test]
fn our_own_refusals_and_failures_have_causes_of_their_own() {
    let server = Server::start(&[]);
    let relay = Relay::before(&server.place());
    let mut config = config(&relay.place());
    config.cache.mode = CacheMode::Off;
    config.rules.block = vec!["FLUSHALL".into()];
    config.upstream.socket_timeout = std::time::Duration::from_millis(300);
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    converse(&mut talk, &[("FLUSHALL", b'-'), ("PING", b'+')]);
    relay.wires().iter().for_each(common::Wire::blackhole);
    converse(&mut talk, &[("GET k", b'-')]);
    talk.send(b"*1\r\n$x\r\n");
    assert!(talk.until_closed().starts_with(b"-ERR Protocol error"));
    let seen = after(&proxy, &Snapshot::default(), 3);
    for cause in [Cause::Denied, Cause::Timeout, Cause::Protocol] {
        assert_eq!(seen.errors_of(cause), 1, "{}", cause.name());
    }
    assert_eq!((seen.errors_total(), seen.commands_total(), seen.latency().count()), (3, 3, 3));
    // Whose fault that was is told from the upstream's part.
    let upstream = seen.upstream[Class::StringRead.index()].sum();
    assert!(upstream >= std::time::Duration::from_millis(250), "{upstream:?}");
}

#[test]
fn info_tells_the_gist() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(cacheless(&server));
    let mut talk = proxy.connect();
    converse(&mut talk, &[("SET k v", b'+'), ("LPUSH k v", b'-')]);
    after(&proxy, &Snapshot::default(), 2);
    let info = talk.ask_text(&["INFO", "nearside"]);
    for line in ["nearside_commands_total:2\r\n", "nearside_errors_total:1\r\n"] {
        assert!(info.contains(line), "{line} in {info}");
    }
    for name in ["latency_avg_us", "latency_p99_us", "upstream_latency_avg_us", "client_bytes_in"] {
        let field = info.lines().find_map(|line| line.strip_prefix(&format!("nearside_{name}:")));
        assert!(
            field.is_some_and(|value| value.parse::<u64>().is_ok_and(|value| value > 0)),
            "{name} in {info}"
        );
    }
}
