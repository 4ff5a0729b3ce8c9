//! How the proxy is, and what the upstream says of itself.

use super::{Instrument, label, one};
use crate::telemetry::metrics::Unit;

/// Where workers look whether commands get through.
const WATCHED: &str = "where somebody watches (`admin.listen`, `alerts.enabled`), once it is known";
/// Where the upstream is asked.
const ASKED: &str = "where the upstream has lately answered `INFO` (`health.upstream_info`)";

pub(super) const ALL: &[Instrument] = &[
    Instrument::gauge("nearside_health", "Whether this is the status in `/health` (1) or not (0).")
        .by(&[label("status", &["healthy", "degraded", "unhealthy", "disabled", "unknown"])]),
    Instrument::gauge(
        "nearside_alert_firing",
        "Whether this alert of Nearside's own fires (1) or not (0); `/health` says why.",
    )
    .by(&[label(
        "alert",
        &[
            "upstream_down", "memory", "clients", "upstream_clients", "upstream_connections", "latency",
            "error_rate", "hit_rate", "certificate", "cache_mismatch", "reload",
        ],
    )]),
    Instrument::gauge(
        "nearside_upstream_up",
        "Whether commands of every worker get through to the upstream (1) or of some they do not (0).",
    )
    .when(WATCHED),
    Instrument::gauge(
        "nearside_upstream_latency_seconds",
        "How long the last command took that Nearside sends to see whether any gets through; the slowest worker's.",
    )
    .of(Unit::Seconds)
    .when(WATCHED),
    Instrument::info("nearside_upstream_info", "What the upstream is.")
        .by(&[one("server", "`redis` or `valkey`"), one("version", "its version"), one("policy", "its `maxmemory-policy`")])
        .when(ASKED),
    Instrument::gauge("nearside_upstream_role", "Whether this is the upstream's role (1) or not (0).")
        .by(&[label("role", &["master", "replica"])])
        .when(ASKED),
    Instrument::gauge("nearside_upstream_memory_bytes", "What the upstream uses (`used_memory`).")
        .of(Unit::Bytes)
        .when(ASKED),
    Instrument::gauge("nearside_upstream_memory_limit_bytes", "The most it may use (`maxmemory`); 0 for no limit.")
        .of(Unit::Bytes)
        .when(ASKED),
    Instrument::gauge("nearside_upstream_memory_used_ratio", "What it uses, as a share of that; 0 where there is no limit.")
        .of(Unit::Ratio)
        .when(ASKED),
    Instrument::gauge(
        "nearside_upstream_evicts",
        "Whether it makes room by itself when its memory is full (1), or writes fail then (0).",
    )
    .when(ASKED),
    Instrument::counter("nearside_upstream_evicted_keys_total", "Keys it has evicted since its own start.").when(ASKED),
    Instrument::gauge("nearside_upstream_clients", "Clients connected to it, Nearside's connections among them.").when(ASKED),
    Instrument::gauge("nearside_upstream_clients_limit", "The most it takes (`maxclients`).").when(ASKED),
];
