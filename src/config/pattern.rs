//! `cache.include` and `cache.exclude`: patterns of keys, and what may stand behind one.

use super::nearest::nearest;
use super::units::{duration, show_duration};
use super::written::quoted;
use super::{CachePattern, cache};
use std::fmt;
use std::time::Duration;

const OPTIONS: [&str; 2] = ["max_age", "serve_stale"];

/// Reads patterns, each with its options: `api:* max_age=30s serve_stale=5m`.
pub(super) fn read(items: &[&str]) -> Result<Vec<CachePattern>, String> {
    let mut read: Vec<CachePattern> = Vec::new();
    for item in items {
        let one = parse(item).map_err(|why| format!("{} {why}", quoted(item)))?;
        if read.iter().any(|earlier| earlier.glob == one.glob) {
            return Err(format!(
                "names {} twice; the first pattern that fits a key holds",
                quoted(&one.glob)
            ));
        }
        read.push(one);
    }
    Ok(read)
}

/// Reads patterns that take no option.
pub(super) fn globs(items: &[&str]) -> Result<Vec<String>, String> {
    match items.iter().find(|item| item.contains(char::is_whitespace)) {
        Some(item) => Err(format!("{} {}", quoted(item), BLANK)),
        None => Ok(items.iter().map(ToString::to_string).collect()),
    }
}

const BLANK: &str = "has a blank: write a comma between two patterns, and ? for a blank in a key";

fn parse(item: &str) -> Result<CachePattern, String> {
    let mut words = item.split_whitespace();
    let glob = words.next().ok_or("is no pattern")?.to_string();
    let mut pattern = CachePattern { glob, max_age: None, serve_stale: None };
    for word in words {
        let (name, text) = word.split_once('=').ok_or(BLANK)?;
        let (place, [least, most]) = match name {
            "max_age" => (&mut pattern.max_age, cache::AGES),
            "serve_stale" => (&mut pattern.serve_stale, cache::STALE),
            _ => return Err(unknown(name)),
        };
        if place.is_some() {
            return Err(format!("has {name} twice"));
        }
        let fits = |found: &Duration| (least..=most).contains(found);
        *place = duration(text, false).filter(fits);
        if place.is_none() {
            let (least, most) = (show_duration(least), show_duration(most));
            return Err(format!("expects for {name} a duration with its unit, from {least} to {most}"));
        }
    }
    Ok(pattern)
}

fn unknown(option: &str) -> String {
    match nearest(option, OPTIONS.into_iter()) {
        Some(near) => format!("has no such option, did you mean {near}?"),
        None => format!("has an option that is none of {}", OPTIONS.join(", ")),
    }
}

impl fmt::Display for CachePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.glob)?;
        for (name, value) in OPTIONS.into_iter().zip([self.max_age, self.serve_stale]) {
            if let Some(value) = value {
                write!(f, " {name}={}", show_duration(value))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(item: &str) -> String {
        read(&[item]).expect_err(item)
    }

    #[test]
    fn a_pattern_and_its_options_read_and_show() {
        let texts = ["api:notion:* max_age=30s", "a=b", "api:* max_age=1h serve_stale=5m", "*"];
        let read = read(&texts).unwrap();
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
        assert_eq!(read[0].max_age, Some(Duration::from_secs(30)));
        assert_eq!(read[2].serve_stale, Some(Duration::from_secs(300)));
        assert_eq!((read[1].glob.as_str(), read[1].max_age, read[1].serve_stale), ("a=b", None, None));
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said() {
        assert_eq!(why("a:* b:*"), format!("\"a:* b:*\" {BLANK}"));
        assert_eq!(why("a:* maxage=3s"), "\"a:* maxage=3s\" has no such option, did you mean max_age?");
        let none = "\"a:* ttl=3s\" has an option that is none of max_age, serve_stale";
        assert_eq!(why("a:* ttl=3s"), none);
        assert!(
            why("a:* max_age=3").ends_with("expects for max_age a duration with its unit, from 10ms to 24h")
        );
        assert!(
            why("a:* serve_stale=2h").ends_with("for serve_stale a duration with its unit, from 1ms to 1h")
        );
        assert!(why("a:* serve_stale=0").contains("from 1ms"));
        assert!(why("a:* max_age=3s max_age=4s").ends_with("has max_age twice"));
        let twice = read(&["a", "b", "a max_age=1s"]).unwrap_err();
        assert_eq!(twice, "names \"a\" twice; the first pattern that fits a key holds");
        assert!(globs(&["a b"]).unwrap_err().ends_with(BLANK));
        assert!(!why("x@secret y").contains("secret"));
    }
}
