//! Commands under other names, in both directions.

use crate::common::{Proxy, Server, config, eventually};
use crate::{field, line, said};
use nearside::Config;

fn names(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, to)| ((*name).to_owned(), (*to).to_owned())).collect()
}

/// What the guide renames.
const GUIDE: [(&str, &str); 3] = [("FLUSHDB", ""), ("FLUSHALL", ""), ("CONFIG", "CONFIG_9a8b7c6d")];

fn renamed(server: &Server, ours: &[(&str, &str)], theirs: &[(&str, &str)]) -> Config {
    let mut config = config(&server.place());
    (config.rules.rename, config.upstream.rename) = (names(ours), names(theirs));
    config
}

fn rename_commands(pairs: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    pairs.iter().flat_map(|(name, to)| ["--rename-command", name, to]).collect()
}

/// Every way a request goes says of it what the server itself says, if that is renamed alike.
#[test]
fn clients_see_what_a_server_with_the_same_names_shows() {
    let plain = Server::start(&[]);
    let model = Server::start(&rename_commands(&GUIDE));
    let proxy = Proxy::start(renamed(&plain, &GUIDE, &[]));
    let (mut here, mut there) = (proxy.connect(), model.connect());
    let long = format!("FLUSHALL {} {} c", "a".repeat(100), "b".repeat(100));
    for words in [
        "CONFIG GET maxmemory",
        "config get maxmemory",
        "config_9A8B7C6D GET maxmemory",
        "CONFIG_9a8b7c6d SET maxmemory 0",
        "CONFIG_9a8b7c6d",
        "CONFIG",
        "FLUSHALL",
        "flushdb ASYNC",
        &long,
        "SET k v",
        // Not whole, on a connection of its own.
        "WATCH k",
        "CONFIG GET x",
        "MULTI",
        "GET k",
        "CONFIG GET x",
        "EXEC",
        "MULTI",
        "CONFIG_9a8b7c6d GET maxmemory",
        "EXEC",
        "SUBSCRIBE c",
        "CONFIG GET x",
        "CONFIG_9a8b7c6d GET x",
        "UNSUBSCRIBE c",
        "GET k",
    ] {
        assert_eq!(line(&mut here, words), line(&mut there, words), "{words}");
    }
    // In one piece: inline, and a transaction.
    for bytes in [
        &b"config get x\r\nCONFIG_9a8b7c6d get maxmemory\r\n"[..],
        b"MULTI\r\nCONFIG_9a8b7c6d GET maxmemory\r\nSET k w\r\nEXEC\r\nGET k\r\n",
        b"MULTI\r\nSET k x\r\nFLUSHALL\r\nEXEC\r\nGET k\r\n",
    ] {
        let count = bytes.iter().filter(|byte| **byte == b'\n').count();
        here.send(bytes);
        there.send(bytes);
        for _ in 0..count {
            let (ours, theirs) = (here.reply(), there.reply());
            assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
        }
    }
}

#[test]
fn large_requests_have_their_names_too() {
    let server = Server::start(&rename_commands(&[("SET", "S_1"), ("APPEND", "")]));
    let mut config = renamed(&server, &[("SET", "PUT")], &[("SET", "S_1"), ("APPEND", "")]);
    config.limits.large = 64 * 1024;
    let proxy = Proxy::start(config);
    let large = "x".repeat(1024 * 1024);
    let mut talk = proxy.connect();
    assert_eq!(said(&mut talk, &["PUT", "k", &large]), "+OK");
    assert_eq!(said(&mut talk, &["STRLEN", "k"]), format!(":{}", large.len()));
    for name in ["SET", "S_1", "APPEND"] {
        let mut talk = proxy.connect();
        talk.say_if(&[name, "k", &large]);
        let told = String::from_utf8(talk.reply()).unwrap();
        assert!(
            told.starts_with(&format!("-ERR unknown command '{name}', with args beginning with: 'k' ")),
            "{told}"
        );
    }
}

/// Everything we ourselves ask a server for is under another name there, and nobody notices.
#[test]
fn a_server_with_names_of_its_own_is_served_as_any_other() {
    let own = [
        ("CONFIG", "X_CONFIG"),
        ("CLIENT", "X_CLIENT"),
        ("HELLO", "X_HELLO"),
        ("PTTL", "X_PTTL"),
        ("PING", "X_PING"),
        ("INFO", "X_INFO"),
        ("ACL", "X_ACL"),
        ("SELECT", "X_SELECT"),
        ("MULTI", "X_MULTI"),
        ("EXEC", "X_EXEC"),
        ("ECHO", "X_ECHO"),
        ("SUBSCRIBE", "X_SUBSCRIBE"),
        ("MONITOR", "X_MONITOR"),
        ("GET", "X_GET"),
    ];
    let server = Server::start(&rename_commands(&own));
    let mut config = renamed(&server, &[], &own);
    config.workers = 1;
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    let mut direct = server.connect();
    assert_eq!(line(&mut talk, "SET k v PX 100000"), "+OK");
    assert_eq!(line(&mut talk, "GET k"), "$1\r\nv");
    // Kept, and told of changes.
    eventually("it is kept", || {
        assert_eq!(line(&mut talk, "GET k"), "$1\r\nv");
        field(&mut talk, "cache_hits").filter(|hits| hits != "0")
    });
    assert_eq!(line(&mut direct, "SET k w"), "+OK");
    eventually("the change is seen", || (line(&mut talk, "GET k") == "$1\r\nw").then_some(()));
    assert!(line(&mut talk, "CLIENT ID").starts_with(':'));
    assert_eq!(line(&mut talk, "CLIENT SETNAME me"), "+OK");
    assert!(line(&mut talk, "CLIENT INFO").contains("name=me"));
    assert!(line(&mut talk, "CONFIG GET maxmemory").contains("maxmemory"));
    assert!(line(&mut talk, "INFO server").contains("redis_version"));
    assert_eq!(line(&mut talk, "ACL WHOAMI"), "$7\r\ndefault");
    talk.send(b"MULTI\r\nGET k\r\nEXEC\r\n");
    assert_eq!((0..3).map(|_| talk.reply()).last().unwrap(), b"*1\r\n$1\r\nw\r\n");
    assert_eq!(line(&mut talk, "SELECT 1"), "+OK");
    assert_eq!(line(&mut talk, "GET k"), "$-1");
    assert_eq!(line(&mut talk, "WATCH k"), "+OK");
    assert_eq!(line(&mut talk, "MULTI"), "+OK");
    assert_eq!(line(&mut talk, "GET k"), "+QUEUED");
    assert_eq!(line(&mut talk, "EXEC"), "*1\r\n$-1");
    assert!(line(&mut talk, "SUBSCRIBE c").starts_with("*3"));
    assert_eq!(line(&mut direct, "PUBLISH c m"), ":1");
    assert!(talk.reply().ends_with(b"$1\r\nm\r\n"));
    // Connections are made again under the same names.
    let mut other = proxy.connect();
    line(&mut direct, "X_CLIENT KILL TYPE normal SKIPME yes");
    eventually("it is back", || (line(&mut other, "GET k") == "$1\r\nw").then_some(()));
    // Its name there is that command here, not a way around.
    assert_eq!(line(&mut other, "x_get k"), "$1\r\nw");
}

#[test]
fn what_the_server_does_not_have_is_unknown_and_nothing_else_is_lost() {
    let gone = [("CLIENT", ""), ("PTTL", ""), ("CONFIG", ""), ("ACL", "")];
    let server = Server::start(&rename_commands(&gone));
    let config = renamed(&server, &[], &gone);
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    for (words, args) in [("CLIENT ID", "'ID' "), ("PTTL k", "'k' "), ("CONFIG GET x", "'GET' 'x' ")] {
        let name = words.split(' ').next().unwrap();
        let told = format!("-ERR unknown command '{name}', with args beginning with: {args}");
        assert_eq!(line(&mut talk, words), told.trim_end());
    }
    assert_eq!(line(&mut talk, "SET k v"), "+OK");
    for _ in 0..3 {
        assert_eq!(line(&mut talk, "GET k"), "$1\r\nv");
    }
    talk.ask(&["HELLO", "3"]);
    assert_eq!(line(&mut talk, "GET k"), "$1\r\nv");
}

/// A driver that knows nothing of it, with the guide's names on both sides at once.
#[test]
fn redis_py_uses_the_names_it_is_given() {
    let Ok(python) = std::env::var("NEARSIDE_TEST_PYTHON") else { return };
    let theirs =
        [("CONFIG", "C_1"), ("HELLO", "H_1"), ("CLIENT", "CL_1"), ("TTL", "T_1"), ("EVALSHA", "E_1")];
    let server = Server::start(&rename_commands(&theirs));
    let proxy = Proxy::start(renamed(&server, &GUIDE, &theirs));
    let script = r#"
import sys, redis
for protocol in (2, 3):
    r = redis.Redis(port=int(sys.argv[1]), protocol=protocol, decode_responses=True, client_name="me")
    assert r.set("k", "v", ex=100) and r.get("k") == "v" and r.client_getname() == "me"
    assert "maxmemory" in str(r.execute_command("CONFIG_9a8b7c6d GET", "maxmemory"))
    for gone in (r.config_get, r.flushall, r.flushdb):
        try:
            gone()
            raise SystemExit(f"{gone} runs")
        except redis.ResponseError as error:
            assert str(error).startswith("unknown command '"), error
    with r.pipeline() as pipe:
        assert pipe.set("k", "w").get("k").execute() == [True, "w"]
    with r.pipeline() as pipe:
        try:
            pipe.set("k", "x").flushall().execute()
            raise SystemExit("flushall was queued")
        except redis.ResponseError as error:
            assert "unknown command 'FLUSHALL'" in str(error), error
    with r.lock("l", timeout=5):
        assert r.get("k") == "w"
    p = r.pubsub()
    p.subscribe("c")
    assert p.get_message(timeout=5)["type"] == "subscribe"
print("done")
"#;
    let port = proxy.place().port().to_string();
    let output = std::process::Command::new(python).args(["-c", script, &port]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out.trim(), "done", "{err}");
}
