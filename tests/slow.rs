//! Requests that are told of one by one: the slow log, and the sampled access log.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

mod common;

use std::time::Duration;

use common::{Place, Proxy, Run, Server, Talk, binary, config, eventually};
use nearside::config::{CacheMode, Config};
use nearside::telemetry::slow::Entry;

const MS: u64 = 1_000;

fn slower_than(server: &Server, millis: u64) -> Config {
    let mut config = config(&server.place());
    config.cache.mode = CacheMode::Off;
    config.slowlog.threshold = Duration::from_millis(millis);
    config
}

/// The entries, once there are so many, the oldest first.
fn entries(proxy: &Proxy, least: usize) -> Vec<Entry> {
    let log = &proxy.handle().stats().slow;
    eventually("they are in the slow log", || (log.len() >= least).then_some(()));
    let mut entries = log.entries(1000);
    entries.reverse();
    for entry in &entries {
        let sum = entry.queue_us + entry.upstream_us + entry.client_us;
        assert!(sum <= entry.total_us && entry.total_us - sum <= 3, "{entry:?}");
    }
    entries
}

#[test]
fn an_entry_says_who_asked_what_and_that_it_was_the_upstream() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(slower_than(&server, 50));
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["CLIENT", "SETNAME", "billing"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["SELECT", "2"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["GET", "quick"]), b"$-1\r\n");
    assert_eq!(talk.ask(&["DEBUG", "SLEEP", "0.2"]), b"+OK\r\n");
    // One that goes on a lane waits for it as well.
    let mut other = proxy.connect();
    talk.say(&["DEBUG", "SLEEP", "0.2"]);
    eventually("the server sleeps", || {
        let count = proxy.handle().stats().meters().commands_total();
        (count >= 5).then_some(())
    });
    assert_eq!(other.ask(&["SET", "k", &"v".repeat(200)]), b"+OK\r\n");
    assert_eq!(talk.reply(), b"+OK\r\n");
    let id: u64 = talk.ask_text(&["CLIENT", "ID"]).trim_matches([':', '\r', '\n']).parse().unwrap();
    let all = entries(&proxy, 2);
    let sleeps: Vec<&Entry> = all.iter().filter(|entry| entry.command[0] == "DEBUG").collect();
    assert_eq!(sleeps.len(), 2, "{all:?}");
    for sleep in sleeps {
        assert_eq!(sleep.command, ["DEBUG", "SLEEP", "0.2"]);
        assert_eq!((sleep.client, &sleep.name[..], &sleep.user[..], sleep.db), (id, "billing", "default", 2));
        assert!(sleep.address.starts_with("127.0.0.1:"), "{sleep:?}");
        assert!(sleep.upstream_us >= 190 * MS && sleep.queue_us < 190 * MS, "{sleep:?}");
        assert!(sleep.unix_time > 1_700_000_000);
    }
    if let Some(set) = all.iter().find(|entry| entry.command[0] == "SET") {
        assert_eq!(set.command[2], format!("{}... (72 more bytes)", "v".repeat(128)));
        assert!(set.upstream_us > set.queue_us, "{set:?}");
    }
}

#[test]
fn what_waits_for_a_connection_is_our_own_part() {
    let server = Server::start(&[]);
    let mut config = slower_than(&server, 50);
    (config.workers, config.upstream.max_connections) = (1, 2);
    config.upstream.timeout = Duration::from_millis(200);
    let proxy = Proxy::start(config);
    let (mut holder, mut waiter) = (proxy.connect(), proxy.connect());
    assert_eq!(holder.ask(&["WATCH", "k"]), b"+OK\r\n");
    // There is one connection for this, and it is taken.
    assert!(waiter.ask_text(&["WATCH", "k"]).starts_with("-UPSTREAMBUSY"));
    let all = entries(&proxy, 1);
    assert_eq!((all.len(), &all[0].command[..]), (1, &["WATCH".to_owned(), "k".to_owned()][..]), "{all:?}");
    assert!(all[0].queue_us >= 150 * MS && all[0].upstream_us == 0, "{all:?}");
}

/// Waits until more than `before` has gone to clients, and for a while no more does.
fn stands_still(proxy: &Proxy, before: u64) {
    let mut seen = before;
    eventually("no more is taken", || {
        std::thread::sleep(Duration::from_millis(100));
        let now = proxy.handle().stats().meters().client_out;
        let stands = now > before && now == seen;
        seen = now;
        stands.then_some(())
    });
}

#[test]
fn a_client_that_does_not_read_is_the_one_to_blame() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(slower_than(&server, 100));
    let mut talk = proxy.connect();
    let big = "x".repeat(32 << 20);
    assert_eq!(talk.ask(&["SET", "big", &big]), b"+OK\r\n");
    proxy.handle().stats().slow.reset();
    let asked = |talk: &mut Talk| {
        let before = proxy.handle().stats().meters().client_out;
        talk.say(&["GET", "big"]);
        // It is passed on, as far as it goes: until for a while no more of it does.
        stands_still(&proxy, before);
        std::thread::sleep(Duration::from_millis(300)); // the time that is to be measured
        assert_eq!(talk.reply().len(), big.len() + "$33554432\r\n\r\n".len());
    };
    asked(&mut talk);
    // The second knows that its reply is large.
    asked(&mut talk);
    let all = entries(&proxy, 2);
    let worst = all.iter().filter(|entry| entry.command[0] == "GET").max_by_key(|entry| entry.client_us);
    let worst = worst.unwrap_or_else(|| panic!("{all:?}"));
    assert!(worst.client_us >= 300 * MS && worst.client_us > worst.upstream_us + worst.queue_us, "{all:?}");
}

#[test]
fn short_replies_left_unread_are_told_of_as_well() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(slower_than(&server, 200));
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["SET", "k", &"x".repeat(10_000)]), b"+OK\r\n");
    let before = proxy.handle().stats().meters().client_out;
    talk.send(&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".repeat(2000));
    stands_still(&proxy, before);
    std::thread::sleep(Duration::from_millis(300)); // the time that is to be measured
    (0..2000).for_each(|_| assert_eq!(talk.reply().len(), 10_010));
    let all = eventually("its own entry", || {
        let all = entries(&proxy, 1);
        all.iter().any(|entry| entry.client_us >= 300 * MS).then_some(all)
    });
    let stall = all.iter().find(|entry| entry.client_us >= 300 * MS).unwrap();
    assert_eq!((&stall.command[..], stall.queue_us, stall.upstream_us), (&["GET".to_owned()][..], 0, 0));
}

#[test]
fn with_no_threshold_everything_is_kept_but_secrets_and_waiting() {
    let server = Server::start(&["--requirepass", "hidden-0"]);
    let mut config = slower_than(&server, 0);
    config.slowlog.max_len = 1000;
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    for (line, first) in [
        ("AUTH hidden-0", '+'),
        ("AUTH nobody hidden-1", '-'),
        ("HELLO 2 AUTH default hidden-0", '*'),
        ("CONFIG SET maxmemory 0 requirepass hidden-0", '+'),
        ("ACL SETUSER u on >hidden-2", '+'),
        ("AUHT hidden-3", '-'),
        ("CONFIG STE requirepass hidden-4", '-'),
        ("MIGRATE 127.0.0.1 1 none 0 10 AUTH hidden-5", '+'),
        ("SET visible 1", '+'),
        ("MULTI", '+'),
        ("AUTH hidden-6", '-'),
        ("SET visible 2", '+'),
        ("DISCARD", '+'),
        ("BLPOP waits 0.01", '*'),
    ] {
        let reply = talk.ask_text(&line.split(' ').collect::<Vec<_>>());
        assert!(reply.starts_with(first) || first == '-' || line.starts_with("AUTH"), "{line}: {reply}");
    }
    talk.send(b"MULTI\r\nSET k v\r\nEXEC\r\n");
    (0..3).for_each(|_| drop(talk.reply()));
    let all = eventually("the last one", || {
        let all = entries(&proxy, 10);
        all.iter().any(|entry| entry.command == ["MULTI", "SET", "EXEC"]).then_some(all)
    });
    let text = format!("{all:?}");
    assert!(!text.contains("hidden"), "{text}");
    assert!(text.contains("visible") && text.contains("(redacted)") && text.contains("maxmemory"), "{text}");
    assert!(!text.contains("BLPOP"), "{text}");
    let log = &proxy.handle().stats().slow;
    log.reset();
    assert!(log.is_empty());
    talk.ask(&["GET", "k"]);
    assert!(entries(&proxy, 1)[0].id >= all.len() as u64);
}

#[test]
fn it_can_be_off() {
    let server = Server::start(&[]);
    let mut config = slower_than(&server, 0);
    config.slowlog.max_len = 0;
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    (0..3).for_each(|_| assert_eq!(talk.ask(&["GET", "k"]), b"$-1\r\n"));
    assert_eq!(talk.ask(&["WATCH", "k"]), b"+OK\r\n");
    assert!(proxy.handle().stats().slow.is_empty());
}

#[test]
fn sampled_requests_leave_a_line_each() {
    let server = Server::start(&[]);
    let Place::Unix(upstream) = server.place() else { panic!("servers are on Unix sockets") };
    let mut run = Run::start(
        binary()
            .args(["--listen", "127.0.0.1:0", "--workers", "1", "--log-format", "json"])
            .args(["--set", "log.access_sample=1", "--set", "rules.block=FLUSHALL"])
            .arg("--upstream")
            .arg(format!("unix://{}", upstream.display())),
    );
    let said = run.says("listening on ");
    let port = said.split("127.0.0.1:").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    let mut talk = Talk::connect(&Place::Tcp(format!("127.0.0.1:{port}").parse().unwrap()));
    assert_eq!(talk.ask(&["SET", "one", "v"]), b"+OK\r\n");
    let line = run.says("nearside::access");
    for part in ["\"command\":\"SET\"", "\"key\":\"one\"", "\"outcome\":\"upstream\"", "\"user\":\"default\""]
    {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(line.contains("\"id\":\"0-1\"") && line.contains("\"upstream_us\":"), "{line}");
    assert!(talk.ask_text(&["FLUSHALL"]).starts_with('-'));
    assert!(run.says("nearside::access").contains("\"outcome\":\"denied\""));
    eventually("it is kept", || {
        assert_eq!(talk.ask(&["GET", "one"]), b"$1\r\nv\r\n");
        run.says("nearside::access").contains("\"outcome\":\"hit\"").then_some(())
    });
    assert_eq!(talk.ask(&["WATCH", "one"]), b"+OK\r\n");
    assert!(run.says("nearside::access").contains("\"command\":\"WATCH\""));
}
