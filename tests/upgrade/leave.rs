//! What clients see of a proxy that leaves.

use std::time::{Duration, Instant};

use nearside::Config;
use nearside::resp::request::encode;

use crate::common::{Proxy, Server, Talk, config, eventually, signal, stop};
use crate::rig::{Rig, figure, reply_or_end, send};

#[test]
fn whoever_is_queued_when_the_listeners_close_is_served() {
    let rig = Rig::new();
    let mut run = rig.start(&[]);
    stop(run.pid());
    let ping = encode(&[b"PING"]);
    let mut talks: Vec<Talk> = (0..200).map(|_| rig.connect()).collect();
    talks.iter_mut().step_by(2).for_each(|talk| talk.send(&ping));
    signal(run.pid(), "TERM");
    signal(run.pid(), "CONT");
    // The others are a little slower.
    talks.iter_mut().skip(1).step_by(2).for_each(|talk| talk.send(&ping));
    for talk in &mut talks {
        assert_eq!(reply_or_end(talk).as_deref(), Some(&b"+PONG\r\n"[..]));
        assert_eq!(reply_or_end(talk), None);
    }
    assert!(run.end().success());
}

#[test]
fn a_delay_is_spent_serving_and_saying_so() {
    let rig = Rig::new();
    let mut run = rig.start(&["--drain-delay", "2s"]);
    let mut early = rig.connect();
    assert_eq!(figure(&mut early, "phase"), "serving");
    eventually("it is ready", || (rig.get("/ready") == 200).then_some(()));
    let began = Instant::now();
    signal(run.pid(), "TERM");
    eventually("it says that it leaves", || (figure(&mut early, "phase") == "leaving").then_some(()));
    assert_eq!(rig.get("/ready"), 503);
    let mut late = rig.connect();
    assert_eq!(late.ask(&["SET", "k", "v"]), b"+OK\r\n");
    assert_eq!(reply_or_end(&mut late), None);
    assert_eq!(reply_or_end(&mut early), None);
    assert!(run.end().success());
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let rig = Rig::new();
    let mut run = rig.start(&["--drain-timeout", "60s"]);
    let mut talk = rig.connect();
    assert_eq!(talk.ask(&["MULTI"]), b"+OK\r\n");
    signal(run.pid(), "TERM");
    run.says("draining");
    signal(run.pid(), "TERM");
    assert_eq!(run.end().code(), Some(130));
}

#[test]
fn the_deadline_says_what_it_cuts() {
    let rig = Rig::new();
    let mut run = rig.start(&["--drain-timeout", "300ms"]);
    let mut talks = [rig.connect(), rig.connect(), rig.connect()];
    talks.iter_mut().for_each(|talk| assert_eq!(talk.ask(&["MULTI"]), b"+OK\r\n"));
    signal(run.pid(), "TERM");
    let line = run.says("drain_timeout is over");
    assert!(line.contains("3 in a transaction"), "{line}");
    assert!(run.end().success());
}

/// Nobody who asks and waits ever loses a reply: what was done was answered, what was not answered was not
/// done.
#[test]
fn busy_clients_end_between_two_replies() {
    let rig = Rig::new();
    let mut run = rig.start(&[]);
    let mut control = rig.server.connect();
    let batch: Vec<u8> = (0..16).flat_map(|_| encode(&[b"INCR", b"n"])).collect();
    let mut clients = Vec::new();
    for _ in 0..8 {
        let (mut talk, batch) = (rig.connect(), batch.clone());
        clients.push(std::thread::spawn(move || {
            let mut answered = 0_u64;
            loop {
                if send(&mut talk, &batch).is_err() {
                    return answered;
                }
                for _ in 0..16 {
                    match reply_or_end(&mut talk) {
                        Some(reply) => assert_eq!(reply.first(), Some(&b':')),
                        None => return answered,
                    }
                    answered += 1;
                }
            }
        }));
    }
    eventually("they work", || (control.ask(&["GET", "n"]).len() > 10).then_some(()));
    signal(run.pid(), "TERM");
    let answered: u64 = clients.into_iter().map(|client| client.join().expect("a clean end")).sum();
    assert!(run.end().success());
    assert_eq!(control.ask_text(&["GET", "n"]).lines().nth(1), Some(&*answered.to_string()));
}

/// However many have a connection of their own.
fn subscribers(dedicated: usize, proto: &str) {
    let server = Server::start(&[]);
    let proxy = Proxy::start(Config { pubsub_dedicated: dedicated, ..config(&server.place()) });
    let mut talks: Vec<Talk> = (0..4).map(|_| proxy.connect()).collect();
    for talk in &mut talks {
        talk.ask(&["HELLO", proto]);
        talk.ask(&["SUBSCRIBE", "c"]);
    }
    let mut publisher = server.connect();
    let last = 3000;
    for n in 1..=last {
        publisher.say(&["PUBLISH", "c", &n.to_string()]);
    }
    (1..=last).for_each(|_| drop(publisher.reply()));
    proxy.handle().drain();
    for talk in &mut talks {
        let mut heard = 0;
        while let Some(message) = reply_or_end(talk) {
            heard += 1;
            let text = String::from_utf8_lossy(&message).into_owned();
            assert!(text.contains("message") && text.ends_with(&format!("\r\n{heard}\r\n")), "{text}");
        }
        assert_eq!(heard, last);
    }
    proxy.wait();
}

#[test]
fn subscribers_hear_what_was_published_before() {
    for proto in ["2", "3"] {
        subscribers(100, proto);
        subscribers(0, proto);
    }
}

#[test]
fn who_only_holds_a_connection_is_let_go() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(Config { drain_timeout: Duration::from_secs(20), ..config(&server.place()) });
    let (mut tracking, mut silent, mut watching) = (proxy.connect(), proxy.connect(), proxy.connect());
    tracking.ask(&["HELLO", "3"]);
    assert_eq!(tracking.ask(&["CLIENT", "TRACKING", "ON"]), b"+OK\r\n");
    silent.say(&["CLIENT", "REPLY", "OFF"]);
    silent.say(&["SET", "k", "v"]);
    assert_eq!(watching.ask(&["MONITOR"]), b"+OK\r\n");
    let mut control = server.connect();
    eventually("it is set", || (control.ask(&["GET", "k"]) == b"$1\r\nv\r\n").then_some(()));
    let began = Instant::now();
    proxy.handle().drain();
    for talk in [&mut tracking, &mut silent] {
        assert_eq!(reply_or_end(talk), None);
    }
    watching.until_closed();
    proxy.wait();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
