//! Clients that begin and do not go on, and many at once.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::version::TLS13;

use super::*;
use crate::common::eventually;

/// How long a PING takes, at worst but for one in a hundred, while `talk` does nothing else until `stop`.
fn p99(talk: &mut Talk, stop: &AtomicBool) -> Duration {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) || took.len() < 200 {
        let start = Instant::now();
        assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
        took.push(start.elapsed());
    }
    took.sort();
    took[took.len() * 99 / 100]
}

/// The first message of a client's handshake.
fn hello(scene: &Scene) -> Vec<u8> {
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(scene.certs.client(&[&TLS13], None), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn handshakes_that_go_nowhere_end_and_disturb_nobody() {
    let scene = Scene::with(Certs::with_rsa(), |config, _| {
        config.workers = 1;
        config.tls.handshake_timeout = Duration::from_secs(2);
        config.tls.max_handshakes = 8;
    });
    let mut talk = scene.talk();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worst = scope.spawn(|| p99(&mut talk, &stop));
        let hello = hello(&scene);
        // Nothing at all, half a greeting, and a whole one after which nothing comes.
        let mut open: Vec<TcpStream> = Vec::new();
        for said in [0, hello.len() / 2, hello.len()] {
            for _ in 0..100 {
                let mut socket = scene.socket();
                socket.write_all(&hello[..said]).unwrap();
                open.push(socket);
            }
        }
        // Others wait in line for no longer than it takes to see that these do not go on.
        let start = Instant::now();
        for mut socket in open {
            let _ = socket.read_to_end(&mut Vec::new());
        }
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        assert_eq!(scene.talk().ask(&["PING"]), b"+PONG\r\n");
        stop.store(true, Ordering::Relaxed);
        let worst = worst.join().unwrap();
        assert!(worst < Duration::from_millis(50), "{worst:?}");
    });
    assert!(scene.figure("tls_handshakes_timed_out") >= 300);
    eventually("they are counted no more", || (scene.figure("connected_clients") == 2).then_some(()));
}

#[test]
fn whoever_waits_in_line_gets_the_place_of_one_that_does_not_go_on() {
    let scene = Scene::with(Certs::new(), |config, _| config.tls.max_handshakes = 2);
    let hello = hello(&scene);
    let stuck: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut socket = scene.socket();
            socket.write_all(&hello[..9]).unwrap();
            socket
        })
        .collect();
    let start = Instant::now();
    assert_eq!(scene.talk().ask(&["PING"]), b"+PONG\r\n");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(stuck);
}

#[test]
fn half_open_clients_count_among_all() {
    let scene = Scene::with(Certs::new(), |config, _| config.maxclients = 3);
    let _open: Vec<TcpStream> = (0..3).map(|_| scene.socket()).collect();
    eventually("they are counted", || {
        // Whoever comes now has no place, and does not hear why in words that it would not understand.
        scene.try_tls(&scene.certs.client(&BOTH, None)).err()
    });
}

#[test]
fn two_thousand_clients_are_served() {
    let scene = Scene::with(Certs::new(), |config, _| config.maxclients = 3_000);
    let config = scene.certs.client(&[&TLS13], None);
    let start = Instant::now();
    let mut talks: Vec<Talk> =
        (0..2_000).map(|_| Talk::over(Stream::Tls(scene.try_tls(&config).unwrap()))).collect();
    for talk in &mut talks {
        talk.say(&["PING"]);
    }
    for talk in &mut talks {
        assert_eq!(talk.reply(), b"+PONG\r\n");
    }
    assert!(start.elapsed() < 4 * PATIENCE, "{:?}", start.elapsed());
    assert_eq!(scene.figure("tls_handshakes_done"), 2_000);
}
