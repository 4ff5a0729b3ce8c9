//! Checks of settings that are words of someone else's: the embedded server's and the log's.

/// `maxmemory-policy`, as Redis 7 and Valkey know it.
pub(super) fn maxmemory_policy(text: &str) -> Result<String, String> {
    const POLICIES: [&str; 8] = [
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "noeviction",
    ];
    one_of(text, &POLICIES)
}

/// `appendfsync`.
pub(super) fn appendfsync(text: &str) -> Result<String, String> {
    one_of(text, &["always", "everysec", "no"])
}

fn one_of(text: &str, words: &[&str]) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    if words.contains(&lower.as_str()) { Ok(lower) } else { Err(format!("expects {}", words.join(", "))) }
}

/// `save`: pairs of seconds and changes; nothing, `none` or Redis's own `""` for no snapshots.
pub(super) fn save_points(text: &str) -> Result<String, String> {
    if matches!(text, "" | "none" | "\"\"") {
        return Ok(String::new());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let positive = |word: &&str| word.parse::<i32>().is_ok_and(|n| n > 0);
    if words.len().is_multiple_of(2) && words.iter().all(positive) {
        return Ok(words.join(" "));
    }
    Err("expects pairs of seconds and changes, such as \"900 1 300 10\", or none".into())
}

/// A level or a list of filter directives. A lone word must be a level: as a directive it would
/// silently name a module and log everything of it and nothing else.
///
/// # Errors
/// What was expected.
pub fn log_level(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let expected = || "expects off, error, warn, info, debug, trace or module=level, ...".to_string();
    let known = |part: &str| {
        let part = part.trim();
        part.contains('=') || LEVELS.contains(&part.to_ascii_lowercase().as_str())
    };
    if !text.split(',').all(known) {
        return Err(expected());
    }
    let parsed = tracing_subscriber::EnvFilter::builder().parse(text);
    parsed.map(|_| text.to_string()).map_err(|_| expected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_embedded_server() {
        assert_eq!(maxmemory_policy("AllKeys-LRU"), Ok("allkeys-lru".into()));
        assert!(maxmemory_policy("lru").is_err());
        assert_eq!(appendfsync("no"), Ok("no".into()));
        assert_eq!(save_points("900  1 300 10"), Ok("900 1 300 10".into()));
        assert_eq!(save_points("none"), Ok(String::new()));
        for bad in ["900", "900 x", "0 1", "900 -1"] {
            assert!(save_points(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_level_is_not_taken_for_a_module() {
        for good in ["info", "WARN", "info,nearside::upstream=debug", "off"] {
            assert_eq!(log_level(good), Ok(good.into()));
        }
        for bad in ["inof", "", "info,", "nearside=loud", "info,debgu"] {
            assert!(log_level(bad).is_err(), "{bad}");
        }
    }
}
