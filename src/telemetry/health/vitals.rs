//! Everything from which it is told how a proxy is, and the telling.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::judge::{hangs, trouble};
use super::{Health, Service, Services, Status, Way};
use crate::config::{self, Config};
use crate::telemetry::alerts::{Alert, Alerts, Sample, State};
use crate::telemetry::desk::Probe;
use crate::telemetry::upstream_view::UpstreamView;
use crate::telemetry::{Beat, Phase, Pulses, Shown};

/// What is said where nothing has been looked at.
const UNWATCHED: &str = "nobody has watched until now; the next answer will know";

/// How a proxy is, gathered from all its threads. Shared by them; reading blocks nobody for longer than it
/// takes to copy a pointer.
#[derive(Debug)]
pub struct Vitals {
    /// Whether commands get through, worker by worker.
    pub pulses: Pulses,
    /// What the upstream says of itself.
    pub upstream: UpstreamView,
    /// The proxy's start, since 1970.
    start: Duration,
    settings: Mutex<Arc<Settings>>,
    alerts: Mutex<Alerts>,
    cache_off: Mutex<Option<Arc<str>>>,
    /// What the proxy is doing.
    pub phase: Shown,
    started: AtomicBool,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often it is looked, and when something counts as lost.
    pub health: config::Health,
    /// Of what it is warned.
    pub alerts: config::Alerts,
    /// Somebody is known to watch.
    pub watched: bool,
    /// The upstream is used.
    pub enabled: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let (health, alerts) = (config::Health::default(), config::Alerts::default());
        Self { health, alerts, watched: false, enabled: true }
    }
}

impl Settings {
    fn of(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            health: config.health.clone(),
            alerts: config.alerts.clone(),
            watched: config.is_watched(),
            enabled: config.enabled,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vitals {
    /// Those of a proxy of so many workers that has not begun. Until it is told otherwise nobody watches.
    pub fn new(workers: usize) -> Self {
        Self {
            pulses: Pulses::new(workers.max(1)),
            upstream: UpstreamView::default(),
            start: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            settings: Mutex::default(),
            alerts: Mutex::default(),
            cache_off: Mutex::default(),
            phase: Shown::default(),
            started: AtomicBool::new(false),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&lock(&self.settings))
    }

    /// From now on `config` holds, for everything here. The number of workers stays what it was.
    pub fn reconfigure(&self, config: &Config) {
        *lock(&self.settings) = Settings::of(config);
    }

    /// Whether workers are to see to it that commands get through: somebody watches, or has asked lately.
    pub fn are_wanted(&self, now: Instant) -> bool {
        let settings = self.settings();
        settings.enabled && (settings.watched || self.pulses.are_wanted(now))
    }

    /// Whether commands of worker `index` get through.
    pub fn gets_through(&self, index: usize, now: Instant) -> bool {
        trouble(&self.pulses.beat(index, now), &self.settings().health).is_none()
    }

    /// The proxy is stopping: it is not ready any more, and its workers may end.
    pub fn leave(&self) {
        self.phase.reach(Phase::Leaving);
    }

    /// Whether it is stopping.
    pub fn is_leaving(&self) -> bool {
        self.phase.get() != Phase::Serving
    }

    /// The cache is off though it should be on, and why; `None`: it is as it should be.
    pub fn cache_is_off(&self, why: Option<Arc<str>>) {
        *lock(&self.cache_off) = why;
    }

    /// Looks at `sample`, fills in how commands get through, and says in the log what begins and what ends.
    /// To be called about once a second.
    pub fn look(&self, mut sample: Sample, now: Instant) {
        let settings = self.settings();
        let troubles = self.troubles(&settings, now);
        let cut_off = troubles.iter().flatten().count() as u64;
        sample.cut_off = (cut_off, troubles.len() as u64);
        sample.why = troubles.into_iter().flatten().next().map(Arc::from);
        if cut_off == 0 && !self.is_leaving() {
            self.started.store(true, Ordering::Release);
        }
        let age = now.saturating_duration_since(self.pulses.since());
        let mut alerts = lock(&self.alerts);
        let changes = match settings.alerts.enabled {
            true => alerts.look(age, &settings.alerts, &sample),
            false => alerts.silence(age),
        };
        drop(alerts);
        for change in changes {
            match change.begins {
                true => tracing::warn!(alert = change.name, "alert: {}", change.text),
                false => tracing::info!(alert = change.name, "alert is over: {}", change.text),
            }
        }
    }

    /// Every rule, where it stands and what it has found.
    pub fn alerts(&self) -> Vec<Alert> {
        lock(&self.alerts).list(self.start)
    }

    /// Those that fire.
    fn firing(&self) -> Vec<Alert> {
        self.alerts().into_iter().filter(|alert| alert.state == State::Firing).collect()
    }

    /// Worker by worker, what keeps its commands from getting through.
    fn troubles(&self, settings: &Settings, now: Instant) -> Vec<Option<String>> {
        let judge = |beat: &Beat| trouble(beat, &settings.health).filter(|_| settings.enabled);
        self.pulses.beats(now).iter().map(judge).collect()
    }

    /// Do its threads turn? See the module.
    pub fn live(&self, now: Instant) -> Probe {
        if self.is_leaving() {
            return Probe::yes();
        }
        let limit = self.settings().health.stalled;
        let beats = self.pulses.beats(now);
        let hanging = beats.iter().enumerate().find_map(|(at, beat)| Some((at, hangs(beat, limit)?)));
        match hanging {
            Some((at, why)) => Probe::no(format!("worker {at}: {why} (health.stalled = {limit:?})")),
            None => Probe::yes(),
        }
    }

    /// Whether every worker has had a turn within `limit`; one that has had none yet has not.
    pub fn turn_within(&self, limit: Duration, now: Instant) -> bool {
        self.pulses.beats(now).iter().all(|beat| beat.turned.is_some_and(|ago| ago < limit))
    }

    /// Would a client's command get through now? See the module. Where nobody watches, workers begin to look
    /// when this is asked.
    pub fn ready(&self, now: Instant) -> Probe {
        let wanted = self.are_wanted(now);
        self.pulses.want(now);
        if self.is_leaving() {
            return Probe::no("it is stopping");
        }
        let settings = self.settings();
        if !settings.enabled {
            self.started.store(true, Ordering::Release);
            return Probe::yes();
        }
        if !wanted {
            return Probe::no(UNWATCHED);
        }
        let troubles = self.troubles(&settings, now);
        let first = troubles.into_iter().enumerate().find_map(|(at, why)| Some((at, why?)));
        if let Some((at, why)) = first {
            return Probe::no(format!("worker {at}: {why}"));
        }
        self.started.store(true, Ordering::Release);
        Probe::yes()
    }

    /// Has it been ready once? See the module.
    pub fn startup(&self, now: Instant) -> Probe {
        if self.started.load(Ordering::Acquire) {
            return Probe::yes();
        }
        self.ready(now)
    }

    /// The whole of it. See the module. Where nobody watches, workers begin to look when this is asked.
    pub fn health(&self, now: Instant) -> Health {
        let health = self.judge(now);
        self.pulses.want(now);
        health
    }

    fn judge(&self, now: Instant) -> Health {
        let settings = self.settings();
        let (beats, troubles) = (self.pulses.beats(now), self.troubles(&settings, now));
        let status = |why: &Option<String>| match why {
            _ if !settings.enabled => Status::Disabled,
            _ if !self.are_wanted(now) => Status::Unknown,
            None => Status::Healthy,
            Some(_) => Status::Unhealthy,
        };
        let each = beats.iter().zip(troubles).enumerate();
        let workers: Vec<Way> = each.map(|(at, (beat, why))| way(at, beat, status(&why), why)).collect();
        let redis = upstream(&workers);
        let (reasons, status) = self.reasons(&redis, &workers, &settings);
        Health {
            status,
            services: Services { redis },
            reasons,
            version: env!("CARGO_PKG_VERSION"),
            uptime: now.saturating_duration_since(self.pulses.since()).as_secs(),
            workers,
        }
    }

    fn reasons(&self, redis: &Service, workers: &[Way], settings: &Settings) -> (Vec<String>, Status) {
        let mut reasons: Vec<String> = Vec::new();
        let mut cut_off = workers.iter().filter_map(|way| Some((way.worker, way.reason.as_ref()?)));
        if redis.status == Status::Unhealthy {
            // One for all: often it is the same.
            reasons.extend(
                cut_off.next().map(|(_, why)| format!("no command gets through to the upstream: {why}")),
            );
        } else {
            reasons.extend(
                cut_off.map(|(at, why)| format!("commands of worker {at} do not get through: {why}")),
            );
        }
        let known = !reasons.is_empty();
        if self.is_leaving() {
            reasons.push("it is stopping".into());
        }
        if let Some(why) = lock(&self.cache_off).as_ref().filter(|_| settings.enabled) {
            reasons.push(format!("the cache is off: {why}"));
        }
        let firing = self.firing();
        let told = |alert: &&Alert| !(known && alert.name == "upstream_down");
        reasons.extend(firing.iter().filter(told).map(|alert| format!("{}: {}", alert.name, alert.text)));
        if redis.status == Status::Unknown {
            reasons.push(UNWATCHED.into());
        }
        let status = match redis.status {
            Status::Unhealthy | Status::Unknown => redis.status,
            _ if reasons.is_empty() => Status::Healthy,
            _ => Status::Degraded,
        };
        (reasons, status)
    }

    /// The lines of `INFO`.
    pub fn section(&self, now: Instant) -> String {
        let health = self.judge(now);
        let firing = self.firing();
        let names: Vec<_> = firing.iter().map(|alert| alert.name).collect();
        let mut out = format!("nearside_status:{}\r\n", health.status.name());
        if let Some(latency) = health.services.redis.latency {
            out += &format!("nearside_upstream_latency_usec:{:.0}\r\n", latency * 1e6);
        }
        out += &format!("nearside_alerts_firing:{}\r\n", names.join(","));
        out + &self.upstream.section(now)
    }
}

fn way(worker: usize, beat: &Beat, status: Status, why: Option<String>) -> Way {
    let latency = beat.answered.map(|_| beat.latency.as_secs_f64());
    let checked = [beat.answered, beat.failed, beat.pending].into_iter().flatten().min();
    let at = |ago| SystemTime::now().checked_sub(ago)?.duration_since(UNIX_EPOCH).ok();
    let last_check = checked.and_then(at).map(|at| at.as_secs());
    let reason = why.filter(|_| status == Status::Unhealthy);
    Way { worker, service: Service { status, latency, last_check }, reason }
}

/// The upstream, as all workers have it together.
fn upstream(workers: &[Way]) -> Service {
    let all = |wanted| workers.iter().all(|way| way.service.status == wanted);
    let same = [Status::Healthy, Status::Unhealthy, Status::Disabled, Status::Unknown];
    let status = same.into_iter().find(|status| all(*status)).unwrap_or(Status::Degraded);
    let latency = workers.iter().filter_map(|way| way.service.latency).max_by(f64::total_cmp);
    let last_check = workers.iter().filter_map(|way| way.service.last_check).max();
    Service { status, latency, last_check }
}
