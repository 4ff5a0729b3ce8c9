//! Connections to the upstream.

use super::{Instrument, label};
use crate::telemetry::metrics::Unit;

const POOLS: &[&str] = &["shared", "pinned"];

pub(super) const ALL: &[Instrument] = &[
    Instrument::gauge(
        "nearside_upstream_connections",
        "Upstream connections: lanes, which many clients share; leases, lent for a moment; pinned ones, held by blocked, subscribed and monitoring clients; and for control. Those being opened count.",
    )
    .by(&[
        label("kind", &["lane", "lease", "pinned", "control"]),
        label("state", &["in_use", "idle"]),
    ]),
    Instrument::gauge(
        "nearside_upstream_connections_limit",
        "The most there may be: of lanes and leases together (`upstream.max_connections`), of pinned ones (`upstream.max_pinned`).",
    )
    .by(&[label("pool", POOLS)]),
    Instrument::gauge("nearside_upstream_connections_used_ratio", "Upstream connections, as a share of that.")
        .of(Unit::Ratio)
        .by(&[label("pool", POOLS)]),
    Instrument::gauge("nearside_upstream_leases_waiting", "Clients that wait for an upstream connection of their own."),
    Instrument::counter("nearside_upstream_leases_opened_total", "Connections opened to be lent."),
    Instrument::counter("nearside_upstream_leases_reused_total", "Connections lent again."),
    Instrument::counter(
        "nearside_upstream_leases_closed_dirty_total",
        "Connections closed instead of lent again: they carried state, or something was under way.",
    ),
    Instrument::counter("nearside_upstream_lease_timeouts_total", "Requests that got no connection in time."),
    Instrument::counter(
        "nearside_upstream_popped_lost_total",
        "Elements popped for a blocked client that had gone before they arrived.",
    ),
    Instrument::counter("nearside_upstream_lanes_opened_total", "Lanes connected, for the first time or again."),
    Instrument::counter(
        "nearside_upstream_lanes_lost_total",
        "Lanes whose connection was lost; not those closed because nobody used them.",
    ),
    Instrument::counter("nearside_upstream_lanes_failed_total", "Attempts to connect a lane that failed."),
    Instrument::counter("nearside_upstream_moves_total", "Times that another server became the current one."),
];
