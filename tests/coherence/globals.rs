//! Commands that change everything without naming a key, and databases.

use std::time::Instant;

use crate::client::request;
use crate::common::eventually;
use crate::rig::{Scene, Setup, both, ms};

/// After `flush`, done by `who`, no value of before is served to any worker.
fn nothing_is_left(scene: &Scene, who: Option<usize>, flush: &str) {
    let mut readers = scene.seats();
    for turn in 0..3 {
        for client in &mut readers {
            scene.e("MSET k v0 l w0");
            scene.settle(client);
        }
        scene.warm_all(&mut readers, "GET k", "v0");
        scene.warm_all(&mut readers, "STRLEN l", "2");
        match who {
            Some(seat) => assert_eq!(scene.seat(seat).ask(flush), "OK"),
            None => {
                let from: Vec<_> =
                    scene.lanes(&mut readers).into_iter().map(|lane| (lane.down().arrived(), lane)).collect();
                let mut e = scene.direct();
                e.ask("SELECT 9");
                assert_eq!(e.ask(flush), "OK");
                for (client, (from, lane)) in readers.iter_mut().zip(from) {
                    lane.down().wait_passed(from, b"$10\r\ninvalidate\r\n_\r\n");
                    scene.settle(client);
                }
            }
        }
        let left = if flush == "FLUSHDB" && who.is_none() { ("v0", "2") } else { ("nil", "0") };
        for client in &mut readers {
            assert_eq!(
                client.ask_all(&["GET k", "STRLEN l"]),
                [left.0, left.1],
                "{flush} by {who:?}, {turn}"
            );
        }
    }
}

#[test]
fn s23_after_a_flush_nothing_of_before_is_served() {
    Setup::new().run_on_all(|scene| {
        for flush in ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "FLUSHALL SYNC"] {
            for who in [Some(0), Some(1), None] {
                nothing_is_left(scene, who, flush);
            }
        }
    });
}

#[test]
fn s23b_nothing_that_is_read_during_a_flush_outlives_it() {
    both(|scene| {
        for by in 0..2 {
            let [mut b, mut c] = [0, 1].map(|seat| scene.seat(seat));
            let mut a = scene.seat(by);
            scene.e("SET k v0");
            scene.settle(&mut b);
            scene.settle(&mut c);
            assert_eq!(scene.warm(&mut b, "GET k"), "v0");
            scene.relay.snare(Some(&request("FLUSHALL")));
            let mark = scene.mark();
            a.say("FLUSHALL");
            eventually("it is on its way", || scene.asked(&mark, "FLUSHALL").then_some(()));
            for _ in 0..3 {
                assert_eq!(scene.look(&mut b, "GET k"), ("v0".into(), false), "no hits while it may happen");
            }
            // It is done, and its reply is on its way.
            let wire = scene.asking(&mark, "FLUSHALL").unwrap();
            wire.down().hold();
            scene.relay.snare(None);
            eventually("it is done", || (scene.e("GET k") == "nil").then_some(()));
            assert_eq!(c.ask("GET k"), "nil");
            assert_eq!(b.ask("GET k"), "nil", "after c was told");
            wire.release();
            assert_eq!(a.reply(), "OK");
            assert_eq!(b.ask("GET k"), "nil");
        }
    });
}

#[test]
fn s24_a_swap_of_databases_is_seen_at_once_by_all() {
    both(|scene| {
        let (mut zero, mut five) = (scene.seats(), scene.seats());
        five.iter_mut().for_each(|client| drop(client.ask("SELECT 5")));
        zero[0].ask("SET k zero");
        five[0].ask("SET k five");
        let mut a = scene.seat(1);
        for turn in 0..10 {
            let (in_zero, in_five) = if turn % 2 == 0 { ("zero", "five") } else { ("five", "zero") };
            scene.warm_all(&mut zero, "GET k", in_zero);
            scene.warm_all(&mut five, "GET k", in_five);
            assert_eq!(a.ask("SWAPDB 0 5"), "OK");
            zero.iter_mut().for_each(|client| assert_eq!(client.ask("GET k"), in_five));
            five.iter_mut().for_each(|client| assert_eq!(client.ask("GET k"), in_zero));
        }
    });
}

#[test]
fn s24c_a_swap_whose_reply_is_lost_is_seen_whenever_it_happens() {
    both(|scene| {
        for late in [false, true] {
            let (mut readers, mut a) = (scene.seats(), scene.seat(1));
            scene.e("FLUSHALL");
            scene.e("SET k zero");
            let mut e = scene.direct();
            e.ask_all(&["SELECT 5", "SET k five"]);
            readers.iter_mut().for_each(|reader| scene.settle(reader));
            scene.warm_all(&mut readers, "GET k", "zero");
            scene.relay.snare(Some(&request("SWAPDB 0 5")));
            let mark = scene.mark();
            a.say("SWAPDB 0 5");
            eventually("it is on its way", || scene.asked(&mark, "SWAPDB 0 5").then_some(()));
            let wire = scene.asking(&mark, "SWAPDB 0 5").unwrap();
            if late {
                // Its bytes are still somewhere, as in the buffer of a server that is busy.
                wire.desert();
            } else {
                wire.down().hold();
                wire.up().release();
                eventually("it is done", || (scene.e("GET k") == "five").then_some(()));
                wire.reset();
            }
            assert!(a.reply().starts_with('-'));
            readers.iter_mut().for_each(|reader| drop((reader.ask("GET k"), reader.ask("GET k"))));
            scene.relay.snare(None);
            wire.release();
            if late {
                eventually("it has arrived, or never will", || (!wire.is_open()).then_some(()));
            }
            for reader in &mut readers {
                assert_eq!(reader.ask("GET k"), scene.e("GET k"), "late: {late}");
            }
        }
    });
}

#[test]
fn s24d_a_fill_that_a_swap_overtakes_is_not_kept() {
    both(|scene| {
        let [mut a, mut b, mut d] = [1, 0, 0].map(|seat| scene.seat(seat));
        let mut e = scene.direct();
        e.ask_all(&["SET k zero", "SELECT 5", "SET k five"]);
        for turn in 0..4 {
            let (before, after) = if turn % 2 == 0 { ("zero", "five") } else { ("five", "zero") };
            let lane = scene.lane(&mut b);
            let down = lane.down().arrived();
            lane.down().hold();
            b.say("GET k");
            lane.down().wait_arrived(down, format!("$4\r\n{before}\r\n").as_bytes());
            a.say("SWAPDB 0 5");
            assert_eq!(scene.reply_held(&mut a), "OK");
            lane.release();
            assert!([before, after].contains(&b.reply().as_str()), "it was asked before");
            assert_eq!(d.ask("GET k"), after);
            assert_eq!(scene.warm(&mut d, "GET k"), after);
            // Cold again.
            scene.e(&format!("SET k {after}"));
            scene.settle(&mut b);
        }
    });
}

#[test]
fn s26b_a_key_that_moves_to_another_database_is_seen_there() {
    both(|scene| {
        let (mut a, mut here, mut there) = (scene.seat(1), scene.seats(), scene.seats());
        there.iter_mut().for_each(|client| drop(client.ask("SELECT 5")));
        for line in ["MOVE k 5", "COPY k k DB 5", "COPY k k DB 5 REPLACE"] {
            scene.e("FLUSHALL");
            scene.e("SET k v");
            here.iter_mut().chain(&mut there).for_each(|client| scene.settle(client));
            scene.warm_all(&mut here, "GET k", "v");
            scene.warm_all(&mut there, "GET k", "nil");
            assert_eq!(a.ask(line), "1");
            there.iter_mut().for_each(|client| assert_eq!(client.ask("GET k"), "v", "{line}"));
            let left = if line.starts_with("MOVE") { "nil" } else { "v" };
            here.iter_mut().for_each(|client| assert_eq!(client.ask("GET k"), left, "{line}"));
        }
    });
}

#[test]
fn s24b_a_swap_by_somebody_else_is_seen_within_the_greatest_age() {
    Setup::new().tune(crate::rig::short_lived).run(|scene| {
        let mut clients = scene.seats();
        scene.e("SET k zero");
        let mut e = scene.direct();
        e.ask_all(&["SELECT 5", "SET k five"]);
        scene.warm_all(&mut clients, "GET k", "zero");
        assert_eq!(e.ask("SWAPDB 0 5"), "OK");
        let swapped = Instant::now();
        let mut late = false;
        while !late {
            late = swapped.elapsed() > crate::rig::SHORT_LIFE;
            for client in &mut clients {
                let value = client.ask("GET k");
                assert!(value == "five" || !late, "{value} after {:?}", swapped.elapsed());
            }
            std::thread::sleep(ms(5));
        }
    });
}

#[test]
fn s26_one_name_in_two_databases_is_two_keys() {
    both(|scene| {
        let mut clients: Vec<_> = (0..4).map(|seat| scene.seat(seat)).collect();
        // Seats 0 and 1 stay in database 0, the others go to 5: one of each on every worker.
        clients[2].ask("SELECT 5");
        clients[3].ask("SELECT 5");
        let mut now = ["nil".to_owned(), "nil".to_owned()];
        for turn in 0..300 {
            let who = fastrand::usize(..4);
            if fastrand::u8(..4) == 0 {
                now[who / 2] = format!("{}:{turn}", who / 2);
                let write = format!("SET k {}", now[who / 2]);
                assert_eq!(clients[who].ask(&write), "OK");
            } else {
                assert_eq!(clients[who].ask("GET k"), now[who / 2]);
            }
        }
        for (who, client) in clients.iter_mut().enumerate() {
            assert_eq!(scene.warm(client, "GET k"), now[who / 2]);
        }
    });
}
