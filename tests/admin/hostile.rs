//! Garbage, floods, and those who take their time.

use std::io::Write;
use std::time::Duration;

use crate::common::{Talk, eventually};
use crate::http::{Scene, ask, heard};

#[test]
fn garbage_gets_an_error_or_nothing_and_harms_nobody() {
    let scene = Scene::new(|_| {});
    let mut seed = fastrand::Rng::with_seed(7);
    let mut inputs: Vec<Vec<u8>> = [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"POST /cache/flush HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /cache/flush HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"GET /explain?command=%FF%FE%00&user=%F0%28 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ]
    .map(<[u8]>::to_vec)
    .into();
    inputs.extend((0..200).map(|_| (0..seed.usize(1..600)).map(|_| seed.u8(..)).collect()));
    for input in inputs {
        let mut talk = Talk::connect(&scene.place());
        talk.send_if(&input);
        talk.stream.end_of_writing();
        let shown = String::from_utf8_lossy(&input).into_owned();
        let answer = talk.try_until_closed().unwrap_or_else(|(error, _)| panic!("{shown:?}: {error}"));
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{shown:?}: {answer:?}");
    }
    assert_eq!(scene.get("/live").status, 200);
    assert_eq!(scene.proxy.connect().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn a_head_has_its_bounds() {
    let scene = Scene::new(|_| {});
    let long = "x".repeat(20_000);
    let many: Vec<(String, String)> = (0..100).map(|i| (format!("X-{i}"), "y".into())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(ask(&scene.place(), "GET /live", &[("X-Long", &long)]).status, 431);
    assert_eq!(ask(&scene.place(), "GET /live", &many).status, 431);
    let mut talk = Talk::connect(&scene.place());
    talk.send_if(format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000)).as_bytes());
    assert!(matches!(heard(&talk.until_closed()).status, 414 | 431));
    let unknown = scene.get(&format!("/{}", "x".repeat(8_000)));
    assert!(unknown.status == 404 && unknown.body.len() < 200, "{unknown:?}");
}

#[test]
fn a_body_is_not_waited_for_nor_kept() {
    let scene = Scene::new(|_| {});
    let mut talk = Talk::connect(&scene.place());
    talk.send(b"POST /cache/flush HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n");
    // It is answered at once, and hung up on whoever goes on.
    let piece = vec![b'x'; 1 << 16];
    let took = (0..2_000).take_while(|_| talk.stream.write_all(&piece).is_ok()).count();
    assert!(took < 1_000, "{took} pieces were taken");
    assert_eq!(scene.get("/live").status, 200);
}

#[test]
fn ten_thousand_that_say_nothing_keep_nobody_out() {
    let scene = Scene::new(|_| {});
    let mut silent = Vec::new();
    for i in 0..10_000 {
        let mut talk = Talk::connect(&scene.place());
        if i % 2 == 0 {
            talk.send_if(b"GET /live HTTP/1.1\r\nX-Slow: ");
        }
        silent.push(talk);
        if i % 1_000 == 999 {
            assert_eq!(scene.get("/live").status, 200);
            // The process has a limit of its own.
            silent.drain(..900);
        }
    }
    assert_eq!(scene.get("/live").status, 200);
    assert_eq!(scene.proxy.connect().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn who_reads_no_answers_is_no_burden() {
    let scene = Scene::new(|_| {});
    let mut greedy: Vec<Talk> = (0..70).map(|_| Talk::connect(&scene.place())).collect();
    let request = b"GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50);
    for talk in &mut greedy {
        talk.send_if(&request);
    }
    eventually("others are answered", || (scene.get("/live").status == 200).then_some(()));
    let begun = std::time::Instant::now();
    assert_eq!(scene.get("/live").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
}
