//! Lanes that are lost, fall silent, or lead to another server.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::common::{Fresh, PATIENCE, Server, eventually, signal, stop};
use crate::rig::{D, Scene, Setup, both, impatient, ms, short_staleness};

/// Reads `GET k` again and again until `end`: an answer of `old` must have been asked for before `limit`.
/// How long the last such answer was asked for after `since`.
fn no_older(client: &mut Client, old: &str, since: Instant, limit: Instant, end: Instant) -> Duration {
    let mut latest = Duration::ZERO;
    while Instant::now() < end {
        let started = Instant::now();
        if client.ask("GET k") == old {
            assert!(started < limit, "{old} was asked for {:?} too late", started - limit);
            latest = started - since;
        }
        sleep(ms(1));
    }
    latest
}

fn kill_lanes(scene: &Scene) {
    let list = scene.e("CLIENT LIST");
    let tracks = |line: &&str| line.split(' ').any(|word| word.starts_with("flags=") && word.contains('t'));
    let ids: Vec<_> = list.lines().filter(tracks).filter_map(|line| line.split(' ').next()).collect();
    assert!(!ids.is_empty(), "there are lanes: {list}");
    for id in ids {
        assert_eq!(scene.e(&format!("CLIENT KILL {}", id.replace('=', " ").to_uppercase())), "1");
    }
}

#[test]
fn s30_what_a_killed_lane_filled_is_not_served_nor_revived() {
    both(|scene| {
        let mut readers = scene.seats();
        scene.e("MSET k v0 l v0");
        for turn in 0..5 {
            let (old, new) = (format!("v{turn}"), format!("v{}", turn + 1));
            scene.warm_all(&mut readers, "GET k", &old);
            scene.warm_all(&mut readers, "GET l", &old);
            let lanes = scene.lanes(&mut readers);
            scene.relay.fresh(Fresh::Held);
            kill_lanes(scene);
            eventually("the lanes are closed", || lanes.iter().all(|lane| !lane.is_open()).then_some(()));
            scene.e(&format!("MSET k {new} l {new}"));
            // It has been told of the end; how soon it looks is its own affair, so far.
            eventually("a read that is no hit", || {
                readers[0].say("GET k");
                readers[0].reply_within(ms(50)).is_none().then_some(())
            });
            scene.relay.release();
            assert_eq!(readers[0].reply(), new);
            for reader in &mut readers {
                assert_eq!(scene.settled(reader, "GET k"), new);
                // Once there are hits again, what was kept before the loss is none.
                assert_eq!(scene.warm(reader, "GET k"), new);
                assert_eq!(reader.ask("GET l"), new);
            }
        }
    });
}

#[test]
fn s31_a_lane_that_hears_nothing_serves_nothing_after_a_while() {
    Setup::new().tune(impatient).run(|scene| {
        let mut readers = scene.seats();
        scene.e("SET k v0");
        scene.warm_all(&mut readers, "GET k", "v0");
        let lanes = scene.lanes(&mut readers);
        scene.warm_all(&mut readers, "GET k", "v0");
        lanes.iter().for_each(|lane| lane.blackhole());
        scene.e("SET k v1");
        let written = Instant::now();
        let mut worst = Duration::ZERO;
        for reader in &mut readers {
            worst = worst.max(no_older(reader, "v0", written, written + D, written + 2 * D));
        }
        eprintln!("s31: the old value was served for {worst:?} (the bound is {D:?})");
        for reader in &mut readers {
            eventually("the lane is replaced", || (reader.ask("GET k") == "v1").then_some(()));
            assert_eq!(scene.warm(reader, "GET k"), "v1");
        }
    });
}

#[test]
fn s33_hits_stop_while_the_server_does_and_come_back() {
    Setup::new().tune(short_staleness).run(|scene| {
        let mut readers = scene.seats();
        scene.e("SET k v");
        scene.warm_all(&mut readers, "GET k", "v");
        stop(scene.server.pid());
        let stopped = Instant::now();
        for reader in &mut readers {
            // The first that is no hit waits for the server.
            eventually("a read that is no hit", || {
                let started = Instant::now();
                reader.say("GET k");
                let hit = reader.reply_within(ms(50)).is_some();
                assert!(!hit || started < stopped + D, "a hit {:?} after the stop", started - stopped);
                (!hit).then_some(())
            });
        }
        sleep((stopped + 2 * D).saturating_duration_since(Instant::now()));
        signal(scene.server.pid(), "CONT");
        for reader in &mut readers {
            assert_eq!(reader.reply(), "v");
            assert_eq!(scene.warm(reader, "GET k"), "v");
        }
    });
}

#[test]
fn s34_a_server_that_replaces_another_is_believed_alone() {
    both(|scene| {
        let other = Server::start(&[]);
        let mut e = Client(other.connect());
        e.ask("SET k other");
        let mut readers = scene.seats();
        scene.e("SET k v0");
        scene.warm_all(&mut readers, "GET k", "v0");
        let lanes = scene.lanes(&mut readers);
        scene.relay.lead_to(&other.place());
        signal(scene.server.pid(), "KILL");
        eventually("the lanes are closed", || lanes.iter().all(|lane| !lane.is_open()).then_some(()));
        for reader in &mut readers {
            // The first may have been on its way.
            let first = eventually("an answer", || {
                let said = reader.ask("GET k");
                (!said.starts_with('-')).then_some(said)
            });
            assert!(["other", "v0"].contains(&first.as_str()), "{first}");
        }
        for reader in &mut readers {
            let deadline = Instant::now() + PATIENCE;
            while scene.settled(reader, "GET k") != "other" {
                assert!(Instant::now() < deadline, "the old server's value lives on");
            }
            for _ in 0..10 {
                assert_eq!(reader.ask("GET k"), "other");
            }
        }
    });
}

#[test]
fn s35_a_replica_s_values_are_not_vouched_for() {
    Setup::new().tune(short_staleness).run(|scene| {
        let master = Server::start_tcp(&["--repl-diskless-sync-delay", "0"]);
        Client(master.connect()).ask("SET k master");
        let mut readers = scene.seats();
        scene.e("SET k v0");
        scene.warm_all(&mut readers, "GET k", "v0");
        assert_eq!(scene.e(&format!("REPLICAOF 127.0.0.1 {}", master.port())), "OK");
        let demoted = Instant::now();
        eventually("it is in step", || (scene.e("GET k") == "master").then_some(()));
        let in_step = Instant::now();
        for reader in &mut readers {
            no_older(reader, "v0", demoted, in_step + D, in_step + D + ms(50));
        }
        sleep((demoted + 2 * D).saturating_duration_since(Instant::now()));
        for reader in &mut readers {
            for _ in 0..20 {
                assert_eq!(scene.look(reader, "GET k"), ("master".into(), false), "no hits on a replica");
            }
        }
        assert_eq!(scene.e("REPLICAOF NO ONE"), "OK");
        scene.e("SET k v2");
        for reader in &mut readers {
            eventually("it is seen", || (reader.ask("GET k") == "v2").then_some(()));
            assert_eq!(scene.warm(reader, "GET k"), "v2");
        }
    });
}

#[test]
fn s49_a_write_whose_reply_is_lost_is_seen_or_not_but_not_both() {
    both(|scene| {
        for turn in 0..20 {
            let (mut a, mut readers) = (scene.seat(0), scene.seats());
            let (old, new) = (format!("o{turn}"), format!("n{turn}"));
            let write = format!("SET k {new}");
            scene.e(&format!("SET k {old}"));
            readers.iter_mut().for_each(|reader| scene.settle(reader));
            scene.warm_all(&mut readers, "GET k", &old);
            let lane = scene.lane(&mut a);
            lane.down().hold();
            a.say(&write);
            eventually("it is executed", || (scene.e("GET k") == new).then_some(()));
            if turn % 2 == 0 {
                lane.reset()
            } else {
                lane.cut()
            }
            let said = a.reply();
            assert!(said.starts_with('-'), "nobody knows whether it happened: {said}");
            // The loss itself ends the hits: what is read now is the server's.
            for _ in 0..10 {
                readers.iter_mut().for_each(|reader| assert_eq!(reader.ask("GET k"), new));
            }
        }
    });
}

#[test]
fn a_request_behind_a_stuck_lane_s_last_reply_is_answered() {
    both(|scene| {
        for _ in 0..3 {
            let [mut a, mut b] = [0, 0].map(|seat| scene.seat(seat));
            let lane = scene.lane(&mut a);
            scene.lane(&mut b);
            let known = scene.relay.opened();
            lane.down().hold();
            a.say("INCR n");
            eventually("it is checked by another connection", || {
                (scene.relay.opened() > known).then_some(())
            });
            lane.release();
            a.reply();
            let until = Instant::now() + ms(150);
            while Instant::now() < until {
                b.ask("GET missing");
            }
        }
    });
}
