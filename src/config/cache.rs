//! The near cache's settings as ready values, and their words.

use super::Config;
use super::nearest::nearest;
use std::time::Duration;

const fn millis(least: u64, most: u64) -> [Duration; 2] {
    [Duration::from_millis(least), Duration::from_millis(most)]
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What is least and most that the settings may be.
pub(super) const AGES: [Duration; 2] = millis(10, DAY);
pub(super) const STALE: [Duration; 2] = millis(1, HOUR);
pub(super) const STALENESS: [Duration; 2] = millis(50, MINUTE);
pub(super) const WINDOWS: [Duration; 2] = millis(1000, DAY);
pub(super) const CHECKS: [Duration; 2] = millis(100, HOUR);
pub(super) const STAMPS: [u32; 2] = [1 << 10, 1 << 24];

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
    /// How long after the loss of the upstream an entry may still be answered; `None`: not at all. At
    /// most an hour.
    pub serve_stale: Option<Duration>,
}

impl Config {
    /// The near cache's mode with `features.cache` (`REDIS_CACHE_ENABLED`) folded in.
    pub fn cache_mode(&self) -> CacheMode {
        if self.features.cache { self.cache.mode } else { CacheMode::Off }
    }
}

impl CacheMode {
    /// Every mode, in the order of its documentation.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Ttl, Self::Off];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ttl => "ttl",
            Self::Off => "off",
        }
    }
}

impl CachePolicy {
    /// Every policy, in the order of its documentation.
    pub const ALL: [Self; 2] = [Self::Lru, Self::Lfu];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lru => "allkeys-lru",
            Self::Lfu => "allkeys-lfu",
        }
    }

    /// The policy called `name`, in any case. The error says what to write instead.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        if let Some(found) = Self::ALL.into_iter().find(|policy| policy.name() == lower) {
            return Ok(found);
        }
        let instead = match lower.as_str() {
            "volatile-lfu" | "lfu" => Self::Lfu,
            _ => Self::Lru,
        };
        Err(match lower.as_str() {
            "volatile-lru" | "volatile-lfu" | "volatile-ttl" => {
                format!("does not matter to a cache in which every entry expires; write {}", instead.name())
            }
            "allkeys-random" | "volatile-random" => format!("is not offered; write {}", instead.name()),
            "noeviction" => {
                format!("would let a full cache keep what nobody reads; write {}", instead.name())
            }
            "lru" | "lfu" => format!("is written {}", instead.name()),
            _ => {
                let near = nearest(&lower, Self::ALL.map(Self::name).into_iter());
                near.map_or_else(
                    || "is neither allkeys-lru nor allkeys-lfu".into(),
                    |near| format!("is no policy, did you mean {near}?"),
                )
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_the_feature_is_a_switch_of_the_cache() {
        let mut config = Config::default();
        assert_eq!(config.cache_mode(), CacheMode::Auto);
        config.cache.mode = CacheMode::Ttl;
        assert_eq!(config.cache_mode(), CacheMode::Ttl);
        config.features.cache = false;
        assert_eq!(config.cache_mode(), CacheMode::Off);
    }

    #[test]
    fn a_policy_that_is_none_says_what_to_write() {
        assert_eq!(CachePolicy::named("AllKeys-LFU"), Ok(CachePolicy::Lfu));
        for (text, instead) in [
            ("volatile-lru", "write allkeys-lru"),
            ("volatile-lfu", "write allkeys-lfu"),
            ("volatile-ttl", "write allkeys-lru"),
            ("allkeys-random", "write allkeys-lru"),
            ("noeviction", "write allkeys-lru"),
            ("LFU", "is written allkeys-lfu"),
            ("allkeys-lruu", "did you mean allkeys-lru?"),
            ("fifo", "is neither allkeys-lru nor allkeys-lfu"),
        ] {
            let why = CachePolicy::named(text).expect_err(text);
            assert!(why.ends_with(instead), "{text}: {why}");
        }
    }
}
