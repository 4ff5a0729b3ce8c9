//! What is answered, from what workers have done.

use std::time::{Duration, Instant};

use super::*;
use crate::config::Config;
use crate::telemetry::alerts::Sample;

/// Two workers and a clock.
struct World {
    vitals: Vitals,
    now: Instant,
}

impl World {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { workers: 2, ..Config::default() };
        config.alerts.enabled = true;
        change(&mut config);
        let vitals = Vitals::new(config.workers);
        vitals.reconfigure(&config);
        let now = vitals.pulses.since();
        Self { vitals, now }
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Both turn, and a command gets through on the first `through`.
    fn beat(&mut self, through: usize) {
        self.pass(1000);
        for index in 0..2 {
            self.vitals.pulses.turned(index, self.now);
        }
        for index in 0..through {
            self.vitals.pulses.asked(index, self.now);
            self.vitals.pulses.answered(index, self.now - Duration::from_millis(2), self.now);
        }
    }

    /// Live, ready, startup, and the status.
    fn is(&self) -> (bool, bool, bool, Status) {
        let (vitals, now) = (&self.vitals, self.now);
        let health = vitals.health(now);
        assert_eq!(health.reasons.is_empty(), matches!(health.status, Status::Healthy), "{health:?}");
        (vitals.live(now).ok, vitals.ready(now).ok, vitals.startup(now).ok, health.status)
    }
}

#[test]
fn it_is_ready_when_every_worker_has_been_there_and_back() {
    let mut world = World::new(|_| {});
    assert_eq!(world.is(), (true, false, false, Status::Unhealthy));
    world.beat(1);
    assert_eq!(world.is(), (true, false, false, Status::Degraded));
    world.beat(2);
    assert_eq!(world.is(), (true, true, true, Status::Healthy));
    let health = world.vitals.health(world.now);
    assert_eq!(health.services.redis.latency, Some(0.002));
    assert!(health.services.redis.last_check.is_some_and(|at| at > 1_700_000_000));
    // Once started stays started.
    world.vitals.pulses.failed(1, "gone", false, world.now + Duration::from_millis(1));
    world.pass(2);
    assert_eq!(world.is(), (true, false, true, Status::Degraded));
    world.vitals.pulses.failed(0, "gone", false, world.now + Duration::from_millis(1));
    world.pass(2);
    assert_eq!(world.is(), (true, false, true, Status::Unhealthy));
    let reasons = world.vitals.health(world.now).reasons;
    assert_eq!(reasons, ["no command gets through to the upstream: gone"]);
}

#[test]
fn an_upstream_that_does_not_answer_is_not_waited_for_longer_than_the_limit() {
    let mut world = World::new(|_| {});
    world.beat(2);
    for _ in 0..20 {
        world.pass(100);
        (0..2).for_each(|index| world.vitals.pulses.turned(index, world.now));
        if world.now.duration_since(world.vitals.pulses.since()) == Duration::from_millis(1100) {
            (0..2).for_each(|index| world.vitals.pulses.asked(index, world.now));
        }
    }
    assert!(world.vitals.ready(world.now).ok);
    world.pass(200);
    let probe = world.vitals.ready(world.now);
    assert!(
        !probe.ok && probe.reason.as_ref().is_some_and(|why| why.contains("health.timeout")),
        "{probe:?}"
    );
    assert!(world.vitals.live(world.now).ok);
}

#[test]
fn a_worker_that_hangs_is_not_ready_and_later_not_live() {
    let mut world = World::new(|_| {});
    world.beat(2);
    world.pass(3100);
    let (live, ready, ..) = world.is();
    assert_eq!((live, ready), (true, false));
    world.pass(7000);
    let probe = world.vitals.live(world.now);
    assert!(!probe.ok && probe.reason.as_ref().is_some_and(|why| why.starts_with("worker 0")), "{probe:?}");
    // One that is stopping has no workers in the end.
    world.vitals.leave();
    assert!(world.vitals.live(world.now).ok && !world.vitals.ready(world.now).ok);
}

#[test]
fn alerts_degrade_and_touch_nothing_else() {
    let mut world = World::new(|config| config.alerts.hold = Duration::ZERO);
    world.beat(2);
    world.vitals.look(Sample { clients: (99, 100), ..Sample::default() }, world.now);
    assert_eq!(world.is(), (true, true, true, Status::Degraded));
    assert!(world.vitals.health(world.now).reasons[0].starts_with("clients: 99 of 100"));
    assert!(world.vitals.section(world.now).contains("nearside_alerts_firing:clients\r\n"));
    world.vitals.look(Sample { clients: (9, 100), ..Sample::default() }, world.now);
    assert_eq!(world.is().3, Status::Healthy);
    world.vitals.cache_is_off(Some("too old".into()));
    assert_eq!(world.is(), (true, true, true, Status::Degraded));
}

#[test]
fn without_an_upstream_it_is_ready_for_what_it_does() {
    let mut world = World::new(|config| config.enabled = false);
    world.beat(0);
    assert_eq!(world.is(), (true, true, true, Status::Healthy));
    assert_eq!(world.vitals.health(world.now).services.redis.status, Status::Disabled);
    assert!(!world.vitals.are_wanted(world.now));
}

#[test]
fn who_asks_once_is_looked_for_a_while() {
    let mut world = World::new(|config| config.alerts.enabled = false);
    world.pass(1);
    assert!(!world.vitals.are_wanted(world.now));
    world.vitals.live(world.now);
    assert!(world.vitals.section(world.now).contains("nearside_status:unknown\r\n"));
    assert!(!world.vitals.are_wanted(world.now), "those need no command");
    assert_eq!(world.vitals.health(world.now).status, Status::Unknown);
    assert_ne!(world.vitals.health(world.now).status, Status::Unknown);
    assert!(world.vitals.are_wanted(world.now));
    world.pass(61_000);
    assert!(!world.vitals.are_wanted(world.now));
}
