//! The defaults of every setting, as ready values. The table's texts are tested against these.

use super::machine::{available_cores, available_memory};
use super::{
    Admin, Admission, Alerts, Audit, Cache, CacheMode, CachePolicy, Config, Embedded, Endpoint, Features,
    Health, Limits, Listen, Log, LogFormat, OnLoss, Otlp, OutputLimit, OutputLimits, Profile, Reload, Rules,
    SlowLog, Tls, Upstream, UpstreamTls,
};
use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

impl Default for Config {
    /// The defaults, without any source. `workers` follows the cores this process may use (cgroup
    /// quota included), `cache.memory` the memory it may use. `embedded.data_dir` is `nearside-data` in the working directory, because the
    /// environment that names a better place is not read here.
    fn default() -> Self {
        let upstream = Upstream::default();
        Self {
            profile: Profile::Default,
            enabled: true,
            listen: vec![Listen::Tcp("127.0.0.1".into(), 6380)],
            tls: Tls::default(),
            protected_mode: true,
            users: Vec::new(),
            rules: Rules::default(),
            rates: Vec::new(),
            admission: Admission::default(),
            audit: Audit::default(),
            workers: default_workers(available_cores(), upstream.max_connections),
            maxclients: 10_000,
            timeout: None,
            tcp_keepalive: Some(Duration::from_secs(300)),
            tcp_backlog: 511,
            client_output_buffer_limit: OutputLimits::default(),
            pubsub_dedicated: 256,
            pubsub_on_loss: OnLoss::Close,
            drain_timeout: Duration::from_secs(10),
            drain_delay: Duration::ZERO,
            takeover: None,
            upstream,
            embedded: Embedded::default(),
            limits: Limits::default(),
            cache: Cache::default(),
            admin: Admin::default(),
            health: Health::default(),
            alerts: Alerts::default(),
            reload: Reload { watch: false, every: Duration::from_secs(5) },
            slowlog: SlowLog::default(),
            log: Log { format: LogFormat::Text, level: "info".into(), access_sample: 0.0 },
            otlp: Otlp::default(),
            features: Features::default(),
        }
    }
}

impl Default for SlowLog {
    fn default() -> Self {
        Self { threshold: Duration::from_millis(10), max_len: 128 }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::Embedded,
            username: None,
            password: None,
            database: 0,
            tls: UpstreamTls::default(),
            rename: Vec::new(),
            max_connections: 10,
            max_pinned: 1000,
            min_idle: 0,
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            socket_timeout: Duration::from_secs(5),
            health_check_interval: Duration::from_secs(30),
            reconnect_min: Duration::from_millis(20),
            reconnect_max: Duration::from_secs(2),
            origin: "default".into(),
        }
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self {
            server: None,
            data_dir: PathBuf::from("nearside-data"),
            maxmemory: 256 * MIB,
            maxmemory_policy: "volatile-lru".into(),
            save: "900 1 300 10 60 10000".into(),
            appendonly: true,
            appendfsync: "everysec".into(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bulk: 512 * MIB,
            max_multibulk: 1_048_576,
            large: MIB,
            large_memory: Duration::from_secs(60),
            reply_buffer: 8 * MIB,
            memory: 256 * MIB,
            session_inflight_bytes: 4 * MIB,
            session_inflight: 1024,
        }
    }
}

impl Default for Cache {
    /// The defaults; `memory` follows what this process may use, and `stamps` follow `memory`.
    fn default() -> Self {
        let memory = default_cache_memory(available_memory());
        Self {
            mode: CacheMode::Auto,
            memory,
            policy: CachePolicy::Lru,
            max_value: 64 << 10,
            max_age: Duration::from_secs(60),
            max_staleness: Duration::from_secs(1),
            admit_after: 2,
            admit_window: Duration::from_secs(60),
            verify: 0.0,
            acl_check: Duration::from_secs(5),
            scripts_declare_keys: false,
            ttl_max_age: Duration::from_secs(1),
            stamps: default_stamps(memory),
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }
}

impl Default for OutputLimits {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            normal: OutputLimit::default(),
            pubsub: OutputLimit { hard: 32 * MIB, soft: 8 * MIB, soft_for: minute },
        }
    }
}

impl Default for Features {
    fn default() -> Self {
        Self {
            cache: true,
            pubsub: true,
            session_store: true,
            session_patterns: vec!["session:*".into()],
            rate_limiting: true,
        }
    }
}

/// Most workers a connection budget can serve: each needs a lane and, at times, a lease.
pub(super) fn most_workers(max_connections: usize) -> usize {
    (max_connections / 2).max(1)
}

/// Workers when none are asked for.
pub(super) fn default_workers(cores: usize, max_connections: usize) -> usize {
    cores.clamp(1, most_workers(max_connections))
}

/// The near cache's bytes when none are asked for, by the bytes this process may use, if they are known.
pub(super) fn default_cache_memory(available: Option<u64>) -> u64 {
    available.map_or(64 * MIB, |bytes| (bytes / 8).clamp(16 * MIB, 1024 * MIB))
}

/// Stamps when none are asked for, by the near cache's bytes: a power of two.
pub(super) fn default_stamps(memory: u64) -> u32 {
    1 << (memory / 64).clamp(1 << 14, 1 << 20).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_near_cache_takes_an_eighth_within_bounds() {
        let of = |mib: u64| default_cache_memory(Some(mib * MIB)) / MIB;
        assert_eq!((of(64), of(512), of(2048), of(65_536)), (16, 64, 256, 1024));
        assert_eq!(default_cache_memory(None), 64 * MIB);
    }

    #[test]
    fn stamps_are_a_power_of_two_for_any_memory() {
        let of = |memory: u64| default_stamps(memory).ilog2();
        assert_eq!((of(0), of(1 << 20), of(3 << 20), of(64 << 20), of(u64::MAX)), (14, 14, 15, 20, 20));
        assert!(default_stamps(12_345_678).is_power_of_two());
    }
}
