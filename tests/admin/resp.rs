//! The same from redis-cli: `NEARSIDE` gives what HTTP gives.

use nearside::config::{LocalUser, Secret};
use serde_json::Value;

use crate::common::Talk;
use crate::http::Scene;

fn ask(talk: &mut Talk, line: &str) -> String {
    talk.ask_text(&line.split(' ').collect::<Vec<_>>())
}

/// A RESP3 reply as a value.
fn value(lines: &mut std::str::Split<'_, &str>) -> Value {
    let line = lines.next().unwrap();
    let (kind, rest) = line.split_at(1);
    let count = || rest.parse::<usize>().unwrap();
    match kind {
        "%" => (0..count()).map(|_| (value(lines).as_str().unwrap().to_owned(), value(lines))).collect(),
        "*" => (0..count()).map(|_| value(lines)).collect(),
        "$" => Value::from(lines.next().unwrap()),
        ":" => Value::from(rest.parse::<i64>().unwrap()),
        "," => Value::from(rest.parse::<f64>().unwrap()),
        "#" => Value::from(rest == "t"),
        "_" => Value::Null,
        _ => panic!("{line:?}"),
    }
}

fn told(talk: &mut Talk, line: &str) -> Value {
    let reply = ask(talk, line);
    assert!(!reply.starts_with('-'), "{line}: {reply}");
    value(&mut reply.split("\r\n"))
}

#[test]
fn what_nearside_tells_is_what_http_tells() {
    let scene = Scene::new(|_| {});
    let mut talk = scene.proxy.connect();
    ask(&mut talk, "HELLO 3");
    assert_eq!(told(&mut talk, "NEARSIDE CONFIG"), scene.get("/config").json());
    let some = told(&mut talk, "NEARSIDE CONFIG admin.*");
    assert_eq!(some[0]["key"], "admin.listen");
    let explained = told(&mut talk, "NEARSIDE EXPLAIN SET k v");
    assert_eq!(explained, scene.get("/explain?command=SET+k+v&user=default").json());
    let health = told(&mut talk, "NEARSIDE HEALTH");
    let theirs = scene.get("/health").json();
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&health), fields(&theirs));
    assert_eq!(fields(&health["services"]["redis"]), ["status", "latency", "last_check"]);
    let clients = told(&mut talk, "NEARSIDE CLIENTS");
    assert_eq!((&clients["connected"], &clients["clients"][0]["resp"]), (&Value::from(1), &Value::from(3)));
    assert_eq!(told(&mut talk, "NEARSIDE CLIENTS 1")["clients"].as_array().unwrap().len(), 1);
    let mut keys = told(&mut talk, "NEARSIDE CACHE STATS").as_object().unwrap().clone();
    keys.retain(|_, value| value.is_string());
    assert_eq!(keys.len(), 2, "{keys:?}");
    ask(&mut talk, "HELLO 2");
    assert!(ask(&mut talk, "NEARSIDE EXPLAIN GET k").starts_with("*26\r\n$7\r\ncommand\r\n$3\r\nGET\r\n"));
    for (line, error) in [
        ("NEARSIDE EXPLAIN", "-ERR wrong number of arguments for 'nearside|explain' command\r\n"),
        ("NEARSIDE CLIENTS 0", "-ERR syntax error\r\n"),
        ("NEARSIDE CONFIG a b", "-ERR wrong number of arguments for 'nearside|config' command\r\n"),
        ("NEARSIDE DRAIN now", "-ERR wrong number of arguments for 'nearside|drain' command\r\n"),
    ] {
        assert_eq!(ask(&mut talk, line), error, "{line}");
    }
}

#[test]
fn own_users_may_what_they_were_given() {
    let user = |name: &str, acl: &str| LocalUser { name: name.into(), acl: Secret::new(acl) };
    let scene = Scene::new(|config| {
        config.users = vec![
            user("boss", "on >pw ~* +@all"),
            user("app", "on >pw ~app:* +@read +nearside|info"),
            user("eye", "on >pw ~* +nearside|clients +nearside|explain"),
        ];
    });
    let mut talk = scene.proxy.connect();
    let private = [
        "NEARSIDE CLIENTS",
        "NEARSIDE CONFIG",
        "NEARSIDE EXPLAIN GET k",
        "NEARSIDE DRAIN",
        "NEARSIDE HOTKEYS",
    ];
    for line in private {
        assert!(ask(&mut talk, line).starts_with("-NOAUTH"), "{line}");
    }
    ask(&mut talk, "AUTH app pw");
    for line in private {
        assert!(ask(&mut talk, line).starts_with("-NOPERM"), "{line}");
    }
    assert!(ask(&mut talk, "NEARSIDE INFO").contains("nearside_version"));
    ask(&mut talk, "AUTH eye pw");
    assert!(ask(&mut talk, "NEARSIDE CLIENTS").contains("\r\neye\r\n"));
    assert!(ask(&mut talk, "NEARSIDE CONFIG").starts_with("-NOPERM"));
    assert!(ask(&mut talk, "NEARSIDE DRAIN").starts_with("-NOPERM"));
    let app = ask(&mut talk, "NEARSIDE EXPLAIN USER app GET other");
    assert!(app.contains("\r\nusers: app\r\n") && app.contains("$7\r\nallowed\r\n:0\r\n"), "{app}");
    assert!(ask(&mut talk, "NEARSIDE EXPLAIN USER nobody GET k").starts_with("-ERR there is no user"));
    ask(&mut talk, "AUTH boss pw");
    private.iter().filter(|line| !line.ends_with("DRAIN")).for_each(|line| {
        assert!(!ask(&mut talk, line).starts_with('-'), "{line}");
    });
}

#[test]
fn a_user_of_the_upstream_drains_nothing_and_is_told_what_its_upstream_trusts_it_with() {
    let scene = Scene::new(|_| {});
    let mut direct = Talk::connect(&scene.server.place());
    direct.ask(&["ACL", "SETUSER", "app", "on", ">pw", "~app:*", "+@read"]);
    direct.ask(&["ACL", "SETUSER", "boss", "on", ">pw", "~*", "+@all"]);
    let mut talk = scene.proxy.connect();
    for (user, answered) in [("app", false), ("boss", true)] {
        ask(&mut talk, &format!("AUTH {user} pw"));
        for line in ["NEARSIDE CLIENTS", "NEARSIDE CONFIG", "NEARSIDE EXPLAIN GET k"] {
            let reply = ask(&mut talk, line);
            assert_eq!(!reply.starts_with("-NOPERM NEARSIDE"), answered, "{user}: {line}: {reply}");
        }
        assert!(ask(&mut talk, "NEARSIDE DRAIN").starts_with("-NOPERM NEARSIDE"), "{user}");
    }
    assert_eq!(scene.proxy.connect().ask(&["PING"]), b"+PONG\r\n");
    // In front of a server that asks nobody for a password whoever is on this machine is the operator.
    let mut local = scene.proxy.connect();
    assert_eq!(ask(&mut local, "NEARSIDE DRAIN"), "+OK\r\n");
    assert_eq!(local.until_closed(), b"");
    scene.proxy.wait();
}

#[test]
fn a_drain_answers_those_that_wait_behind_it() {
    let scene = Scene::new(|_| {});
    let mut talk = scene.proxy.connect();
    talk.send(b"PING\r\nNEARSIDE DRAIN\r\n");
    assert_eq!((talk.reply(), talk.reply()), (b"+PONG\r\n".to_vec(), b"+OK\r\n".to_vec()));
    talk.until_closed();
    scene.proxy.wait();
}

#[test]
fn slow_requests_are_told_the_same_way_here_and_there() {
    let scene = Scene::new(|config| config.slowlog.threshold = std::time::Duration::from_millis(20));
    let mut talk = scene.proxy.connect();
    ask(&mut talk, "HELLO 3");
    ask(&mut talk, "DEBUG SLEEP 0.1");
    let told_here = told(&mut talk, "NEARSIDE SLOWLOG 5");
    assert_eq!(told_here, scene.get("/slowlog?count=5").json());
    let one = &told_here[0];
    assert!(
        one["upstream_us"].as_u64() > Some(90_000) && one["total_us"].as_u64() >= one["upstream_us"].as_u64()
    );
    assert_eq!(one["command"], serde_json::json!(["DEBUG", "SLEEP", "0.1"]));
    assert_eq!(ask(&mut talk, "NEARSIDE SLOWLOG RESET"), "+OK\r\n");
    assert_eq!(scene.get("/slowlog").json(), serde_json::json!([]));
    assert_eq!(ask(&mut talk, "NEARSIDE SLOWLOG 0"), "-ERR syntax error\r\n");
    assert_eq!(scene.post("/slowlog/reset").status, 200);
}
