//! Counters of one proxy, and how `INFO` shows them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Counted by all workers of one proxy.
#[derive(Debug)]
pub struct Stats {
    /// When the proxy started.
    pub since: Instant,
    /// Clients accepted since.
    pub accepted: AtomicU64,
    /// Clients turned away because there were `maxclients`.
    pub rejected: AtomicU64,
    /// Clients connected now, per worker.
    pub clients: Vec<AtomicUsize>,
}

impl Stats {
    /// All zero, for so many workers.
    pub fn new(workers: usize) -> Self {
        Self {
            since: Instant::now(),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            clients: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// Clients connected now.
    pub fn connected(&self) -> usize {
        self.clients.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// The worker with the fewest clients.
    pub fn least_loaded(&self) -> usize {
        let loads = self.clients.iter().map(|n| n.load(Ordering::Relaxed));
        loads.enumerate().min_by_key(|(_, load)| *load).map_or(0, |(index, _)| index)
    }
}

/// The `# Nearside` section of `INFO`. `connections`: upstream connections in the budget, and pinned.
pub fn section(stats: &Stats, upstream: &str, connections: (usize, usize)) -> String {
    let mut out = String::from("\r\n# Nearside\r\n");
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = write!(out, "nearside_{name}:{value}\r\n");
    };
    line("version", &env!("CARGO_PKG_VERSION"));
    line("uptime_in_seconds", &stats.since.elapsed().as_secs());
    line("workers", &stats.clients.len());
    line("upstream", &upstream);
    line("connected_clients", &stats.connected());
    line("total_connections_received", &stats.accepted.load(Ordering::Relaxed));
    line("rejected_connections", &stats.rejected.load(Ordering::Relaxed));
    line("upstream_connections", &connections.0);
    line("pinned_upstream_connections", &connections.1);
    out
}
