//! `NEARSIDE`: what an operator sees of the near cache, byte by byte.

#![allow(clippy::unwrap_used)] // tests may

mod common;

use std::time::{Duration, Instant};

use common::{Proxy, Server, Talk, config, eventually};
use nearside::Config;

/// A server, and a proxy with one worker that keeps every key at its first read.
fn scene(tune: impl FnOnce(&mut Config)) -> (Server, Proxy) {
    scene_of(Server::start(&[]), tune)
}

fn scene_of(server: Server, tune: impl FnOnce(&mut Config)) -> (Server, Proxy) {
    let mut settings = Config { workers: 1, ..config(&server.place()) };
    settings.cache.admit_after = 0;
    tune(&mut settings);
    (server, Proxy::start(settings))
}

fn ask(talk: &mut Talk, line: &str) -> String {
    talk.ask_text(&line.split(' ').collect::<Vec<_>>())
}

/// Reads until the cache answers.
fn warm(talk: &mut Talk, line: &str) {
    let key = line.split(' ').nth(1).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let shown = format!("\r\n{}\r\n", words[0]);
    eventually(&format!("{line} is kept"), || {
        ask(talk, line);
        let explained = ask(talk, &format!("NEARSIDE CACHE EXPLAIN {key}"));
        (explained.contains(&shown) && explained.contains("\r\ncurrent\r\n")).then_some(())
    });
}

/// What stands behind `field` in a reply; a bulk string's text, or the line.
fn field(reply: &str, field: &str) -> String {
    let at = reply.find(&format!("\r\n{field}\r\n")).unwrap_or_else(|| panic!("{field} in {reply:?}"));
    let rest = &reply[at + field.len() + 4..];
    let mut lines = rest.split("\r\n");
    let first = lines.next().unwrap();
    if first.starts_with('$') && first != "$-1" { lines.next().unwrap().into() } else { first.into() }
}

fn explain(talk: &mut Talk, key: &str, wanted: &str) -> String {
    field(&ask(talk, &format!("NEARSIDE CACHE EXPLAIN {key}")), wanted)
}

#[test]
fn stats_are_a_map_in_resp3_and_flat_in_resp2_and_agree_with_info() {
    let (server, proxy) = scene(|_| {});
    server.connect().ask(&["SET", "k", "v"]);
    let mut talk = proxy.connect();
    warm(&mut talk, "GET k");
    let hits_before: u64 = field(&ask(&mut talk, "NEARSIDE CACHE STATS"), "hits")[1..].parse().unwrap();
    ask(&mut talk, "GET k");
    let flat = ask(&mut talk, "NEARSIDE CACHE STATS");
    assert!(flat.starts_with("*"), "{flat}");
    assert!(flat.contains("\r\n$4\r\nmode\r\n$7\r\ntracked\r\n$11\r\nmode_reason\r\n"), "{flat}");
    assert_eq!(field(&flat, "hits"), format!(":{}", hits_before + 1));
    assert_eq!(field(&flat, "entries"), ":1");
    let pairs: usize = flat[1..flat.find('\r').unwrap()].parse::<usize>().unwrap() / 2;
    let info = ask(&mut talk, "INFO nearside");
    assert_eq!(info.matches("\r\nnearside_cache_").count(), pairs);
    assert!(info.contains(&format!("\r\nnearside_cache_hits:{}\r\n", hits_before + 1)), "{info}");
    ask(&mut talk, "HELLO 3");
    let map = ask(&mut talk, "NEARSIDE CACHE STATS");
    assert!(map.starts_with(&format!("%{pairs}\r\n$4\r\nmode\r\n$7\r\ntracked\r\n")), "{map}");
    assert!(field(&map, "hit_ratio").starts_with(",0."), "{map}");
}

#[test]
fn keys_show_current_entries_that_match_and_say_whether_those_are_all() {
    let (server, proxy) = scene(|_| {});
    let (mut direct, mut talk) = (server.connect(), proxy.connect());
    direct.ask(&["MSET", "user:1", "a", "user:2", "b", "other", "c"]);
    direct.ask(&["HSET", "user:h", "f", "v"]);
    for line in ["GET user:1", "GET user:2", "GET other", "HGET user:h f"] {
        warm(&mut talk, line);
    }
    let all = ask(&mut talk, "NEARSIDE CACHE KEYS *");
    assert!(
        all.starts_with("*6\r\n$7\r\nscanned\r\n:4\r\n$8\r\ncomplete\r\n:1\r\n$7\r\nentries\r\n*4\r\n"),
        "{all}"
    );
    let one = ask(&mut talk, "NEARSIDE CACHE KEYS user:h");
    let entry = "*20\r\n$3\r\nkey\r\n$6\r\nuser:h\r\n$7\r\ncommand\r\n$4\r\nHGET\r\n$9\r\narguments\r\n*1\r\n$1\r\nf\r\n\
                 $2\r\ndb\r\n:0\r\n$4\r\nuser\r\n$7\r\ndefault\r\n$6\r\nworker\r\n:0\r\n$5\r\nbytes\r\n:";
    assert!(one.contains(entry), "{one}");
    assert!(one.ends_with("$6\r\nttl_ms\r\n$-1\r\n$5\r\nstate\r\n$7\r\ncurrent\r\n"), "{one}");
    let some = ask(&mut talk, "NEARSIDE CACHE KEYS user:* COUNT 2");
    assert!(some.contains("$8\r\ncomplete\r\n:0\r\n$7\r\nentries\r\n*2\r\n"), "{some}");
    assert!(!some.contains("other"), "{some}");
    direct.ask(&["SET", "user:1", "z"]);
    eventually("what has changed is not shown", || {
        let shown = ask(&mut talk, "NEARSIDE CACHE KEYS *");
        (shown.contains("entries\r\n*3\r\n") && !shown.contains("user:1")).then_some(())
    });
    ask(&mut talk, "HELLO 3");
    let map = ask(&mut talk, "NEARSIDE CACHE KEYS user:h");
    assert!(
        map.starts_with(
            "%3\r\n$7\r\nscanned\r\n:4\r\n$8\r\ncomplete\r\n#t\r\n$7\r\nentries\r\n*1\r\n%10\r\n"
        ),
        "{map}"
    );
}

#[test]
fn the_same_key_is_shown_once_for_each_worker_that_keeps_it_whoever_asks() {
    let (_server, proxy) = scene(|config| config.workers = 2);
    for worker in [0, 1] {
        proxy.handle().place_on(Some(worker));
        let mut talk = proxy.connect();
        eventually("it is a hit", || {
            ask(&mut talk, "GET k");
            (explain(&mut talk, "k", "next_get") == "answered from memory").then_some(())
        });
        let shown = ask(&mut talk, "NEARSIDE CACHE KEYS k");
        assert_eq!(shown.matches("\r\nworker\r\n").count(), worker + 1, "{shown}");
        assert!(shown.contains(&format!("\r\nworker\r\n:{worker}\r\n")), "{shown}");
    }
}

#[test]
fn a_long_walk_takes_turns_and_what_is_asked_behind_it_is_answered_behind_it() {
    let (_server, proxy) = scene(|_| {});
    let (mut talk, mut other) = (proxy.connect(), proxy.connect());
    const KEYS: usize = 20_000;
    for first in (0..KEYS).step_by(1000) {
        (first..first + 1000).for_each(|key| talk.say(&["GET", &format!("key:{key}")]));
        (0..1000).for_each(|_| assert_eq!(talk.reply(), b"$-1\r\n"));
    }
    talk.say(&["NEARSIDE", "CACHE", "KEYS", "nosuch*"]);
    talk.say(&["PING"]);
    assert_eq!(other.ask(&["PING"]), b"+PONG\r\n");
    let shown = String::from_utf8(talk.reply()).unwrap();
    assert_eq!(talk.reply(), b"+PONG\r\n");
    assert!(shown.ends_with("$8\r\ncomplete\r\n:1\r\n$7\r\nentries\r\n*0\r\n"), "{shown}");
    let scanned: usize = field(&shown, "scanned")[1..].parse().unwrap();
    assert!(scanned > KEYS * 9 / 10, "{scanned}");
    let many = ask(&mut talk, "NEARSIDE CACHE KEYS * COUNT 1000000");
    assert_eq!(many.matches("\r\nstate\r\n").count(), 10_000.min(many.matches("\r\nstate\r\n").count()));
    assert!(many.len() < 2 * 1024 * 1024 && many.contains("\r\ncomplete\r\n:0\r\n"), "{}", many.len());
}

#[test]
fn explain_says_why_an_entry_is_not_current() {
    let (server, proxy) = scene(|config| config.cache.max_staleness = Duration::from_millis(500));
    let (mut direct, mut talk) = (server.connect(), proxy.connect());
    direct.ask(&["SET", "k", "v"]);
    let becomes = |talk: &mut Talk, state: &str| {
        eventually(state, || {
            let reply = ask(talk, "NEARSIDE CACHE EXPLAIN k");
            (reply.contains("\r\nstate\r\n") && field(&reply, "state").contains(state)).then_some(())
        });
    };
    assert_eq!(explain(&mut talk, "k", "complete"), ":1");
    warm(&mut talk, "GET k");
    assert_eq!(explain(&mut talk, "k", "next_get"), "answered from memory");
    direct.ask(&["SET", "k", "w"]);
    becomes(&mut talk, "its key has changed (stamp)");
    assert!(explain(&mut talk, "k", "next_get").contains("its key has changed"));
    warm(&mut talk, "GET k");
    direct.ask(&["FLUSHALL"]);
    becomes(&mut talk, "(epoch)");
    direct.ask(&["SET", "k", "v"]);
    warm(&mut talk, "GET k");
    ask(&mut proxy.connect(), "SWAPDB 0 1");
    becomes(&mut talk, "a command that concerned all keys has run");
    direct.ask(&["SET", "k", "v", "PX", "300"]);
    warm(&mut talk, "GET k");
    // The server announces it, sooner or later: then it has changed besides.
    becomes(&mut talk, "its TTL has passed");
    direct.ask(&["SET", "k", "v"]);
    warm(&mut talk, "GET k");
    becomes(&mut talk, "not vouched for");
    assert_eq!(ask(&mut talk, "NEARSIDE CACHE FLUSH"), "+OK\r\n");
    assert!(ask(&mut talk, "NEARSIDE CACHE EXPLAIN k").contains("\r\nentries\r\n*0\r\n"));
}

#[test]
fn explain_knows_of_what_is_in_flight() {
    let (server, proxy) = scene(|config| config.workers = 2);
    let (mut direct, mut talk) = (server.connect(), proxy.connect());
    let (mut writer, mut flusher) = (proxy.connect(), proxy.connect());
    warm(&mut talk, "GET k");
    let flags =
        |talk: &mut Talk| (explain(talk, "k", "write_in_flight"), explain(talk, "k", "global_in_flight"));
    assert_eq!(flags(&mut talk), (":0".into(), ":0".into()));
    direct.ask(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    writer.say(&["SET", "k", "v"]);
    eventually("the write is in flight", || (flags(&mut talk).0 == ":1").then_some(()));
    assert!(explain(&mut talk, "k", "next_get").starts_with("sent to the upstream: "));
    flusher.say(&["FLUSHALL"]);
    eventually("so is the flush", || (flags(&mut talk).1 == ":1").then_some(()));
    direct.ask(&["CLIENT", "UNPAUSE"]);
    assert_eq!((writer.reply(), flusher.reply()), (b"+OK\r\n".to_vec(), b"+OK\r\n".to_vec()));
    assert_eq!(flags(&mut talk), (":0".into(), ":0".into()));
}

#[test]
fn a_key_is_kept_once_it_has_missed_often_enough() {
    let (_server, proxy) = scene(|config| config.cache.admit_after = 3);
    let mut talk = proxy.connect();
    assert!(explain(&mut talk, "k", "next_get").contains("no connection yet"));
    ask(&mut talk, "GET other");
    for misses in 0..2 {
        let next = explain(&mut talk, "k", "next_get");
        assert!(next.contains(&format!("has missed {misses} times lately, and has to miss 3")), "{next}");
        ask(&mut talk, "GET k");
        assert_eq!(explain(&mut talk, "k", "misses"), format!(":{}", misses + 1));
    }
    let next = explain(&mut talk, "k", "next_get");
    assert!(next.ends_with("; the reply is kept"), "{next}");
    warm(&mut talk, "GET k");
}

#[test]
fn hot_keys_are_those_read_most_on_all_workers_together() {
    // A lane that the machine has stalled is believed all the same: nobody writes here.
    let (_server, proxy) = scene(|config| {
        config.workers = 2;
        config.cache.max_staleness = Duration::from_secs(60);
    });
    let mut talks: Vec<Talk> = Vec::new();
    for worker in [0, 1] {
        proxy.handle().place_on(Some(worker));
        let mut talk = proxy.connect();
        assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
        talks.push(talk);
    }
    let started = Instant::now();
    for _ in 0..20 {
        for talk in &mut talks {
            let keys = |n: usize| if n.is_multiple_of(4) { "hot".into() } else { format!("cold:{n}") };
            (0..400).for_each(|n| talk.say(&["GET", &keys(n)]));
            (0..400).for_each(|_| assert_eq!(talk.reply(), b"$-1\r\n"));
        }
    }
    let talk = &mut talks[0];
    let flat = ask(talk, "NEARSIDE HOTKEYS 1");
    assert!(flat.starts_with("*1\r\n*8\r\n$3\r\nkey\r\n$3\r\nhot\r\n$16\r\nreads_per_second\r\n$"), "{flat}");
    let number = |name: &str| field(&flat, name).parse::<f64>().unwrap();
    assert!((0.15..0.35).contains(&number("traffic_share")), "{flat}");
    assert!(number("hit_share") > 0.5, "{flat}");
    // Of so many seconds as it took; a rate over less than one is that of one.
    let seconds = started.elapsed().as_secs_f64().max(1.0);
    assert!((0.5..2.0).contains(&(number("reads_per_second") * seconds / 4000.0)), "{seconds} s: {flat}");
    assert_eq!(ask(talk, "NEARSIDE HOTKEYS").matches("\r\nkey\r\n").count(), 10);
    ask(talk, "HELLO 3");
    let map = ask(talk, "NEARSIDE HOTKEYS 1");
    assert!(map.starts_with("*1\r\n%4\r\n$3\r\nkey\r\n$3\r\nhot\r\n$16\r\nreads_per_second\r\n,"), "{map}");
}

#[test]
fn explain_names_the_rule_that_holds_for_a_key() {
    let pattern = |glob: &str, age| nearside::config::CachePattern {
        glob: glob.into(),
        max_age: Some(Duration::from_secs(age)),
        serve_stale: Some(Duration::from_secs(5)),
    };
    let (_server, proxy) = scene(|config| {
        config.cache.include = vec![pattern("api:notion:*", 30), pattern("api:*", 9)];
        config.cache.exclude = vec!["*:secret".into()];
    });
    let mut talk = proxy.connect();
    ask(&mut talk, "GET api:notion:1");
    for (key, rule, age) in [
        ("api:notion:1", "kept: cache.include api:notion:*", ":30000"),
        ("api:x", "kept: cache.include api:*", ":9000"),
        ("api:secret", "not kept: cache.exclude *:secret", "$-1"),
        ("session:1", "not kept: no pattern of cache.include fits", "$-1"),
    ] {
        assert_eq!(explain(&mut talk, key, "rule"), rule);
        assert_eq!(explain(&mut talk, key, "max_age_ms"), age);
        let next = explain(&mut talk, key, "next_get");
        assert_eq!(next.contains(rule), age == "$-1", "{next}");
    }
    assert_eq!(explain(&mut talk, "api:x", "serve_stale_ms"), ":5000");
}

#[test]
fn a_cache_that_is_off_says_so() {
    let (_server, proxy) = scene(|config| config.features.cache = false);
    let mut talk = proxy.connect();
    ask(&mut talk, "GET k");
    let stats = ask(&mut talk, "NEARSIDE CACHE STATS");
    assert_eq!((field(&stats, "mode"), field(&stats, "mode_reason")), ("off".into(), "switched off".into()));
    assert_eq!(explain(&mut talk, "k", "next_get"), "sent to the upstream: the cache is off (switched off)");
    assert!(ask(&mut talk, "NEARSIDE CACHE KEYS *").ends_with("*0\r\n"));
}

#[test]
fn nothing_is_told_before_a_password_that_is_wanted() {
    let (_server, proxy) = scene_of(Server::start(&["--requirepass", "hush"]), |_| {});
    let mut known = proxy.connect();
    assert_eq!(ask(&mut known, "AUTH hush"), "+OK\r\n");
    warm(&mut known, "GET secret");
    assert!(ask(&mut known, "NEARSIDE CACHE KEYS *").contains("secret"));
    let mut unknown = proxy.connect();
    for line in
        ["CACHE KEYS *", "CACHE STATS", "CACHE EXPLAIN secret", "CACHE FLUSH", "HOTKEYS", "CACHE KEYS *"]
    {
        let answer = ask(&mut unknown, &format!("NEARSIDE {line}"));
        assert!(answer.starts_with("-NOAUTH"), "{line}: {answer}");
    }
    assert!(ask(&mut known, "NEARSIDE CACHE KEYS *").contains("secret"), "nothing was flushed");
    assert_eq!(ask(&mut unknown, "AUTH hush"), "+OK\r\n");
    assert!(ask(&mut unknown, "NEARSIDE CACHE KEYS *").contains("secret"));
}

#[test]
fn who_comes_first_and_needs_no_password_is_answered() {
    let (_server, proxy) = scene(|_| {});
    for line in ["KEYS *", "STATS", "EXPLAIN secret"] {
        let answer = ask(&mut proxy.connect(), &format!("NEARSIDE CACHE {line}"));
        assert!(answer.starts_with('*'), "{line}: {answer}");
    }
}

#[test]
fn another_user_of_the_upstream_is_answered_if_that_trusts_it() {
    let (server, proxy) = scene(|config| config.workers = 1);
    let mut direct = Talk::connect(&server.place());
    assert_eq!(direct.ask(&["ACL", "SETUSER", "app", "on", ">pw", "~app:*", "+@read"]), b"+OK\r\n");
    assert_eq!(direct.ask(&["ACL", "SETUSER", "boss", "on", ">pw", "~*", "+@all"]), b"+OK\r\n");
    let mut talk = proxy.connect();
    let private =
        ["NEARSIDE CACHE KEYS *", "NEARSIDE CACHE STATS", "NEARSIDE CACHE FLUSH", "NEARSIDE HOTKEYS"];
    for (user, answered) in [("app", false), ("boss", true), ("app", false)] {
        ask(&mut talk, &format!("AUTH {user} pw"));
        for words in private {
            assert_eq!(!ask(&mut talk, words).starts_with("-NOPERM NEARSIDE"), answered, "{user}: {words}");
        }
        assert!(ask(&mut talk, "NEARSIDE INFO").contains("nearside_version"));
    }
    ask(&mut talk, "RESET");
    private.into_iter().for_each(|words| assert!(!ask(&mut talk, words).starts_with('-'), "{words}"));
}

#[test]
fn it_is_answered_on_a_connection_of_ones_own_and_not_within_a_transaction() {
    let (_server, proxy) = scene(|_| {});
    let mut talk = proxy.connect();
    warm(&mut talk, "GET k");
    assert_eq!(ask(&mut talk, "WATCH k"), "+OK\r\n");
    assert!(ask(&mut talk, "NEARSIDE CACHE KEYS *").contains("\r\nentries\r\n*1\r\n"));
    assert!(ask(&mut talk, "NEARSIDE CACHE EXPLAIN k").contains("\r\nentries\r\n*1\r\n"));
    assert_eq!(ask(&mut talk, "MULTI"), "+OK\r\n");
    assert!(ask(&mut talk, "NEARSIDE CACHE STATS").starts_with("-ERR unknown command"));
    assert!(ask(&mut talk, "EXEC").starts_with("-EXECABORT"));
}

#[test]
fn mistakes_are_worded_as_redis_words_them() {
    let (_server, proxy) = scene(|_| {});
    let mut talk = proxy.connect();
    ask(&mut talk, "GET k");
    for (line, answer) in [
        ("NEARSIDE", "-ERR wrong number of arguments for 'nearside' command\r\n"),
        ("NEARSIDE NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try NEARSIDE HELP.\r\n"),
        ("NEARSIDE CACHE", "-ERR wrong number of arguments for 'nearside|cache' command\r\n"),
        ("NEARSIDE CACHE KEYS", "-ERR wrong number of arguments for 'nearside|cache|keys' command\r\n"),
        ("NEARSIDE CACHE KEYS * COUNT x", "-ERR value is not an integer or out of range\r\n"),
        ("NEARSIDE CACHE KEYS * SIZE 3", "-ERR syntax error\r\n"),
    ] {
        assert_eq!(ask(&mut talk, line), answer, "{line}");
    }
    let help = ask(&mut talk, "NEARSIDE HELP");
    for subcommand in
        ["INFO", "CACHE STATS", "CACHE KEYS", "CACHE EXPLAIN", "CACHE FLUSH", "MONITOR UPSTREAM"]
    {
        assert!(help.contains(&format!("\r\n+{subcommand}")), "{subcommand} in {help}");
    }
}
