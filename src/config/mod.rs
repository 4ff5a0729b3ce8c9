//! Every setting of Nearside: its default, its unit and where a value came from.
//!
//! A configuration is read in three steps. *As written*: flags, environment and file are each turned
//! into `key, text, origin` triples (`cli`, `env`, `file`). *Validated*: one table ([`settings`])
//! says for every key how its text is read and what it means; every problem of every source is
//! collected. *Ready*: [`Config`], plain values in which nothing is optional that need not be.
//!
//! All defaults live here. Nothing here reads the process environment, a configuration file or the
//! command line: `main` hands them in as [`Sources`]. Only `machine` asks the system, for the cores and
//! the memory this process may use, and only where nobody says. Embedders build a [`Config`] with [`Config::default`] and set
//! its public fields.

mod admin;
mod cache;
mod change;
pub mod cli;
mod commands;
mod defaults;
pub mod env;
mod field;
mod file;
mod gate;
mod health;
mod listen;
mod load;
mod machine;
pub(crate) mod nearest;
mod otlp;
mod output;
mod part;
mod pattern;
mod profile;
mod reference;
mod render;
mod rows;
mod secret;
mod setting;
mod settle;
mod table;
mod tables;
mod texts;
mod tls;
mod units;
mod upstream;
mod uri;
mod words;
mod written;

pub use admin::Admin;
pub use cache::{Cache, CacheMode, CachePattern, CachePolicy};
pub use change::{Changes, carry, changes, hash};
pub use gate::{Admission, Audit, DenyRule, LocalUser, Per, Rate, RateUnit, Rules};
pub use health::{Alerts, Health};
pub use load::{Effective, Loaded, Sources, effective, load};
pub use otlp::Otlp;
pub use reference::reference;
pub use render::render;
pub use secret::Secret;
pub use setting::Setting;
pub use table::settings;
pub use tables::Tables;
pub use texts::log_level;
pub use tls::{AuthClients, CertReqs, CertificateUser, Tls, TlsVersion, UpstreamTls};
pub use written::{Origin, Problem, Value};

use std::path::PathBuf;
use std::time::Duration;

/// A validated configuration: plain values, ready to use. `Debug` masks secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The preset the defaults were taken from.
    pub profile: Profile,
    /// `false`: the upstream is not used and every client command gets one clear error.
    pub enabled: bool,
    /// Where clients connect. Never empty after [`load`]; default `127.0.0.1:6380`.
    pub listen: Vec<Listen>,
    /// TLS to clients.
    pub tls: Tls,
    /// Whether clients that are not on this machine are refused while nobody has to say who he is.
    /// Default `true`.
    pub protected_mode: bool,
    /// Users of Nearside's own, all of them the upstream's one user; empty: clients are the upstream's
    /// users. Default empty.
    pub users: Vec<LocalUser>,
    /// What nobody may do.
    pub rules: Rules,
    /// How much may be done per second. Default nothing is limited.
    pub rates: Vec<Rate>,
    /// How many clients there may be, and how soon each has to say who it is.
    pub admission: Admission,
    /// How events that matter for security are logged.
    pub audit: Audit,
    /// Worker threads; at least 1 and at most half of `upstream.max_connections`.
    pub workers: usize,
    /// Most clients connected at once. Default 10000.
    pub maxclients: u32,
    /// Clients silent for longer are closed; `None` never. Default `None`. Whatever it is, a request that has
    /// begun must be whole within a minute, or 16 KiB more of it must have come by then.
    pub timeout: Option<Duration>,
    /// TCP keepalive on client connections; `None` off. Default 300 s.
    pub tcp_keepalive: Option<Duration>,
    /// Length of the accept queue of a TCP listener. Default 511.
    pub tcp_backlog: u32,
    /// When a client that does not read its replies is cut.
    pub client_output_buffer_limit: OutputLimits,
    /// Subscribers with an upstream connection of their own, of all workers together; those above it
    /// share one per worker and credential. Default 256.
    pub pubsub_dedicated: usize,
    /// What becomes of those that share one when it is lost. Default [`OnLoss::Close`].
    pub pubsub_on_loss: OnLoss,
    /// How long a stopping proxy waits for what is in flight. Default 10 s.
    pub drain_timeout: Duration,
    /// How long a stopping proxy goes on as before, but for saying that it is not ready, before it stops
    /// accepting. Default 0.
    pub drain_delay: Duration,
    /// The Unix socket on which a running proxy hands its listeners over to the next one; `None`: it does
    /// not. Default `None`.
    pub takeover: Option<PathBuf>,
    /// The Redis or Valkey behind the proxy.
    pub upstream: Upstream,
    /// The server Nearside starts itself when no upstream is configured.
    pub embedded: Embedded,
    /// Bounds on what one request, reply, session or process may hold.
    pub limits: Limits,
    /// The near cache.
    pub cache: Cache,
    /// Where those who operate it ask it.
    pub admin: Admin,
    /// How it sees to it that commands get through.
    pub health: Health,
    /// Of what it warns.
    pub alerts: Alerts,
    /// Whether the file is looked at for changes.
    pub reload: Reload,
    /// Which requests the slow log keeps.
    pub slowlog: SlowLog,
    /// How the log is written.
    pub log: Log,
    /// Where metrics and traces are sent to.
    pub otlp: Otlp,
    /// Which families of features are on.
    pub features: Features,
}

/// A named set of defaults. Anything set by flag, environment or file wins over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The defaults of every setting.
    #[default]
    Default,
    /// As close to the upstream itself as a proxy can be: no rules and no limits of our own.
    Transparent,
    /// A developer's machine: few connections.
    Development,
    /// The guide's staging environment.
    Staging,
    /// The guide's production environment: more connections, more patience.
    Production,
}

/// One address on which clients are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Host (a name, an IPv4 or an IPv6 address without brackets) and port; port 0 picks a free one.
    Tcp(String, u16),
    /// Path of a Unix socket.
    Unix(PathBuf),
}

/// Where the upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A server on the network; the host name is resolved anew at every connection attempt.
    Tcp {
        /// A name, an IPv4 or an IPv6 address without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A server on a Unix socket.
    Unix(PathBuf),
    /// No upstream was configured: Nearside starts a server of its own (see [`Embedded`]).
    Embedded,
}

/// The upstream and how it is spoken to.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Where it is.
    pub endpoint: Endpoint,
    /// ACL user to authenticate as; `None` with a password means the server's default user.
    pub username: Option<String>,
    /// Password; `None` means no authentication. An empty one is `None`.
    pub password: Option<Secret>,
    /// Database selected on new connections. Default 0.
    pub database: u32,
    /// TLS to it.
    pub tls: UpstreamTls,
    /// Names its commands were given (`rename-command`): the command, and what it is called there.
    pub rename: Vec<(String, String)>,
    /// Lanes plus returnable leases of all workers together; at least 2. Default 10.
    pub max_connections: usize,
    /// Connections held by blocked, subscribed or monitoring clients, counted apart. Default 1000.
    pub max_pinned: usize,
    /// Connections kept open and idle for leases, of all workers together. Default 0.
    pub min_idle: usize,
    /// How long a command may wait to be sent: connecting, or waiting for a connection. Default 5 s.
    pub timeout: Duration,
    /// How long one connection attempt may take. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a sent command may wait for its reply (blocking commands are exempt). Default 5 s;
    /// a day is as good as for ever.
    pub socket_timeout: Duration,
    /// How often an idle upstream connection is checked. Default 30 s.
    pub health_check_interval: Duration,
    /// First pause of a reconnect loop; it doubles, with jitter. Default 20 ms.
    pub reconnect_min: Duration,
    /// Longest pause of a reconnect loop. Default 2 s.
    pub reconnect_max: Duration,
    /// The setting that named the endpoint (`env NEARSIDE_UPSTREAM`, ...), for error messages.
    pub origin: String,
}

/// The server Nearside starts itself, on a private Unix socket, when no upstream is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// Binary to start; `None` looks for `redis-server`, then `valkey-server`, on the path.
    pub server: Option<PathBuf>,
    /// Where its data, its socket and its lock are kept.
    pub data_dir: PathBuf,
    /// Its `maxmemory`, in bytes. Default 256 MiB.
    pub maxmemory: u64,
    /// Its `maxmemory-policy`. Default `volatile-lru`.
    pub maxmemory_policy: String,
    /// Its `save` points as Redis writes them; empty for none. Default `900 1 300 10 60 10000`.
    pub save: String,
    /// Its `appendonly`. Default `true`.
    pub appendonly: bool,
    /// Its `appendfsync`: `always`, `everysec` or `no`. Default `everysec`.
    pub appendfsync: String,
}

/// Bounds on what one request, reply, session or process may hold. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest bulk string a request may carry. Default 512 MiB.
    pub max_bulk: u64,
    /// Most arguments a request may have. Default 1048576.
    pub max_multibulk: u64,
    /// A request or reply above it leaves the shared lane. Default 1 MiB.
    pub large: u64,
    /// How long a key and command are remembered as large and go to their own connection. Default 60 s.
    pub large_memory: Duration,
    /// What a single lane reply may hold in memory. Default 8 MiB.
    pub reply_buffer: u64,
    /// All request and reply buffers of the process together. Default 256 MiB. From seven eighths of it on
    /// clients that need more are not read from; above it those that hold most are closed, and so are they
    /// while others that hold less get none.
    pub memory: u64,
    /// Expected reply bytes in flight per session before it is no longer read. Default 4 MiB.
    pub session_inflight_bytes: u64,
    /// Requests in flight per session before it is no longer read. Default 1024.
    pub session_inflight: u32,
}

/// When a client that does not read its replies is cut, per class of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// Clients that are not subscribed. Default: no limit.
    pub normal: OutputLimit,
    /// Subscribed clients. Default 32 MiB at once, or 8 MiB for 60 s.
    pub pubsub: OutputLimit,
}

/// One class of [`OutputLimits`]; 0 means no such limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes waiting at which the client is cut at once; 0 never.
    pub hard: u64,
    /// Bytes waiting that are borne only for `soft_for`; 0 always.
    pub soft: u64,
    /// How long `soft` may be exceeded without a break.
    pub soft_for: Duration,
}

/// What becomes of subscribers when the connection they share is lost: messages may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// Their connections are closed, so that they know.
    #[default]
    Close,
    /// They are subscribed again on a new connection; the gap is logged and counted.
    Resubscribe,
}

/// Which requests the slow log keeps, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowLog {
    /// Requests that take as long are kept; 0: all. Default 10 ms.
    pub threshold: Duration,
    /// So many, the last ones; 0: none, there is no slow log. Default 128.
    pub max_len: usize,
}

/// How the log is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Text for people or JSON for machines. Default text.
    pub format: LogFormat,
    /// Level or filter directives as `tracing` reads them. Default `info`.
    pub level: String,
    /// The share of requests that have a line of their own (target `nearside::access`), 0 to 1. Default 0.
    pub access_sample: f64,
}

/// Whether the configuration file is looked at for changes. It is the program that looks, not the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Whether it is. Default `false`.
    pub watch: bool,
    /// How often. Default 5 s.
    pub every: Duration,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Which families of features are on. All by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// The near cache; `false` is the same as [`CacheMode::Off`].
    pub cache: bool,
    /// Publish and subscribe; `false`: those commands are refused by name.
    pub pubsub: bool,
    /// Session keys; `false`: commands on keys matching `session_patterns` are refused by name.
    pub session_store: bool,
    /// Glob patterns of the keys that are sessions. Default `session:*`.
    pub session_patterns: Vec<String>,
    /// Rate limits; `false`: configured ones are not applied.
    pub rate_limiting: bool,
}
