//! Clients that mean harm: what they cost in memory, and what others notice of them.
//!
//! Each test runs the built program, attacks it, and holds its memory to a budget and the latency of a
//! client of good faith to a factor (`rig.rs`). `ABUSE=long` attacks ten times as much.

#![allow(clippy::print_stdout)] // the figures, for whoever runs it by itself

#[path = "../common/mod.rs"]
mod common;
mod rig;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::{PAUSE, Server, Stream, Talk, eventually};
use rig::{MIB, Scene, attack_for, many};

/// Sends what is taken at once and does not mind a closed connection.
fn shout(talk: &mut Talk, bytes: &[u8]) -> bool {
    talk.stream.write_all(bytes).is_ok()
}

fn crowd(scene: &Scene, count: usize) -> Vec<Talk> {
    (0..count).map(|_| scene.connect()).collect()
}

#[test]
fn requests_that_come_byte_by_byte_are_not_waited_for() {
    let scene = Scene::start(&[("NEARSIDE_TIMEOUT", "1s")]);
    let others = scene.others();
    let count = many(300);
    let mut slow = crowd(&scene, count);
    let request = b"*2\r\n$3\r\nGET\r\n$200\r\n".iter().chain(&[b'k'; 200]).copied().collect::<Vec<u8>>();
    let began = Instant::now();
    for byte in request.chunks(1) {
        slow.retain_mut(|talk| shout(talk, byte));
        if slow.is_empty() || scene.figure("clients_stalled") >= count as u64 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("closed after {:?}", began.elapsed());
    assert!(scene.figure("clients_stalled") >= count as u64);
    assert!(began.elapsed() < Duration::from_secs(8), "they were borne with for {:?}", began.elapsed());
    scene.stays_within(16 * MIB);
    scene.was_bearable(others);
}

#[test]
fn who_says_nothing_or_nothing_more_has_to_go() {
    let scene = Scene::start(&[("NEARSIDE_TIMEOUT", "1s")]);
    let others = scene.others();
    let mute = crowd(&scene, many(500));
    for _ in 0..many(500) {
        let mut half = scene.connect();
        shout(&mut half, b"PING\r\n*2\r\n$3\r\nGET\r\n");
        half.stream.end_of_writing();
        assert_eq!(half.until_closed(), b"+PONG\r\n");
    }
    let mut mute = mute.into_iter();
    assert!(mute.all(|mut talk| talk.until_closed() == b""));
    scene.stays_within(16 * MIB);
    scene.was_bearable(others);
}

#[test]
fn ten_thousand_connections_cost_little_each() {
    let scene = Scene::start(&[("NEARSIDE_MAXCLIENTS", "10000")]);
    let others = scene.others();
    let count = 9_900;
    let mut crowd = crowd(&scene, count);
    for some in crowd.chunks_mut(100) {
        some.iter_mut().for_each(|talk| talk.say(&["PING"]));
        assert!(some.iter_mut().all(|talk| talk.reply() == b"+PONG\r\n"));
    }
    eventually("all are counted", || (scene.figure("connected_clients") > count as u64).then_some(()));
    scene.stays_within(count * 8 * 1024);
    scene.was_bearable(others);
    let more: Vec<Talk> = (0..200).map(|_| scene.connect()).collect();
    eventually("the last are turned away", || {
        (scene.figure_of(&mut crowd[0], "rejected_connections") > 0).then_some(())
    });
    drop(more);
    drop(crowd);
    eventually("all have gone", || (scene.figure("connected_clients") < 20).then_some(()));
}

#[test]
fn a_pipeline_that_never_reads_is_borne_up_to_the_budget() {
    let scene = Scene::start(&[("NEARSIDE_LIMITS_MEMORY", "64mb")]);
    let mut talk = scene.connect();
    assert_eq!(talk.ask(&["SET", "big", &"v".repeat(20_000)]), b"+OK\r\n");
    let others = scene.others();
    let requests = b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(500);
    let mut deaf = crowd(&scene, 16);
    for talk in &mut deaf {
        let Stream::Tcp(stream) = &talk.stream else { panic!("it is TCP") };
        stream.set_nonblocking(true).expect("it can be");
    }
    let began = Instant::now();
    while began.elapsed() < attack_for() {
        deaf.iter_mut().for_each(|talk| drop(talk.stream.write(&requests)));
        std::thread::sleep(PAUSE);
        assert!(scene.grown() <= 64 * MIB * 2, "grown by {} MiB", scene.grown() / MIB);
    }
    scene.was_bearable(others);
    drop(deaf);
    assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn declared_lengths_take_nothing_and_what_is_sent_is_within_the_budget() {
    let scene = Scene::start(&[("NEARSIDE_LIMITS_MEMORY", "64mb")]);
    let others = scene.others();
    let lengths: [&[u8]; 4] = [
        b"*1048576\r\n",
        b"*1048576\r\n$3\r\nDEL\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n",
        b"*2\r\n$3\r\nGET\r\n$536870912\r\nabc",
    ];
    let mut crowd = crowd(&scene, many(200));
    for (index, talk) in crowd.iter_mut().enumerate() {
        talk.send(lengths[index % lengths.len()]);
    }
    std::thread::sleep(Duration::from_millis(500)); // for what does not happen
    assert_eq!(scene.figure("pinned_upstream_connections"), 0);
    scene.stays_within(8 * MIB);
    drop(crowd);
    // Just short of what is passed on in pieces, and the rest never comes: 200 MB and more.
    let mut heavy: Vec<Talk> = (0..many(250)).map(|_| scene.connect()).collect();
    let most = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n".to_vec(), vec![b'v'; 900_000]].concat();
    for talk in &mut heavy {
        shout(talk, &most);
        assert!(scene.grown() <= 64 * MIB * 2, "grown by {} MiB", scene.grown() / MIB);
    }
    scene.stays_within(64 * MIB * 2);
    eventually("the worst are closed", || (scene.figure("clients_shed") > 50).then_some(()));
    // Very many arguments of nothing take more memory than bytes.
    let empty = [b"*200000\r\n$3\r\nDEL\r\n".to_vec(), b"$0\r\n\r\n".repeat(150_000)].concat();
    for _ in 0..many(50) {
        let mut talk = scene.connect();
        shout(&mut talk, &empty);
        heavy.push(talk);
        assert!(scene.grown() <= 64 * MIB * 2, "grown by {} MiB", scene.grown() / MIB);
    }
    scene.stays_within(64 * MIB * 2);
    scene.was_bearable(others);
}

#[test]
fn deep_nesting_ends_in_an_error_or_an_answer() {
    let scene = Scene::start(&[]);
    let others = scene.others();
    for depth in [10, 1000, 100_000] {
        let mut talk = scene.connect();
        shout(&mut talk, &b"*1\r\n".repeat(depth));
        assert_eq!(talk.until_closed(), b"-ERR Protocol error: expected '$', got '*'\r\n");
    }
    let script = "local t = {} for i = 1, tonumber(ARGV[1]) do t = {t} end return t";
    let mut direct = scene.server.connect();
    for hello in ["2", "3"] {
        let mut talk = scene.connect();
        talk.ask(&["HELLO", hello]);
        direct.ask(&["HELLO", hello]);
        for depth in ["5", "50", "5000"] {
            let words = ["EVAL", script, "0", depth];
            assert_eq!(talk.ask(&words), direct.ask(&words), "{depth}");
        }
    }
    scene.stays_within(16 * MIB);
    scene.was_bearable(others);
}

#[test]
fn guessing_passwords_gets_nowhere() {
    let server = Server::start(&["--requirepass", "secret"]);
    let scene = Scene::start_before(server, &[("REDIS_PASSWORD", "secret")]);
    let others = scene.others();
    let began = Instant::now();
    let (mut tried, mut guessed) = (0, 0);
    while began.elapsed() < attack_for() {
        let mut talk = scene.connect();
        for guess in 0..20 {
            let said = talk.ask_text(&["AUTH", &format!("guess{guess}")]);
            assert!(!said.starts_with('+'), "{said}");
            guessed += 1;
            tried += u32::from(said.starts_with("-WRONGPASS"));
        }
    }
    println!("{tried} of {guessed} were looked at");
    assert!(
        guessed > 100 && tried <= 30 + 1 + u32::try_from(began.elapsed().as_secs()).unwrap_or(0),
        "{tried}"
    );
    scene.stays_within(16 * MIB);
    scene.was_bearable(others);
}

#[test]
fn coming_and_going_leaves_nothing_behind() {
    let scene = Scene::start(&[]);
    let others = scene.others();
    let place = scene.place.clone();
    let end = Instant::now() + attack_for();
    let came: usize = std::thread::scope(|scope| {
        let threads = [0, 1].map(|kind| {
            let place = &place;
            scope.spawn(move || {
                let mut came = 0;
                while Instant::now() < end {
                    let Ok(mut talk) = Talk::try_connect(place) else { continue };
                    came += 1;
                    match (came + kind) % 4 {
                        0 => {}
                        1 => drop(shout(&mut talk, b"*2\r\n$3\r\nGET\r\n$1\r\n")),
                        2 => drop(shout(&mut talk, b"SUBSCRIBE c\r\n")),
                        _ => {
                            shout(&mut talk, b"PING\r\n");
                            let _ = talk.stream.read(&mut [0; 16]);
                        }
                    }
                }
                came
            })
        });
        threads.into_iter().map(|thread| thread.join().expect("it ends")).sum()
    });
    println!("{came} came and went");
    eventually("all have gone", || (scene.figure("connected_clients") < 10).then_some(()));
    scene.stays_within(16 * MIB);
    scene.was_bearable(others);
}
