//! Several commands in one packet: hits never overtake, nothing is torn.

use crate::client::request;
use crate::rig::{both, jitter};

/// What is there, a read that is warm, a write, and what the read says in the same packet after it.
const WRITES: &[(&str, &str, &str, &str)] = &[
    ("SET k v0", "GET k", "SET k v1", "v1"),
    ("SET k 7", "GET k", "INCR k", "8"),
    ("SET k v0", "GET k", "APPEND k x", "v0x"),
    ("SET k v0", "STRLEN k", "APPEND k x", "3"),
    ("SET k v0", "GET k", "DEL k", "nil"),
    ("SET k v0", "GET k", "UNLINK k", "nil"),
    ("SET k v0", "GET k", "GETDEL k", "nil"),
    ("SET k v0", "EXISTS k", "GETDEL k", "0"),
    ("SET k v0", "GET k", "GETSET k v1", "v1"),
    ("SET k v0", "GET k", "RENAME k l", "nil"),
    ("SET k v0", "GET k", "SETRANGE k 1 1", "v1"),
    ("SET k v0", "GET k", "MSET j 1 k 2", "2"),
    ("HSET k f v0", "HGET k f", "HSET k f v1", "v1"),
    ("HSET k f 1", "HGETALL k", "HINCRBY k f 4", "[f 5]"),
    ("RPUSH k a", "LRANGE k 0 -1", "RPUSH k b", "[a b]"),
    ("SADD k a", "SISMEMBER k a", "SREM k a", "0"),
    ("ZADD k 1 a", "ZSCORE k a", "ZINCRBY k 1 a", "2"),
];

#[test]
fn s07_a_read_behind_a_write_in_one_packet_sees_it() {
    both(|scene| {
        let mut clients = scene.seats();
        for &(setup, read, write, after) in WRITES {
            for writer in 0..clients.len() {
                for _ in 0..3 {
                    scene.e("DEL k");
                    scene.e(setup);
                    clients.iter_mut().for_each(|client| drop(scene.warm(client, read)));
                    let said = clients[writer].ask_all(&[write, read]);
                    assert_eq!(said[1], after, "{setup}; {write}; {read}");
                    for client in &mut clients {
                        assert_eq!(client.ask(read), after, "acknowledged: {setup}; {write}; {read}");
                    }
                }
            }
        }
    });
}

#[test]
fn s08_reads_around_a_write_in_one_packet_see_it_in_order() {
    both(|scene| {
        let mut clients = scene.seats();
        for turn in 0..50 {
            scene.e("SET k v0");
            scene.e("SET x x0");
            clients.iter_mut().for_each(|client| scene.settle(client));
            clients.iter_mut().for_each(|client| assert_eq!(scene.warm(client, "GET k"), "v0"));
            let client = &mut clients[turn % scene.workers];
            assert_eq!(client.ask_all(&["GET k", "SET k v1", "GET k"]), ["v0", "OK", "v1"]);
            scene.e("SET k v0");
            scene.e("DEL x");
            scene.settle(client);
            assert_eq!(scene.warm(client, "GET k"), "v0");
            // s08b: the read in front is no hit.
            let said = client.ask_all(&["GET x", "GET k", "SET k v1", "GET k"]);
            assert_eq!(said, ["nil", "v0", "OK", "v1"]);
        }
    });
}

#[test]
fn s09_what_an_mset_wrote_is_read_behind_it_in_one_packet() {
    both(|scene| {
        let mut clients = scene.seats();
        for turn in 0..100 {
            clients.iter_mut().for_each(|client| drop((client.ask("GET a"), client.ask("GET b"))));
            let client = &mut clients[turn % scene.workers];
            let n = turn.to_string();
            let said = client.ask_all(&[&format!("MSET a {n} b {n}"), "GET b", "GET a"]);
            assert_eq!(said, ["OK", &n, &n]);
        }
    });
}

#[test]
fn s10_a_pipelined_miss_and_a_hit_do_not_tear() {
    both(|scene| {
        let mut b = scene.seat(scene.workers - 1);
        for turn in 0..100 {
            scene.e("SET y y0");
            scene.e("SET x x0");
            scene.settle(&mut b);
            assert_eq!(scene.warm(&mut b, "GET y"), "y0");
            let lane = scene.lane(&mut b);
            let up = lane.up().arrived();
            // Either x is read after both writes, or its reply waits while they happen.
            if turn % 2 == 0 {
                lane.up().hold()
            } else {
                lane.down().hold()
            }
            b.say_all(&["GET x", "GET y"]);
            if turn % 2 == 0 {
                lane.up().wait_arrived(up, &request("GET x"));
            } else {
                lane.up().wait_passed(up, &request("GET x"));
            }
            jitter();
            scene.e("SET y y1");
            scene.e("SET x x1");
            jitter();
            lane.release();
            let said = [b.reply(), b.reply()];
            assert_ne!(said, ["x1", "y0"]);
            assert!(turn % 2 == 1 || said == ["x1", "y1"], "{said:?}");
        }
    });
}

#[test]
fn s10b_a_hit_between_misses_is_no_newer_than_they_are() {
    both(|scene| {
        let (mut reader, mut writer) = (scene.seat(0), scene.seat(1));
        for turn in 0..400 {
            let (old, new) = (format!("{turn}"), format!("{}", turn + 1));
            scene.e(&format!("MSET y {old} y2 {old}"));
            if turn % 4 == 0 {
                scene.warm(&mut reader, "GET y");
            } else {
                reader.ask("GET y");
            }
            let write = format!("MSET y {new} y2 {new}");
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    jitter();
                    if turn % 2 == 0 { writer.ask(&write) } else { scene.e(&write) }
                });
                jitter();
                let said = reader.ask_all(&[&format!("GET missing:{turn}"), "GET y", "GET y2"]);
                assert!(said[1] == said[2] || said[1] == old, "y is new, y2 is old: {said:?}");
            });
        }
    });
}
