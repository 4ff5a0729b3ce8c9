//! `MONITOR` through Nearside: the same lines as the server's own, apart from time and address.

mod common;

use common::{Proxy, Server, Talk, config};

/// What a monitor has heard up to a mark, without times and addresses, in order.
fn heard(monitor: &mut Talk, mark: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = String::from_utf8(monitor.reply()).expect("it is text");
        let (_, rest) = line.split_once(" [").expect("a time, then a database");
        let (db, rest) = rest.split_once(' ').expect("a database");
        let (_, words) = rest.split_once("] ").expect("an address");
        if words == format!("\"ECHO\" \"{mark}\"\r\n") {
            return lines;
        }
        lines.push(format!("[{db}] {words}"));
    }
}

const TALK: &[&str] = &[
    "PING",
    "SELECT 3",
    "SET k v",
    "get k",
    "NOSUCH x",
    "GET",
    "COMMAND FOO",
    "CONFIG GET port",
    "CONFIG SET maxmemory 0",
    "CLIENT LIST",
    "ACL WHOAMI",
    "ACL SETUSER u >p",
    "AUTH u wrong",
    "AUTH wrong",
    "HELLO 3 AUTH u wrong SETNAME n",
    "HELLO 2",
    "MIGRATE h 1 nokey 0 10 AUTH secret",
    "WATCH k",
    "UNWATCH",
    "MIGRATE h 1 nokey 0 10 COPY AUTH2 u secret",
    "EVALSHA abc 0",
    "MULTI",
    "INCR n",
    "GET n",
    "EXEC",
    "EXEC",
    "SUBSCRIBE c",
    "UNSUBSCRIBE c",
    "BLPOP l 0.01",
    "OBJECT HELP",
    "DEBUG SLEEP 0",
    "INFO server",
    "RESET",
    "SLOWLOG GET",
    "XADD s 1-1 f v",
    "SCRIPT KILL",
    "PUBLISH c m",
];

fn talk(talk: &mut Talk) {
    for line in TALK {
        let words: Vec<&str> = line.split(' ').collect();
        talk.ask(&words);
    }
    talk.ask(&[&b"SET"[..], b"\x00\xff\"\\\n\r\t\x07\x08\x7f ~\xc3\xa9", b""]);
}

#[test]
fn monitor_shows_what_the_servers_own_would() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let [mut direct, mut through] = [server.connect(), proxy.connect()];
    let mut monitor = server.connect();
    assert_eq!(monitor.ask(&["MONITOR"]), b"+OK\r\n");
    talk(&mut direct);
    direct.ask(&["ECHO", "mark"]);
    let mut expected = heard(&mut monitor, "mark");
    drop(monitor);
    server.connect().ask(&["FLUSHALL"]);

    let mut monitor = proxy.connect();
    assert_eq!(monitor.ask(&["MONITOR"]), b"+OK\r\n");
    talk(&mut through);
    through.ask(&["ECHO", "mark"]);
    let mut got = heard(&mut monitor, "mark");
    // The one difference: what is queued is shown when it arrives, not when it runs. Here it is the same.
    assert_eq!(got.len(), expected.len(), "{got:#?}\n{expected:#?}");
    for (got, expected) in got.drain(..).zip(expected.drain(..)) {
        assert_eq!(got, expected);
    }
}

#[test]
fn every_worker_is_seen_and_every_monitor_sees() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let mut monitors: Vec<Talk> = (0..4).map(|_| proxy.connect()).collect();
    let mut clients: Vec<Talk> = (0..4).map(|_| proxy.connect()).collect(); // two workers: some on each
    for monitor in &mut monitors {
        assert_eq!(monitor.ask(&["MONITOR"]), b"+OK\r\n");
    }
    for (i, client) in clients.iter_mut().enumerate() {
        client.ask(&["SET".to_owned(), format!("k{i}"), "v".to_owned()]);
    }
    clients[0].ask(&["ECHO", "end"]);
    for monitor in &mut monitors {
        let mut lines = heard(monitor, "end");
        lines.sort();
        assert_eq!(lines, (0..4).map(|i| format!("[0] \"SET\" \"k{i}\" \"v\"\r\n")).collect::<Vec<_>>());
    }
}

#[test]
fn a_monitor_goes_on_with_commands_until_it_is_reset() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let (mut monitor, mut other) = (proxy.connect(), proxy.connect());
    assert_eq!(monitor.ask(&["MONITOR"]), b"+OK\r\n");
    monitor.say(&["PING"]);
    let mut both = [monitor.reply(), monitor.reply()];
    both.sort(); // the line starts with a digit, the reply with a letter
    assert!(both[0].ends_with(b"\"PING\"\r\n"), "{both:?}");
    assert_eq!(both[1], b"+PONG\r\n");
    assert_eq!(monitor.ask(&["GET", "k"]), b"-ERR Replica can't interact with the keyspace\r\n");
    // Its own RESET is no longer for it; nor is anything after.
    assert_eq!(monitor.ask(&["RESET"]), b"+RESET\r\n");
    other.ask(&["SET", "k", "v"]);
    assert_eq!(monitor.ask(&["GET", "k"]), b"$1\r\nv\r\n");
}

#[test]
fn the_upstreams_own_feed_can_be_had() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let mut monitor = proxy.connect();
    assert_eq!(monitor.ask(&["NEARSIDE", "MONITOR", "UPSTREAM"]), b"+OK\r\n");
    server.connect().ask(&["SET", "direct", "v"]);
    loop {
        let line = String::from_utf8(monitor.reply()).expect("it is text");
        if line.ends_with("\"SET\" \"direct\" \"v\"\r\n") {
            break;
        }
    }
    let number = "-ERR wrong number of arguments for 'nearside|monitor' command\r\n";
    for wrong in [&["NEARSIDE", "MONITOR"][..], &["NEARSIDE", "MONITOR", "X"]] {
        assert_eq!(proxy.connect().ask_text(wrong), number, "{wrong:?}");
    }
}

#[test]
fn a_user_who_may_not_monitor_may_not_monitor_nearside() {
    let server = Server::start(&[]);
    server.connect().ask(&["ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", "-monitor"]);
    let proxy = Proxy::start(config(&server.place()));
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["AUTH", "u", "p"]), b"+OK\r\n");
    assert!(talk.ask_text(&["MONITOR"]).starts_with("-NOPERM"));
    assert_eq!(talk.ask(&["GET", "k"]), b"$-1\r\n");
}

#[test]
fn a_large_request_is_marked_and_a_secret_never_seen() {
    let server = Server::start(&["--requirepass", "hush"]);
    let mut config = config(&server.place());
    config.upstream.password = Some(nearside::config::Secret::new("hush"));
    let proxy = Proxy::start(config);
    let (mut monitor, mut client) = (proxy.connect(), proxy.connect());
    assert_eq!(monitor.ask(&["MONITOR"]), b"+OK\r\n");
    let huge = "x".repeat(16 * 1024 * 1024);
    client.ask(&["SET", "k", &huge]);
    client.ask(&["AUTH", "hush"]);
    client.ask(&["HELLO", "3", "AUTH", "default", "hush"]);
    client.ask(&["ECHO", "mark"]);
    let lines = heard(&mut monitor, "mark");
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("[0] \"SET\" \"k\"") && lines[0].len() < 100_000);
    assert!(lines[0].contains("..."));
    assert!(lines.iter().all(|line| !line.contains("hush")), "{:?}", &lines[1..]);
}
