//! Stopping in order.

use std::time::{Duration, Instant};

use nearside::Config;

use crate::common::{PATIENCE, Proxy, Server, Talk, config, eventually};

/// Waits until so many connections are blocked or subscribed at the server.
fn until_held(server: &Server, blocked: usize) {
    let mut control = server.connect();
    eventually("the client is blocked", || {
        let info = control.ask_text(&["INFO", "clients"]);
        info.contains(&format!("blocked_clients:{blocked}\r\n")).then_some(())
    });
}

/// Waits until the server works on a slow script of somebody's: it answers nobody meanwhile.
fn slow(talk: &mut Talk, server: &Server, words: &[&str]) {
    let mut control = server.connect();
    control.ask(&["DEL", "begun"]);
    talk.say(words);
    eventually("it has begun", || (control.ask(&["EXISTS", "begun"]) == b":1\r\n").then_some(()));
}

/// About 0.3 s of the server's time, after a sign that it has begun.
const SLOW: &str = "redis.call('SET', 'begun', 1) local n = 0 for i = 1, 2e7 do n = n + i end return 'late'";

#[test]
fn what_is_in_flight_is_answered() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let mut talks = [proxy.connect(), proxy.connect()];
    // A script goes over a connection of its own or a lane; what is pipelined behind it goes after it.
    let [one, two] = &mut talks;
    one.ask(&["PING"]);
    two.ask(&["PING"]);
    slow(one, &server, &["EVAL", SLOW, "0"]);
    two.say(&["DEBUG", "SLEEP", "0.3"]);
    // Read by Nearside before it drains: the server sees both connections' words.
    let mut control = server.connect();
    eventually("the sleep has begun", || {
        control.ask_text(&["INFO", "commandstats"]).contains("cmdstat_debug").then_some(())
    });
    proxy.handle().drain();
    assert_eq!(one.reply(), b"$4\r\nlate\r\n");
    assert_eq!(two.reply(), b"+OK\r\n");
    for mut talk in talks {
        assert_eq!(talk.until_closed(), b"");
    }
    proxy.wait();
}

#[test]
fn the_idle_the_blocked_and_the_subscribed_are_closed() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let place = proxy.place().clone();
    let (mut idle, mut blocked, mut subscribed, mut silent) =
        (proxy.connect(), proxy.connect(), proxy.connect(), proxy.connect());
    assert_eq!(idle.ask(&["PING"]), b"+PONG\r\n");
    assert!(subscribed.ask(&["SUBSCRIBE", "c"]).starts_with(b"*3"));
    blocked.say(&["BLPOP", "none", "0"]);
    until_held(&server, 1);
    let began = Instant::now();
    proxy.handle().drain();
    for talk in [&mut idle, &mut blocked, &mut subscribed, &mut silent] {
        assert_eq!(talk.until_closed(), b"");
    }
    proxy.wait();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(Talk::try_connect(&place).is_err(), "it still listens");
}

#[test]
fn a_drain_has_a_deadline() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(Config { drain_timeout: Duration::from_millis(200), ..config(&server.place()) });
    let mut talk = proxy.connect();
    talk.say(&["DEBUG", "SLEEP", "3"]);
    // It has begun when the server no longer answers at once.
    let mut control = server.connect();
    control.set_patience(Duration::from_millis(100));
    eventually("the sleep has begun", || {
        control.say(&["PING"]);
        control.try_reply().is_err().then_some(())
    });
    let began = Instant::now();
    proxy.handle().drain();
    assert_eq!(talk.until_closed(), b"");
    proxy.wait();
    assert!(began.elapsed() < PATIENCE / 10, "{:?}", began.elapsed());
}

#[test]
fn a_transaction_that_was_begun_may_end() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(Config { drain_timeout: Duration::from_secs(10), ..config(&server.place()) });
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["MULTI"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+QUEUED\r\n");
    proxy.handle().drain();
    assert_eq!(talk.ask(&["EXEC"]), b"*1\r\n+OK\r\n");
    assert_eq!(talk.until_closed(), b"");
    proxy.wait();
}
