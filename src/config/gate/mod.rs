//! Who may do what, and how much of it, as ready values.

mod rate;
mod read;

use super::Secret;
use std::time::Duration;

/// One of Nearside's own users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalUser {
    /// Its name.
    pub name: String,
    /// What it may do, in the words of Redis's `ACL SETUSER`: `on >password ~app:* +@read`. Secret, for
    /// the passwords in it.
    pub acl: Secret,
}

/// What no user may do, whatever its own rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Commands nobody may run: `FLUSHALL`, `CONFIG|SET`, `@dangerous`. Default [`Self::BLOCKED`].
    pub block: Vec<String>,
    /// Rules that look further than the command's name.
    pub deny: Vec<DenyRule>,
    /// What clients must write in place of a command's name; an empty name disables it.
    pub rename: Vec<(String, String)>,
    /// Whether commands that write are refused. Default `false`.
    pub read_only: bool,
    /// Whether scripts and functions may run. Default `true`.
    pub scripts: bool,
    /// Longest key, in bytes; 0 is no limit of our own. Default 0.
    pub max_key: u64,
    /// Longest argument that is no key, in bytes; 0 is no limit of our own. Default 0.
    pub max_value: u64,
    /// Most arguments of a request; 0 is no limit of our own. Default 0.
    pub max_args: u64,
    /// Longest reply, in bytes; 0 is no limit of our own. Default 0.
    pub max_reply: u64,
}

/// A request to which all of this applies is refused. An empty list applies to every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DenyRule {
    /// What the refusal, the log and the figures call it.
    pub name: String,
    /// Commands, subcommands (`CONFIG|SET`) or categories (`@write`).
    pub commands: Vec<String>,
    /// Glob patterns for the arguments behind the name, one by one; `*` fits any.
    pub args: Vec<String>,
    /// Glob patterns of keys; one key that fits is enough.
    pub keys: Vec<String>,
    /// Users it applies to.
    pub users: Vec<String>,
    /// Listeners it applies to, as `listen` or `tls.listen` names them.
    pub listeners: Vec<String>,
}

/// A limit on how much is done per second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What the refusal, the log and the figures call it.
    pub name: String,
    /// Who has an allowance of its own.
    pub per: Per,
    /// Which commands count; empty: all.
    pub commands: Vec<String>,
    /// Glob patterns of the keys that count; empty: all.
    pub keys: Vec<String>,
    /// Users it applies to; empty: all.
    pub users: Vec<String>,
    /// Listeners it applies to; empty: all.
    pub listeners: Vec<String>,
    /// What is counted. Default [`RateUnit::Commands`].
    pub unit: RateUnit,
    /// How many of them each `period` brings.
    pub rate: u64,
    /// See `rate`. Default 1 s.
    pub period: Duration,
    /// How many may come at once; at least 1. Default `rate`.
    pub burst: u64,
    /// `false`: what is over the limit is only counted and logged. Default `true`.
    pub enforce: bool,
    /// How long a request may be held back until it fits; `None`: it gets an error at once.
    pub delay: Option<Duration>,
}

/// Who has an allowance of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Per {
    /// All clients share one.
    #[default]
    All,
    /// Each user.
    User,
    /// Each client's IP address (IPv6: each /64); clients of Unix sockets share one.
    Address,
    /// Each listener.
    Listener,
    /// Each connection.
    Client,
    /// Each key.
    Key,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateUnit {
    /// Requests.
    #[default]
    Commands,
    /// Bytes of requests.
    Bytes,
}

/// How events that matter for security are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Whether they are. Default `true`.
    pub enabled: bool,
    /// Whether keys and channels in them are replaced by their lengths and a short hash. Default `false`.
    pub redact_keys: bool,
}

/// How many clients there may be, and how soon each has to say who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Most clients of one address (IPv6: one /64) at once; 0 is no limit. Default 0.
    pub clients_per_address: u32,
    /// Most clients of one user at once; 0 is no limit. Default 0.
    pub clients_per_user: u32,
    /// New connections per second and address, with a burst of as many; 0 is no limit. Default 0.
    pub connection_rate: u32,
    /// How long a client that must authenticate may take; `None`: as long as it likes. Default 60 s.
    pub auth_timeout: Option<Duration>,
    /// Failed authentications per minute and address after which further ones fail unasked; 0 is no
    /// limit. Default 30.
    pub auth_failures: u32,
}

impl Rules {
    /// Commands with which one client can destroy, stop or take over what all share.
    pub const BLOCKED: [&str; 13] = [
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB",
        "SHUTDOWN",
        "DEBUG",
        "REPLICAOF",
        "SLAVEOF",
        "FAILOVER",
        "MIGRATE",
        "MODULE|LOAD",
        "MODULE|LOADEX",
        "MODULE|UNLOAD",
        "CLUSTER|RESET",
    ];
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            block: Self::BLOCKED.map(String::from).to_vec(),
            deny: Vec::new(),
            rename: Vec::new(),
            read_only: false,
            scripts: true,
            max_key: 0,
            max_value: 0,
            max_args: 0,
            max_reply: 0,
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self { enabled: true, redact_keys: false }
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            clients_per_address: 0,
            clients_per_user: 0,
            connection_rate: 0,
            auth_timeout: Some(Duration::from_secs(60)),
            auth_failures: 30,
        }
    }
}
