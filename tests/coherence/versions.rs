//! Versions never go back, in real time, across sessions and workers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::client::Client;
use crate::rig::{Scene, both, jitter};

/// The newest version that anybody has been shown.
#[derive(Debug, Default)]
pub(crate) struct Floor(AtomicU64);

impl Floor {
    pub(crate) fn raise(&self, version: u64) {
        self.0.fetch_max(version, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Reads with `read`, which must say no less than was known before.
    pub(crate) fn check(&self, client: &mut Client, read: &str) -> u64 {
        let before = self.get();
        let said = client.ask(read);
        let version = if said == "nil" { 0 } else { said.parse().unwrap_or_else(|_| panic!("{said}")) };
        assert!(version >= before, "{read} says {version} after {before} was shown");
        self.raise(version);
        version
    }
}

/// Of `reads` of one command, so many were never heard of at the server.
pub(crate) fn assert_hits(scene: &Scene, command: &str, before: u64, reads: u64, share: f64) {
    let asked = scene.calls(command) - before;
    let hits = reads.saturating_sub(asked);
    assert!(hits as f64 >= share * reads as f64, "{hits} hits in {reads} reads");
}

#[test]
fn s11_an_increment_that_anybody_saw_is_seen_by_all_after() {
    both(|scene| {
        let (floor, done, reads) = (Floor::default(), AtomicBool::new(false), AtomicU64::new(0));
        let before = scene.calls("get");
        std::thread::scope(|scope| {
            for seat in 0..4 {
                let mut reader = scene.seat(seat);
                let (floor, done, reads) = (&floor, &done, &reads);
                scope.spawn(move || {
                    while !done.load(Ordering::SeqCst) {
                        floor.check(&mut reader, "GET k");
                        reads.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let mut writer = scene.seat(0);
            for turn in 0..1000 {
                floor.raise(writer.ask("INCR k").parse().unwrap());
                if turn % 8 == 0 {
                    let pause = Instant::now();
                    while pause.elapsed().as_micros() < 500 {
                        std::thread::yield_now();
                    }
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        assert_hits(scene, "get", before, reads.load(Ordering::SeqCst), 0.05);
    });
}

#[test]
fn s12_what_was_written_is_read_by_whoever_is_told() {
    both(|scene| {
        let [mut a, mut near, mut far] = [0, 0, 1].map(|seat| scene.seat(seat));
        let done = AtomicBool::new(false);
        let before = scene.calls("get");
        let (rounds, mut reads) = (2000_u64, 0);
        std::thread::scope(|scope| {
            // Somebody who keeps fills under way on every worker.
            let noise: Vec<_> = (0..scene.workers)
                .map(|seat| {
                    let (mut reader, done) = (scene.seat(seat), &done);
                    scope.spawn(move || {
                        let mut reads = 0;
                        while !done.load(Ordering::SeqCst) {
                            reader.ask("GET k");
                            reads += 1;
                            jitter();
                        }
                        reads
                    })
                })
                .collect();
            for n in 1..=rounds {
                assert_eq!(a.ask(&format!("SET k {n}")), "OK");
                let told = n.to_string();
                for _ in 0..2 {
                    assert_eq!(near.ask("GET k"), told);
                    assert_eq!(far.ask("GET k"), told);
                    reads += 2;
                }
            }
            done.store(true, Ordering::SeqCst);
            reads += noise.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>();
        });
        assert_hits(scene, "get", before, reads, 0.3);
    });
}
