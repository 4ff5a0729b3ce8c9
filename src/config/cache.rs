//! The near cache's settings as ready values, and their words.

use super::Config;
use std::time::Duration;

/// The near cache: what it keeps, for how long, and how old what it answers may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// How it learns of changes, or that there is none. Default [`CacheMode::Auto`]. Ask
    /// [`Config::cache_mode`], which knows of `features.cache` too.
    pub mode: CacheMode,
    /// Bytes all entries of all workers together may hold, keys and bookkeeping included. Default: an
    /// eighth of what this process may use, from 16 MiB to 1 GiB.
    pub memory: u64,
    /// Which entry goes when there is no room. Default [`CachePolicy::Lru`].
    pub policy: CachePolicy,
    /// Largest reply that is kept, in bytes. Default 64 KiB.
    pub max_value: u64,
    /// How long an entry may live, whatever its key's own expiry. Default 60 s.
    pub max_age: Duration,
    /// D of the promise: a read that starts so long after anybody's write was executed never gets the
    /// older value. Default 1 s.
    pub max_staleness: Duration,
    /// Reads of one key within `admit_window` at which it is kept; 0 or 1 keeps every key at its first.
    /// Default 2.
    pub admit_after: u32,
    /// See `admit_after`. Default 60 s.
    pub admit_window: Duration,
    /// Share of hits, 0 to 1, that are compared with the upstream's answer. Default 0.
    pub verify: f64,
    /// How often the upstream's users and rights are compared with what they were. Default 5 s.
    pub acl_check: Duration,
    /// Whether scripts write no key but those they are given: their effects count as known then.
    /// Default `false`.
    pub scripts_declare_keys: bool,
    /// How long an entry may live in [`CacheMode::Ttl`]. Default 1 s.
    pub ttl_max_age: Duration,
    /// Slots of the table of stamps; a power of two. More of them, fewer needless misses: keys that
    /// share a slot are invalidated together. Default: one per 64 bytes of `memory`, from 2^14 to 2^20.
    pub stamps: u32,
    /// Keys that are kept, the first pattern that fits holds; empty means every key. Default empty.
    pub include: Vec<CachePattern>,
    /// Glob patterns of keys that are never kept, whatever `include` says. Default none.
    pub exclude: Vec<String>,
}

/// How the near cache learns that what it holds has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// The upstream tells it (client-side caching); where the upstream cannot, there is no cache.
    #[default]
    Auto,
    /// Not at all: entries live for [`Cache::ttl_max_age`] at most, and may be out of date that long.
    Ttl,
    /// There is no near cache.
    Off,
}

/// Which entry goes when the near cache is full, in Redis's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachePolicy {
    /// `allkeys-lru`: the one not read for longest.
    #[default]
    Lru,
    /// `allkeys-lfu`: the one read least often.
    Lfu,
}

/// Keys that are kept, and what holds for them instead of the general settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePattern {
    /// Glob pattern of the keys, as Redis matches them.
    pub glob: String,
    /// How long an entry may live; `None`: [`Cache::max_age`].
    pub max_age: Option<Duration>,
    /// How long beyond its end an entry may still be answered while the upstream cannot be reached;
    /// `None`: not at all. At most an hour.
    pub serve_stale: Option<Duration>,
}

impl Config {
    /// The near cache's mode with `features.cache` (`REDIS_CACHE_ENABLED`) folded in.
    pub fn cache_mode(&self) -> CacheMode {
        if self.features.cache { self.cache.mode } else { CacheMode::Off }
    }
}
