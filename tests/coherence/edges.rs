//! Requests of other shapes and lanes in other moods than the scenarios have.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nearside::Config;

use crate::client::Client;
use crate::common::eventually;
use crate::rig::{D, Setup, both, ms, short_staleness};
use crate::versions::Floor;

#[test]
fn a_read_is_the_same_read_in_any_case_and_inline() {
    both(|scene| {
        let (mut a, mut b) = (scene.seat(0), scene.seat(scene.workers - 1));
        scene.e("SET k v0");
        scene.settle(&mut b);
        assert_eq!(scene.warm(&mut b, "GET k"), "v0");
        let before = scene.calls("get");
        assert_eq!([b.ask("get k"), b.ask("gEt k")], ["v0"; 2]);
        assert_eq!(scene.calls("get"), before, "they are hits");
        for (turn, write) in ["set k v1", "SET  k \"v2\"", "sEt 'k' v3"].into_iter().enumerate() {
            b.0.send(b"GET k\r\n");
            b.reply();
            a.0.send(format!("{write}\r\n").as_bytes());
            assert_eq!(a.reply(), "OK");
            b.0.send(b"get k\r\n");
            assert_eq!(b.reply(), format!("v{}", turn + 1));
            assert_eq!(b.ask("GET k"), format!("v{}", turn + 1));
        }
        // Arguments count as they are, and keys in full.
        scene.e("SET K other");
        assert_eq!(
            b.ask_all(&["GET K", "GET k", "GETRANGE k 0 0", "GETRANGE k 0 1"]),
            ["other", "v3", "v", "v3"]
        );
        b.0.say(&[b"GET".as_slice(), b"k\0"]);
        assert_eq!(b.reply(), "nil");
        b.0.say(&[b"GET".as_slice(), b""]);
        assert_eq!(b.reply(), "nil");
        assert_eq!(scene.warm(&mut b, "GET k"), "v3");
    });
}

#[test]
fn while_a_write_is_in_flight_its_key_is_no_hit() {
    let scene = Setup::new().scene(2);
    let (mut a, mut b) = (scene.seat(0), scene.seat(1));
    for write in ["SET k v1", "MSET l 1 k v1", "APPEND k x", "DEL l k"] {
        scene.e("SET k v0");
        scene.settle(&mut b);
        assert_eq!(scene.warm(&mut b, "GET k"), "v0");
        let lane = scene.lane(&mut a);
        let up = lane.up().arrived();
        lane.up().hold();
        a.say(write);
        lane.up().wait_arrived(up, &crate::client::request(write));
        for _ in 0..3 {
            assert_eq!(scene.look(&mut b, "GET k"), ("v0".into(), false), "{write}");
        }
        lane.release();
        a.reply();
        let after = scene.e("GET k");
        assert_eq!(b.ask("GET k"), after, "{write}");
        assert_eq!(scene.warm(&mut b, "GET k"), after, "{write}");
    }
}

fn small_is_large(config: &mut Config) {
    config.limits.large = 64 << 10;
}

#[test]
fn what_a_large_request_writes_is_seen_after_its_reply() {
    Setup::new().tune(small_is_large).run(|scene| {
        let (mut a, mut readers) = (scene.seat(1), scene.seats());
        for turn in 0..4 {
            scene.e("SET k v0");
            readers.iter_mut().for_each(|reader| scene.settle(reader));
            scene.warm_all(&mut readers, "STRLEN k", "2");
            let len = 300_000 + turn;
            scene.lanes(&mut readers).iter().for_each(|lane| lane.down().hold());
            a.0.say(&["SET", "k", &"x".repeat(len)]);
            assert_eq!(scene.reply_held(&mut a), "OK");
            for reader in &mut readers {
                assert_eq!(scene.ask_held(reader, "STRLEN k"), len.to_string());
            }
            scene.relay.release();
        }
    });
}

#[test]
fn after_a_rest_the_first_read_is_no_hit() {
    Setup::new().tune(short_staleness).run(|scene| {
        let mut readers = scene.seats();
        scene.e("SET k v0");
        scene.warm_all(&mut readers, "GET k", "v0");
        // Nobody reads for so long that no heartbeat goes out any more.
        sleep(4 * D);
        scene.relay.lanes().iter().for_each(|lane| lane.blackhole());
        scene.e("SET k v1");
        for reader in &mut readers {
            reader.say("GET k");
            assert_ne!(reader.reply_within(ms(50)).as_deref(), Some("v0"));
        }
    });
}

/// Reads until `done`; what was written [`D`] or more before a read started must be seen by it.
fn bounded(reader: &mut Client, writes: &std::sync::Mutex<Vec<(u64, Instant)>>, end: Instant) {
    while Instant::now() < end {
        let started = Instant::now();
        let due = writes.lock().unwrap().iter().rfind(|(_, at)| *at + D <= started).map_or(0, |(n, _)| *n);
        let said: u64 = reader.ask("GET k").parse().unwrap();
        assert!(said >= due, "{said}, {D:?} after {due}");
        sleep(ms(1));
    }
}

#[test]
fn s31b_a_slow_lane_is_never_more_behind_than_promised() {
    Setup::new().tune(short_staleness).run(|scene| {
        for slow in [D / 3, D * 2 / 3, D + ms(50)] {
            let mut readers = scene.seats();
            scene.e("SET k 0");
            readers.iter_mut().for_each(|reader| scene.settle(reader));
            scene.warm_all(&mut readers, "GET k", "0");
            scene.lanes(&mut readers).iter().for_each(|lane| lane.down().delay(slow));
            let writes = std::sync::Mutex::default();
            let end = Instant::now() + 4 * D;
            std::thread::scope(|scope| {
                for reader in &mut readers {
                    scope.spawn(|| bounded(reader, &writes, end));
                }
                let mut n = 0;
                while Instant::now() < end {
                    n += 1;
                    scene.e(&format!("SET k {n}"));
                    writes.lock().unwrap().push((n, Instant::now()));
                    sleep(Duration::from_millis(fastrand::u64(1..40)));
                }
            });
            scene.relay.release();
        }
    });
}

/// Hits are all compared, and none is lost because a slow machine lets a lane go stale.
fn all_verified(config: &mut Config) {
    config.cache.verify = 1.0;
    config.cache.max_staleness = Duration::from_secs(60);
}

/// What `NEARSIDE INFO` says of hits, of those compared and of those that differed.
fn compared(client: &mut Client) -> [u64; 3] {
    let info = client.ask("NEARSIDE INFO");
    ["hits", "verified", "mismatches"].map(|name| {
        let name = format!("nearside_cache_{name}:");
        let line = info.lines().find_map(|line| line.strip_prefix(name.as_str()));
        line.unwrap_or_else(|| panic!("{name} {info}")).trim().parse().unwrap()
    })
}

#[test]
fn what_is_verified_is_right() {
    Setup::new().tune(all_verified).run(|scene| {
        let floor = Floor::default();
        let (mut a, mut readers) = (scene.seat(0), scene.seats());
        // A hit whose comparison a write overtakes decides nothing: how many do is a matter of luck.
        for turn in 0..300 {
            if turn % 5 == 0 {
                floor.raise(a.ask("INCR k").parse().unwrap());
            }
            readers.iter_mut().for_each(|reader| _ = floor.check(reader, "GET k"));
        }
        // Where nothing is written they all count, once the lane has answered what was asked before this.
        readers.iter_mut().for_each(|reader| scene.settle(reader));
        let [hits, verified, _] = compared(&mut a);
        assert!(verified <= hits, "{verified} of {hits}");
        for reader in &mut readers {
            let enough = compared(&mut a)[0] + 100;
            eventually("a hundred hits", || {
                (0..100).for_each(|_| _ = floor.check(reader, "GET k"));
                (compared(&mut a)[0] >= enough).then_some(())
            });
            scene.settle(reader);
        }
        let [more_hits, more_verified, mismatches] = compared(&mut a);
        assert_eq!(more_verified - verified, more_hits - hits);
        assert_eq!(mismatches, 0);
    });
}
