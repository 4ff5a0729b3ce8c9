//! What is said and heard over TLS is what would be without it.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use nearside::resp::request::encode;
use rustls::version::TLS13;
use socket2::SockRef;

use super::*;
use crate::common::eventually;

#[test]
fn large_values_pass_both_ways() {
    let scene = Scene::new();
    let value: Vec<u8> = (0..50_000_000_u32).map(|i| (i % 251) as u8).collect();
    for version in BOTH {
        let mut talk = scene.talk_in(version);
        assert_eq!(talk.ask(&[b"SET", b"large".as_slice(), &value]), b"+OK\r\n");
        let reply = talk.ask(&["GET", "large"]);
        assert!(reply.starts_with(b"$50000000\r\n"));
        assert!(reply[11..reply.len() - 2] == value[..]);
        // Sizes about those of records, through the cache and past it.
        for size in [1, 16_383, 16_384, 16_385, 65_535, 65_536, 200_000] {
            let name = format!("of {size}");
            talk.ask(&[b"SET", name.as_bytes(), &value[..size]]);
            for _ in 0..3 {
                let reply = talk.ask(&["GET", &name]);
                assert!(reply[reply.len() - size - 2..reply.len() - 2] == value[..size], "{size}");
            }
        }
    }
}

#[test]
fn deep_pipelines_are_answered_in_order() {
    let scene = Scene::new();
    let mut talk = scene.talk();
    let mut words = Vec::new();
    for i in 0..50_000 {
        words.extend(encode(&[b"ECHO", i.to_string().as_bytes()]));
        if i % 3 == 0 {
            words.extend(encode(&[b"GET", b"nothing"]));
        }
    }
    let Stream::Tls(stream) = &mut talk.stream else { unreachable!() };
    // More than fits anywhere is written before anything is read.
    stream.write_all(&words).unwrap();
    stream.flush().unwrap();
    for i in 0..50_000 {
        let text = i.to_string();
        assert_eq!(talk.reply(), format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        if i % 3 == 0 {
            assert_eq!(talk.reply(), b"$-1\r\n");
        }
    }
}

#[test]
fn a_byte_at_a_time_is_as_good() {
    let scene = Scene::new();
    for version in BOTH {
        let mut talk = scene.talk_in(version);
        let words = encode(&[b"SET", b"key", b"value"]);
        // As records of one byte each, and the last ones in packets of one byte.
        words.iter().for_each(|byte| talk.send(&[*byte]));
        assert_eq!(talk.reply(), b"+OK\r\n");
        let Stream::Tls(stream) = &mut talk.stream else { unreachable!() };
        stream.conn.writer().write_all(&encode(&[b"GET", b"key"])).unwrap();
        let mut record = Vec::new();
        stream.conn.write_tls(&mut record).unwrap();
        record.iter().for_each(|byte| stream.sock.write_all(&[*byte]).unwrap());
        assert_eq!(talk.reply(), b"$5\r\nvalue\r\n");
    }
}

#[test]
fn who_reads_slowly_gets_everything_and_who_does_not_is_cut() {
    let scene = Scene::with(Certs::new(), |config, _| {
        config.client_output_buffer_limit.normal.hard = 40_000_000;
    });
    scene.proxy.connect().ask(&[b"SET", b"k".as_slice(), &vec![b'x'; 1_000_000]]);
    let mut slow = scene.talk();
    (0..20).for_each(|_| slow.say(&["GET", "k"]));
    let mut rest = Vec::new();
    let mut piece = [0; 100_000];
    while rest.len() < 20 * 1_000_012 - 2 * 20 {
        let n = slow.stream.read(&mut piece).unwrap();
        rest.extend_from_slice(&piece[..n]);
        if rest.len() < 1_000_000 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let never = scene.talk();
    let Stream::Tls(mut stream) = never.stream else { unreachable!() };
    let gone = eventually("it is cut", || {
        (stream.write_all(&encode(&[b"GET", b"k"])).and_then(|()| stream.flush())).err()
    });
    assert!(is_over(&gone), "{gone}");
    assert_eq!(scene.talk().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn an_end_is_announced_and_an_announced_end_is_heard() {
    let scene = Scene::new();
    for version in BOTH {
        // Who has said everything still gets what it is owed, and then an orderly end.
        let mut talk = scene.talk_in(version);
        talk.say(&["SET", "k", "v"]);
        talk.say(&["GET", "k"]);
        talk.stream.end_of_writing();
        assert_eq!(talk.until_closed(), b"+OK\r\n$1\r\nv\r\n");
        let mut talk = scene.talk_in(version);
        talk.say(&["QUIT"]);
        assert_eq!(talk.until_closed(), b"+OK\r\n");
        // One that is cut hears that it is the end, too, where there is room to tell it.
        let mut talk = scene.talk_in(version);
        talk.send(b"*1\r\n$-7\r\n");
        assert!(talk.until_closed().starts_with(b"-ERR Protocol error"));
    }
    eventually("all are gone", || (scene.figure("connected_clients") == 1).then_some(()));
}

#[test]
fn a_reset_ends_one_session_and_no_other() {
    let scene = Scene::new();
    let mut other = scene.talk();
    for busy in [false, true] {
        let talk = scene.talk();
        let Stream::Tls(mut stream) = talk.stream else { unreachable!() };
        if busy {
            stream.write_all(&encode(&[b"BLPOP", b"nothing", b"0"])).unwrap();
            stream.flush().unwrap();
        }
        SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        assert_eq!(other.ask(&["PING"]), b"+PONG\r\n");
    }
    eventually("they are gone", || (scene.figure("connected_clients") == 2).then_some(()));
}

#[test]
fn an_element_is_not_popped_for_one_who_has_said_goodbye() {
    let scene = Scene::new();
    let mut pusher = scene.proxy.connect();
    for _ in 0..20 {
        let mut waits = scene.talk();
        waits.say(&["BLPOP", "list", "0"]);
        let blocked = || (pusher.ask_text(&["INFO", "clients"]).contains("blocked_clients:1")).then_some(());
        eventually("it waits", blocked);
        // Its last word is in the socket, and not read yet, when the element comes.
        let Stream::Tls(stream) = &mut waits.stream else { unreachable!() };
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        drop(waits);
        let lost = scene.figure("popped_elements_lost");
        pusher.ask(&["RPUSH", "list", "e"]);
        if pusher.ask(&["LPOP", "list"]) == b"$-1\r\n" {
            // It was popped by then; the worker may have yet to see for whom.
            eventually("its loss is told", || {
                (scene.figure("popped_elements_lost") == lost + 1).then_some(())
            });
        }
    }
}

#[test]
fn keys_are_renewed_in_the_middle() {
    let scene = Scene::new();
    let mut talk = scene.talk();
    for i in 0..50 {
        let text = i.to_string();
        assert_eq!(talk.ask(&["ECHO", &text]), format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        let Stream::Tls(stream) = &mut talk.stream else { unreachable!() };
        stream.conn.refresh_traffic_keys().unwrap();
    }
}

#[test]
fn messages_come_to_subscribers() {
    let scene = Scene::new();
    let mut hears = scene.talk_in(&TLS13);
    assert!(hears.ask_text(&["SUBSCRIBE", "news"]).contains("subscribe"));
    let mut says = scene.proxy.connect();
    let (start, body) = (Instant::now(), vec![b'x'; 40_000]);
    for _ in 0..200 {
        assert_eq!(says.ask(&[b"PUBLISH", b"news".as_slice(), &body]), b":1\r\n");
    }
    for _ in 0..200 {
        assert!(hears.reply().len() > 40_000);
    }
    assert!(start.elapsed() < PATIENCE);
}
