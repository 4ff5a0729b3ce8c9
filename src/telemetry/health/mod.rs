//! How a proxy is: in full for people, and yes or no for whoever starts, stops and asks it.
//!
//! Four questions, each with its own meaning:
//!
//! - *live*: do its threads turn? Not: does anything work. Who is told no starts it again, and that mends no
//!   upstream. Every worker has gone round its loop within `health.stalled`.
//! - *ready*: would a client's command get through now? On every worker a command went to the upstream and
//!   back, the way clients' commands go, no longer ago than `health.every` and `health.timeout` together, and
//!   it is not stopping. Who is told no sends it nobody.
//! - *startup*: has it been ready once? It stays yes: what is asked of a start is over then.
//! - *health*: the whole of it, with reasons. Warnings make it degraded; they never touch the other three.

mod judge;
#[cfg(test)]
mod tests;
mod vitals;

use serde::Serialize;

pub use vitals::Vitals;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Healthy,
    /// It works, not as it should: reasons say how.
    Degraded,
    /// It does not work.
    Unhealthy,
    /// It is switched off (`enabled = false`).
    Disabled,
    /// Nobody has watched until now (no admin listener, no alerts): the next answer will know.
    Unknown,
}

impl Status {
    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Disabled => "disabled",
            Self::Unknown => "unknown",
        }
    }
}

/// How a proxy is, as `/health` says it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// `unhealthy` when no worker's commands get through, or none of its threads turns; `degraded` when some
    /// do not, a warning fires, the cache is off though it should be on, or it is stopping.
    pub status: Status,
    /// What it depends on.
    pub services: Services,
    /// Why it is not healthy, a line each, the worst first; empty if it is.
    pub reasons: Vec<String>,
    /// Nearside's version.
    pub version: &'static str,
    /// Seconds since the start.
    pub uptime: u64,
    /// Each worker's way to the upstream.
    pub workers: Vec<Way>,
}

/// What a proxy depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Services {
    /// The upstream, of all workers together: the slowest latency, the latest check.
    pub redis: Service,
}

/// Something a proxy depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    /// How it is.
    pub status: Status,
    /// How long the last command that got through took, seconds; `None`: none has yet.
    pub latency: Option<f64>,
    /// When it was last checked, whatever was found: Unix time, seconds; `None`: never yet.
    pub last_check: Option<u64>,
}

/// One worker's way to the upstream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// The worker.
    pub worker: usize,
    /// How its way is.
    #[serde(flatten)]
    pub service: Service,
    /// Why no command gets through; `None`: they do.
    pub reason: Option<String>,
}
