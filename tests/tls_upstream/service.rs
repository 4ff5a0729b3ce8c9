//! Everything that works without TLS to the upstream works over it.

use std::process::Command;
use std::time::Duration;

use super::certs::Certs;
use super::common::{Proxy, Server, Talk, eventually};

fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

fn figure(talk: &mut Talk, name: &str) -> Option<i64> {
    let info = talk.ask_text(&["INFO", "nearside"]);
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}

#[test]
fn lanes_leases_and_subscriptions_speak_tls() {
    let certs = Certs::new();
    let (redis, port) = certs.redis("no");
    let proxy = Proxy::start(certs.config(port));
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["GET", "k"]), bulk("v"));
    // A transaction, on a lease.
    talk.say(&["MULTI"]);
    talk.say(&["INCR", "n"]);
    talk.say(&["EXEC"]);
    for reply in [&b"+OK\r\n"[..], b"+QUEUED\r\n", b"*1\r\n:1\r\n"] {
        assert_eq!(talk.reply(), reply);
    }
    // A pop that waits, and an element that comes by another way.
    talk.say(&["BLPOP", "queue", "20"]);
    eventually("it waits there", || {
        redis.connect().ask_text(&["INFO", "clients"]).contains("blocked_clients:1").then_some(())
    });
    redis.connect().ask(&["RPUSH", "queue", "job"]);
    assert_eq!(talk.reply(), b"*2\r\n$5\r\nqueue\r\n$3\r\njob\r\n");
    // A subscription, and a message from elsewhere.
    let mut listener = proxy.connect();
    assert_eq!(listener.ask(&["SUBSCRIBE", "news"]), b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    assert_eq!(redis.connect().ask(&["PUBLISH", "news", "hello"]), b":1\r\n");
    assert_eq!(listener.reply(), b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    // And all of it over TLS: the port is the only one there is.
    assert!(
        talk.ask_text(&["INFO", "nearside"])
            .contains(&format!("nearside_upstream:rediss://localhost:{port}"))
    );
}

#[test]
fn the_cache_is_filled_and_told_of_changes_over_tls() {
    let certs = Certs::new();
    let (redis, port) = certs.redis("no");
    let proxy = Proxy::start(certs.config(port));
    let mut talk = proxy.connect();
    redis.connect().ask(&["SET", "k", "one"]);
    eventually("a hit", || {
        assert_eq!(talk.ask(&["GET", "k"]), bulk("one"));
        figure(&mut talk, "nearside_cache_hits").filter(|hits| *hits > 3)
    });
    redis.connect().ask(&["SET", "k", "two"]);
    eventually("the new value", || (talk.ask(&["GET", "k"]) == bulk("two")).then_some(()));
}

#[test]
fn fifty_megabytes_go_both_ways() {
    let certs = Certs::new();
    let (redis, port) = certs.redis("no");
    let mut config = certs.config(port);
    config.upstream.socket_timeout = Duration::from_secs(60);
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    talk.set_patience(Duration::from_secs(60));
    let value: Vec<u8> = (0..50_000_000_u32).map(|n| (n ^ (n >> 11)) as u8).collect();
    assert_eq!(talk.ask(&[&b"SET"[..], b"big", &value]), b"+OK\r\n");
    assert_eq!(redis.connect().ask(&["STRLEN", "big"]), b":50000000\r\n");
    let reply = talk.ask(&["GET", "big"]);
    assert!(reply.starts_with(b"$50000000\r\n") && reply[11..].starts_with(&value), "{} bytes", reply.len());
}

#[test]
fn an_upstream_that_is_killed_is_found_again() {
    let certs = Certs::new();
    let (redis, port) = certs.redis("no");
    let mut config = certs.config(port);
    config.upstream.timeout = Duration::from_millis(200);
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    drop(redis); // kill -9
    let error = eventually("an error", || {
        let reply = talk.ask_text(&["SET", "k", "v"]);
        reply.starts_with("-UPSTREAMDOWN").then_some(reply)
    });
    assert!(error.contains("Connection refused") && error.contains("(the test)"), "{error}");
    let redis = certs.redis_on(port, "no");
    eventually("it is back", || (talk.ask(&["SET", "k", "again"]) == b"+OK\r\n").then_some(()));
    assert_eq!(redis.connect().ask(&["GET", "k"]), bulk("again"));
}

#[test]
fn an_upstream_that_wants_our_certificate_gets_it() {
    let certs = Certs::new();
    let (_redis, port) = certs.redis("yes");
    let proxy = Proxy::start(certs.config_of_client(port));
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    let days = figure(&mut talk, "nearside_upstream_tls_cert_days_left");
    assert!(days.is_some_and(|days| (820..=825).contains(&days)), "{days:?}");
}

#[test]
fn keys_of_every_form_and_a_file_that_holds_both_are_read() {
    let certs = Certs::new();
    let (_redis, port) = certs.redis("yes");
    // SEC1, from PKCS#8; then RSA as PKCS#1; then one file.
    certs.openssl("ec -in client.key -out client.sec1.key");
    let sec1 = std::fs::read_to_string(certs.path("client.sec1.key")).expect("a key");
    assert!(sec1.contains("BEGIN EC PRIVATE KEY"), "{}", &sec1[..40]);
    certs.openssl("genrsa -traditional -out rsa.key 2048");
    certs.openssl("req -new -key rsa.key -subj /CN=rsa -out rsa.csr");
    certs.openssl("x509 -req -in rsa.csr -CA ca.crt -CAkey ca.key -set_serial 9 -out rsa.crt");
    let read = |name: &str| std::fs::read_to_string(certs.path(name)).expect("a file");
    std::fs::write(certs.path("both.pem"), read("client.key") + &read("client.crt")).expect("a file");
    for (cert, key) in
        [("client.crt", Some("client.sec1.key")), ("rsa.crt", Some("rsa.key")), ("both.pem", None)]
    {
        let mut config = certs.config(port);
        config.upstream.tls.certfile = Some(certs.path(cert));
        config.upstream.tls.keyfile = key.map(|key| certs.path(key));
        let proxy = Proxy::start(config);
        assert_eq!(proxy.connect().ask(&["PING"]), b"+PONG\r\n", "{cert}");
    }
}

#[test]
fn a_server_whose_own_certificate_is_given_is_trusted_for_its_name() {
    let certs = Certs::new();
    // As many make one: an authority of its own, which a chain must not end in.
    certs.openssl(
        "req -x509 -key server.key -subj /CN=localhost -days 9 -addext subjectAltName=DNS:localhost -out own.crt",
    );
    let (_redis, port) = certs.redis_of("own.crt", "no", &[]);
    let mut config = certs.config(port);
    config.upstream.tls.ca_certs = Some(certs.path("own.crt"));
    let proxy = Proxy::start(config.clone());
    assert_eq!(proxy.connect().ask(&["PING"]), b"+PONG\r\n");
    // The name still counts; and any directory of such files will do.
    config.upstream.tls.server_name = Some("another.example".into());
    config.upstream.timeout = Duration::from_millis(200);
    let error = Proxy::start(config.clone()).connect().ask_text(&["PING"]);
    assert!(error.contains("it is for localhost, not for another.example"), "{error}");
    config.upstream.tls.server_name = None;
    config.upstream.tls.ca_certs = certs.path("own.crt").parent().map(Into::into);
    assert_eq!(Proxy::start(config).connect().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn names_addresses_and_the_name_that_is_set_are_checked() {
    let certs = Certs::new();
    let (_redis, port) = certs.redis("no");
    for (host, name, good) in [
        ("localhost", None, true),
        ("127.0.0.1", None, true),
        ("127.0.0.1", Some("also.example"), true),
        ("127.0.0.1", Some("::1"), true),
        ("localhost", Some("127.0.0.9"), false),
    ] {
        let mut config = certs.config(port);
        config.upstream.endpoint = nearside::config::Endpoint::Tcp { host: host.into(), port };
        config.upstream.tls.server_name = name.map(String::from);
        config.upstream.timeout = Duration::from_millis(300);
        let reply = Proxy::start(config).connect().ask_text(&["PING"]);
        assert_eq!(reply == "+PONG\r\n", good, "{host} {name:?}: {reply}");
    }
}

/// What the application uses, pipelines and transactions included.
const REDIS_PY: &str = r#"
import redis, sys
r = redis.Redis(port=int(sys.argv[1]), decode_responses=True, socket_timeout=20)
assert r.set("py", "1") and r.get("py") == "1" and r.incr("py") == 2
with r.pipeline(transaction=True) as p:
    assert p.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
with r.pipeline(transaction=False) as p:
    for n in range(500): p.set(f"p:{n}", "x" * n)
    for n in range(500): p.get(f"p:{n}")
    assert p.execute()[500:] == ["x" * n for n in range(500)]
ps = r.pubsub(); ps.subscribe("c")
assert ps.get_message(timeout=20)["type"] == "subscribe"
r.publish("c", "m")
assert ps.get_message(timeout=20)["data"] == "m"
r.rpush("q", "job")
assert r.brpop("q", timeout=5) == ("q", "job")
assert r.eval("return redis.call('get', KEYS[1])", 1, "py") == "2"
print("done")
"#;

#[test]
fn redis_py_works_through_it() {
    let python = std::env::var("NEARSIDE_TEST_PYTHON");
    let python = python.expect("NEARSIDE_TEST_PYTHON is not set: run the tests with `make test`");
    let certs = Certs::new();
    let (_redis, port): (Server, u16) = certs.redis("optional");
    let proxy = Proxy::start(certs.config(port));
    let ours = match &proxy.handle().addresses()[0] {
        nearside::config::Listen::Tcp(_, port) => port.to_string(),
        other => panic!("{other}"),
    };
    let done = Command::new(python).args(["-c", REDIS_PY, &ours]).output().expect("python runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
