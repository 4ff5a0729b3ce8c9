//! What the upstream says of itself.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// What it said last, and when.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When it was asked; `None`: never yet.
    pub at: Option<Instant>,
    /// What it said, or why it has not.
    pub said: Said,
}

/// What an upstream says to `INFO`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Figures.
    Figures(Box<Figures>),
    /// None, and why.
    Unknown(Arc<str>),
}

impl Default for Said {
    fn default() -> Self {
        Self::Unknown("it has not been asked yet".into())
    }
}

/// Figures of an upstream, in its own words. 0, and empty, for what it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// `redis` or `valkey`.
    pub server: String,
    /// Its version: a Valkey's own, not the one it claims for old clients.
    pub version: String,
    /// Seconds since its start.
    pub uptime: u64,
    /// `master` or `slave`.
    pub role: String,
    /// A replica's connection to its master is up; `None` for a master.
    pub master_link_up: Option<bool>,
    /// Replicas connected to it.
    pub connected_slaves: u64,
    /// Bytes.
    pub used_memory: u64,
    /// Bytes; 0: no limit.
    pub maxmemory: u64,
    /// What it does when that is reached.
    pub maxmemory_policy: String,
    /// Keys evicted since its start.
    pub evicted_keys: u64,
    /// Clients connected to it, we among them.
    pub connected_clients: u64,
    /// Most it takes; 0: it does not say.
    pub maxclients: u64,
    /// It is reading its data and answers nobody.
    pub loading: bool,
    /// The last snapshot was written; `None`: it does not say.
    pub rdb_last_save_ok: Option<bool>,
    /// The append-only file is kept.
    pub aof_enabled: bool,
    /// The last write to it succeeded; `None`: it does not say.
    pub aof_last_write_ok: Option<bool>,
}

impl Figures {
    /// Reads the text of `INFO`; `None`: it is none.
    pub fn read(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = |name| field(name).and_then(|value| value.trim().parse().ok()).unwrap_or(0);
        let word = |name| field(name).unwrap_or_default().trim().to_owned();
        let is = |name, wanted: &str| field(name).map(|value| value.trim() == wanted);
        let (server, version) = match field("valkey_version") {
            Some(version) => ("valkey", version),
            None => ("redis", field("redis_version")?),
        };
        Some(Self {
            server: server.into(),
            version: version.trim().into(),
            uptime: number("uptime_in_seconds"),
            role: word("role"),
            master_link_up: is("master_link_status", "up"),
            connected_slaves: number("connected_slaves"),
            used_memory: number("used_memory"),
            maxmemory: number("maxmemory"),
            maxmemory_policy: word("maxmemory_policy"),
            evicted_keys: number("evicted_keys"),
            connected_clients: number("connected_clients"),
            maxclients: number("maxclients"),
            loading: is("loading", "1").unwrap_or(false),
            rdb_last_save_ok: is("rdb_last_bgsave_status", "ok"),
            aof_enabled: is("aof_enabled", "1").unwrap_or(false),
            aof_last_write_ok: is("aof_last_write_status", "ok"),
        })
    }

    /// Whether it makes room by itself when its memory is full.
    pub fn evicts(&self) -> bool {
        !matches!(self.maxmemory_policy.as_str(), "" | "noeviction")
    }

    /// Whether it takes several section names at once (Redis 7).
    pub fn takes_sections(&self) -> bool {
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major >= 7)
    }
}

/// What the upstream said last, for whoever wants to know.
#[derive(Debug, Default)]
pub struct UpstreamView(Mutex<Arc<Seen>>);

impl UpstreamView {
    /// It has been asked.
    pub fn set(&self, said: Said, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Seen { at: Some(now), said });
    }

    /// What it said last.
    pub fn get(&self) -> Arc<Seen> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The lines of `INFO`.
    pub fn section(&self, now: Instant) -> String {
        let seen = self.get();
        let mut out = String::new();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            out += &format!("nearside_upstream_{name}:{value}\r\n");
        };
        let Some(at) = seen.at else { return out };
        match &seen.said {
            Said::Unknown(why) => line("info", &format!("unknown: {}", why.replace(['\r', '\n'], " "))),
            Said::Figures(figures) => {
                line("info_age_seconds", &now.saturating_duration_since(at).as_secs());
                line("server", &figures.server);
                line("version", &figures.version);
                line("role", &figures.role);
                line("used_memory", &figures.used_memory);
                line("maxmemory", &figures.maxmemory);
                line("maxmemory_policy", &figures.maxmemory_policy);
                line("evicted_keys", &figures.evicted_keys);
                line("connected_clients", &figures.connected_clients);
                line("maxclients", &figures.maxclients);
                if let Some(up) = figures.master_link_up {
                    line("master_link_up", &u8::from(up));
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:12\r\n\r\n# Clients\r\n\
        connected_clients:3\r\ncluster_connections:0\r\nmaxclients:10000\r\n# Memory\r\nused_memory:900\r\n\
        used_memory_human:900B\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\n\
        loading:0\r\nrdb_last_bgsave_status:err\r\naof_enabled:0\r\naof_last_write_status:ok\r\n\
        # Replication\r\nrole:slave\r\nmaster_link_status:down\r\nconnected_slaves:0\r\n";

    #[test]
    fn figures_are_read_by_their_whole_names() {
        let figures = Figures::read(TEXT).unwrap();
        assert_eq!((figures.used_memory, figures.maxmemory, figures.maxclients), (900, 1000, 10_000));
        assert_eq!((figures.role.as_str(), figures.master_link_up), ("slave", Some(false)));
        assert_eq!((figures.rdb_last_save_ok, figures.aof_last_write_ok), (Some(false), Some(true)));
        assert!(!figures.evicts() && figures.takes_sections() && !figures.loading);
        assert_eq!(Figures::read("-NOPERM no"), None);
    }

    #[test]
    fn a_valkey_is_called_by_its_own_version() {
        let figures =
            Figures::read("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\nrole:master\r\n").unwrap();
        assert_eq!((figures.server.as_str(), figures.version.as_str()), ("valkey", "9.1.2"));
        assert_eq!(figures.master_link_up, None);
        assert!(!Figures::read("redis_version:6.2.14").unwrap().takes_sections());
    }
}
