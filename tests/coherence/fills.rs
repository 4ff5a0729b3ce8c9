//! One key: hits, pushes, fills that a write overtakes.

use crate::client::request;
use crate::rig::{Scene, both, ms};

/// What announces that a read is to be remembered.
const CACHING: &[u8] = b"$7\r\nCACHING\r\n";
const PTTL: &[u8] = b"$4\r\nPTTL\r\n";

#[test]
fn s01_a_push_ends_the_hits_and_they_come_back() {
    both(|scene| {
        let mut clients = scene.seats();
        scene.e("SET k v0");
        scene.warm_all(&mut clients, "GET k", "v0");
        let lanes = scene.lanes(&mut clients);
        let from: Vec<_> = lanes.iter().map(|lane| lane.down().arrived()).collect();
        scene.e("SET k v1");
        for ((client, lane), from) in clients.iter_mut().zip(&lanes).zip(from) {
            lane.down().wait_passed(from, b"$10\r\ninvalidate\r\n");
            scene.settle(client);
            assert_eq!(scene.look(client, "GET k"), ("v1".into(), false));
        }
        scene.warm_all(&mut clients, "GET k", "v1");
    });
}

#[test]
fn s02_an_exec_ends_the_hits_of_lanes_that_hear_nothing() {
    both(|scene| {
        for reader in 0..scene.workers {
            let (mut a, mut clients) = (scene.seat(0), scene.seats());
            scene.e("SET k v0");
            scene.warm_all(&mut clients, "GET k", "v0");
            let lanes = scene.lanes(&mut clients);
            a.ask("MULTI");
            a.ask("SET k v1");
            lanes.iter().for_each(|lane| lane.down().hold());
            a.say("EXEC");
            assert_eq!(scene.reply_held(&mut a), "[OK]");
            assert_eq!(scene.ask_held(&mut clients[reader], "GET k"), "v1");
            scene.relay.release();
        }
    });
}

#[test]
fn s03_a_fill_that_an_exec_overtakes_is_its_reader_s_alone() {
    both(|scene| {
        let [mut a, mut b, mut c, mut d] = [1, 0, 1, 0].map(|seat| scene.seat(seat));
        for _ in 0..20 {
            scene.e("SET k v0");
            let lane = scene.lane(&mut b);
            let (up, down) = (lane.up().arrived(), lane.down().arrived());
            lane.down().hold();
            b.say("GET k");
            lane.up().wait_passed(up, &request("GET k"));
            assert!(lane.up().has(up, CACHING), "it is a fill: {}", lane.up().since(up).escape_ascii());
            lane.down().wait_arrived(down, b"$2\r\nv0\r\n");
            assert_eq!(a.ask_each(&["MULTI", "SET k v1", "EXEC"]), ["OK", "QUEUED", "[OK]"]);
            assert_eq!(scene.ask_held(&mut c, "GET k"), "v1");
            lane.release();
            assert!(["v0", "v1"].contains(&b.reply().as_str()));
            assert_eq!(d.ask("GET k"), "v1");
            // s04: what b brought home was not kept.
            assert_eq!(b.ask("GET k"), "v1");
            scene.e("DEL k");
            scene.settle(&mut b);
        }
    });
}

#[test]
fn s03b_nor_is_it_kept_where_the_push_is_still_on_its_way() {
    both(|scene| {
        let [mut a, mut b, mut d] = [1, 0, 0].map(|seat| scene.seat(seat));
        for _ in 0..5 {
            scene.e("SET k v0");
            scene.settle(&mut b);
            let lane = scene.lane(&mut b);
            let down = lane.down().arrived();
            lane.down().hold();
            b.say("GET k");
            lane.down().wait_arrived(down, b"$2\r\nv0\r\n");
            assert_eq!(a.ask_each(&["MULTI", "SET k v1", "EXEC"]), ["OK", "QUEUED", "[OK]"]);
            lane.down().hold_before(b">2\r\n$10\r\ninvalidate\r\n");
            assert!(["v0", "v1"].contains(&b.reply().as_str()));
            assert_eq!(scene.ask_held(&mut d, "GET k"), "v1");
            scene.relay.release();
        }
    });
}

#[test]
fn s04_a_reader_after_it_does_not_join_it() {
    both(|scene| {
        for _ in 0..5 {
            let [mut a, mut b, mut c] = [1, 0, 0].map(|seat| scene.seat(seat));
            scene.e("SET k v0");
            scene.settle(&mut b);
            let lane = scene.lane(&mut b);
            let (down, before) = (lane.down().arrived(), scene.calls("get"));
            lane.down().hold();
            b.say("GET k");
            lane.down().wait_arrived(down, b"$2\r\nv0\r\n");
            assert_eq!(a.ask_each(&["MULTI", "SET k v1", "EXEC"]), ["OK", "QUEUED", "[OK]"]);
            c.say("GET k");
            // What c has said was there before this.
            drop(scene.seat(0));
            lane.release();
            assert!(["v0", "v1"].contains(&b.reply().as_str()), "it was asked before");
            assert_eq!(c.reply(), "v1");
            assert!(scene.calls("get") >= before + 2, "each was asked");
            assert_eq!(scene.warm(&mut c, "GET k"), "v1");
            scene.e("DEL k");
            scene.settle(&mut b);
        }
    });
}

/// A fill with its `GET` done and its `PTTL` not: what happens in between.
fn torn_fill(scene: &Scene, between: &str) -> (String, String, bool) {
    let [mut b, mut after] = [0, 0].map(|seat| scene.seat(seat));
    scene.e("SET k v0");
    let lane = scene.lane(&mut b);
    let down = lane.down().arrived();
    lane.up().hold_before(PTTL);
    b.say("GET k");
    lane.down().wait_arrived(down, b"$2\r\nv0\r\n");
    scene.e(between);
    if between.starts_with("PEXPIRE") {
        std::thread::sleep(ms(50)); // the time that is to go by
    }
    lane.release();
    let first = b.reply();
    let (second, hit) = scene.look(&mut after, "GET k");
    (first, second, hit)
}

#[test]
fn s05_a_write_between_a_fill_and_its_ttl_undoes_it() {
    both(|scene| assert_eq!(torn_fill(scene, "SET k v1"), ("v0".into(), "v1".into(), false)));
}

#[test]
fn s06_an_expiry_between_a_fill_and_its_ttl_undoes_it() {
    both(|scene| assert_eq!(torn_fill(scene, "PEXPIRE k 30"), ("v0".into(), "nil".into(), false)));
}
