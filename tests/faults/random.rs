//! Garbage from both sides, made from seeds: nobody panics, hangs, or gets what is another's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::liar::{Liar, greet};
use crate::rig::{Near, Redis, config, ms, request, until};

/// What clients say, before it is spoilt.
const LINES: [&str; 36] = [
    "GET TAG",
    "GET TAG",
    "GET TAG",
    "GET TAG",
    "SET TAG v",
    "PING",
    "ECHO TAG",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH TAG",
    "UNWATCH",
    "SUBSCRIBE TAG b",
    "PSUBSCRIBE TAG*",
    "SSUBSCRIBE TAG",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE TAG",
    "PUNSUBSCRIBE",
    "PUBLISH TAG m",
    "BLPOP TAG 0.05",
    "WAIT 0 1",
    "HELLO 3",
    "HELLO 2",
    "SELECT 1",
    "RESET",
    "CLIENT TRACKING ON",
    "CLIENT TRACKING OFF",
    "CLIENT TRACKINGINFO",
    "CLIENT REPLY SKIP",
    "CLIENT REPLY OFF",
    "CLIENT REPLY ON",
    "CLIENT INFO",
    "CLIENT KILL ID 99",
    "EVAL return(1) 0",
    "HGETALL TAG",
    "MONITOR",
];

/// Counts panics of the proxy's threads from here on.
fn panics() -> Arc<AtomicUsize> {
    let (count, before) = (Arc::new(AtomicUsize::new(0)), std::panic::take_hook());
    let counted = Arc::clone(&count);
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().name().is_some_and(|name| name.starts_with("nearside")) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        before(info);
    }));
    count
}

/// Some lines, as one client says them.
fn said(random: &mut fastrand::Rng, tag: &str) -> Vec<u8> {
    (0..random.usize(1..12))
        .flat_map(|_| request(&LINES[random.usize(..LINES.len())].replace("TAG", tag)))
        .collect()
}

/// A byte changed, a piece lost, doubled or made up.
fn spoil(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(..20)).min(bytes.len());
        match random.u8(..5) {
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            1 => _ = bytes.drain(at..end),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => _ = bytes.splice(at..at, (0..random.usize(..40)).map(|_| random.u8(..)).collect::<Vec<_>>()),
            _ => {
                let number =
                    ["-1", "0", "99999999999999999999", "2147483647", "4294967296"][random.usize(..5)];
                bytes.splice(at..end, number.bytes());
            }
        }
    }
}

/// Everything that comes until the close, or until nothing has come for a while.
fn heard(port: u16, bytes: &[u8], quiet: u64) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(ms(quiet))).unwrap();
    let _ = stream.write_all(bytes);
    let (mut all, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    // Who monitors hears others for ever.
    while let Ok(n @ 1..) = stream.read(&mut chunk) {
        all.extend_from_slice(&chunk[..n]);
        if all.len() > 1 << 20 {
            break;
        }
    }
    all
}

fn from_seed() -> u64 {
    std::env::var("NEARSIDE_FUZZ_FROM").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// How long each of these goes on.
fn seconds() -> u64 {
    std::env::var("NEARSIDE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[test]
fn spoilt_requests_harm_nobody() {
    let panics = panics();
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.limits.large = 2048;
    settings.pubsub_dedicated = 2;
    let near = Near::start(settings);
    let begun = Instant::now();
    thread::scope(|scope| {
        for lane in 0..4 {
            let near = &near;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(from_seed() + lane);
                while begun.elapsed() < ms(1000 * seconds()) {
                    let mut bytes = said(&mut random, "tag");
                    spoil(&mut random, &mut bytes);
                    heard(near.port(), &bytes, 10);
                }
            });
        }
    });
    assert_eq!(near.client().ask("PING"), "+PONG");
    assert_eq!(near.client().ask("SET k v"), "+OK");
    until("its pinned connections are given up", || near.connections().1 <= 32);
    assert_eq!(panics.load(Ordering::Relaxed), 0);
}

/// A reply that answers `words`, once, but not as anybody would expect it.
fn lie(random: &mut fastrand::Rng, words: &[String], any: bool) -> (Vec<u8>, bool) {
    let tag = words.last().cloned().unwrap_or_default();
    let honest = format!("${}\r\n{tag}\r\n", tag.len());
    let push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
    let reply = match random.u8(..14) {
        0 => format!("{push}{honest}"),
        1 => format!("{honest}{push}"),
        2 => format!(">3\r\n$9\r\nsubscribe\r\n$1\r\nz\r\n:1\r\n{honest}"),
        3 => format!("*3\r\n$9\r\nsubscribe\r\n{honest}:1\r\n"),
        4 => format!("*3\r\n$7\r\nmessage\r\n$1\r\nz\r\n{honest}"),
        5 => format!(">3\r\n$7\r\nmessage\r\n$1\r\nz\r\n$1\r\nm\r\n{honest}"),
        6 => format!("*2\r\n%1\r\n$1\r\na\r\n#t\r\n{honest}"),
        7 => format!("-ERR {tag}\r\n"),
        8 => "*-1\r\n".into(),
        9 => return (honest.as_bytes()[..random.usize(..honest.len())].to_vec(), false),
        10 => "+QUEUED\r\n".into(),
        11 => format!("*1\r\n{honest}"),
        _ => honest,
    };
    let mut reply = reply.into_bytes();
    if any {
        spoil(random, &mut reply);
    }
    (reply, random.u8(..40) > 0)
}

fn liars(any: bool, dedicated: usize) {
    let panics = panics();
    let (honest, seeds) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let is_honest = Arc::clone(&honest);
    let liar = Liar::start(move |stream, words| {
        if let Some(done) = greet(stream, words) {
            return done;
        }
        if is_honest.load(Ordering::Relaxed) {
            return stream.write_all(b"+honest\r\n").is_ok();
        }
        let mut random = fastrand::Rng::with_seed(from_seed() + seeds.fetch_add(1, Ordering::Relaxed) as u64);
        let (reply, stays) = lie(&mut random, words, any);
        stream.write_all(&reply).is_ok() && stays
    });
    let mut settings = config(liar.endpoint());
    settings.pubsub_dedicated = dedicated;
    (settings.upstream.socket_timeout, settings.upstream.timeout) = (ms(300), ms(300));
    settings.upstream.reconnect_max = ms(20);
    let near = Near::start(settings);
    let begun = Instant::now();
    thread::scope(|scope| {
        for lane in 0..6_u64 {
            let near = &near;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(from_seed() + 1000 + lane);
                let mut number = 0;
                while begun.elapsed() < ms(1000 * seconds()) {
                    number += 1;
                    let tag = format!("tag-{lane}-{number}.");
                    let bytes = said(&mut random, &tag);
                    let all = String::from_utf8_lossy(&heard(near.port(), &bytes, 30)).into_owned();
                    // Who monitors sees what others say.
                    if any || String::from_utf8_lossy(&bytes).contains("MONITOR") {
                        continue;
                    }
                    // What is cut short is the last that comes.
                    for other in all.match_indices("tag-").map(|(at, _)| &all[at..]) {
                        assert!(
                            other.starts_with(&tag) || tag.starts_with(other),
                            "{tag} was given {other:?} for {:?}",
                            bytes.escape_ascii().to_string()
                        );
                    }
                }
            });
        }
    });
    honest.store(true, Ordering::Relaxed);
    until("it answers again", || near.client().ask("GET k") == "+honest");
    assert_eq!(panics.load(Ordering::Relaxed), 0);
}

#[test]
fn odd_replies_reach_whom_they_answer() {
    liars(false, 256);
}

#[test]
fn odd_replies_reach_whom_they_answer_where_subscriptions_are_shared() {
    liars(false, 0);
}

#[test]
fn replies_of_any_kind_harm_nobody_for_long() {
    liars(true, 256);
}

#[test]
fn replies_of_any_kind_harm_nobody_for_long_where_subscriptions_are_shared() {
    liars(true, 0);
}
