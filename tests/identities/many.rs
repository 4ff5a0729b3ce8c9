//! A thousand users cost no more connections than one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Proxy, Server, Talk, config};
use crate::rig::{local_user, request};

const USERS: usize = 1000;
/// Threads that ask for them.
const HANDS: usize = 8;

fn ask(talk: &mut Talk, line: &str) -> String {
    talk.ask_text(&line.split(' ').collect::<Vec<_>>())
}

/// The rules of a user who may use its own keys.
fn rules(n: usize) -> String {
    format!("on >pw{n} ~u{n}:* &* +@all")
}

/// Connections to the server, but the one that asks, and those it has seen the end of.
fn connections(admin: &mut Talk) -> usize {
    let list = ask(admin, "CLIENT LIST");
    let is_open = |line: &str| line.contains(" cmd=") && !line.contains("cmd=client|list");
    let is_closing = |line: &str| {
        let flags = line.split(' ').find_map(|field| field.strip_prefix("flags="));
        flags.is_some_and(|flags| flags.contains('A'))
    };
    list.lines().filter(|line| is_open(line) && !is_closing(line)).count()
}

/// Everybody logs in, works on its database, and stays connected; then some work on.
fn work(proxy: &Proxy) -> Vec<Talk> {
    let hand = |hand: usize| {
        let mut talks = Vec::new();
        for n in (hand..USERS).step_by(HANDS) {
            let mut talk = proxy.connect();
            let select = format!("SELECT {}", n % 2);
            for (line, answer) in [
                (format!("AUTH u{n} pw{n}"), "+OK\r\n".to_owned()),
                (select, "+OK\r\n".to_owned()),
                (format!("SET u{n}:k v{n}"), "+OK\r\n".to_owned()),
                (format!("GET u{n}:k"), format!("${}\r\nv{n}\r\n", n.to_string().len() + 1)),
            ] {
                assert_eq!(ask(&mut talk, &line), answer, "{line}");
            }
            assert!(ask(&mut talk, &format!("GET u{}:k", (n + 1) % USERS)).starts_with("-NOPERM"));
            talks.push(talk);
        }
        for (at, talk) in talks.iter_mut().enumerate().step_by(5) {
            let n = hand + at * HANDS;
            let transaction = ["MULTI".to_owned(), format!("GET u{n}:k"), "EXEC".to_owned()];
            talk.send(&transaction.iter().flat_map(|line| request(line)).collect::<Vec<_>>());
            let said: Vec<Vec<u8>> = transaction.iter().map(|_| talk.reply()).collect();
            assert!(said[2].starts_with(b"*1\r\n$"), "{}", said[2].escape_ascii());
        }
        talks
    };
    thread::scope(|scope| {
        #[allow(clippy::needless_collect)] // all of them begin before the first is waited for
        let hands: Vec<_> = (0..HANDS).map(|n| scope.spawn(move || hand(n))).collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    })
}

#[test]
fn a_thousand_users_of_the_upstream_stay_within_the_connections_there_may_be() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    let lines: Vec<String> = (0..USERS).map(|n| format!("ACL SETUSER u{n} {}", rules(n))).collect();
    admin.send(&lines.iter().flat_map(|line| request(line)).collect::<Vec<_>>());
    lines.iter().for_each(|line| assert_eq!(admin.reply(), b"+OK\r\n", "{line}"));
    let settings = config(&server.place());
    let most = settings.upstream.max_connections;
    assert_eq!(most, 10);
    let proxy = Proxy::start(settings);
    let (done, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    let began = Instant::now();
    let talks = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                // Of some it may not have read the end yet.
                let looks = (0..4).map(|_| connections(&mut admin)).min();
                seen.fetch_max(looks.unwrap_or_default(), Ordering::AcqRel);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let talks = work(&proxy);
        done.store(true, Ordering::Release);
        talks
    });
    eprintln!("{USERS} users: {:?}, {} connections", began.elapsed(), seen.load(Ordering::Acquire));
    assert!((2..=most).contains(&seen.load(Ordering::Acquire)), "{seen:?}");
    // They are all still there, and those that do nothing now hold nothing that others need.
    assert_eq!(talks.len(), USERS);
    let mut late = proxy.connect();
    assert_eq!(ask(&mut late, "AUTH u7 pw7"), "+OK\r\n");
    assert_eq!(ask(&mut late, "GET u7:none"), "$-1\r\n");
}

#[test]
fn a_thousand_users_of_our_own_share_the_connections_of_one() {
    let server = Server::start(&[]);
    let mut settings = config(&server.place());
    settings.users = (0..USERS).map(|n| local_user(&format!("u{n}"), &rules(n))).collect();
    let proxy = Proxy::start(settings);
    let began = Instant::now();
    let talks = work(&proxy);
    let mut admin = server.connect();
    eprintln!("{USERS} users: {:?}", began.elapsed());
    // A lane for each database on each worker, and what transactions and the like have left.
    let there = connections(&mut admin);
    assert!(there <= 10, "{there}");
    assert_eq!(talks.len(), USERS);
}
