//! The process and what it is.

use super::{Instrument, label, one};
use crate::telemetry::metrics::Unit;

const LINUX: &str = "on Linux";

pub(super) const ALL: &[Instrument] = &[
    Instrument::info("nearside_build_info", "Which program this is.").by(&[one("version", "its version")]),
    Instrument::gauge("nearside_start_time_seconds", "When this proxy started.").of(Unit::Seconds),
    Instrument::gauge("nearside_workers", "Worker threads that serve clients."),
    Instrument::info("nearside_config_info", "Which settings are in force.")
        .by(&[one("hash", "the same for the same settings; it says nothing of what they are")]),
    Instrument::counter(
        "nearside_config_reloads_total",
        "Reloads of the settings, and whether they were applied.",
    )
    .by(&[label("result", &["applied", "refused"])]),
    Instrument::gauge(
        "nearside_config_last_reload_ok",
        "Whether the last reload was applied (1), or refused because something was wrong (0); 1 before the first.",
    ),
    Instrument::gauge(
        "nearside_config_last_reload_timestamp_seconds",
        "When the last reload was, applied or not; before the first, when the proxy started.",
    )
    .of(Unit::Seconds),
    Instrument::gauge("nearside_config_restart_pending", "Settings whose new values wait for a restart."),
    Instrument::counter("process_cpu_seconds_total", "Processor time the process has used, of all threads.")
        .of(Unit::Seconds)
        .when(LINUX),
    Instrument::gauge("process_resident_memory_bytes", "Memory of the process that is not swapped out.")
        .of(Unit::Bytes)
        .when(LINUX),
    Instrument::gauge("process_virtual_memory_bytes", "Addresses of the process that are in use.")
        .of(Unit::Bytes)
        .when(LINUX),
    Instrument::gauge("process_open_fds", "Open files and connections of the process.").when(LINUX),
    Instrument::gauge("process_max_fds", "The most it may have.").when(LINUX),
    Instrument::gauge("process_start_time_seconds", "When the process started.")
        .of(Unit::Seconds)
        .when(LINUX),
];
