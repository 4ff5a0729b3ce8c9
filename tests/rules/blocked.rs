//! Blocked commands, on every way a request goes.

use crate::common::{Dir, Place, Proxy, Server, Talk, config, transparent};
use crate::{field, line, said};
use nearside::Config;
use nearside::config::{DenyRule, Listen, Rules};

fn blocking(server: &Server) -> Config {
    let mut config = config(&server.place());
    config.rules = Rules::default();
    config
}

const BLOCKED: &str = "-NOPERM FLUSHALL is blocked by Nearside (rules.block)";

#[test]
fn a_blocked_command_is_refused_on_every_way() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(blocking(&server));
    let mut talk = proxy.connect();
    assert_eq!(line(&mut talk, "SET k v"), "+OK");
    assert_eq!(line(&mut talk, "flushall"), BLOCKED);
    talk.send(b"FLUSHALL async\r\n");
    assert_eq!(talk.reply(), format!("{BLOCKED}\r\n").as_bytes());
    // A transaction that comes whole.
    talk.send(b"MULTI\r\nSET k w\r\nFLUSHALL\r\nEXEC\r\n");
    let replies: Vec<String> = (0..4).map(|_| String::from_utf8(talk.reply()).unwrap()).collect();
    assert_eq!(replies[2], format!("{BLOCKED}\r\n"));
    assert!(replies[3].starts_with("-EXECABORT"), "{replies:?}");
    // One that does not, on a connection of its own.
    assert_eq!(line(&mut talk, "WATCH k"), "+OK");
    assert_eq!(line(&mut talk, "MULTI"), "+OK");
    assert_eq!(line(&mut talk, "FLUSHALL"), BLOCKED);
    assert!(line(&mut talk, "EXEC").starts_with("-EXECABORT"));
    // While subscribed, in both protocols.
    assert!(line(&mut talk, "SUBSCRIBE c").starts_with("*3"));
    assert_eq!(line(&mut talk, "FLUSHALL"), BLOCKED);
    let mut three = proxy.connect();
    three.ask(&["HELLO", "3"]);
    assert!(line(&mut three, "SUBSCRIBE c").starts_with(">3"));
    assert_eq!(line(&mut three, "FLUSHALL"), BLOCKED);
    assert_eq!(line(&mut three, "GET k"), "$1\r\nv");
    let mut other = proxy.connect();
    assert_eq!(field(&mut other, "denied_total").as_deref(), Some("6"));
    assert_eq!(field(&mut other, "denied_rules_block").as_deref(), Some("6"));
}

#[test]
fn the_default_stops_nothing_of_the_guide() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(blocking(&server));
    let mut talk = proxy.connect();
    for words in [
        "INFO",
        "INFO memory",
        "KEYS *",
        "TYPE key_name",
        "TTL key_name",
        "BGSAVE",
        "CONFIG GET maxmemory",
        "CONFIG SET maxmemory 256mb",
        "CONFIG SET maxmemory-policy allkeys-lru",
        "CONFIG SET timeout 300",
        "PUBLISH higherself:agents:tasks x",
        "INCR rate_limit:u:e",
        "EXPIRE rate_limit:u:e 3600",
        "LPUSH queue:background_tasks x",
        "BRPOP queue:background_tasks 30",
        "HSET session:1 data x",
        "PING",
    ] {
        let reply = line(&mut talk, words);
        assert!(!reply.starts_with('-'), "{words}: {reply}");
    }
    // As Celery's transport does.
    talk.send(b"MULTI\r\nZADD unacked_index 1 t\r\nHSET unacked t x\r\nEXEC\r\n");
    assert!((0..4).all(|_| !talk.reply().starts_with(b"-")));
    assert_eq!(line(&mut talk, "EVAL return(1) 0"), ":1");
    assert_eq!(line(&mut talk, "MONITOR"), "+OK");
}

#[test]
fn rules_may_be_for_some_users_and_listeners() {
    let server = Server::start(&[]);
    assert_eq!(line(&mut server.connect(), "ACL SETUSER app on >pw ~* &* +@all"), "+OK");
    let mut config = config(&server.place());
    config.rules.deny = vec![DenyRule {
        name: "apps do not list".into(),
        commands: vec!["KEYS".into()],
        users: vec!["app".into()],
        ..DenyRule::default()
    }];
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    assert_eq!(line(&mut talk, "KEYS *"), "*0");
    assert_eq!(line(&mut talk, "AUTH app pw"), "+OK");
    assert_eq!(
        line(&mut talk, "KEYS *"),
        "-NOPERM KEYS is blocked by Nearside (rules.deny: apps do not list)"
    );
    assert_eq!(line(&mut talk, "RESET"), "+RESET");
    assert_eq!(line(&mut talk, "KEYS *"), "*0");
}

#[test]
fn a_listener_may_have_rules_of_its_own() {
    let server = Server::start(&[]);
    let dir = Dir::new();
    let mut config = config(&server.place());
    config.listen.push(Listen::Unix(dir.join("n")));
    config.rules.deny = vec![DenyRule {
        name: "no lists on TCP".into(),
        commands: vec!["KEYS".into()],
        listeners: vec!["127.0.0.1:*".into()],
        ..DenyRule::default()
    }];
    let proxy = Proxy::start(config);
    assert!(line(&mut proxy.connect(), "KEYS *").starts_with("-NOPERM"));
    assert_eq!(line(&mut Talk::connect(&Place::Unix(dir.join("n"))), "KEYS *"), "*0");
}

/// A name is as many sockets as it has addresses, and is still one listener.
#[test]
fn rules_know_listeners_as_they_are_written() {
    let server = Server::start(&[]);
    let dir = Dir::new();
    let mut config = config(&server.place());
    config.listen = vec![Listen::Tcp("localhost".into(), 0), Listen::Unix(dir.join("n"))];
    config.rules.deny = vec![DenyRule {
        name: "no lists by name".into(),
        commands: vec!["KEYS".into()],
        listeners: vec!["localhost:*".into()],
        ..DenyRule::default()
    }];
    let proxy = Proxy::start(config);
    let tcp = proxy.handle().addresses().iter().filter(|listen| matches!(listen, Listen::Tcp(..)));
    for listen in tcp {
        assert!(line(&mut Talk::connect(&Place::of(listen)), "KEYS *").starts_with("-NOPERM"), "{listen}");
    }
    assert_eq!(line(&mut Talk::connect(&Place::Unix(dir.join("n"))), "KEYS *"), "*0");
}

#[test]
fn a_large_request_in_pieces_dodges_no_rule() {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.limits.large = 64 * 1024;
    config.rules.deny =
        vec![DenyRule { name: "secrets".into(), keys: vec!["secret:*".into()], ..DenyRule::default() }];
    let proxy = Proxy::start(config);
    let large = "x".repeat(1024 * 1024);
    let mut talk = proxy.connect();
    assert_eq!(said(&mut talk, &["SET", "a", &large]), "+OK");
    talk.say_if(&["MSET", "a", &large, "secret:1", "w"]);
    let told = String::from_utf8(talk.reply()).unwrap();
    assert!(told.contains("what a rule looks at has not arrived") && told.contains("secrets"), "{told}");
    let mut talk = proxy.connect();
    talk.say_if(&["SET", "secret:1", &large]);
    assert!(String::from_utf8(talk.reply()).unwrap().contains("with this key"));
    let mut direct = server.connect();
    assert_eq!(line(&mut direct, "EXISTS secret:1"), ":0");
}

#[test]
fn nothing_is_blocked_for_the_tests_that_compare() {
    let server = Server::start(&[]);
    let proxy = Proxy::start_unix(transparent(&server.place()));
    assert_eq!(line(&mut proxy.connect(), "FLUSHALL"), "+OK");
}
