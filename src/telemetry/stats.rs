//! Counters of one proxy, and how `INFO` shows them.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::meters::Snapshot;
use super::{Audit, Denials, Meters, Notices, Reloads, Share, SlowLog, Vitals};
use crate::config::Config;

/// Handshakes with clients on listeners that speak TLS, since the start.
#[derive(Debug, Default)]
pub struct Handshakes {
    /// Clients that were let in.
    pub done: AtomicU64,
    /// Those among them that resumed a session.
    pub resumed: AtomicU64,
    /// Clients that were not, or left.
    pub failed: AtomicU64,
    /// Clients that took too long.
    pub timed_out: AtomicU64,
}

impl Handshakes {
    /// The lines of `INFO`.
    pub fn section(&self) -> String {
        let counts = [
            ("done", &self.done),
            ("resumed", &self.resumed),
            ("failed", &self.failed),
            ("timed_out", &self.timed_out),
        ];
        let line = |(name, count): (&str, &AtomicU64)| {
            format!("nearside_tls_handshakes_{name}:{}\r\n", count.load(Ordering::Relaxed))
        };
        counts.into_iter().map(line).collect()
    }
}

/// Counted by all workers of one proxy.
#[derive(Debug)]
pub struct Stats {
    /// When the proxy started.
    pub since: Instant,
    /// Clients accepted since.
    pub accepted: AtomicU64,
    /// Clients turned away because there were `maxclients`.
    pub rejected: AtomicU64,
    /// Clients turned away for what their address or user has: too many clients, or too many new ones.
    pub turned_away: AtomicU64,
    /// Wrong names or passwords.
    pub auth_failures: AtomicU64,
    /// Names and passwords that were not looked at, because too many had been wrong.
    pub auth_locked_out: AtomicU64,
    /// Clients closed because they had not authenticated in time.
    pub auth_timeouts: AtomicU64,
    /// Clients closed because they did not go on with a request they had begun.
    pub stalled: AtomicU64,
    /// Clients closed because all buffers together held too much, and they held most.
    pub shed: AtomicU64,
    /// Clients connected now, per worker.
    pub clients: Vec<AtomicUsize>,
    /// What each worker counts on the path of requests.
    pub workers: Vec<Arc<Meters>>,
    /// Requests that took long.
    pub slow: Arc<SlowLog>,
    /// How many requests the access log tells of.
    pub access: Arc<Share>,
    /// Requests that were refused.
    pub denials: Arc<Denials>,
    /// Where those who look after security hear of it.
    pub audit: Arc<Audit>,
    /// What is wrong now.
    pub notices: Arc<Notices>,
    /// How the proxy is, and of what it warns.
    pub vitals: Arc<Vitals>,
    /// Which settings are in force.
    pub reloads: Reloads,
}

impl Stats {
    /// All zero.
    pub fn new(config: &Config) -> Self {
        let workers = config.workers;
        Self {
            since: Instant::now(),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            auth_failures: AtomicU64::new(0),
            auth_locked_out: AtomicU64::new(0),
            auth_timeouts: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            clients: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            workers: (0..workers).map(|_| Arc::default()).collect(),
            slow: Arc::new(SlowLog::new(&config.slowlog)),
            access: Arc::new(Share::new(config.log.access_sample)),
            denials: Arc::default(),
            audit: Arc::new(Audit::new(&config.audit)),
            notices: Arc::default(),
            vitals: Arc::new(Vitals::new(workers)),
            reloads: Reloads::default(),
        }
    }

    /// Clients connected now.
    pub fn connected(&self) -> usize {
        self.clients.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// What all workers have counted so far. From any thread; costs a few thousand loads.
    pub fn meters(&self) -> Snapshot {
        Snapshot::of(self.workers.iter().map(|meters| &**meters))
    }

    /// The worker with the fewest clients.
    pub fn least_loaded(&self) -> usize {
        let loads = self.clients.iter().map(|n| n.load(Ordering::Relaxed));
        loads.enumerate().min_by_key(|(_, load)| *load).map_or(0, |(index, _)| index)
    }
}

/// Upstream connections of all workers at a moment, those being opened included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Shared by a worker's sessions.
    pub lanes: usize,
    /// Lent to a session that gives them back soon.
    pub leases_lent: usize,
    /// Open and waiting to be lent.
    pub leases_idle: usize,
    /// Sessions waiting for a connection of their own of any kind.
    pub leases_waiting: usize,
    /// Held by blocked, subscribed or monitoring clients.
    pub pinned_lent: usize,
    /// Open and waiting for such a client.
    pub pinned_idle: usize,
    /// For what must get through when all others are busy.
    pub control: usize,
}

impl Connections {
    /// Those that `upstream.max_connections` counts.
    pub fn budgeted(&self) -> usize {
        self.lanes + self.leases_lent + self.leases_idle
    }

    /// Those that `upstream.max_pinned` counts.
    pub fn pinned(&self) -> usize {
        self.pinned_lent + self.pinned_idle
    }
}

/// What has become of the connections lent to sessions, of every kind but lanes, since the start.
#[derive(Debug, Default)]
pub struct Lending {
    /// Opened.
    pub opened: AtomicU64,
    /// Lent again, instead of opening one.
    pub reused: AtomicU64,
    /// Closed instead of lent again: they carried state, or something was still under way.
    pub closed_dirty: AtomicU64,
    /// Requests that got none in time.
    pub waits_failed: AtomicU64,
    /// Elements popped for a blocked client that had gone before they arrived.
    pub popped_elements_lost: AtomicU64,
}

/// What has become of connections that are shared, since the start.
#[derive(Debug, Default)]
pub struct LaneEvents {
    /// Opened, for the first time or again.
    pub opened: AtomicU64,
    /// Lost, or closed because the upstream was not to be trusted any more; not those closed because
    /// nobody used them.
    pub lost: AtomicU64,
    /// Attempts to open one that failed.
    pub failed: AtomicU64,
}

/// The `# Nearside` section of `INFO`.
pub fn section(stats: &Stats, upstream: &str, connections: Connections, lending: &Lending) -> String {
    let mut out = String::from("\r\n# Nearside\r\n");
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = write!(out, "nearside_{name}:{value}\r\n");
    };
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    line("version", &env!("CARGO_PKG_VERSION"));
    line("uptime_in_seconds", &stats.since.elapsed().as_secs());
    line("phase", &stats.vitals.phase.get().name());
    line("workers", &stats.clients.len());
    line("upstream", &upstream);
    line("connected_clients", &stats.connected());
    line("total_connections_received", &count(&stats.accepted));
    line("rejected_connections", &count(&stats.rejected));
    line("clients_turned_away", &count(&stats.turned_away));
    line("clients_shed", &count(&stats.shed));
    line("clients_stalled", &count(&stats.stalled));
    line("auth_failures", &count(&stats.auth_failures));
    line("auth_locked_out", &count(&stats.auth_locked_out));
    line("auth_timeouts", &count(&stats.auth_timeouts));
    let meters = stats.meters();
    let (all, upstream) = (meters.latency(), meters.upstream_latency());
    let micros = |time: Option<Duration>| time.unwrap_or_default().as_micros();
    line("commands_total", &meters.commands_total());
    line("errors_total", &meters.errors_total());
    line("latency_avg_us", &micros(all.mean()));
    line("latency_p99_us", &micros(all.quantile(0.99)));
    line("upstream_latency_avg_us", &micros(upstream.mean()));
    line("own_share_avg_us", &(meters.own_share_ns().unwrap_or_default() / 1000));
    line("client_bytes_in", &meters.client_in);
    line("client_bytes_out", &meters.client_out);
    line("upstream_bytes_in", &meters.upstream_in);
    line("upstream_bytes_out", &meters.upstream_out);
    line("upstream_connections", &connections.budgeted());
    line("pinned_upstream_connections", &connections.pinned());
    line("lanes_open", &connections.lanes);
    line("leases_lent", &connections.leases_lent);
    line("leases_idle", &connections.leases_idle);
    line("leases_waiting", &connections.leases_waiting);
    line("pinned_lent", &connections.pinned_lent);
    line("pinned_idle", &connections.pinned_idle);
    line("control_connections", &connections.control);
    line("leases_opened", &count(&lending.opened));
    line("leases_reused", &count(&lending.reused));
    line("leases_closed_dirty", &count(&lending.closed_dirty));
    line("lease_waits_failed", &count(&lending.waits_failed));
    line("popped_elements_lost", &count(&lending.popped_elements_lost));
    out
}
