//! The rows of the table, section by section. Only data.

mod admin;
mod cache;
mod gate;
mod health;
mod otlp;
mod reload;
mod upstream;

pub(super) use admin::ADMIN;
pub(super) use cache::CACHE;
pub(super) use gate::{ADMISSION, AUDIT, GATE, RULES, TLS, UPSTREAM_RENAME};
pub(super) use health::{ALERTS, HEALTH};
pub(super) use otlp::OTLP;
pub(super) use reload::RELOAD;
pub(super) use upstream::UPSTREAM;

use std::time::Duration;

use super::field::{Bare, Field};
use super::setting::{Setting, fixed, live};
use super::texts::{appendfsync, log_level, maxmemory_policy, save_points};
use super::words::OneOf;

pub(super) const GENERAL: &[Setting] = &[
    fixed(
        "profile",
        Field::Profile(|c| &mut c.profile),
        "A named set of defaults: default, transparent, development, staging or production. Anything \
            set elsewhere wins over it; `nearside check` prints what it sets.",
    )
    .flag("--profile"),
    live(
        "enabled",
        Field::Bool(|c| &mut c.enabled),
        "false: the upstream is not used and every client command gets one clear error. What was started with \
            false needs a restart to be switched on.",
    )
    .env(&["ENABLE_REDIS"]),
    fixed(
        "listen",
        Field::Listen(|c| &mut c.listen, 1),
        "Where clients connect: host:port, [v6]:port or unix:/path. Port 0 picks a free one.",
    )
    .flag("--listen"),
    fixed(
        "workers",
        Field::Count(|c| &mut c.workers, 1, 1024),
        "Worker threads. At most half of upstream.max_connections are used: each needs a connection \
            of its own and one to lend.",
    )
    .flag("--workers")
    .unset("the cores this process may use, at most half of upstream.max_connections", "4"),
    live(
        "maxclients",
        Field::Number(|c| &mut c.maxclients, 1, 10_000_000),
        "Most clients connected at once; one more gets Redis's own error and is closed.",
    )
    .flag("--maxclients"),
    live(
        "timeout",
        Field::Seconds(|c| &mut c.timeout),
        "Clients silent for so many seconds are closed; 0 never.",
    ),
    live(
        "tcp_keepalive",
        Field::Seconds(|c| &mut c.tcp_keepalive),
        "Seconds between TCP keepalive probes to clients; 0 none. A change is for clients that come.",
    ),
    fixed(
        "tcp_backlog",
        Field::Number(|c| &mut c.tcp_backlog, 1, 65_535),
        "Connections that may wait to be accepted; the system may allow fewer.",
    ),
    live(
        "client_output_buffer_limit",
        Field::Output(|c| &mut c.client_output_buffer_limit),
        "When a client that does not read its replies is cut: class, hard limit, soft limit, seconds \
            above the soft limit, for the classes normal and pubsub. 0 is no limit.",
    ),
    fixed(
        "pubsub_dedicated",
        Field::Count(|c| &mut c.pubsub_dedicated, 0, 1_000_000),
        "Subscribers with an upstream connection of their own, of all workers together; they count \
            against upstream.max_pinned. Those above it share one per worker and user.",
    ),
    fixed(
        "pubsub_on_loss",
        Field::Word(&OneOf(|c| &mut c.pubsub_on_loss)),
        "What becomes of subscribers that share a connection when it is lost: close closes theirs, so \
            that they know; resubscribe subscribes them again, and what was published meanwhile is lost.",
    ),
    live(
        "drain_timeout",
        Field::Wait(|c| &mut c.drain_timeout, Bare::Refused),
        "How long a stopping proxy waits for what is in flight.",
    )
    .flag("--drain-timeout"),
    live(
        "drain_delay",
        Field::Span(|c| &mut c.drain_delay, [Duration::ZERO, Duration::from_secs(3600)]),
        "How long a stopping proxy says that it is not ready and serves as before, new clients too, before it \
            stops accepting: as long as whoever sends it clients needs to notice.",
    )
    .flag("--drain-delay"),
    fixed(
        "takeover",
        Field::PathOrNone(|c| &mut c.takeover),
        "A Unix socket. A proxy that starts while another one listens there takes over from it: the addresses \
            both listen on change hands without a connection refused, then the other one drains and ends. Not \
            with a server of Nearside's own.",
    )
    .flag("--takeover")
    .unset("no", "\"/run/nearside/takeover.sock\""),
];

pub(super) const EMBEDDED: &[Setting] = &[
    fixed(
        "embedded.server",
        Field::PathOrNone(|c| &mut c.embedded.server),
        "The server to start when no upstream is configured.",
    )
    .flag("--server")
    .unset("redis-server, else valkey-server, on the PATH", "\"/usr/bin/redis-server\""),
    fixed(
        "embedded.data_dir",
        Field::Path(|c| &mut c.embedded.data_dir),
        "Where its data, socket and lock are kept. One running Nearside per directory.",
    )
    .flag("--data-dir")
    .unset("$XDG_STATE_HOME/nearside, else ~/.local/state/nearside", "\"/var/lib/nearside\""),
    fixed(
        "embedded.maxmemory",
        Field::Size(|c| &mut c.embedded.maxmemory, 0),
        "Its maxmemory; 0 is no limit.",
    ),
    fixed(
        "embedded.maxmemory_policy",
        Field::Text(|c| &mut c.embedded.maxmemory_policy, maxmemory_policy),
        "Its maxmemory-policy. An allkeys policy may evict queues and sessions, not only what has an expiry.",
    ),
    fixed(
        "embedded.save",
        Field::Text(|c| &mut c.embedded.save, save_points),
        "Its snapshots: pairs of seconds and changes; empty or none for no snapshots.",
    ),
    fixed(
        "embedded.appendonly",
        Field::Bool(|c| &mut c.embedded.appendonly),
        "Whether it keeps an append-only file.",
    ),
    fixed(
        "embedded.appendfsync",
        Field::Text(|c| &mut c.embedded.appendfsync, appendfsync),
        "When it flushes that file to disk: always, everysec or no.",
    ),
];

pub(super) const LIMITS: &[Setting] = &[
    live("limits.max_bulk", Field::Size(|c| &mut c.limits.max_bulk, 1024), "Largest argument of a request."),
    live(
        "limits.max_multibulk",
        Field::Long(|c| &mut c.limits.max_multibulk, 1, i32::MAX as u64),
        "Most arguments of a request.",
    ),
    live(
        "limits.large",
        Field::Size(|c| &mut c.limits.large, 1024),
        "A request or reply above it leaves the shared connection for one of its own.",
    ),
    live(
        "limits.large_memory",
        Field::Wait(|c| &mut c.limits.large_memory, Bare::Refused),
        "How long a key and command are remembered as large and go to a connection of their own at once.",
    ),
    live(
        "limits.reply_buffer",
        Field::Size(|c| &mut c.limits.reply_buffer, 1024),
        "What one reply on a shared connection may hold in memory.",
    ),
    live(
        "limits.memory",
        Field::Size(|c| &mut c.limits.memory, 1 << 20),
        "All request and reply buffers of the process together.",
    ),
    live(
        "limits.session_inflight_bytes",
        Field::Size(|c| &mut c.limits.session_inflight_bytes, 1024),
        "Reply bytes expected by one client at which it is no longer read from.",
    ),
    live(
        "limits.session_inflight",
        Field::Number(|c| &mut c.limits.session_inflight, 1, 1_000_000),
        "Requests of one client in flight at which it is no longer read from.",
    ),
];

pub(super) const LOG: &[Setting] = &[
    fixed("log.format", Field::Word(&OneOf(|c| &mut c.log.format)), "text, or json for one object per line.")
        .flag("--log-format"),
    live(
        "log.level",
        Field::Text(|c| &mut c.log.level, log_level),
        "off, error, warn, info, debug or trace; or per module, such as \"info,nearside::upstream=debug\".",
    )
    .flag("--log-level"),
    live(
        "log.access_sample",
        Field::Share(|c| &mut c.log.access_sample),
        "The share of requests that have a line of their own (target nearside::access): who asked what, what \
            answered it, and how long that took.",
    ),
];

pub(super) const SLOWLOG: &[Setting] = &[
    live(
        "slowlog.threshold",
        Field::Span(|c| &mut c.slowlog.threshold, [Duration::ZERO, Duration::from_secs(3600)]),
        "Requests that take as long are kept in the slow log, with where their time went: Nearside, the \
            upstream or the client. 0: all. What blocks or subscribes is never kept.",
    ),
    live(
        "slowlog.max_len",
        Field::Count(|c| &mut c.slowlog.max_len, 0, 100_000),
        "How many the slow log keeps, the last ones; 0: there is none.",
    ),
];

pub(super) const FEATURES: &[Setting] = &[
    live(
        "features.cache",
        Field::Bool(|c| &mut c.features.cache),
        "The near cache; false is the same as cache.mode = \"off\". What was started with false needs a restart \
            to be switched on.",
    )
    .env(&["REDIS_CACHE_ENABLED"]),
    live(
        "features.pubsub",
        Field::Bool(|c| &mut c.features.pubsub),
        "Publish and subscribe; false: those commands are refused by name.",
    )
    .env(&["REDIS_PUBSUB_ENABLED"]),
    live(
        "features.session_store",
        Field::Bool(|c| &mut c.features.session_store),
        "Session keys; false: commands on keys that match session_patterns are refused by name.",
    )
    .env(&["REDIS_SESSION_STORE_ENABLED"]),
    live(
        "features.session_patterns",
        Field::List(|c| &mut c.features.session_patterns),
        "The keys that are sessions, as glob patterns.",
    ),
    live(
        "features.rate_limiting",
        Field::Bool(|c| &mut c.features.rate_limiting),
        "Rate limits; false: none is applied. The application's own INCR and EXPIRE go on working.",
    )
    .env(&["REDIS_RATE_LIMITING_ENABLED"]),
];
