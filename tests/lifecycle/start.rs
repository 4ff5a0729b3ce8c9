//! Starting.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use nearside::config::{Endpoint, Listen};
use nearside::{Config, Error};

use crate::common::{Dir, Place, Proxy, Server, Talk, config};

#[test]
fn it_serves_on_a_picked_port_and_stops_when_dropped() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let place = proxy.place().clone();
    assert_ne!(place.port(), 0);
    assert_eq!(proxy.connect().ask(&["PING"]), b"+PONG\r\n");
    drop(proxy);
    assert!(Talk::try_connect(&place).is_err(), "it still listens");
}

#[test]
fn two_proxies_in_one_process_are_apart() {
    let servers = [Server::start(&[]), Server::start(&[])];
    let proxies = servers.each_ref().map(|server| Proxy::start(config(&server.place())));
    for (name, proxy) in ["one", "two"].iter().zip(&proxies) {
        assert_eq!(proxy.connect().ask(&["SET", "k", name]), b"+OK\r\n");
    }
    let [one, two] = proxies;
    drop(one);
    assert_eq!(two.connect().ask(&["GET", "k"]), b"$3\r\ntwo\r\n");
}

#[test]
fn several_listeners_and_both_kinds_of_upstream() {
    let server = Server::start_tcp(&[]);
    let dir = Dir::new();
    let tcp = Place::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, server.port())));
    for (index, upstream) in [server.place(), tcp].iter().enumerate() {
        let mut config = config(upstream);
        config.listen.push(Listen::Unix(dir.join("n")));
        let proxy = Proxy::start(config);
        for listen in proxy.handle().addresses() {
            let reply = Talk::connect(&Place::of(listen)).ask(&["INCR", &format!("n{index}")]);
            assert!(reply.starts_with(b":"), "{listen}");
        }
        assert_eq!(proxy.connect().ask(&["GET", &format!("n{index}")]), b"$1\r\n2\r\n");
        drop(proxy);
        assert!(!dir.join("n").exists(), "the socket's file stays behind");
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = Server::start(&[]);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let config = Config { listen: vec![Listen::Tcp("127.0.0.1".into(), port)], ..config(&server.place()) };
    let error = Proxy::try_start(config).expect_err("it is taken");
    assert!(matches!(error, Error::Bind(_)), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[test]
fn a_socket_file_left_behind_is_no_obstacle() {
    let server = Server::start(&[]);
    let dir = Dir::new();
    let path = dir.join("n");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    let proxy = Proxy::start(Config { listen: vec![Listen::Unix(path)], ..config(&server.place()) });
    assert_eq!(proxy.connect().ask(&["PING"]), b"+PONG\r\n");
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

#[track_caller]
fn refused_as_own_upstream(listen: u16, host: &str, port: u16) {
    let mut config = config(&Place::Unix("/nowhere".into()));
    config.listen = vec![Listen::Tcp("127.0.0.1".into(), listen)];
    config.upstream.endpoint = Endpoint::Tcp { host: host.into(), port };
    let error = Proxy::try_start(config).expect_err("it would talk to itself");
    assert!(matches!(error, Error::OwnUpstream { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("the test") && text.contains("listen"), "{text}");
}

#[test]
fn its_own_listener_is_no_upstream() {
    for host in ["127.0.0.1", "localhost"] {
        let port = free_port();
        refused_as_own_upstream(port, host, port);
    }
}

#[test]
fn its_own_listener_behind_a_relay_is_noticed_too() {
    let port = free_port();
    let relay = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let relayed = relay.local_addr().expect("bound").port();
    thread::spawn(move || {
        for client in relay.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
            for (mut from, mut to) in [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))]
                .map(|(a, b)| (a.expect("a handle"), b.expect("a handle")))
            {
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    refused_as_own_upstream(port, "127.0.0.1", relayed);
}

#[test]
fn without_an_upstream_it_brings_its_own_and_keeps_the_data() {
    let dir = Dir::new();
    let mut config =
        Config { listen: vec![Listen::Tcp("127.0.0.1".into(), 0)], workers: 1, ..Config::default() };
    config.embedded.data_dir = dir.join("data");
    for (said, reply) in [(&["SET", "k", "v"][..], &b"+OK\r\n"[..]), (&["GET", "k"], b"$1\r\nv\r\n")] {
        let proxy = Proxy::start(config.clone());
        assert_eq!(proxy.connect().ask(said), reply);
        proxy.handle().drain();
        proxy.wait();
    }
    let error = nearside::Proxy::start(config, Some("/nowhere".into())).expect_err("no server is there");
    assert!(matches!(error, Error::Embedded(_)), "{error}");
    assert!(error.to_string().contains("redis-server"), "{error}");
}

#[test]
fn switched_off_it_says_so_and_needs_no_upstream() {
    let proxy = Proxy::start(Config { enabled: false, ..config(&Place::Unix("/nowhere".into())) });
    let mut talk = proxy.connect();
    for words in [&["GET", "k"][..], &["PING"], &["HELLO", "3"], &["NOSUCH"], &["MULTI"], &["SUBSCRIBE", "c"]]
    {
        let text = talk.ask_text(words);
        assert!(text.starts_with("-ERR ") && text.contains("ENABLE_REDIS"), "{words:?}: {text}");
    }
}

#[test]
fn publish_and_subscribe_can_be_switched_off() {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.features.pubsub = false;
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    for words in
        [&["SUBSCRIBE", "c"][..], &["PSUBSCRIBE", "c*"], &["PUBLISH", "c", "m"], &["PUBSUB", "CHANNELS"]]
    {
        let text = talk.ask_text(words);
        assert!(text.contains(words[0]) && text.contains("REDIS_PUBSUB_ENABLED"), "{words:?}: {text}");
    }
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["MULTI"]), b"+OK\r\n");
    assert!(talk.ask_text(&["PUBLISH", "c", "m"]).contains("REDIS_PUBSUB_ENABLED"));
    assert_eq!(talk.ask(&["SET", "k", "changed"]), b"+QUEUED\r\n");
    assert!(talk.ask_text(&["EXEC"]).starts_with("-EXECABORT"));
    assert_eq!(talk.ask(&["GET", "k"]), b"$1\r\nv\r\n");
}

#[test]
fn the_session_store_can_be_switched_off() {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.features.session_store = false;
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    for words in [
        &["GET", "session:1"][..],
        &["SET", "session:1", "v"],
        &["MGET", "a", "session:1"],
        &["DEL", "session:1"],
        &["EVAL", "return 1", "1", "session:1"],
        &["BLPOP", "session:1", "0"],
    ] {
        let text = talk.ask_text(words);
        assert!(text.contains(words[0]) && text.contains("REDIS_SESSION_STORE_ENABLED"), "{words:?}: {text}");
    }
    assert_eq!(talk.ask(&["SET", "sessions", "v"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["MULTI"]), b"+OK\r\n");
    assert!(talk.ask_text(&["SET", "session:1", "v"]).contains("REDIS_SESSION_STORE_ENABLED"));
    assert!(talk.ask_text(&["EXEC"]).starts_with("-EXECABORT"));
    assert_eq!(server.connect().ask(&["EXISTS", "session:1"]), b":0\r\n");
}
