//! Limits on clients: how many, how long silent, how much unread.

use std::time::{Duration, Instant};

use nearside::Config;
use nearside::config::OutputLimit;

use crate::common::{Proxy, Server, config, eventually};

#[test]
fn one_client_more_than_allowed_is_told_so() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(Config { maxclients: 2, ..config(&server.place()) });
    let (mut one, mut two) = (proxy.connect(), proxy.connect());
    assert_eq!(one.ask(&["PING"]), b"+PONG\r\n");
    assert_eq!(two.ask(&["PING"]), b"+PONG\r\n");
    assert_eq!(proxy.connect().until_closed(), b"-ERR max number of clients reached\r\n");
    drop(two);
    eventually("the place of one that left is free", || {
        let mut talk = proxy.connect();
        talk.stream.end_of_writing();
        (talk.until_closed() == b"").then_some(())
    });
    assert_eq!(one.ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn the_silent_are_closed_and_those_who_wait_are_not() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(Config { timeout: Some(Duration::from_millis(600)), ..config(&server.place()) });
    let (mut idle, mut busy, mut blocked, mut subscribed, mut mute) =
        (proxy.connect(), proxy.connect(), proxy.connect(), proxy.connect(), proxy.connect());
    assert!(subscribed.ask(&["SUBSCRIBE", "c"]).starts_with(b"*3"));
    blocked.say(&["BLPOP", "l", "0"]);
    assert_eq!(idle.ask(&["PING"]), b"+PONG\r\n");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(busy.ask(&["PING"]), b"+PONG\r\n");
        std::thread::sleep(Duration::from_millis(100)); // what is tested is time itself
    }
    assert_eq!(idle.until_closed(), b"");
    assert_eq!(mute.until_closed(), b"");
    assert_eq!(busy.ask(&["PUBLISH", "c", "m"]), b":1\r\n");
    assert!(subscribed.reply().ends_with(b"\r\nm\r\n"));
    assert_eq!(busy.ask(&["RPUSH", "l", "v"]), b":1\r\n");
    assert_eq!(blocked.reply(), b"*2\r\n$1\r\nl\r\n$1\r\nv\r\n");
}

#[test]
fn a_subscriber_that_does_not_read_is_cut() {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.client_output_buffer_limit.pubsub = OutputLimit { hard: 1 << 20, ..OutputLimit::default() };
    let proxy = Proxy::start(config);
    let mut deaf = proxy.connect();
    assert!(deaf.ask(&["SUBSCRIBE", "c"]).starts_with(b"*3"));
    let mut publisher = server.connect();
    let message = "m".repeat(64 * 1024);
    // It takes what fits the sockets and the limit; then its upstream subscription goes with it.
    eventually("the subscriber is gone", || {
        (publisher.ask(&["PUBLISH", "c", &message]) == b":0\r\n").then_some(())
    });
    let got = deaf.until_closed();
    assert!(got.len() < 64 << 20, "{}", got.len());
    assert_eq!(proxy.connect().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let mut deaf = proxy.connect();
    let value = "v".repeat(512 * 1024);
    assert_eq!(deaf.ask(&["SET", "k", &value]), b"+OK\r\n");
    let count = 200;
    for _ in 0..count {
        deaf.say(&["GET", "k"]);
    }
    // Others are served, and in the end every reply is there.
    let mut other = proxy.connect();
    assert_eq!(other.ask(&["STRLEN", "k"]), b":524288\r\n");
    for _ in 0..count {
        assert_eq!(deaf.reply().len(), value.len() + 11);
    }
    assert_eq!(deaf.ask(&["PING"]), b"+PONG\r\n");
}
