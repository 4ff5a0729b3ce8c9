//! Gathers what the dashboard shows. Everything is read where it is counted; nothing waits.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::desk::Clerk;
use super::holders;
use crate::cache;
use crate::config::Config;
use crate::telemetry::Phase;
use crate::telemetry::alerts::State;
use crate::telemetry::desk::{
    Cache, Certificate, Configuration, Connected, Connections, Desk, Memory, Overview, Slow, SlowCommand,
    Sums, Upstream, Warning,
};
use crate::telemetry::health::Health;
use crate::telemetry::history::{History, List, Rings, Totals};
use crate::telemetry::meters::Cause;
use crate::telemetry::slow::Entry;
use crate::telemetry::upstream_view::{Figures, Said};

/// Hot keys, slow commands and clients shown.
const ROWS: usize = 10;

/// What happened lately.
#[derive(Debug, Default)]
pub(super) struct Lately(Mutex<History>);

impl Lately {
    fn history(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cache's figures by name.
struct Kept(BTreeMap<&'static str, u64>);

impl Kept {
    fn of(clerk: &Clerk) -> Self {
        let names = cache::Figures::NAMES.iter().map(|(name, _)| *name);
        Self(names.zip(clerk.near.totals()).collect())
    }

    fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Misses by reason.
    fn misses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().filter_map(|(name, count)| Some((name.strip_prefix("misses_")?, *count)))
    }
}

impl Clerk {
    /// Notes what has been counted so far. To be called once a second.
    pub(super) fn note(&self) {
        let totals = self.totals();
        self.lately.history().look(Instant::now(), unix_now(), totals);
    }

    pub(super) fn rings(&self) -> Rings {
        self.lately.history().rings()
    }

    /// What has been counted since the start.
    fn totals(&self) -> Totals {
        let (kept, meters) = (Kept::of(self), self.stats.meters());
        let mut named = BTreeMap::new();
        let mut note = |list, name: &str, count: u64| _ = named.insert((list, name.to_owned()), count);
        kept.misses().for_each(|(name, count)| note(List::Misses, name, count));
        for cause in Cause::ALL.iter().filter(|cause| !is_refusal(**cause)) {
            note(List::Errors, cause.name(), meters.errors_of(*cause));
        }
        self.limits(|name, count| note(List::Limits, name, count));
        let denied = Cause::ALL.iter().filter(|cause| is_refusal(**cause));
        let denied = denied.map(|cause| meters.errors_of(*cause)).sum();
        Totals {
            commands: meters.commands_total(),
            errors: meters.errors_total() - denied,
            denied,
            hits: kept.get("hits") + kept.get("joins") + kept.get("stale_served"),
            misses: kept.get("misses"),
            latency: meters.latency(),
            upstream: meters.upstream_latency(),
            named,
        }
    }

    /// Everything that can refuse or hold back somebody or something, and how often it has.
    fn limits(&self, mut note: impl FnMut(&str, u64)) {
        let stats = &self.stats;
        for (name, count) in [
            ("maxclients: clients turned away", &stats.rejected),
            ("admission: clients of one address or user turned away", &stats.turned_away),
            ("limits.memory: clients closed", &stats.shed),
            ("clients that stalled within a request", &stats.stalled),
            ("wrong names or passwords", &stats.auth_failures),
            ("passwords not looked at after too many wrong ones", &stats.auth_locked_out),
            ("clients that did not authenticate in time", &stats.auth_timeouts),
            ("no upstream connection in time", &self.shared.lending.waits_failed),
        ] {
            note(name, count.load(Relaxed));
        }
        stats.denials.by_rule().iter().for_each(|(rule, count)| note(rule, *count));
        for (name, counts) in self.figures.force.borrow().rates.iter().flat_map(|rates| rates.decisions()) {
            for (what, count) in ["refused", "delayed", "over, and let pass"].iter().zip(counts) {
                note(&format!("rate {name}: {what}"), count);
            }
        }
    }

    /// Everything at once.
    pub(super) fn see(&self) -> Overview {
        let (unix, health) = (unix_now(), self.health());
        if self.lately.history().totals().is_none() {
            self.note();
        }
        let (history, config) = (self.lately.history(), self.config());
        let totals = history.totals().cloned().unwrap_or_default();
        Overview {
            time: unix,
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            uptime: self.stats.since.elapsed().as_secs_f64(),
            workers: self.stats.clients.len(),
            listen: config.listen.iter().chain(&config.tls.listen).map(ToString::to_string).collect(),
            state: self.state(&health),
            reasons: health.reasons.clone(),
            alerts: self.warnings(),
            now: history.now(),
            recent: history.recent(),
            latency: history.mean(),
            totals: Sums {
                commands: totals.commands,
                hits: totals.hits,
                misses: totals.misses,
                errors: totals.errors,
                denied: totals.denied,
            },
            cache: self.kept(&history, &config),
            errors: history.counted(List::Errors),
            hot_keys: self.hot_keys(ROWS),
            slow: self.slow(),
            clients: self.connected(&config),
            upstream: self.redis(&config, &health),
            limits: history.counted(List::Limits),
            config: self.configuration(),
        }
    }

    /// What is in force.
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.figures.force.borrow().config)
    }

    fn state(&self, health: &Health) -> &'static str {
        match *self.phase.borrow() {
            Phase::Serving => health.status.name(),
            Phase::Leaving | Phase::Draining | Phase::Stopped => "draining",
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        let all = self.alerts().into_iter();
        all.map(|alert| Warning { name: alert.name, firing: alert.state == State::Firing }).collect()
    }

    fn kept(&self, history: &History, config: &Config) -> Cache {
        let (kept, standing, (entries, bytes)) = (Kept::of(self), self.near.standing(), self.near.size());
        let reason = Some(&*standing.reason).filter(|reason| !reason.is_empty());
        Cache {
            mode: reason
                .map_or_else(|| standing.mode.into(), |reason| format!("{}: {reason}", standing.mode)),
            entries,
            bytes,
            max_bytes: config.cache.memory,
            invalidations: kept.get("invalidations"),
            fences: kept.get("fences"),
            stale_served: kept.get("stale_served"),
            verified: kept.get("verified"),
            mismatches: kept.get("mismatches"),
            misses: history.counted(List::Misses),
        }
    }

    fn slow(&self) -> Slow {
        let (log, threshold) = (&self.stats.slow, self.stats.slow.threshold());
        let threshold = (threshold < u64::MAX).then(|| Duration::from_nanos(threshold).as_secs_f64());
        Slow { threshold, entries: log.entries(ROWS).into_iter().map(slow).collect() }
    }

    fn connected(&self, config: &Config) -> Connected {
        let (states, top) = holders::of(&self.roster.cards(), ROWS, Instant::now());
        Connected { connected: self.stats.connected(), max: config.maxclients as usize, states, top }
    }

    fn redis(&self, config: &Config, health: &Health) -> Upstream {
        let (settings, in_use) = (&config.upstream, self.shared.connections());
        let seen = Desk::upstream(self);
        let said = match &seen.said {
            Said::Figures(said) => Some(said),
            Said::Unknown(_) => None,
        };
        let (redis, mut ways) = (&health.services.redis, health.workers.iter());
        let number = |of: fn(&Figures) -> u64| said.map_or(0, |said| of(said));
        Upstream {
            address: config.upstream.address(),
            status: redis.status.name(),
            reason: ways.find_map(|way| way.reason.clone()).unwrap_or_default(),
            latency: redis.latency,
            said: said.and(seen.at).map(|at| at.elapsed().as_secs_f64()),
            version: said.map_or_else(String::new, |said| format!("{} {}", said.server, said.version)),
            role: said.map_or_else(String::new, |said| said.role.clone()),
            memory: said.map(|said| Memory {
                used: said.used_memory,
                max: said.maxmemory,
                policy: said.maxmemory_policy.clone(),
                evicted: said.evicted_keys,
            }),
            connections: Connections {
                used: in_use.budgeted(),
                budget: settings.max_connections,
                lanes: in_use.lanes,
                lent: in_use.leases_lent,
                idle: in_use.leases_idle,
                waiting: in_use.leases_waiting,
                pinned: in_use.pinned(),
                pinned_max: settings.max_pinned,
                waits_failed: self.shared.lending.waits_failed.load(Relaxed),
            },
            clients: number(|said| said.connected_clients),
            max_clients: number(|said| said.maxclients),
            lost: self.shared.lane_events.lost.load(Relaxed),
        }
    }

    fn configuration(&self) -> Configuration {
        let settings = self.stats.reloads.now();
        let ends = self.certificates.ends().into_iter();
        let days = |end: i64| (end - unix_now() as i64).div_euclid(24 * 60 * 60);
        Configuration {
            hash: settings.hash,
            reloaded: settings.last.map(|(at, _)| unix(at)),
            ok: settings.last.is_none_or(|(_, ok)| ok),
            restart: settings.needs_restart,
            certificates: ends.map(|(name, end)| Certificate { name, days: days(end) }).collect(),
        }
    }
}

/// Whether it is Nearside doing as it was told, and not something that went wrong.
fn is_refusal(cause: Cause) -> bool {
    matches!(cause, Cause::Denied | Cause::RateLimited)
}

fn unix_now() -> f64 {
    unix(SystemTime::now())
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// An entry of the slow log as the dashboard shows it.
fn slow(entry: Entry) -> SlowCommand {
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    SlowCommand {
        id: entry.id,
        time: entry.unix_time as f64,
        command: entry.command.join(" "),
        client: if entry.name.is_empty() { entry.address } else { entry.name },
        user: entry.user,
        total: seconds(entry.total_us),
        queue: seconds(entry.queue_us),
        upstream: seconds(entry.upstream_us),
        client_time: seconds(entry.client_us),
    }
}
