//! The process and what it is.

use super::{Instrument, one};
use crate::telemetry::metrics::Unit;

const LINUX: &str = "on Linux";

pub(super) const ALL: &[Instrument] = &[
    Instrument::info("nearside_build_info", "Which program this is.").by(&[one("version", "its version")]),
    Instrument::gauge("nearside_start_time_seconds", "When this proxy started.").of(Unit::Seconds),
    Instrument::gauge("nearside_workers", "Worker threads that serve clients."),
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
