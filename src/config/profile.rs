//! The presets: what each sets, as written. Anything set by a source wins over them.
//!
//! The guide's environments differ in their connection budget and in patience; what else sets them
//! apart here is how soon trouble shows (development) and how long a stop may take (production).

use super::Profile;
use std::fmt;

impl Profile {
    /// Every preset, in the order of its documentation.
    pub const ALL: [Self; 5] =
        [Self::Default, Self::Transparent, Self::Development, Self::Staging, Self::Production];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Transparent => "transparent",
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// The preset called `name`, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name().eq_ignore_ascii_case(name))
    }

    /// The keys it sets and the values it gives them, as written in a file.
    pub fn sets(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Default => &[],
            // No bounds of our own short of Redis's: as many held connections as clients, replies
            // that take as long as they take, Redis's own output limits, no rate limits. No near cache:
            // its hits do not show in the server's own figures, such as INFO commandstats, OBJECT IDLETIME
            // (which the server's eviction goes by) and MONITOR. No blocked commands: Redis's own tests
            // empty the server between one another.
            Self::Transparent => &[
                ("client_output_buffer_limit", "normal 0 0 0 pubsub 32mb 8mb 60"),
                ("upstream.max_pinned", "10000"),
                ("upstream.socket_timeout", "0"),
                ("limits.max_multibulk", "2147483647"),
                ("cache.mode", "off"),
                ("rules.block", "none"),
                ("features.rate_limiting", "false"),
            ],
            Self::Development => {
                &[("upstream.max_connections", "5"), ("drain_timeout", "1s"), ("log.level", "debug")]
            }
            Self::Staging => &[("upstream.max_connections", "10"), ("log.format", "json")],
            Self::Production => &[
                ("upstream.max_connections", "20"),
                ("upstream.min_idle", "2"),
                ("upstream.timeout", "10s"),
                ("drain_timeout", "30s"),
                ("log.format", "json"),
            ],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
