//! Gathers, once a second, what warnings are judged by.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::accept;
use crate::cache::Near;
use crate::config::{CacheMode, Config};
use crate::net::tls::Certificates;
use crate::session::InForce;
use crate::telemetry::Stats;
use crate::telemetry::alerts::{Counts, Sample, Upstream};
use crate::telemetry::meters::Cause;
use crate::telemetry::upstream_view::Said;
use crate::upstream::Shared;

const EVERY: Duration = Duration::from_secs(1);
/// Figures of the upstream older than so many times the pause between two looks say nothing any more.
const STALE: u32 = 3;

/// Errors that are not the client's doing: the upstream cannot, or Nearside could not have it asked.
const FAILURES: &[Cause] = &[
    Cause::Oom,
    Cause::Loading,
    Cause::Busy,
    Cause::ReadOnly,
    Cause::TryAgain,
    Cause::ClusterDown,
    Cause::MasterDown,
    Cause::Misconf,
    Cause::NoReplicas,
    Cause::Timeout,
    Cause::UpstreamDown,
    Cause::UpstreamLost,
    Cause::UpstreamBusy,
];

/// Where figures are.
pub(super) struct Watcher {
    force: watch::Receiver<Arc<InForce>>,
    near: Arc<Near>,
    stats: Arc<Stats>,
    shared: Arc<Shared>,
    certificates: Arc<Certificates>,
}

impl Watcher {
    pub(super) fn new(
        force: watch::Receiver<Arc<InForce>>,
        certificates: &Arc<Certificates>,
        workers: &accept::Workers,
        near: Arc<Near>,
    ) -> Self {
        let (stats, shared) = (Arc::clone(&workers.stats), Arc::clone(&workers.shared));
        Self { force, near, stats, shared, certificates: Arc::clone(certificates) }
    }

    /// Looks until dropped. Never ready.
    pub(super) async fn run(self) {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = Instant::now();
            if self.stats.vitals.settings().watched {
                self.stats.vitals.cache_is_off(self.cache_off());
                self.stats.vitals.look(self.sample(now), now);
            }
        }
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.force.borrow().config)
    }

    /// Why there is no cache though there should be one; not said of an upstream nobody has reached yet.
    fn cache_off(&self) -> Option<Arc<str>> {
        let standing = self.near.standing();
        let is_off = self.config().cache_mode() != CacheMode::Off && standing.mode == "off";
        (is_off && self.shared.is_known()).then(|| standing.reason.into())
    }

    fn sample(&self, now: Instant) -> Sample {
        let (config, connections) = (self.config(), self.shared.connections());
        let most = config.upstream.max_connections;
        let soonest = self.certificates.soonest(SystemTime::now());
        Sample {
            counts: self.counts(),
            clients: (self.stats.connected() as u64, config.maxclients.into()),
            connections: (connections.budgeted() as u64, most as u64, connections.leases_waiting as u64),
            upstream: self.upstream(now),
            cache_on: self.near.is_on() && self.near.standing().mode != "off",
            certificate: soonest.map(|(whose, days)| (whose.into(), days)),
            reload_refused: self.reload_refused(),
            ..Sample::default()
        }
    }

    fn reload_refused(&self) -> Option<Arc<str>> {
        let refused = self.stats.reloads.now().last.is_some_and(|(_, succeeded)| !succeeded);
        refused.then(|| "the log says why".into())
    }

    fn counts(&self) -> Counts {
        let (hits, reads) = self.near.reads();
        let meters = self.stats.meters();
        let time = meters.latency();
        Counts {
            commands: meters.commands_total(),
            errors: FAILURES.iter().map(|cause| meters.errors_of(*cause)).sum(),
            timed: time.count(),
            nanos: time.sum_ns,
            hits,
            reads,
            mismatches: self.near.total("mismatches"),
        }
    }

    fn upstream(&self, now: Instant) -> Option<Upstream> {
        let seen = self.stats.vitals.upstream.get();
        let every = self.stats.vitals.settings().health.upstream_info?;
        let age = now.saturating_duration_since(seen.at?);
        let Said::Figures(said) = &seen.said else { return None };
        (age <= every * STALE + EVERY).then(|| Upstream {
            memory: said.used_memory,
            maxmemory: said.maxmemory,
            evicts: said.evicts(),
            clients: said.connected_clients,
            maxclients: said.maxclients,
            evicted: said.evicted_keys,
        })
    }
}
