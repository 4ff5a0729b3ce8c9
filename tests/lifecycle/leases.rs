//! Connections lent again: as good as new whatever was done on them, kept warm, and counted.

use std::time::{Duration, Instant};

use nearside::Config;
use nearside::command::{Route, all};

use crate::common::{PATIENCE, PAUSE, Proxy, Server, Talk, config, eventually};

/// What changes the state of a connection, by row of the command table: conversations separated by
/// `|`, commands by `;`. One with a `-` in front gets no reply.
const CHANGES: &[(&str, &str)] = &[
    ("ASKING", "ASKING"),
    ("AUTH", "AUTH other pw|AUTH other wrong"),
    ("CLIENT|CACHING", "CLIENT TRACKING ON OPTIN;CLIENT CACHING YES|CLIENT CACHING YES"),
    ("CLIENT|CAPA", "CLIENT CAPA redirect"),
    ("CLIENT|GETNAME", "CLIENT GETNAME"),
    ("CLIENT|GETREDIR", "CLIENT GETREDIR"),
    ("CLIENT|ID", "CLIENT ID"),
    ("CLIENT|IMPORT-SOURCE", "CLIENT IMPORT-SOURCE ON"),
    ("CLIENT|INFO", "CLIENT INFO"),
    ("CLIENT|LIST", "CLIENT LIST"),
    ("CLIENT|NO-EVICT", "CLIENT NO-EVICT ON"),
    ("CLIENT|NO-TOUCH", "CLIENT NO-TOUCH ON"),
    (
        "CLIENT|REPLY",
        "-CLIENT REPLY OFF;-ACL SETUSER silent|-CLIENT REPLY SKIP;-ACL SETUSER silent|-CLIENT REPLY OFF;CLIENT REPLY ON\
            |-CLIENT REPLY OFF;-GET k;CLIENT REPLY ON;GET k|-CLIENT REPLY OFF;-WATCH k;CLIENT REPLY ON\
            |-CLIENT REPLY OFF;-CLIENT SETNAME left;-CLIENT NO-EVICT ON;CLIENT REPLY ON\
            |-CLIENT REPLY OFF;-MULTI;-CLIENT SETNAME left;-EXEC;CLIENT REPLY ON\
            |-CLIENT REPLY OFF;-MULTI;-SELECT 5;-EXEC;CLIENT REPLY ON\
            |-CLIENT REPLY OFF;-MULTI;CLIENT REPLY ON|-CLIENT REPLY OFF;-READONLY;CLIENT REPLY ON\
            |-CLIENT REPLY OFF;-CLIENT TRACKING ON;CLIENT REPLY ON|-CLIENT REPLY OFF;-SELECT 5;CLIENT REPLY ON\
            |-CLIENT REPLY OFF;-HELLO 3 SETNAME left;CLIENT REPLY ON|-CLIENT REPLY OFF;-AUTH other pw;CLIENT REPLY ON\
            |-CLIENT REPLY SKIP;-CLIENT SETNAME left;PING|-CLIENT REPLY SKIP;-SELECT 5;PING\
            |-CLIENT REPLY SKIP;-CLIENT CAPA redirect;PING|-CLIENT REPLY SKIP;-READONLY;PING",
    ),
    ("CLIENT|SETINFO", "CLIENT SETINFO LIB-NAME left;CLIENT SETINFO LIB-VER 9"),
    ("CLIENT|SETNAME", "CLIENT SETNAME left"),
    ("CLIENT|TRACKING", "CLIENT TRACKING ON|CLIENT TRACKING ON BCAST|CLIENT TRACKING ON;CLIENT TRACKING OFF"),
    ("CLIENT|TRACKINGINFO", "CLIENT TRACKINGINFO"),
    ("DISCARD", "MULTI;SET a 1;DISCARD|WATCH k;MULTI;DISCARD|DISCARD"),
    ("EXEC", "MULTI;SET a 1;EXEC|WATCH k;MULTI;EXEC|EXEC|MULTI;SET a;EXEC"),
    ("HELLO", "HELLO 3|HELLO 3 SETNAME left|HELLO 3 AUTH other pw|HELLO 2 AUTH other wrong|HELLO 9"),
    ("MONITOR", "MONITOR"),
    ("MULTI", "MULTI|MULTI;SET a 1|MULTI;MULTI|MULTI;SET a|WATCH k;MULTI"),
    ("NEARSIDE", "NEARSIDE"),
    ("NEARSIDE|CACHE", "NEARSIDE CACHE STATS|NEARSIDE CACHE KEYS *|NEARSIDE CACHE EXPLAIN k"),
    ("NEARSIDE|CLIENTS", "NEARSIDE CLIENTS"),
    ("NEARSIDE|CONFIG", "NEARSIDE CONFIG"),
    // The proxy is needed: the drain itself is a test of its own.
    ("NEARSIDE|DRAIN", "NEARSIDE DRAIN x"),
    ("NEARSIDE|EXPLAIN", "NEARSIDE EXPLAIN GET k"),
    ("NEARSIDE|HEALTH", "NEARSIDE HEALTH"),
    ("NEARSIDE|HELP", "NEARSIDE HELP"),
    ("NEARSIDE|HOTKEYS", "NEARSIDE HOTKEYS"),
    ("NEARSIDE|INFO", "NEARSIDE INFO"),
    ("NEARSIDE|MONITOR", "NEARSIDE MONITOR UPSTREAM"),
    ("NEARSIDE|PROBE", "NEARSIDE PROBE x"),
    ("NEARSIDE|RELOAD", "NEARSIDE RELOAD"),
    ("NEARSIDE|SLOWLOG", "NEARSIDE SLOWLOG|NEARSIDE SLOWLOG RESET"),
    ("PSUBSCRIBE", "PSUBSCRIBE c*"),
    ("PUNSUBSCRIBE", "PSUBSCRIBE c*;PUNSUBSCRIBE c*|PUNSUBSCRIBE"),
    ("QUIT", "QUIT"),
    ("READONLY", "READONLY"),
    ("READWRITE", "READWRITE"),
    ("RESET", "RESET|WATCH k;RESET|AUTH other pw;RESET|SUBSCRIBE c;RESET"),
    ("SELECT", "SELECT 5|SELECT 5;SELECT 0|SELECT 99"),
    ("SSUBSCRIBE", "SSUBSCRIBE c"),
    ("SUBSCRIBE", "SUBSCRIBE c"),
    ("SUNSUBSCRIBE", "SSUBSCRIBE c;SUNSUBSCRIBE c|SUNSUBSCRIBE"),
    ("UNSUBSCRIBE", "SUBSCRIBE c;UNSUBSCRIBE c|UNSUBSCRIBE"),
    ("UNWATCH", "WATCH k;UNWATCH|UNWATCH"),
    ("WAIT", "WAIT 0 1"),
    ("WAITAOF", "WAITAOF 0 0 1"),
    ("WATCH", "WATCH k|WATCH k;GET k"),
];

/// A proxy with one lane, one lease and one pinned connection, and somebody straight at the server.
struct Rig {
    direct: Talk,
    observer: Talk,
    proxy: Proxy,
    _server: Server,
}

impl Rig {
    fn new(server: Server) -> Self {
        let mut settings = Config { workers: 1, ..config(&server.place()) };
        (settings.upstream.max_connections, settings.upstream.max_pinned) = (2, 1);
        settings.features.cache = false; // its lanes track, and what tracks is what is looked for here
        let proxy = Proxy::start(settings);
        let mut direct = server.connect();
        direct.ask(&["ACL", "SETUSER", "other", "on", ">pw", "~*", "&*", "+@all"]);
        Self { direct, observer: proxy.connect(), proxy, _server: server }
    }

    /// Somebody does `line`, and goes.
    fn leave(&mut self, line: &str) {
        let mut talk = self.proxy.connect();
        talk.set_patience(Duration::from_secs(5));
        for command in line.split(';') {
            let (silent, command) = command.strip_prefix('-').map_or((false, command), |c| (true, c));
            talk.say(&command.split(' ').collect::<Vec<_>>());
            if !silent && talk.try_reply().is_err() {
                return;
            }
        }
        if line.ends_with("-ACL SETUSER silent") {
            let direct = &mut self.direct;
            eventually(&format!("what gets no reply is done: {line}"), || {
                (direct.ask(&["ACL", "DELUSER", "silent"]) == b":1\r\n").then_some(())
            });
        }
    }

    fn gauge(&mut self, name: &str) -> usize {
        gauge(&mut self.observer, name)
    }

    /// Every connection is as good as new for the next who comes.
    fn expect_fresh(&mut self, after: &str) {
        let observer = &mut self.observer;
        eventually(&format!("all is given back after {after}"), || {
            (gauge(observer, "leases_lent") + gauge(observer, "pinned_lent") == 0).then_some(())
        });
        // Whoever still watched it would see this transaction fail.
        self.direct.ask(&["SET", "k", after]);
        let mut next = self.proxy.connect();
        self.direct.ask(&["RPUSH", "list", "e"]);
        assert_eq!(next.ask(&["BLPOP", "list", "0"]), b"*2\r\n$4\r\nlist\r\n$1\r\ne\r\n", "after {after}");
        assert_eq!(next.ask(&["MULTI"]), b"+OK\r\n", "after {after}");
        for queued in [&["GET", "none"][..], &["SET", "own", "1"], &["ACL", "WHOAMI"], &["DBSIZE"]] {
            assert_eq!(next.ask(queued), b"+QUEUED\r\n", "after {after}");
        }
        let ran = next.ask_text(&["EXEC"]);
        assert!(ran.starts_with("*4\r\n$-1\r\n+OK\r\n$7\r\ndefault\r\n:"), "after {after}: {ran:?}");
        assert_eq!(self.direct.ask(&["DEL", "own"]), b":1\r\n", "it was in database 0, after {after}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let list = self.direct.ask_text(&["CLIENT", "LIST"]);
            let left: Vec<&str> = list.lines().filter(|line| is_ours(line) && !is_fresh(line)).collect();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left by {after}: {left:#?}");
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether a line of `CLIENT LIST` is of a proxy: of nobody else there are two.
fn is_ours(line: &str) -> bool {
    line.contains("id=") && !line.contains("cmd=client|list")
}

/// Whether nothing in it tells what the connection was used for. What a pool keeps account of
/// (database, user, protocol) may differ.
fn is_fresh(line: &str) -> bool {
    let fields: Vec<(&str, &str)> = line.split(' ').filter_map(|field| field.split_once('=')).collect();
    let wants = [
        ("name", "nearside"),
        ("sub", "0"),
        ("psub", "0"),
        ("ssub", "0"),
        ("watch", "0"),
        ("lib-name", ""),
        ("lib-ver", ""),
        ("capa", ""),
    ];
    let holds = |(name, value): &(&str, &str)| match *name {
        // An open transaction shows here too. NO-EVICT is how a lane asks whether a client may; it
        // concerns nobody else.
        "flags" => value.replace('e', "").trim_matches('U').trim_matches('N').is_empty(),
        name => wants.iter().all(|(wanted, right)| *wanted != name || right == value),
    };
    fields.iter().all(holds)
}

fn gauge(talk: &mut Talk, name: &str) -> usize {
    let section = talk.ask_text(&["INFO", "nearside"]);
    let line = section
        .lines()
        .find_map(|line| line.strip_prefix("nearside_")?.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {section}")).parse().expect("a number")
}

fn a_lease_lent_again_is_as_good_as_new(server: Server) {
    let mut rig = Rig::new(server);
    for (name, conversations) in CHANGES {
        for line in conversations.split('|') {
            rig.leave(line);
            rig.expect_fresh(&format!("{name}: {line}"));
            rig.leave(&format!("HELLO 3;{line}"));
            rig.expect_fresh(&format!("{name} in RESP3: {line}"));
            if !line.contains("MULTI") && !line.contains("EXEC") {
                let within = within_a_transaction(line);
                rig.leave(&within);
                rig.expect_fresh(&format!("{name} in a transaction: {within}"));
            }
        }
    }
    assert!(rig.gauge("leases_reused") > 0 && rig.gauge("leases_closed_dirty") > 0);
}

/// The same between `MULTI` and `EXEC`; where replies may be off, nothing is waited for but the end.
fn within_a_transaction(line: &str) -> String {
    if !line.contains("CLIENT REPLY") {
        return format!("MULTI;{line};EXEC");
    }
    let silent: Vec<String> =
        line.split(';').map(|word| format!("-{}", word.trim_start_matches('-'))).collect();
    format!("MULTI;{};-EXEC;-ACL SETUSER silent", silent.join(";"))
}

#[test]
fn every_command_that_changes_a_connection_is_here() {
    let rows: Vec<&str> = all()
        .filter(|row| matches!(row.route, Route::Pin(_) | Route::Session(_)))
        .map(|row| row.name)
        .collect();
    let missing: Vec<_> =
        rows.iter().filter(|name| CHANGES.iter().all(|(known, _)| known != *name)).collect();
    assert!(missing.is_empty(), "no conversation for {missing:?}");
    let gone: Vec<_> = CHANGES.iter().filter(|(name, _)| !rows.contains(name)).collect();
    assert!(gone.is_empty(), "no such rows: {gone:?}");
}

#[test]
fn a_lease_of_redis_lent_again_is_as_good_as_new() {
    a_lease_lent_again_is_as_good_as_new(Server::start(&[]));
}

#[test]
fn a_lease_of_valkey_lent_again_is_as_good_as_new() {
    if let Ok(program) = std::env::var("NEARSIDE_VALKEY_SERVER") {
        a_lease_lent_again_is_as_good_as_new(Server::start_of(&program, &[]));
    }
}

#[test]
fn a_lease_of_a_newer_redis_lent_again_is_as_good_as_new() {
    if let Ok(program) = std::env::var("NEARSIDE_REDIS8_SERVER") {
        a_lease_lent_again_is_as_good_as_new(Server::start_of(&program, &[]));
    }
}

#[test]
fn connections_are_kept_warm_and_come_back_with_their_server() {
    let server = Server::start(&[]);
    let mut settings = Config { workers: 2, ..config(&server.place()) };
    settings.upstream.min_idle = 3;
    let proxy = Proxy::start(settings);
    let mut talk = proxy.connect();
    let mut all_warm = |what: &str| eventually(what, || (gauge(&mut talk, "leases_idle") == 3).then_some(()));
    all_warm("three are open ahead of need");
    let mut direct = server.connect();
    let before = gauge(&mut proxy.connect(), "leases_opened");
    let mut user = proxy.connect();
    assert_eq!(user.ask(&["WATCH", "k"]), b"+OK\r\n");
    assert!(gauge(&mut proxy.connect(), "leases_reused") >= 1);
    drop(user);
    all_warm("they stay so");
    assert!(direct.ask_text(&["CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes"]).starts_with(':'));
    eventually("those that died are replaced", || {
        (gauge(&mut proxy.connect(), "leases_opened") >= before + 3).then_some(())
    });
    all_warm("all are back");
}

#[test]
fn none_is_opened_ahead_of_need_unless_asked_for() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    assert_eq!((gauge(&mut talk, "leases_opened"), gauge(&mut talk, "lanes_open")), (0, 1));
}
