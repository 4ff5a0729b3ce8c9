//! What the dashboard shows: everything in one answer, in base units (seconds, bytes, shares of one).

use serde::Serialize;

use super::HotKey;
use crate::telemetry::history::{Counted, Mean, Sample};

/// A proxy at a moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overview {
    /// When it was made, seconds since 1970.
    pub time: f64,
    /// Nearside's version.
    pub version: &'static str,
    /// Its process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime: f64,
    /// Its workers.
    pub workers: usize,
    /// Where clients connect.
    pub listen: Vec<String>,
    /// `healthy`, `degraded`, `unhealthy`, `starting` or `draining`.
    pub state: &'static str,
    /// Why it is not the first of these, a sentence each.
    pub reasons: Vec<String>,
    /// What it warns of, firing or not.
    pub alerts: Vec<Warning>,
    /// The last second; `None` in the first.
    pub now: Option<Sample>,
    /// The last ten that were added to the history.
    pub recent: Option<Sample>,
    /// How long commands took in the last minute; `None`: there were none.
    pub latency: Option<Mean>,
    /// Counted since the start.
    pub totals: Sums,
    /// The near cache.
    pub cache: Cache,
    /// Errors clients got, by cause.
    pub errors: Vec<Counted>,
    /// The keys that are read most.
    pub hot_keys: Vec<HotKey>,
    /// What took long.
    pub slow: Slow,
    /// Who is connected.
    pub clients: Connected,
    /// The upstream.
    pub upstream: Upstream,
    /// What has refused, delayed or turned away anything or anybody.
    pub limits: Vec<Counted>,
    /// The configuration in force.
    pub config: Configuration,
}

/// What it may warn of.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Warning {
    /// The rule.
    pub name: &'static str,
    /// Whether it warns now.
    pub firing: bool,
}

/// Counted since the start.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sums {
    /// Requests.
    pub commands: u64,
    /// Reads the upstream was spared.
    pub hits: u64,
    /// Reads that could have been answered from memory and were not.
    pub misses: u64,
    /// Errors clients got.
    pub errors: u64,
    /// Requests refused.
    pub denied: u64,
}

/// The near cache.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cache {
    /// Its mode, and why it is not the one asked for.
    pub mode: String,
    /// Replies it holds.
    pub entries: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// Bytes they may take.
    pub max_bytes: u64,
    /// Keys the upstream said have changed.
    pub invalidations: u64,
    /// Fences sent.
    pub fences: u64,
    /// Replies given out while the upstream was away.
    pub stale_served: u64,
    /// Hits compared with the upstream's own reply.
    pub verified: u64,
    /// Those that differed though nothing had changed.
    pub mismatches: u64,
    /// Reads that were not hits, by reason.
    pub misses: Vec<Counted>,
}

/// What took long.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Slow {
    /// From how many seconds on; `None`: nothing is noted.
    pub threshold: Option<f64>,
    /// The newest first.
    pub entries: Vec<SlowCommand>,
}

/// A command that took long.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SlowCommand {
    /// Its number.
    pub id: u64,
    /// When it ended, seconds since 1970.
    pub time: f64,
    /// The command with what it was about, cut and without secrets.
    pub command: String,
    /// Who sent it.
    pub client: String,
    /// Whom that one acted as.
    pub user: String,
    /// Seconds in all.
    pub total: f64,
    /// Nearside's part: waiting for a connection, or for its turn.
    pub queue: f64,
    /// The upstream's.
    pub upstream: f64,
    /// The client's, taking its reply.
    pub client_time: f64,
}

/// Who is connected.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Connected {
    /// How many there are.
    pub connected: usize,
    /// How many there may be.
    pub max: usize,
    /// What they are doing.
    pub states: Vec<InState>,
    /// Those that hold most.
    pub top: Vec<Holder>,
}

/// How many clients do the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InState {
    /// `active` or `idle`, `blocked`, `subscribed`, `in a transaction` or `monitoring`.
    pub state: &'static str,
    /// So many.
    pub count: usize,
}

/// A client and what it holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Holder {
    /// What `CLIENT ID` answers.
    pub id: u64,
    /// Its address, or the Unix socket it came by.
    pub address: String,
    /// What it calls itself.
    pub name: String,
    /// Whom it acts as.
    pub user: String,
    /// Its database.
    pub db: u32,
    /// What it is doing, as in [`InState`].
    pub state: &'static str,
    /// Its last command.
    pub command: String,
    /// Seconds since it connected.
    pub age: u64,
    /// Seconds since it was heard of last.
    pub idle: u64,
    /// Requests it has sent.
    pub requests: u64,
    /// Bytes it has not read yet.
    pub unread: u64,
    /// Whether it holds an upstream connection of its own.
    pub holds_connection: bool,
}

/// The upstream.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Upstream {
    /// Where it is, as settings say it.
    pub address: String,
    /// `healthy`, `unhealthy` or `unknown`.
    pub status: &'static str,
    /// Why it is not healthy.
    pub reason: String,
    /// Seconds the last proof that commands get through took.
    pub latency: Option<f64>,
    /// Seconds since it last said what follows; `None`: it has not.
    pub said: Option<f64>,
    /// The server and its version.
    pub version: String,
    /// `master`, or `slave`.
    pub role: String,
    /// Its memory, if it has said.
    pub memory: Option<Memory>,
    /// Our connections to it.
    pub connections: Connections,
    /// Clients connected to it, we among them; 0: it has not said.
    pub clients: u64,
    /// Most it takes; 0: it has not said.
    pub max_clients: u64,
    /// Shared connections lost since the start.
    pub lost: u64,
}

/// An upstream's memory.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Memory {
    /// Bytes used.
    pub used: u64,
    /// Bytes it may use; 0: no limit.
    pub max: u64,
    /// What it does then.
    pub policy: String,
    /// Keys it has evicted since its start.
    pub evicted: u64,
}

/// Connections to the upstream.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Connections {
    /// Those that `upstream.max_connections` counts.
    pub used: usize,
    /// That setting.
    pub budget: usize,
    /// Shared ones.
    pub lanes: usize,
    /// Lent to a session for a moment.
    pub lent: usize,
    /// Waiting to be lent.
    pub idle: usize,
    /// Sessions that wait for one.
    pub waiting: usize,
    /// Held by blocked, subscribed or monitoring clients.
    pub pinned: usize,
    /// How many of these there may be.
    pub pinned_max: usize,
    /// Requests that got none in time, since the start.
    pub waits_failed: u64,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Configuration {
    /// Its fingerprint: the same settings have the same.
    pub hash: String,
    /// When it was last reloaded, or that was tried, seconds since 1970; `None`: never.
    pub reloaded: Option<f64>,
    /// Whether that succeeded; if not, the log says why.
    pub ok: bool,
    /// Settings changed that take effect at the next start.
    pub restart: Vec<&'static str>,
    /// Certificates, and when they expire.
    pub certificates: Vec<Certificate>,
}

/// A certificate.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Certificate {
    /// The setting that names it.
    pub name: &'static str,
    /// Days left; below 0 it has expired.
    pub days: i64,
}
