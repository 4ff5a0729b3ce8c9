//! Of how the proxy is, and of what the upstream says.

use std::time::{Duration, Instant};

use super::{Figures, ratio};
use crate::telemetry::alerts::State;
use crate::telemetry::health::Status;
use crate::telemetry::metrics::Sheet;
use crate::telemetry::upstream_view::Said;

/// What the upstream said longer ago than so many times the pause between two questions says nothing of now.
const STALE: u32 = 3;
const SPARE: Duration = Duration::from_secs(1);

impl Figures {
    pub(super) fn health(&self, sheet: &mut Sheet) {
        let (vitals, now) = (&self.stats.vitals, Instant::now());
        let health = vitals.health(now);
        sheet.put_state("nearside_health", health.status.name());
        for alert in vitals.alerts() {
            sheet.put("nearside_alert_firing", &[alert.name], alert.state == State::Firing);
        }
        let redis = &health.services.redis;
        if !matches!(redis.status, Status::Disabled | Status::Unknown) {
            let through = health.workers.iter().all(|way| way.reason.is_none());
            sheet.put("nearside_upstream_up", &[], through);
            if let Some(latency) = redis.latency {
                sheet.put("nearside_upstream_latency_seconds", &[], latency);
            }
        }
        let (seen, every) = (vitals.upstream.get(), vitals.settings().health.upstream_info);
        let (Some(at), Some(every), Said::Figures(said)) = (seen.at, every, &seen.said) else { return };
        if now.saturating_duration_since(at) > every * STALE + SPARE {
            return;
        }
        sheet.put_info("nearside_upstream_info", &[&said.server, &said.version, &said.maxmemory_policy]);
        match said.role.as_str() {
            "master" => sheet.put_state("nearside_upstream_role", "master"),
            "slave" => sheet.put_state("nearside_upstream_role", "replica"),
            _ => {}
        }
        sheet.put("nearside_upstream_memory_bytes", &[], said.used_memory);
        sheet.put("nearside_upstream_memory_limit_bytes", &[], said.maxmemory);
        sheet.put("nearside_upstream_memory_used_ratio", &[], ratio(said.used_memory, said.maxmemory));
        sheet.put("nearside_upstream_evicts", &[], said.evicts());
        sheet.put("nearside_upstream_evicted_keys_total", &[], said.evicted_keys);
        sheet.put("nearside_upstream_clients", &[], said.connected_clients);
        if said.maxclients > 0 {
            sheet.put("nearside_upstream_clients_limit", &[], said.maxclients);
        }
    }
}
