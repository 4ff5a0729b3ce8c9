//! How a proxy looks after itself, and of what it warns, as ready values.

use super::Config;
use std::time::Duration;

/// How often a proxy sees to it that commands get through, and when it counts them as lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How often each worker sends a command to the upstream the way clients' commands go. Default 1 s.
    pub every: Duration,
    /// How long it may wait for its answer. Default 2 s.
    pub timeout: Duration,
    /// A worker that has not turned for so long hangs. Default 10 s.
    pub stalled: Duration,
    /// How often the upstream is asked for its own figures (`INFO`); `None` never. Default 5 s.
    pub upstream_info: Option<Duration>,
}

/// Of what a proxy warns. A threshold of 0 switches its warning off.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerts {
    /// Whether anything is looked at. Default `false`, and `true` for what [`super::load`] makes.
    pub enabled: bool,
    /// The time over which rates and means are taken. Default 1 min.
    pub window: Duration,
    /// How long something must be wrong before it is said, and right before that is taken back. Default 30 s.
    pub hold: Duration,
    /// Share of `maxmemory` in use, where the upstream evicts nothing. Default 0.8.
    pub memory: f64,
    /// Keys evicted per second, where it does. Default 100.
    pub evictions: u32,
    /// Share of the most connections there may be. Default 0.9.
    pub connections: f64,
    /// Mean time of a command. Default 100 ms.
    pub latency: Duration,
    /// Share of commands that failed. Default 0.01.
    pub error_rate: f64,
    /// Commands in the window below which neither their mean time nor their errors are judged. Default 100.
    pub least_commands: u32,
    /// Share of cacheable reads answered from memory, below which it is said. Default 0.8.
    pub hit_rate: f64,
    /// Cacheable reads in the window below which that is not judged. Default 1000.
    pub least_reads: u32,
    /// How long before a certificate expires it is said. Default 14 days.
    pub certificate: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            stalled: Duration::from_secs(10),
            upstream_info: Some(Duration::from_secs(5)),
        }
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            enabled: false,
            window: Duration::from_secs(60),
            hold: Duration::from_secs(30),
            memory: 0.8,
            evictions: 100,
            connections: 0.9,
            latency: Duration::from_millis(100),
            error_rate: 0.01,
            least_commands: 100,
            hit_rate: 0.8,
            least_reads: 1000,
            certificate: Duration::from_secs(14 * 24 * 3600),
        }
    }
}

impl Config {
    /// Whether anybody looks at how the proxy is, so that it has to know: there is somewhere to ask it, or it
    /// is to warn by itself.
    pub fn is_watched(&self) -> bool {
        self.alerts.enabled || !self.admin.listen.is_empty()
    }
}
