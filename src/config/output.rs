//! `client_output_buffer_limit` in Redis's own syntax.

use super::units::{duration, show_redis_size, size};
use super::{OutputLimit, OutputLimits};
use std::fmt;

/// Reads `class hard soft seconds` groups: `normal 0 0 0 pubsub 32mb 8mb 60`. A class left out keeps
/// its value in `base`. Redis's class for replicas is read and means nothing here.
pub(super) fn parse(text: &str, base: OutputLimits) -> Result<OutputLimits, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("expects groups of class, hard limit, soft limit and seconds".into());
    }
    let mut limits = base;
    for group in words.chunks_exact(4) {
        let limit = OutputLimit {
            hard: size(group[1]).ok_or_else(|| format!("has no size as the hard limit of {}", group[0]))?,
            soft: size(group[2]).ok_or_else(|| format!("has no size as the soft limit of {}", group[0]))?,
            soft_for: duration(group[3], true).ok_or_else(|| format!("has no seconds for {}", group[0]))?,
        };
        match group[0] {
            "normal" => limits.normal = limit,
            "pubsub" => limits.pubsub = limit,
            "replica" | "slave" => {}
            _ => return Err("has a class that is none of normal, pubsub, replica".into()),
        }
    }
    Ok(limits)
}

impl fmt::Display for OutputLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "normal {} pubsub {}", self.normal, self.pubsub)
    }
}

impl fmt::Display for OutputLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.soft_for.as_secs_f64();
        write!(f, "{} {} {seconds}", show_redis_size(self.hard), show_redis_size(self.soft))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_own_default_reads_and_shows() {
        let text = "normal 0 0 0 pubsub 32mb 8mb 60";
        assert_eq!(parse(text, OutputLimits::default()), Ok(OutputLimits::default()));
        assert_eq!(OutputLimits::default().to_string(), text);
        let redis = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!(parse(redis, OutputLimits::default()), Ok(OutputLimits::default()));
    }

    #[test]
    fn a_class_left_out_keeps_its_limits() {
        let read = parse("normal 1gb 256mb 30", OutputLimits::default()).unwrap();
        assert_eq!(read.normal.hard, 1 << 30);
        assert_eq!(read.pubsub, OutputLimits::default().pubsub);
        for bad in ["", "normal", "normal 0 0", "other 0 0 0", "normal x 0 0", "normal 0 x 0", "normal 0 0 x"]
        {
            assert!(parse(bad, OutputLimits::default()).is_err(), "{bad}");
        }
    }
}
