//! An upstream that dies, hangs or refuses, at each step.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::rig::{Near, Redis, config, encode, ms, until};
use nearside::config::{Endpoint, Secret};

#[test]
fn a_restart_while_idle_is_nobodys_error() {
    let mut redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut client = near.client();
    assert_eq!(client.ask("SET k v"), "+OK");
    assert_eq!(client.ask("MULTI"), "+OK"); // so that a pooled lease dies, too
    assert_eq!(client.ask("EXEC"), "[]");
    redis.kill();
    redis.revive();
    assert_eq!(client.ask("INCR n"), ":1");
    assert_eq!(client.ask("MULTI"), "+OK");
    assert_eq!(client.ask("INCR n"), "+QUEUED");
    assert_eq!(client.ask("EXEC"), "[:2]");
    redis.kill();
    client.send("SET k w"); // waits for the upstream
    sleep(ms(100));
    redis.revive();
    assert_eq!(client.reply(), "+OK");
}

/// Freezes the server so that what is sent is surely in flight, then kills it.
#[test]
fn a_lost_connection_repeats_reads_and_reports_writes_once() {
    let mut redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut client = near.client();
    assert_eq!(client.ask("PING"), "+PONG");
    redis.signal("-STOP");
    for line in ["GET k", "SET k v", "INCR n", "GET k"] {
        client.send(line);
    }
    sleep(ms(200));
    redis.kill();
    redis.revive();
    let replies: Vec<String> = (0..4).map(|_| client.reply()).collect();
    assert_eq!((&*replies[0], &*replies[3]), ("nil", "nil"));
    assert!(replies[1].starts_with("-UPSTREAMLOST "), "{replies:?}");
    assert!(replies[2].starts_with("-UPSTREAMLOST "), "{replies:?}");
    assert_eq!(client.ask("INCR n"), ":1", "never sent twice");
}

#[test]
fn no_increment_runs_twice_however_often_connections_are_cut() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.reconnect_max = ms(20);
    let near = Near::start(settings);
    let (mut granted, mut unknown) = (0_i64, 0_i64);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut client, mut granted, mut unknown) = (near.client(), 0, 0);
                    for _ in 0..40 {
                        (0..10).for_each(|_| client.send("INCR n"));
                        for _ in 0..10 {
                            match client.reply() {
                                r if r.starts_with(':') => granted += 1,
                                r if r.starts_with("-UPSTREAMLOST ") => unknown += 1,
                                r => panic!("{r}"),
                            }
                        }
                    }
                    (granted, unknown)
                })
            })
            .collect();
        let mut killer = redis.direct();
        while !clients.iter().all(thread::ScopedJoinHandle::is_finished) {
            killer.ask("CLIENT KILL TYPE normal SKIPME yes");
            sleep(ms(15));
        }
        for client in clients {
            let (g, u) = client.join().unwrap();
            (granted, unknown) = (granted + g, unknown + u);
        }
    });
    let count: i64 = redis.direct().ask("GET n").parse::<i64>().unwrap();
    assert!(
        count >= granted && count <= granted + unknown,
        "{granted} granted, {unknown} unknown, {count} counted"
    );
}

#[test]
fn a_transaction_that_loses_its_connection_ends_with_its_client() {
    for stage in [
        &["MULTI"][..],
        &["WATCH k"],
        &["MULTI", "INCR n"],
        &["SUBSCRIBE c"],
        &["NEARSIDE MONITOR UPSTREAM"],
        &["BLPOP l 0"],
    ] {
        let mut redis = Redis::start(&[]);
        let near = Near::before(&redis);
        let mut client = near.client();
        for line in stage {
            client.send(line);
        }
        if stage[0] != "BLPOP l 0" {
            stage.iter().for_each(|_| drop(client.reply()));
        }
        until("it has its connection", || near.connections() != (0, 0) && !redis.of_proxy().is_empty());
        redis.kill();
        redis.revive();
        if stage[0] == "BLPOP l 0" {
            assert!(client.reply().starts_with("-UPSTREAMLOST "));
            assert_eq!(client.ask("PING"), "+PONG");
        } else {
            assert!(client.is_closed(), "{stage:?}");
        }
        assert_eq!(near.client().ask("GET n"), "nil");
        until("nothing leaks", || near.connections().1 == 0);
    }
}

#[test]
fn late_replies_of_a_frozen_upstream_are_nobodys() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.socket_timeout = ms(300);
    settings.workers = 1;
    let near = Near::start(settings);
    let mut clients: Vec<_> = (0..4).map(|_| near.client()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("SET k{i} {i}")), "+OK");
    }
    let before = redis.of_proxy()[0].split(' ').next().unwrap().to_owned();
    redis.signal("-STOP");
    for (i, client) in clients.iter_mut().enumerate() {
        let reply = client.ask(&format!("GET k{i}"));
        assert!(reply.starts_with("-UPSTREAMTIMEOUT "), "{reply}");
    }
    clients[1].send("GET k1");
    redis.signal("-CONT");
    assert_eq!(clients[1].reply(), "1");
    for (i, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("GET k{i}")), i.to_string());
    }
    assert!(redis.of_proxy()[0].starts_with(&before), "the lane stayed up");
}

#[test]
fn a_blocked_client_and_a_subscriber_outlive_the_socket_timeout() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.socket_timeout = ms(100);
    let near = Near::start(settings);
    let (mut blocked, mut subscribed) = (near.client(), near.client());
    blocked.send("BLPOP l 0");
    assert_eq!(subscribed.ask("SUBSCRIBE c"), "[subscribe c :1]");
    until("it blocks", || redis.of_proxy().iter().any(|line| line.contains("flags=b")));
    sleep(ms(500));
    let mut other = near.client();
    assert_eq!(other.ask("RPUSH l x"), ":1");
    assert_eq!(blocked.reply(), "[l x]");
    assert_eq!(other.ask("PUBLISH c hello"), ":1");
    assert_eq!(subscribed.reply(), "[message c hello]");
}

#[test]
fn an_upstream_that_is_away_costs_its_timeout_once_and_then_nothing() {
    let mut redis = Redis::start(&[]);
    redis.kill();
    let mut settings = config(redis.endpoint());
    settings.upstream.timeout = ms(400);
    let near = Near::start(settings);
    let mut client = near.client();
    let start = Instant::now();
    let reply = client.ask("SET k v");
    assert!(reply.starts_with("-UPSTREAMDOWN "), "{reply}");
    assert!(start.elapsed() >= ms(350) && start.elapsed() < ms(2000), "{:?}", start.elapsed());
    let start = Instant::now();
    for _ in 0..10 {
        let reply = client.ask("SET k v");
        assert!(reply.starts_with("-UPSTREAMDOWN "), "{reply}");
    }
    assert!(start.elapsed() < ms(2000), "fails fast: {:?}", start.elapsed());
    redis.revive();
    until("it recovers by itself", || client.ask("SET k v") == "+OK");
}

#[test]
fn the_servers_own_idle_timeout_is_never_a_clients_error() {
    let redis = Redis::start(&["--timeout", "2"]);
    let near = Near::before(&redis);
    let mut client = near.client();
    let mut all = |n: &str| {
        assert_eq!(client.ask("INCR n"), n);
        assert_eq!(client.ask("MULTI"), "+OK");
        assert_eq!(client.ask("GET n"), "+QUEUED");
        assert_eq!(client.ask("EXEC"), format!("[{}]", &n[1..]));
        assert_eq!(client.ask("BLPOP none 0.01"), "nil");
    };
    all(":1");
    sleep(Duration::from_secs(5));
    all(":2");
}

#[test]
fn a_wrong_password_is_said_at_once_and_a_changed_one_heals() {
    let redis = Redis::start(&["--requirepass", "secret"]);
    let mut settings = config(redis.endpoint());
    settings.upstream.password = Some(Secret::new("wrong"));
    settings.upstream.reconnect_max = ms(100);
    let near = Near::start(settings);
    let mut client = near.client();
    let start = Instant::now();
    assert!(client.ask("GET k").starts_with("-WRONGPASS "));
    assert!(client.ask("GET k").starts_with("-WRONGPASS "));
    assert!(start.elapsed() < ms(2000), "{:?}", start.elapsed());
    let mut direct = redis.direct();
    assert_eq!(direct.ask("AUTH secret"), "+OK");
    assert_eq!(direct.ask("CONFIG SET requirepass wrong"), "+OK");
    until("the password fits", || client.ask("SET k v") == "+OK");
}

#[test]
fn a_full_upstream_is_waited_for() {
    let redis = Redis::start(&["--maxclients", "3"]);
    let near = Near::before(&redis);
    let mut hogs: Vec<_> = (0..3).map(|_| redis.direct()).collect();
    assert_eq!(hogs[2].ask("PING"), "+PONG");
    let mut client = near.client();
    client.send("SET k v");
    sleep(ms(200));
    hogs.clear();
    assert_eq!(client.reply(), "+OK");
}

#[test]
fn a_dead_address_is_said_within_the_connect_timeout() {
    // TEST-NET-1: nobody answers, or the system says at once that there is no way.
    let mut settings = config(Endpoint::Tcp { host: "192.0.2.1".into(), port: 6379 });
    settings.upstream.connect_timeout = ms(200);
    settings.upstream.timeout = ms(500);
    let near = Near::start(settings);
    let mut client = near.client();
    let start = Instant::now();
    let reply = client.ask("GET k");
    assert!(reply.starts_with("-UPSTREAMDOWN "), "{reply}");
    let reply = client.ask("MULTI");
    assert!(reply.starts_with("-UPSTREAMDOWN "), "{reply}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(client.is_closed(), "what follows a failed MULTI must not run");
}

#[test]
fn a_script_that_never_ends_holds_up_nobody_on_the_same_lane() {
    let redis = Redis::start(&["--lua-time-limit", "10"]);
    let mut settings = config(redis.endpoint());
    settings.workers = 1;
    let near = Near::start(settings);
    let (mut stuck, mut other) = (near.client(), near.client());
    assert_eq!(other.ask("PING"), "+PONG");
    stuck.write(&encode(&[b"EVAL", b"while true do end", b"0"]));
    // Asked behind the script, on its connection, or already on another: the server's own answer.
    until("others hear that it is busy", || other.ask("PING").starts_with("-BUSY"));
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    assert!(stuck.reply().contains("killed by user"));
    until("all is well again", || other.ask("PING") == "+PONG");
}
