//! Gathers, once a second, what warnings are judged by.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use super::accept;
use crate::cache::{Figures, Near};
use crate::config::{CacheMode, Config};
use crate::net::tls::Certificates;
use crate::telemetry::alerts::{Counts, Sample, Upstream};
use crate::telemetry::upstream_view::Said;
use crate::telemetry::{Stats, Vitals};
use crate::upstream::Shared;

const EVERY: Duration = Duration::from_secs(1);
/// Figures of the upstream older than so many times the pause between two looks say nothing any more.
const STALE: u32 = 3;

/// Where figures are.
pub(super) struct Watcher {
    vitals: Arc<Vitals>,
    config: Arc<Config>,
    near: Arc<Near>,
    stats: Arc<Stats>,
    shared: Arc<Shared>,
    certificates: Arc<Certificates>,
}

impl Watcher {
    pub(super) fn new(
        config: &Arc<Config>,
        certificates: &Arc<Certificates>,
        workers: &accept::Workers,
        (near, vitals): (Arc<Near>, Arc<Vitals>),
    ) -> Self {
        Self {
            vitals,
            config: Arc::clone(config),
            near,
            stats: Arc::clone(&workers.stats),
            shared: Arc::clone(&workers.shared),
            certificates: Arc::clone(certificates),
        }
    }

    /// Looks until dropped. Never ready.
    pub(super) async fn run(self) {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = Instant::now();
            if self.vitals.settings().watched {
                self.vitals.cache_is_off(self.cache_off());
                self.vitals.look(self.sample(now), now);
            }
        }
    }

    /// Why there is no cache though there should be one; not said of an upstream nobody has reached yet.
    fn cache_off(&self) -> Option<Arc<str>> {
        let standing = self.near.standing();
        let is_off = self.config.cache_mode() != CacheMode::Off && standing.mode == "off";
        (is_off && self.shared.is_known()).then(|| standing.reason.into())
    }

    fn sample(&self, now: Instant) -> Sample {
        let connections = self.shared.connections();
        let most = self.config.upstream.max_connections;
        let soonest = self.certificates.soonest(SystemTime::now());
        Sample {
            counts: self.counts(),
            clients: (self.stats.connected() as u64, self.config.maxclients.into()),
            connections: (connections.budgeted() as u64, most as u64, connections.leases_waiting as u64),
            upstream: self.upstream(now),
            cache_on: self.near.is_on() && self.near.standing().mode != "off",
            certificate: soonest.map(|(whose, days)| (whose.into(), days)),
            ..Sample::default()
        }
    }

    fn counts(&self) -> Counts {
        let totals = self.near.totals();
        let of = |wanted: &str| {
            let found = Figures::NAMES.iter().position(|(name, _)| *name == wanted);
            found.map_or(0, |at| totals[at])
        };
        let hits = of("hits") + of("joins") + of("stale_served");
        Counts { hits, reads: hits + of("misses"), mismatches: of("mismatches"), ..Counts::default() }
    }

    fn upstream(&self, now: Instant) -> Option<Upstream> {
        let seen = self.vitals.upstream.get();
        let every = self.vitals.settings().health.upstream_info?;
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
