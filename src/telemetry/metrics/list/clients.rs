//! Clients, the memory they take, and TLS with them.

use super::{Instrument, configured, label};
use crate::telemetry::metrics::Unit;

pub(super) const ALL: &[Instrument] = &[
    Instrument::gauge("nearside_clients", "Clients connected now.")
        .by(&[configured("worker", "`0` to `workers` - 1")]),
    Instrument::gauge("nearside_clients_limit", "The most there may be (`maxclients`)."),
    Instrument::gauge("nearside_clients_used_ratio", "Clients connected now, as a share of that.")
        .of(Unit::Ratio),
    Instrument::counter("nearside_clients_accepted_total", "Connections of clients accepted, also those turned away."),
    Instrument::counter(
        "nearside_clients_turned_away_total",
        "Clients turned away: there were `maxclients`, or their address or user had too many.",
    )
    .by(&[label("reason", &["maxclients", "admission"])]),
    Instrument::counter(
        "nearside_clients_closed_total",
        "Clients closed: they held most of the memory for buffers when it was short, did not go on with a request they had begun, or did not authenticate in time.",
    )
    .by(&[label("reason", &["shed", "stalled", "auth_timeout"])]),
    Instrument::counter("nearside_auth_failures_total", "Wrong names or passwords."),
    Instrument::counter(
        "nearside_auth_locked_out_total",
        "Names and passwords that were not looked at, because too many had been wrong.",
    ),
    Instrument::gauge("nearside_buffers_bytes", "Memory that buffers of clients and replies take.").of(Unit::Bytes),
    Instrument::gauge("nearside_buffers_limit_bytes", "The most they may take (`limits.memory`).").of(Unit::Bytes),
    Instrument::gauge("nearside_buffers_used_ratio", "What they take, as a share of that.").of(Unit::Ratio),
    Instrument::gauge("nearside_monitors", "Clients that monitor (`MONITOR`)."),
    Instrument::gauge("nearside_pubsub_shared_connections", "Upstream connections that carry subscriptions of many clients."),
    Instrument::counter(
        "nearside_pubsub_shared_losses_total",
        "Such connections lost while somebody listened; messages may have been missed.",
    ),
    Instrument::counter("nearside_tls_handshakes_total", "Handshakes with clients, by how they ended.")
        .by(&[label("result", &["done", "failed", "timed_out"])]),
    Instrument::counter("nearside_tls_handshakes_resumed_total", "Those done that resumed a session."),
    Instrument::gauge(
        "nearside_tls_certificate_expiry_timestamp_seconds",
        "When the certificate in a file ends, or the last of several authorities; less `time()`, and divided by 86400, that is the days left.",
    )
    .of(Unit::Seconds)
    .by(&[label(
        "file",
        &["tls.cert_file", "tls.ca_cert_file", "upstream.ssl_certfile", "upstream.ssl_ca_certs"],
    )])
    .when("for files that are named, with TLS"),
    Instrument::counter("nearside_tls_files_changed_total", "Changes of certificate and key files, and whether they could be used.")
        .by(&[label("result", &["used", "refused"])]),
];
