//! Rules and their hysteresis, second by second.

use super::*;

/// A proxy whose figures are handed to the rules once a second.
struct World {
    alerts: Alerts,
    settings: config::Alerts,
    sample: Sample,
    now: Duration,
    said: Vec<(u64, &'static str, bool)>,
}

impl World {
    fn new() -> Self {
        let sample = Sample {
            clients: (1, 100),
            connections: (2, 10, 0),
            cut_off: (0, 2),
            cache_on: true,
            ..Sample::default()
        };
        let settings = config::Alerts { enabled: true, ..config::Alerts::default() };
        Self { alerts: Alerts::default(), settings, sample, now: Duration::ZERO, said: Vec::new() }
    }

    /// `seconds` pass, before each of which `each` changes what there is to see.
    fn pass(&mut self, seconds: u64, mut each: impl FnMut(&mut Sample)) -> &mut Self {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            each(&mut self.sample);
            let changes = self.alerts.look(self.now, &self.settings, &self.sample);
            self.said.extend(changes.iter().map(|c| (self.now.as_secs(), c.name, c.begins)));
        }
        self
    }

    /// So many commands a second, so many of which fail.
    fn commands(&mut self, seconds: u64, commands: u64, errors: u64, millis: u64) -> &mut Self {
        self.pass(seconds, |sample| {
            let counts = &mut sample.counts;
            counts.commands += commands;
            counts.errors += errors;
            counts.timed += commands;
            counts.nanos += commands * millis * 1_000_000;
        })
    }

    fn reads(&mut self, seconds: u64, reads: u64, hits: u64) -> &mut Self {
        self.pass(seconds, |sample| {
            sample.counts.reads += reads;
            sample.counts.hits += hits;
        })
    }

    fn state(&self, name: &str) -> (State, Option<f64>) {
        let list = self.alerts.list(Duration::ZERO);
        let alert = list.iter().find(|alert| alert.name == name).expect("a rule");
        (alert.state, alert.value)
    }

    /// What has been said since the last time.
    fn said(&mut self) -> Vec<(u64, &'static str, bool)> {
        std::mem::take(&mut self.said)
    }
}

fn upstream(memory: u64, evicts: bool, evicted: u64) -> Option<Upstream> {
    Some(Upstream { memory, maxmemory: 1000, evicts, clients: 1, maxclients: 1000, evicted })
}

#[test]
fn nothing_is_said_of_the_first_window() {
    let mut world = World::new();
    world.commands(59, 1000, 1000, 5000);
    assert_eq!(world.state("error_rate"), (State::Ok, None));
    assert_eq!(world.state("latency"), (State::Ok, None));
    assert!(world.said().is_empty());
    // A whole window, and the hold after it.
    world.commands(3, 1000, 1000, 5000);
    assert_eq!(world.state("error_rate").0, State::Pending);
    world.commands(40, 1000, 1000, 5000);
    assert_eq!(world.said(), [(91, "latency", true), (91, "error_rate", true)]);
    assert_eq!(world.state("latency").1, Some(5.0));
}

#[test]
fn a_handful_of_commands_is_no_rate() {
    let mut world = World::new();
    world.commands(300, 1, 1, 5000);
    assert!(world.said().is_empty());
    world.settings.least_commands = 60;
    world.commands(40, 1, 1, 5000);
    assert_eq!(world.said().len(), 2);
}

#[test]
fn an_error_now_and_then_is_none() {
    let mut world = World::new();
    world.commands(300, 1000, 9, 1);
    assert!(world.said().is_empty());
    world.commands(120, 1000, 12, 1);
    let begun = world.said();
    assert!(matches!(begun[..], [(_, "error_rate", true)]), "{begun:?}");
    // Below the threshold, but not by much: it goes on.
    world.pass(1, |_| {}).commands(300, 10_000, 98, 1);
    assert!(world.said().is_empty());
    world.commands(120, 10_000, 0, 1);
    assert!(matches!(world.said()[..], [(_, "error_rate", false)]));
}

#[test]
fn what_does_not_last_is_not_said() {
    let mut world = World::new();
    world.pass(100, |_| {});
    for _ in 0..20 {
        world.pass(25, |sample| sample.clients.0 = 99);
        assert_eq!(world.state("clients").0, State::Pending);
        world.pass(5, |sample| sample.clients.0 = 10);
    }
    assert!(world.said().is_empty());
    world.pass(31, |sample| sample.clients.0 = 99);
    assert!(matches!(world.said()[..], [(_, "clients", true)]));
    // It swings about the threshold: said once.
    for step in 0..100 {
        world.pass(10, |sample| sample.clients.0 = if step % 2 == 0 { 80 } else { 95 });
    }
    assert!(world.said().is_empty());
    world.pass(31, |sample| sample.clients.0 = 80);
    assert!(matches!(world.said()[..], [(_, "clients", false)]));
}

#[test]
fn a_cache_has_time_to_fill_and_is_judged_by_a_thousand_reads() {
    let mut world = World::new();
    // Cold: all misses for a window and a half.
    world.reads(90, 100, 0).reads(60, 100, 90);
    assert!(world.said().is_empty());
    // 960 reads a window: too few to be judged.
    world.reads(200, 16, 0);
    assert_eq!(world.state("hit_rate"), (State::Ok, None));
    world.said();
    world.reads(100, 17, 0);
    assert!(matches!(world.said()[..], [(_, "hit_rate", true)]));
    world.reads(300, 100, 81);
    assert!(world.said().is_empty(), "right, but only just");
    world.reads(100, 100, 90);
    assert!(matches!(world.said()[..], [(_, "hit_rate", false)]));
    // The upstream was away: the cache begins anew.
    world.pass(10, |sample| sample.cut_off = (2, 2)).pass(1, |sample| sample.cut_off = (0, 2));
    world.said();
    world.reads(110, 100, 0);
    assert_eq!(world.state("hit_rate"), (State::Ok, None));
    world.sample.cache_on = false;
    world.reads(300, 100, 0);
    assert!(!world.said().iter().any(|(_, name, _)| *name == "hit_rate"));
}

#[test]
fn memory_is_judged_by_what_the_upstream_does_when_it_is_full() {
    let mut world = World::new();
    world.pass(200, |sample| sample.upstream = upstream(790, false, 0));
    assert!(world.said().is_empty());
    world.pass(31, |sample| sample.upstream = upstream(900, false, 0));
    assert_eq!(world.said(), [(231, "memory", true)]);
    assert_eq!(world.state("memory").1, Some(0.9));
    // The policy is changed: full is as it should be.
    world.pass(100, |sample| sample.upstream = upstream(1000, true, 5_000_000));
    assert!(matches!(world.said()[..], [(_, "memory", false)]));
    let mut evicted = 5_000_000;
    world.pass(100, |sample| {
        evicted += 99;
        sample.upstream = upstream(1000, true, evicted);
    });
    assert!(world.said().is_empty());
    world.pass(100, |sample| {
        evicted += 150;
        sample.upstream = upstream(1000, true, evicted);
    });
    assert!(matches!(world.said()[..], [(_, "memory", true)]));
    // It restarts, and is not heard of for a while: what it counted before is not counted again.
    world
        .pass(10, |sample| sample.upstream = None)
        .pass(200, |sample| sample.upstream = upstream(10, true, 3));
    assert!(matches!(world.said()[..], [(_, "memory", false)]));
    world.pass(10, |sample| sample.upstream = None);
    world.pass(200, |sample| sample.upstream = upstream(1000, true, 9_000_000));
    assert_eq!(world.state("memory").0, State::Ok);
}

#[test]
fn without_a_limit_there_is_nothing_to_be_over() {
    let mut world = World::new();
    let unbounded =
        Upstream { memory: 1 << 40, maxmemory: 0, maxclients: 0, clients: 5, ..Upstream::default() };
    world.pass(200, |sample| sample.upstream = Some(unbounded));
    assert!(world.said().is_empty());
    assert_eq!((world.state("memory").1, world.state("upstream_clients").1), (None, None));
}

#[test]
fn a_full_pool_is_wrong_when_somebody_waits() {
    let mut world = World::new();
    world.pass(100, |sample| sample.connections = (10, 10, 0));
    assert!(world.said().is_empty());
    world.pass(31, |sample| sample.connections = (10, 10, 3));
    assert!(matches!(world.said()[..], [(_, "upstream_connections", true)]));
}

#[test]
fn an_upstream_that_is_away_is_said_soon_and_others_at_once() {
    let mut world = World::new();
    world.pass(3, |_| {}).pass(4, |sample| sample.cut_off = (1, 2)).pass(3, |sample| sample.cut_off = (0, 2));
    assert!(world.said().is_empty());
    world.pass(6, |sample| sample.cut_off = (2, 2));
    assert_eq!(world.said(), [(16, "upstream_down", true)]);
    world.pass(6, |sample| sample.cut_off = (0, 2));
    assert_eq!(world.said(), [(22, "upstream_down", false)]);
    world.pass(1, |sample| sample.counts.mismatches += 1);
    world.pass(1, |sample| sample.reload_refused = Some("no".into()));
    world.pass(1, |sample| sample.certificate = Some(("of clients".into(), 13)));
    let begun: Vec<_> = world.said().into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(begun, ["cache_mismatch", "reload", "certificate"]);
    world.pass(1, |sample| sample.reload_refused = None);
    world.pass(1, |sample| sample.certificate = Some(("of clients".into(), 90)));
    world.pass(60, |_| {});
    let ended: Vec<_> = world.said().into_iter().map(|(_, name, begins)| (name, begins)).collect();
    assert_eq!(ended, [("reload", false), ("certificate", false), ("cache_mismatch", false)]);
}

/// Switches one threshold off.
type Switch = fn(&mut config::Alerts);

#[test]
fn every_threshold_can_be_switched_off_and_all_at_once() {
    let mut world = World::new();
    let ill = |sample: &mut Sample| {
        let counts = &mut sample.counts;
        (counts.commands, counts.errors) = (counts.commands + 1000, counts.errors + 1000);
        (counts.timed, counts.nanos) = (counts.timed + 1000, counts.nanos + 1_000_000_000_000);
        counts.reads += 1000;
        sample.clients = (100, 100);
        sample.connections = (10, 10, 9);
        sample.upstream = upstream(1000, false, 0);
        sample.certificate = Some(("of clients".into(), -1));
    };
    let thresholds: [(&str, Switch); 6] = [
        ("memory", |s| s.memory = 0.0),
        ("clients upstream_connections", |s| s.connections = 0.0),
        ("latency", |s| s.latency = Duration::ZERO),
        ("error_rate", |s| s.error_rate = 0.0),
        ("hit_rate", |s| s.hit_rate = 0.0),
        ("certificate", |s| s.certificate = Duration::ZERO),
    ];
    world.pass(300, ill);
    let all = world.said();
    assert_eq!(all.len(), 7, "{all:?}");
    for (names, switch) in thresholds {
        switch(&mut world.settings);
        world.pass(31, ill);
        let ended: Vec<_> = world.said().into_iter().map(|(_, name, begins)| (name, begins)).collect();
        assert_eq!(ended, names.split(' ').map(|name| (name, false)).collect::<Vec<_>>());
    }
    world.settings = config::Alerts::default();
    world.pass(31, ill);
    assert!(!world.said().is_empty());
    let now = world.now;
    assert_eq!(world.alerts.silence(now).len(), 7);
    assert!(world.alerts.list(Duration::ZERO).iter().all(|alert| alert.state == State::Ok));
}

/// Whatever the figures do: what begins ends before it begins again, and nothing begins that has not been
/// wrong for as long as it must be.
#[test]
fn whatever_happens_beginnings_and_ends_take_turns() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        for _ in 0..200 {
            let (clients, cut_off, fails) = (rng.u64(0..=100), rng.u64(0..=2), rng.u64(0..=3) * 10);
            let (memory, evicts) = (rng.u64(0..1000), rng.bool());
            world.pass(rng.u64(1..60), |sample| {
                sample.clients.0 = clients;
                sample.cut_off.0 = cut_off;
                sample.counts.commands += 1000;
                sample.counts.errors += fails;
                sample.upstream = upstream(memory, evicts, sample.counts.commands);
            });
        }
        for name in Alerts::names() {
            let mut last = (0, false);
            for (at, begins) in world.said.iter().filter(|said| said.1 == name).map(|said| (said.0, said.2)) {
                assert_ne!(begins, last.1, "seed {seed}: {name} at {at}");
                assert!(at >= last.0 + 5, "seed {seed}: {name} at {at} after {}", last.0);
                last = (at, begins);
            }
        }
    }
}
