//! The defaults of every setting, as ready values. The table's texts are tested against these.

use super::{
    Config, Embedded, Endpoint, Features, Limits, Listen, Log, LogFormat, OnLoss, OutputLimit, OutputLimits,
    Profile, Upstream,
};
use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

impl Default for Config {
    /// The defaults, without any source. `workers` follows the cores this process may use (cgroup
    /// quota included). `embedded.data_dir` is `nearside-data` in the working directory, because the
    /// environment that names a better place is not read here.
    fn default() -> Self {
        let upstream = Upstream::default();
        Self {
            profile: Profile::Default,
            enabled: true,
            listen: vec![Listen::Tcp("127.0.0.1".into(), 6380)],
            workers: default_workers(available_cores(), upstream.max_connections),
            maxclients: 10_000,
            timeout: None,
            tcp_keepalive: Some(Duration::from_secs(300)),
            tcp_backlog: 511,
            client_output_buffer_limit: OutputLimits::default(),
            pubsub_dedicated: 256,
            pubsub_on_loss: OnLoss::Close,
            drain_timeout: Duration::from_secs(10),
            upstream,
            embedded: Embedded::default(),
            limits: Limits::default(),
            log: Log { format: LogFormat::Text, level: "info".into() },
            features: Features::default(),
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::Embedded,
            username: None,
            password: None,
            database: 0,
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

/// Cores this process may use, cgroup quota included; 1 if the system does not say.
pub(super) fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Most workers a connection budget can serve: each needs a lane and, at times, a lease.
pub(super) fn most_workers(max_connections: usize) -> usize {
    (max_connections / 2).max(1)
}

/// Workers when none are asked for.
pub(super) fn default_workers(cores: usize, max_connections: usize) -> usize {
    cores.clamp(1, most_workers(max_connections))
}
