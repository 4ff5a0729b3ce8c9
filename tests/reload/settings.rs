//! Every setting that says it applies while the proxy runs does, and a good part of them can be seen to.

use std::time::Duration;

use nearside::config::{carry, changes, settings};

use crate::common::eventually;
use crate::scene::{Scene, ask, is_closed, load};

/// Another value than the default of each setting that applies at a reload.
const OTHERS: &[(&str, &str)] = &[
    ("enabled", "false"),
    ("maxclients", "77"),
    ("timeout", "99"),
    ("tcp_keepalive", "17"),
    ("client_output_buffer_limit", "\"normal 1mb 0 0 pubsub 2mb 1mb 5\""),
    ("drain_timeout", "\"3s\""),
    ("protected_mode", "false"),
    ("users", "[{name = \"default\", acl = \"on nopass ~* &* +@all\"}]"),
    ("rates", "[{name = \"r\", per = \"all\", rate = \"1000/s\"}]"),
    ("upstream.rename", "{OBJECT = \"THING\"}"),
    ("upstream.max_pinned", "7"),
    ("upstream.timeout", "\"7s\""),
    ("upstream.connect_timeout", "\"7s\""),
    ("upstream.socket_timeout", "\"7s\""),
    ("upstream.health_check_interval", "\"7s\""),
    ("upstream.reconnect_min", "\"70ms\""),
    ("upstream.reconnect_max", "\"7s\""),
    ("limits.max_bulk", "\"1MiB\""),
    ("limits.max_multibulk", "77"),
    ("limits.large", "\"2MiB\""),
    ("limits.large_memory", "\"7s\""),
    ("limits.reply_buffer", "\"16MiB\""),
    ("limits.memory", "\"77MiB\""),
    ("limits.session_inflight_bytes", "\"7MiB\""),
    ("limits.session_inflight", "77"),
    ("cache.max_value", "\"7KiB\""),
    ("cache.max_age", "\"7s\""),
    ("cache.max_staleness", "\"700ms\""),
    ("cache.include", "[\"a:*\"]"),
    ("cache.exclude", "[\"b:*\"]"),
    ("cache.verify", "0.5"),
    ("cache.acl_check", "\"7s\""),
    ("cache.ttl_max_age", "\"7s\""),
    ("tls.cert_file", "\"/etc/nearside/cert\""),
    ("tls.key_file", "\"/etc/nearside/key\""),
    ("tls.ca_cert_file", "\"/etc/nearside/ca\""),
    ("tls.auth_clients", "\"optional\"\ntls.ca_cert_file = \"/etc/nearside/ca\""),
    ("tls.min_version", "\"1.3\""),
    ("tls.handshake_timeout", "\"7s\""),
    ("tls.users", "[{cert = \"x\", user = \"default\"}]"),
    ("tls.reload_every", "\"7s\""),
    ("rules.block", "[\"KEYS\"]"),
    ("rules.deny", "[{name = \"d\", commands = [\"KEYS\"]}]"),
    ("rules.rename", "{KEYS = \"LOCKS\"}"),
    ("rules.read_only", "true"),
    ("rules.scripts", "\"deny\""),
    ("rules.max_key", "\"7KiB\""),
    ("rules.max_value", "\"7KiB\""),
    ("rules.max_args", "77"),
    ("rules.max_reply", "\"7MiB\""),
    ("admission.clients_per_address", "77"),
    ("admission.clients_per_user", "77"),
    ("admission.connection_rate", "777"),
    ("admission.auth_timeout", "77"),
    ("admission.auth_failures", "77"),
    ("audit.enabled", "false"),
    ("audit.redact_keys", "true"),
    ("drain_delay", "\"7ms\""),
    ("health.every", "\"777ms\""),
    ("health.timeout", "\"777ms\""),
    ("health.stalled", "\"7s\""),
    ("health.upstream_info", "7"),
    ("alerts.enabled", "false"),
    ("alerts.window", "\"77s\""),
    ("alerts.hold", "\"7s\""),
    ("alerts.memory", "0.7"),
    ("alerts.evictions", "77"),
    ("alerts.connections", "0.7"),
    ("alerts.latency", "\"7ms\""),
    ("alerts.error_rate", "0.7"),
    ("alerts.least_commands", "77"),
    ("alerts.hit_rate", "0.7"),
    ("alerts.least_reads", "77"),
    ("alerts.certificate", "\"77h\""),
    ("slowlog.threshold", "\"7ms\""),
    ("slowlog.max_len", "77"),
    ("log.access_sample", "0.7"),
    ("reload.every", "\"7s\""),
    ("log.level", "\"warn\""),
    ("features.cache", "false"),
    ("features.pubsub", "false"),
    ("features.session_store", "false"),
    ("features.session_patterns", "[\"s:*\"]"),
    ("features.rate_limiting", "false"),
];

#[test]
fn every_live_setting_applies_and_every_other_waits_for_a_restart() {
    let scene = Scene::new("");
    let base = scene.config();
    let mut live = 0;
    for setting in settings().filter(|setting| !setting.restart) {
        let key = setting.key;
        if ["upstream.username", "upstream.password"].contains(&key) {
            continue; // the upstream is asked about them: another test
        }
        let (_, value) =
            OTHERS.iter().find(|(of, _)| *of == key).unwrap_or_else(|| panic!("{key}: not tried"));
        let text = format!("{key} = {value}\n");
        let wanted = load("unix:///s", &text).unwrap_or_else(|why| panic!("{key}: {why:?}")).config;
        let done = scene.reload(&text).unwrap_or_else(|why| panic!("{key}: {why}"));
        // One of them comes with another that it needs.
        assert!(done.applied.contains(&key) && done.applied.len() <= 2, "{key}: {done:?}");
        assert!(done.needs_restart.is_empty(), "{key}: {done:?}");
        // What is in force is what was asked for, and but for that what there was.
        let mut expected = (*base).clone();
        carry(&done.applied, &wanted, &mut expected);
        let left = changes(&scene.config(), &expected);
        assert!(left.live.is_empty() && left.fixed.is_empty(), "{key}: {left:?}");
        assert_eq!(scene.apply("").applied, done.applied, "{key}: and back");
        live += 1;
    }
    assert!(live > 50, "{live}");
    for (key, value) in [("tcp_backlog", "7"), ("log.format", "\"json\""), ("upstream.min_idle", "1")] {
        let done = scene.apply(&format!("{key} = {value}\n"));
        assert_eq!((done.applied, done.needs_restart), (vec![], vec![key]), "{key}");
    }
}

#[test]
fn the_upstreams_patience_is_that_of_the_moment() {
    let scene = Scene::new("");
    let (mut lane, mut own) = (scene.connect(), scene.connect());
    assert_eq!(ask(&mut lane, "PING"), "+PONG\r\n");
    assert_eq!(ask(&mut own, "WATCH k"), "+OK\r\n");
    scene.apply("[upstream]\nsocket_timeout = \"300ms\"\n");
    let mut server = scene.server();
    assert_eq!(ask(&mut server, "CLIENT PAUSE 3000 ALL"), "+OK\r\n");
    for talk in [&mut lane, &mut own] {
        let said = ask(talk, "GET k");
        assert!(said.starts_with("-") && said.contains("300ms"), "{said}");
    }
}

#[test]
fn what_the_upstream_calls_commands_can_be_changed() {
    let scene = Scene::with(&["--rename-command", "GET", "FETCH"], "");
    let mut talk = scene.connect();
    assert_eq!(ask(&mut talk, "SET k v"), "+OK\r\n");
    assert!(ask(&mut talk, "GETRANGE k 0 -1").contains('v'));
    assert!(ask(&mut talk, "GET k").starts_with("-ERR unknown command"));
    scene.apply("[upstream.rename]\nGET = \"FETCH\"\n");
    assert_eq!(ask(&mut talk, "GET k"), "$1\r\nv\r\n");
}

#[test]
fn pinned_connections_are_as_many_as_is_said_now() {
    let scene = Scene::new("pubsub_dedicated = 100\n[upstream]\nmax_pinned = 1\n");
    let mut blocked: Vec<_> = (0..3).map(|_| scene.connect()).collect();
    blocked[0].say(&["BLPOP", "q", "0"]);
    eventually("it is blocked", || (scene.figure("pinned_lent") == "1").then_some(()));
    assert!(ask(&mut blocked[1], "BLPOP q 0").contains("upstream.max_pinned"));
    scene.apply("pubsub_dedicated = 100\n[upstream]\nmax_pinned = 2\n");
    blocked[1].say(&["BLPOP", "q", "0"]);
    eventually("both are blocked", || (scene.figure("pinned_lent") == "2").then_some(()));
    scene.apply("pubsub_dedicated = 100\n[upstream]\nmax_pinned = 1\n");
    assert!(ask(&mut blocked[2], "BLPOP q 0").contains("upstream.max_pinned"));
    assert_eq!(ask(&mut scene.server(), "RPUSH q a b"), ":2\r\n");
    for talk in blocked.iter_mut().take(2) {
        assert!(String::from_utf8_lossy(&talk.reply()).starts_with("*2"));
    }
    eventually("one may block again", || {
        let mut talk = scene.connect();
        talk.say(&["BLPOP", "q", "0"]);
        talk.set_patience(Duration::from_millis(300));
        talk.try_reply().is_err().then_some(())
    });
}

#[test]
fn what_is_kept_goes_by_the_patterns_of_the_moment() {
    let read_twice = "[cache]\nadmit_after = 1\n";
    let scene = Scene::new(read_twice);
    let mut talk = scene.connect();
    let hits = || scene.figure("cache_hits").parse::<u64>().expect("a number");
    assert_eq!(ask(&mut talk, "MSET a 1 b 2"), "+OK\r\n");
    let mut is_hit = |key: &str| {
        let before = hits();
        (0..3).for_each(|_| assert!(ask(&mut talk, &format!("GET {key}")).starts_with("$1")));
        hits() > before
    };
    eventually("it is answered from memory", || (is_hit("a") && is_hit("b")).then_some(()));
    scene.apply(&format!("{read_twice}exclude = [\"b\"]\n"));
    assert!(!is_hit("b"));
    eventually("the other still is", || is_hit("a").then_some(()));
    scene.apply(&format!("{read_twice}[features]\ncache = false\n"));
    assert!(!is_hit("a"));
    assert_eq!(scene.figure("cache_mode"), "off");
    assert_eq!(ask(&mut scene.server(), "SET a 9"), "+OK\r\n");
    scene.apply(read_twice);
    eventually("it goes on", || is_hit("b").then_some(()));
    assert!(ask(&mut scene.connect(), "GET a").contains('9'));
    scene.apply(&format!("{read_twice}max_staleness = \"100ms\"\n"));
    eventually("heartbeats are as frequent as that wants", || is_hit("a").then_some(()));
}

#[test]
fn what_was_off_at_the_start_waits_for_a_restart() {
    let scene = Scene::new("enabled = false\n");
    let mut talk = scene.connect();
    assert!(ask(&mut talk, "GET k").starts_with("-"));
    let done = scene.apply("");
    assert_eq!((done.applied, done.needs_restart), (vec![], vec!["enabled"]));
    assert!(ask(&mut talk, "GET k").starts_with("-"));
    let scene = Scene::new("");
    let mut talk = scene.connect();
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
    scene.apply("enabled = false\n");
    assert!(ask(&mut talk, "GET k").starts_with("-"));
    scene.apply("");
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
}

#[test]
fn output_limits_hold_for_subscribers_that_are_there() {
    let scene = Scene::new("");
    let mut listener = scene.connect();
    assert!(ask(&mut listener, "SUBSCRIBE c").contains("subscribe"));
    scene.apply("client_output_buffer_limit = \"pubsub 64kb 0 0\"\n");
    let (mut talk, message) = (scene.connect(), "x".repeat(1 << 20));
    eventually("who reads nothing is cut", || {
        let heard = talk.ask(&["PUBLISH", "c", &message]);
        (heard == b":0\r\n").then_some(())
    });
    drop(listener);
    scene.apply("[rules]\nmax_reply = 100\n");
    assert_eq!(talk.ask(&["SET", "big", &"x".repeat(1000)]), b"+OK\r\n");
    assert!(ask(&mut talk, "GET big").starts_with("-"));
    assert!(!is_closed_now(&mut talk));
    scene.apply("");
    assert!(ask(&mut talk, "GET big").starts_with("$1000"));
}

fn is_closed_now(talk: &mut crate::common::Talk) -> bool {
    talk.set_patience(Duration::from_millis(50));
    let closed = talk.try_reply().is_err_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof);
    talk.set_patience(crate::common::PATIENCE);
    closed
}

#[test]
fn another_password_of_the_upstream_is_tried_first_and_then_used_by_clients_that_are_there() {
    let with = |password: &str| format!("[upstream]\nusername = \"app\"\npassword = \"{password}\"\n");
    let scene = Scene::new("");
    let mut server = scene.server();
    assert_eq!(ask(&mut server, "ACL SETUSER app on >one >two ~* &* +@all"), "+OK\r\n");
    let (mut talk, mut own) = (scene.connect(), scene.connect());
    assert!(ask(&mut talk, "ACL WHOAMI").contains("default"));
    assert_eq!(ask(&mut own, "WATCH k"), "+OK\r\n");
    let refused = scene.reload(&with("wrong")).expect_err("nobody has it").to_string();
    assert!(refused.contains("upstream.password") && refused.contains("WRONGPASS"), "{refused}");
    assert!(!refused.contains("wrong"), "{refused}");
    assert!(ask(&mut talk, "ACL WHOAMI").contains("default"));
    assert_eq!(scene.apply(&with("one")).applied, ["upstream.username", "upstream.password"]);
    for talk in [&mut talk, &mut scene.connect()] {
        assert!(ask(talk, "ACL WHOAMI").contains("app"));
    }
    assert_eq!(scene.apply(&with("two")).applied, ["upstream.password"]);
    assert_eq!(ask(&mut server, "ACL SETUSER app <one"), "+OK\r\n");
    // Its connections are made with the new one.
    assert!(ask(&mut server, "CLIENT KILL TYPE normal SKIPME yes").starts_with(':'));
    assert!(ask(&mut scene.connect(), "ACL WHOAMI").contains("app"));
    drop(own);
}

#[test]
fn idle_clients_are_closed_by_the_timeout_of_the_moment() {
    let scene = Scene::new("");
    let mut talk = scene.connect();
    assert_eq!(ask(&mut talk, "PING"), "+PONG\r\n");
    scene.apply("timeout = 1\n");
    assert!(is_closed(&mut talk));
}
