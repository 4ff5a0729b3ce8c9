//! Many at once, on the edge of what the server keeps, and through two proxies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::common::{Proxy, config};
use crate::rig::{D, Setup, both, jitter, seat_at, short_staleness};
use crate::versions::{Floor, assert_hits};

#[test]
fn s46_many_who_ask_for_a_cold_key_at_once_ask_the_server_seldom() {
    both(|scene| {
        let mut many: Vec<_> = (0..200).map(|seat| scene.seat(seat)).collect();
        let mut a = scene.seat(0);
        let before = scene.calls("get");
        for turn in 1..=10_u64 {
            many.iter_mut().for_each(|client| client.say("GET k"));
            assert_eq!(a.ask(&format!("SET k {turn}")), "OK");
            for client in &mut many {
                let said = client.reply();
                assert!(said == turn.to_string() || said == (turn - 1).to_string() || turn == 1, "{said}");
            }
            many.iter_mut().for_each(|client| client.say("GET k"));
            many.iter_mut().for_each(|client| assert_eq!(client.reply(), turn.to_string()));
        }
        assert_hits(scene, "get", before, 2 * 10 * 200, 0.5);
    });
}

#[test]
fn s46b_who_joined_is_answered_though_the_first_has_left() {
    both(|scene| {
        let mut joined: Vec<_> = (0..20).map(|_| scene.seat(0)).collect();
        for turn in 0..10 {
            let (read, before) = (format!("GET k{turn}"), scene.calls("get"));
            scene.e(&format!("SET k{turn} v"));
            let mut first = scene.seat(0);
            let lane = scene.lane(&mut first);
            let up = lane.up().arrived();
            lane.down().hold();
            first.say(&read);
            lane.up().wait_passed(up, &crate::client::request(&read));
            joined.iter_mut().for_each(|client| client.say(&read));
            drop(first);
            // What they sent was there before what this one sends.
            drop([scene.seat(0), scene.seat(0)]);
            lane.release();
            joined.iter_mut().for_each(|client| assert_eq!(client.reply(), "v"));
            assert!(scene.calls("get") - before < 10, "they joined: {}", scene.calls("get") - before);
        }
    });
}

#[test]
fn s47_keys_that_are_written_together_are_read_together() {
    both(|scene| {
        let done = AtomicBool::new(false);
        scene.e("MSET a 0 b 0");
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|seat| {
                    let (mut reader, done) = (scene.seat(seat), &done);
                    scope.spawn(move || {
                        let mut reads = 0_u64;
                        while !done.load(Ordering::SeqCst) {
                            let said = reader.ask("MGET a b");
                            let (one, other) = said[1..said.len() - 1].split_once(' ').unwrap();
                            assert_eq!(one, other, "torn");
                            let count = reader.ask("EXISTS a b a");
                            assert!(["0", "3"].contains(&count.as_str()), "torn: {count}");
                            reads += 1;
                        }
                        reads
                    })
                })
                .collect();
            let (mut e, mut a) = (scene.direct(), scene.seat(1));
            for turn in 1..400 {
                let writer = if turn % 2 == 0 { &mut a } else { &mut e };
                let write = if turn % 10 == 9 { "DEL a b".into() } else { format!("MSET a {turn} b {turn}") };
                writer.ask(&write);
                (0..6).for_each(|_| jitter());
            }
            done.store(true, Ordering::SeqCst);
            let reads: u64 = readers.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_hits(scene, "mget", 0, reads, 0.02);
        });
    });
}

#[test]
fn s36_what_another_proxy_has_written_is_seen_in_time() {
    Setup::new().tune(short_staleness).run(|scene| {
        let other = Proxy::start(config(&scene.server.place()));
        let (mut writer, mut readers) = (seat_at(&other, 0), scene.seats());
        let mut latencies = Vec::new();
        for turn in 0..100 {
            let value = turn.to_string();
            scene.warm(&mut readers[0], "GET k");
            assert_eq!(writer.ask(&format!("SET k {value}")), "OK");
            let written = Instant::now();
            for reader in &mut readers {
                loop {
                    let started = Instant::now();
                    if reader.ask("GET k") == value {
                        break;
                    }
                    assert!(started < written + D, "the older value, {:?} after", started - written);
                }
                latencies.push(written.elapsed());
                // And it does not come back.
                assert_eq!([reader.ask("GET k"), reader.ask("GET k")], [value.as_str(); 2]);
            }
        }
        latencies.sort_unstable();
        let (half, most) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
        eprintln!("s36: seen through the other proxy after {half:?}, {most:?} at most (the bound is {D:?})");
    });
}

#[test]
fn s37_a_key_that_the_server_evicts_is_gone_here_too() {
    Setup::new().args(&["--maxmemory-policy", "allkeys-random"]).run(|scene| {
        let (mut a, mut b) = (scene.seat(0), scene.seat(scene.workers - 1));
        for n in 0..200 {
            scene.e(&format!("SET k{n} v"));
        }
        for n in 0..200 {
            assert_eq!([b.ask(&format!("GET k{n}")), b.ask(&format!("GET k{n}"))], ["v"; 2]);
        }
        let used = crate::stats::figure(&mut scene.direct(), "memory", "used_memory");
        scene.e(&format!("CONFIG SET maxmemory {}", used + 100_000));
        // What a writer on a lane drives out is not announced as its own doing only.
        let filler = "x".repeat(2000);
        (0..400).for_each(|n| assert_eq!(a.ask(&format!("SET filler{n} {filler}")), "OK"));
        scene.e("CONFIG SET maxmemory 0");
        scene.settle(&mut a);
        scene.settle(&mut b);
        let mut gone = 0;
        for n in 0..200 {
            let there = scene.e(&format!("GET k{n}"));
            assert_eq!(b.ask(&format!("GET k{n}")), there, "k{n}");
            gone += usize::from(there == "nil");
            scene.e(&format!("SET k{n} w"));
        }
        assert!(gone > 0, "nothing was evicted");
        scene.settle(&mut b);
        (0..200).for_each(|n| assert_eq!(b.ask(&format!("GET k{n}")), "w"));
    });
}

#[test]
fn s38_a_server_that_forgets_who_reads_what_says_so() {
    Setup::new().args(&["--tracking-table-max-keys", "10"]).run(|scene| {
        const KEYS: usize = 300;
        let floors: Vec<Floor> = (0..KEYS).map(|_| Floor::default()).collect();
        let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for seat in 0..3 {
                let mut reader = scene.seat(seat);
                let (floors, done, reads) = (&floors, &done, &reads);
                scope.spawn(move || {
                    while !done.load(Ordering::SeqCst) {
                        // Mostly a few, so that there are hits.
                        let n = fastrand::usize(..if fastrand::bool() { 5 } else { KEYS });
                        floors[n].check(&mut reader, &format!("GET k{n}"));
                        reads.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let mut writer = scene.seat(1);
            for _ in 0..1500 {
                let n = fastrand::usize(..if fastrand::bool() { 5 } else { KEYS });
                floors[n].raise(writer.ask(&format!("INCR k{n}")).parse().unwrap());
                jitter();
            }
            done.store(true, Ordering::SeqCst);
        });
        assert!(reads.load(Ordering::SeqCst) > 500);
    });
}
