//! The cache's figures, for `INFO` and `NEARSIDE CACHE STATS`.

use std::fmt::{Display, Formatter, Write};

use super::{Figures, Near};

/// What a figure's value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A number.
    Count(u64),
    /// A share, 0 to 1.
    Share(f64),
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Count(count) => count.fmt(f),
            Self::Share(share) => write!(f, "{share:.4}"),
        }
    }
}

impl Near {
    /// The share of reads, of those that could have been, that the upstream never heard of: answered from
    /// memory, or by the reply to somebody else's read. 0 before the first.
    pub fn hit_ratio(&self) -> f64 {
        let (spared, all) = self.reads();
        if all > 0 { spared as f64 / all as f64 } else { 0.0 }
    }

    /// Reads that the upstream never heard of, and all that could have been such.
    pub fn reads(&self) -> (u64, u64) {
        let spared = ["hits", "joins", "stale_served"].iter().map(|name| self.total(name)).sum();
        (spared, spared + self.total("misses"))
    }

    /// What all workers have counted together as `name`, of [`Figures::NAMES`]; 0 for any other.
    pub fn total(&self, name: &str) -> u64 {
        let found = Figures::NAMES.iter().position(|(known, _)| *known == name);
        found.map_or(0, |at| self.totals()[at])
    }

    /// Everything there is to say of the cache as a whole, by name.
    pub fn summary(&self) -> Vec<(&'static str, Value)> {
        let (standing, (entries, bytes)) = (self.standing(), self.size());
        // What an upstream has said may stand in it, and a line is a line.
        let reason = standing.reason.replace(char::is_control, " ");
        let mut all = vec![
            ("mode", Value::Text(standing.mode.into())),
            ("mode_reason", Value::Text(reason)),
            ("suspended", Value::Count(u64::from(self.is_suspended()))),
            ("memory_budget", Value::Count(self.settings.memory)),
            ("memory_used", Value::Count(bytes)),
            ("entries", Value::Count(entries)),
            ("lanes", Value::Count(self.lane_count() as u64)),
            ("hit_ratio", Value::Share(self.hit_ratio())),
        ];
        let figures = Figures::NAMES.iter().zip(self.totals());
        all.extend(figures.map(|((name, _), value)| (*name, Value::Count(value))));
        all
    }

    /// Lines for the `# Nearside` section of `INFO`.
    pub fn section(&self) -> String {
        self.summary().iter().fold(String::new(), |mut out, (name, value)| {
            let _ = write!(out, "nearside_cache_{name}:{value}\r\n");
            out
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::cache::kit::{near, settings};

    #[test]
    fn the_ratio_counts_what_the_upstream_was_spared() {
        let near = near(settings(), 2);
        assert!(near.section().contains("\r\nnearside_cache_hit_ratio:0.0000\r\n"));
        near.figures(0).hits.add();
        near.figures(1).joins.add();
        near.figures(1).stale_served.add();
        near.figures(0).misses.add();
        let section = near.section();
        assert!(section.contains("\r\nnearside_cache_hit_ratio:0.7500\r\n"), "{section}");
        assert!(section.contains("\r\nnearside_cache_stale_served:1\r\n"), "{section}");
    }

    #[test]
    fn a_reason_in_an_upstreams_words_stays_on_its_line() {
        let near = near(settings(), 1);
        near.stands("off", "-ERR\r\nnearside_cache_mode:tracked".into());
        let section = near.section();
        assert!(section.starts_with("nearside_cache_mode:off\r\nnearside_cache_mode_reason:-ERR  nearside"));
    }
}
