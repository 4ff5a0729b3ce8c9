//! Events that matter for security, as they stand in the log of the built program.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

mod common;

#[allow(dead_code)] // a part of it is used
#[path = "tls/certs.rs"]
mod certs;

use std::net::{TcpStream, UdpSocket};

use certs::Certs;
use common::{Dir, Place, Run, Server, Stream, Talk, Tls, binary, signal};
use rcgen::KeyPair;
use rustls::ClientConnection;
use rustls::version::TLS13;

/// The program before a server, with a configuration, its log as JSON.
struct Scene {
    run: Run,
    place: Place,
    server: Server,
    _dir: Dir,
}

impl Scene {
    fn new(server: Server, toml: &str) -> Self {
        Self::at(server, toml, "127.0.0.1:0")
    }

    fn at(server: Server, toml: &str, listen: &str) -> Self {
        let dir = Dir::new();
        let Place::Unix(upstream) = server.place() else { panic!("servers are on Unix sockets") };
        let config = format!(
            "listen = [\"{listen}\"]\nworkers = 2\n{toml}\n[log]\nformat = \"json\"\n[upstream]\nuri = \"unix://{}\"\n",
            upstream.display()
        );
        std::fs::write(dir.join("n.toml"), config).unwrap();
        let mut run = Run::start(binary().arg("--config").arg(dir.join("n.toml")));
        let port = port_of(&run.says("listening on "));
        let place = Place::Tcp(format!("{}:{port}", listen.trim_end_matches(":0")).parse().unwrap());
        Self { run, place, server, _dir: dir }
    }

    fn connect(&self) -> Talk {
        Talk::connect(&self.place)
    }

    /// The next event of this kind; it has these fields.
    #[track_caller]
    fn tells(&mut self, kind: &str, fields: &[(&str, &str)]) -> String {
        let line = self.run.says(&format!("\"event\":\"{kind}\""));
        assert!(line.contains("\"target\":\"audit\"") && line.contains("\"level\":\"INFO\""), "{line}");
        for (name, value) in fields {
            assert_eq!(field(&line, name).as_deref(), Some(*value), "{name} of {line}");
        }
        line
    }

    /// Drains, and everything that it has said.
    fn end(mut self) -> Vec<String> {
        signal(self.run.pid(), "TERM");
        self.run.says("stopped");
        assert!(self.run.end().success());
        std::mem::take(&mut self.run.said)
    }
}

/// The port that a line announces.
fn port_of(line: &str) -> u16 {
    let address = line.split("listening on ").nth(1).unwrap();
    let port = address.split(':').nth(1).unwrap();
    port.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// A field of a line of JSON.
fn field(line: &str, name: &str) -> Option<String> {
    let rest = line.split(&format!("\"{name}\":")).nth(1)?;
    Some(match rest.strip_prefix('"') {
        Some(text) => text.split('"').next()?.to_owned(),
        None => rest.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect(),
    })
}

fn ask(talk: &mut Talk, words: &str) -> String {
    String::from_utf8_lossy(&talk.ask(&words.split(' ').collect::<Vec<_>>())).into_owned()
}

const USERS: &str = r#"
[[users]]
name = "app"
acl = "on >pw ~app:* &news +@all -@dangerous"
[[users]]
name = "admin"
acl = "on >root ~* &* +@all"
[[rules.deny]]
name = "vault"
keys = ["app:vault:*"]
"#;

#[test]
fn denials_say_who_what_and_why() {
    let mut scene = Scene::new(Server::start(&[]), USERS);
    let mut talk = scene.connect();
    let peer = talk.stream.local().unwrap();
    ask(&mut talk, "GET app:1");
    let line =
        scene.tells("denied", &[("user", "default"), ("command", "GET"), ("reason", "not_authenticated")]);
    assert_eq!(field(&line, "peer"), Some(peer));
    assert_eq!(field(&line, "client").as_deref(), Some("1"));
    assert!(field(&line, "listener").unwrap().starts_with("127.0.0.1:"));
    assert!(!line.contains("app:1") && field(&line, "rule").is_none(), "{line}");

    ask(&mut talk, "AUTH app no");
    scene.tells("auth_failed", &[("user", "app"), ("reason", "wrong_password")]);
    ask(&mut talk, "AUTH pw app");
    let line = scene.tells("auth_failed", &[("reason", "wrong_password")]);
    assert!(field(&line, "user").unwrap().starts_with("<2 bytes #"), "a password in the wrong place: {line}");
    assert_eq!(ask(&mut talk, "AUTH app pw"), "+OK\r\n");
    scene.tells("auth_passed_after_failures", &[("user", "app"), ("failures", "2")]);

    ask(&mut talk, "SET other:1 hidden-value");
    let fields = [("user", "app"), ("command", "SET"), ("reason", "acl_key"), ("key", "other:1")];
    assert!(!scene.tells("denied", &fields).contains("hidden-value"));
    ask(&mut talk, "PUBLISH sports hidden-value");
    scene.tells("denied", &[("command", "PUBLISH"), ("reason", "acl_channel"), ("channel", "sports")]);
    ask(&mut talk, "KEYS app:*");
    let line = scene.tells("denied", &[("command", "KEYS"), ("reason", "acl_command")]);
    assert!(field(&line, "key").is_none());
    ask(&mut talk, "GET app:vault:1");
    scene.tells("denied", &[("command", "GET"), ("rule", "rules.deny: vault"), ("key", "app:vault:1")]);
    ask(&mut talk, "NOSUCH hidden-value");
    let line = scene.tells("denied", &[("reason", "acl_command")]);
    assert!(!line.contains("NOSUCH"), "{line}");
    ask(&mut talk, "WATCH app:1");
    ask(&mut talk, "MULTI");
    ask(&mut talk, "GET other:2");
    scene.tells("denied", &[("command", "GET"), ("reason", "acl_key"), ("key", "other:2")]);
    ask(&mut talk, "DISCARD");

    assert_eq!(ask(&mut talk, "AUTH admin root"), "+OK\r\n");
    ask(&mut talk, "FLUSHALL");
    scene.tells("denied", &[("user", "admin"), ("command", "FLUSHALL"), ("rule", "rules.block")]);
    ask(&mut talk, "GET");
    let said = scene.end();
    assert!(!said.iter().any(|line| line.contains("hidden-value")));
    let drains = said.iter().filter(|line| line.contains("\"event\":\"drain\"")).count();
    assert_eq!(drains, 1);
    let passed = said.iter().filter(|line| line.contains("auth_passed")).count();
    assert_eq!(passed, 1, "only after failures");
    assert!(!said.iter().any(|line| line.contains("left_out")));
}

#[test]
fn keys_are_redacted_on_demand() {
    let mut scene = Scene::new(Server::start(&[]), &format!("{USERS}[audit]\nredact_keys = true\n"));
    let mut talk = scene.connect();
    ask(&mut talk, "AUTH app pw");
    let mut key_of = |words: &str, name: &str| {
        ask(&mut talk, words);
        field(&scene.tells("denied", &[]), name).unwrap()
    };
    let one = key_of("GET patient:4711", "key");
    assert!(one.starts_with("<12 bytes #"), "{one}");
    assert_eq!(one, key_of("DEL patient:4711", "key"), "the same key is known again");
    assert_ne!(one, key_of("GET patient:4712", "key"));
    assert!(key_of("PUBLISH sports x", "channel").starts_with("<6 bytes #"));
    assert!(key_of("GET app:vault:1", "key").starts_with("<11 bytes #"));
    let said = scene.end();
    assert!(!said.iter().any(|line| line.contains("patient") || line.contains("sports")));
}

#[test]
fn a_flood_does_not_flood_the_log() {
    let mut scene = Scene::new(Server::start(&[]), USERS);
    let mut talk = scene.connect();
    ask(&mut talk, "AUTH app pw");
    let began = std::time::Instant::now();
    (0..2000).for_each(|i| talk.say(&["GET", &format!("other:{i}")]));
    (0..2000).for_each(|_| assert!(talk.reply().starts_with(b"-NOPERM")));
    let seconds = began.elapsed().as_secs() + 1;
    scene.tells("left_out", &[("of", "denied"), ("whose", "app")]);
    // Another's are told all the same.
    let mut other = scene.connect();
    ask(&mut other, "GET x");
    scene.tells("denied", &[("user", "default")]);
    let said = scene.end();
    let denied = said.iter().filter(|line| line.contains("\"reason\":\"acl_key\"")).count() as u64;
    let left_out = said.iter().filter(|line| line.contains("\"event\":\"left_out\""));
    let left_out: u64 = left_out.map(|line| field(line, "count").unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(denied + left_out, 2000);
    assert!(denied <= 10 * (seconds + 1), "{denied} in {seconds} s");
}

#[test]
fn there_are_none_when_it_is_off() {
    let scene = Scene::new(Server::start(&[]), &format!("{USERS}[audit]\nenabled = false\n"));
    let mut talk = scene.connect();
    for words in [
        "GET x",
        "AUTH app no",
        "AUTH app pw",
        "GET x",
        "AUTH admin root",
        "CONFIG SET maxclients 100",
        "FLUSHALL",
    ] {
        ask(&mut talk, words);
    }
    let said = scene.end();
    assert!(!said.iter().any(|line| line.contains("\"target\":\"audit\"")), "{said:#?}");
}

#[test]
fn logins_the_upstream_judges_are_told_as_well() {
    let server = Server::start(&[]);
    let mut straight = server.connect();
    for user in ["app on >pw ~* &* +@all", "default on resetpass >def ~* &* +@all"] {
        assert_eq!(ask(&mut straight, &format!("ACL SETUSER {user}")), "+OK\r\n");
    }
    let mut scene = Scene::new(server, "");
    let mut talk = scene.connect();
    assert!(ask(&mut talk, "AUTH no").starts_with("-WRONGPASS"));
    scene.tells("auth_failed", &[("user", "default"), ("reason", "wrong_password")]);
    assert!(ask(&mut talk, "HELLO 3 AUTH app no").starts_with("-WRONGPASS"));
    let line = scene.tells("auth_failed", &[]);
    assert!(field(&line, "user").unwrap().starts_with("<3 bytes #"), "nobody has been that yet: {line}");
    assert!(ask(&mut talk, "HELLO 3 AUTH app pw").starts_with('%'));
    scene.tells("auth_passed_after_failures", &[("user", "app"), ("failures", "2")]);
    ask(&mut talk, "MULTI");
    ask(&mut talk, "AUTH app no");
    assert!(ask(&mut talk, "EXEC").contains("WRONGPASS"));
    scene.tells("auth_failed", &[("user", "app"), ("reason", "wrong_password")]);
    assert_eq!(ask(&mut talk, "AUTH def"), "+OK\r\n");
    scene.tells("auth_passed_after_failures", &[("user", "default"), ("failures", "1")]);
    scene.end();
}

#[test]
fn a_password_where_none_is_wanted_and_a_guesser_who_is_locked_out() {
    let mut scene = Scene::new(Server::start(&[]), "[admission]\nauth_failures = 3\n");
    let mut talk = scene.connect();
    assert!(ask(&mut talk, "AUTH pw").starts_with("-ERR AUTH"));
    scene.tells("auth_failed", &[("user", "default"), ("reason", "no_password_configured")]);
    while !ask(&mut talk, "AUTH guest no").contains("retry in") {}
    scene.tells("auth_locked_out", &[("rule", "admission.auth_failures")]);
    scene.end();
}

#[test]
fn acts_of_administration_are_told_by_name() {
    let mut scene = Scene::new(Server::start(&[]), "[rules]\nblock = [\"FLUSHDB\"]\n");
    let (mut talk, mut other) = (scene.connect(), scene.connect());
    ask(&mut other, "PING");
    for (words, command, about) in [
        ("CONFIG SET maxmemory 100mb maxclients 200", "CONFIG|SET", Some("maxmemory maxclients")),
        ("ACL SETUSER x on >hidden-value", "ACL|SETUSER", Some("x")),
        ("ACL DELUSER x y", "ACL|DELUSER", Some("x y")),
        ("SCRIPT FLUSH", "SCRIPT|FLUSH", None),
        ("FUNCTION FLUSH", "FUNCTION|FLUSH", None),
        ("FLUSHALL", "FLUSHALL", None),
        ("NEARSIDE CACHE FLUSH", "NEARSIDE|CACHE|FLUSH", None),
        ("CLIENT KILL ID 2", "CLIENT|KILL", None),
        ("BGSAVE", "BGSAVE", None),
    ] {
        ask(&mut talk, words);
        let line = scene.tells("admin", &[("command", command), ("user", "default"), ("client", "1")]);
        assert_eq!(field(&line, "about").as_deref(), about, "{line}");
        assert!(!line.contains("hidden-value") && !line.contains("100mb"), "{line}");
    }
    // Inside a transaction, too, whether it arrives whole or not.
    for whole in [true, false] {
        let requests = ["MULTI", "CONFIG SET maxclients 300", "EXEC"];
        if whole {
            requests.iter().for_each(|words| talk.say(&words.split(' ').collect::<Vec<_>>()));
            requests.iter().for_each(|_| drop(talk.reply()));
        } else {
            requests.iter().for_each(|words| drop(ask(&mut talk, words)));
        }
        scene.tells("admin", &[("command", "CONFIG|SET"), ("about", "maxclients")]);
    }
    // What is not one, and what does not go through.
    for words in ["INFO server", "CONFIG GET maxmemory", "NEARSIDE CACHE STATS", "FLUSHDB", "SET k v"] {
        ask(&mut talk, words);
    }
    ask(&mut talk, "MONITOR");
    let line = scene.tells("admin", &[("command", "MONITOR")]);
    let between = scene
        .run
        .said
        .iter()
        .rev()
        .take_while(|said| !said.contains("maxclients"))
        .filter(|said| **said != line);
    assert_eq!(
        between.filter(|said| said.contains("\"event\":\"admin\"")).count(),
        0,
        "{:#?}",
        scene.run.said
    );
    let mut last = scene.connect();
    last.say(&["SHUTDOWN", "NOSAVE"]);
    scene.tells("admin", &[("command", "SHUTDOWN")]);
    scene.end();
}

#[test]
fn rates_and_crowds_are_told_of() {
    let limits = "[[rates]]\nname = \"each\"\nper = \"user\"\nrate = \"1/m\"\nburst = 1\n[admission]\nclients_per_address = 2\n";
    let mut scene = Scene::new(Server::start(&[]), limits);
    let mut talk = scene.connect();
    while !ask(&mut talk, "PING").starts_with("-RATELIMITED") {}
    scene.tells("rate_limited", &[("rule", "rates: each"), ("user", "default")]);
    (0..100).for_each(|_| assert!(ask(&mut talk, "PING").starts_with("-RATELIMITED")));
    scene.tells("left_out", &[("of", "rate_limited")]);
    let _second = scene.connect();
    let mut third = scene.connect();
    assert!(third.try_reply().unwrap().starts_with(b"-ERR max number of clients reached for address"));
    scene.tells("turned_away", &[("rule", "admission.clients_per_address"), ("peer", "127.0.0.1")]);
    drop(scene.server);
}

#[test]
fn who_is_somebody_by_a_certificate_and_new_certificates_are_told_of() {
    let certs = Certs::new();
    certs.sign("app", KeyPair::generate().unwrap(), |_| {});
    let path = |name| certs.path(name).display().to_string();
    let tls = format!(
        "{USERS}[tls]\nlisten = [\"127.0.0.1:0\"]\ncert_file = \"{}\"\nkey_file = \"{}\"\nca_cert_file = \"{}\"\n\
         auth_clients = \"optional\"\nreload_every = \"100ms\"\nusers = [{{cert = \"app\", user = \"app\"}}]\n",
        path("server.crt"),
        path("server.key"),
        path("ca.crt")
    );
    let mut scene = Scene::new(Server::start(&[]), &tls);
    let line = scene.run.says("with TLS");
    let port = port_of(&line);
    let connect = |own: Option<&str>| {
        let config = certs.client(&[&TLS13], own);
        let connection = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        Talk::over(Stream::Tls(Box::new(Tls::new(connection, socket))))
    };
    let mut nobody = connect(None);
    assert!(ask(&mut nobody, "GET app:1").starts_with("-NOAUTH"));
    let mut app = connect(Some("app"));
    assert_eq!(ask(&mut app, "GET app:1"), "$-1\r\n");
    scene.tells("certificate_login", &[("user", "app"), ("certificate", "app"), ("client", "2")]);
    std::fs::write(certs.path("server.crt"), "nonsense").unwrap();
    scene.tells("certificate_refused", &[]);
    certs.sign("server", KeyPair::generate().unwrap(), |_| {});
    let line = scene.tells("certificate_changed", &[]);
    assert!(field(&line, "days_left").is_some() && field(&line, "about").is_some(), "{line}");
    let said = scene.end();
    let logins = said.iter().filter(|line| line.contains("\"event\":\"certificate_login\"")).count();
    assert_eq!(logins, 1, "{said:#?}");
}

/// An address of this machine that is not a loopback one, if it has any.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn who_is_kept_out_by_protected_mode_is_told_of() {
    let Some(address) = own_address() else { return };
    let mut scene = Scene::at(Server::start(&[]), "", &format!("{address}:0"));
    let mut talk = scene.connect();
    assert!(ask(&mut talk, "GET k").starts_with("-DENIED"));
    let fields = [("user", "default"), ("command", "GET"), ("reason", "not_on_this_machine")];
    let line = scene.tells("protected_mode", &fields);
    assert!(field(&line, "peer").unwrap().starts_with(&address.to_string()), "{line}");
    scene.end();
}
