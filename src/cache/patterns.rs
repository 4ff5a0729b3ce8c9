//! Which keys are kept, and for how long at most.

use std::time::Duration;

use super::{Time, nanos};
use crate::config;
use crate::policy::matches;

/// What holds for the entries of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How long they may live, nanoseconds.
    pub max_age: Time,
    /// How long beyond the loss of the upstream they may be given out, nanoseconds; 0 not at all.
    pub stale_for: Time,
}

/// Which setting decides whether a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule<'p> {
    /// None: every key is.
    Every,
    /// This pattern of `cache.include`.
    Included(&'p str),
    /// No pattern of `cache.include` fits: it is not.
    NotIncluded,
    /// This pattern of `cache.exclude`: it is not.
    Excluded(&'p str),
}

/// The settings `cache.include` and `cache.exclude`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    include: Vec<(String, Kept)>,
    exclude: Vec<String>,
    others: Kept,
}

impl Patterns {
    /// What `settings` ask for; `longest` bounds every age.
    pub fn new(settings: &config::Cache, longest: Duration) -> Self {
        let age = |age: Option<Duration>| nanos(age.unwrap_or(settings.max_age).min(longest));
        let include = settings.include.iter().map(|pattern| {
            let stale_for = pattern.serve_stale.map_or(0, nanos);
            (pattern.glob.clone(), Kept { max_age: age(pattern.max_age), stale_for })
        });
        let others = Kept { max_age: age(None), stale_for: 0 };
        Self { include: include.collect(), exclude: settings.exclude.clone(), others }
    }

    /// What holds for the key `name`; `None`: it is not kept.
    pub fn kept(&self, name: &[u8]) -> Option<Kept> {
        if self.exclude.iter().any(|glob| matches(glob.as_bytes(), name)) {
            return None;
        }
        if self.include.is_empty() {
            return Some(self.others);
        }
        self.include.iter().find(|(glob, _)| matches(glob.as_bytes(), name)).map(|(_, kept)| *kept)
    }

    /// Which setting decides on the key `name`.
    pub fn rule(&self, name: &[u8]) -> Rule<'_> {
        let fits = |glob: &&String| matches(glob.as_bytes(), name);
        if let Some(glob) = self.exclude.iter().find(fits) {
            return Rule::Excluded(glob);
        }
        let included = self.include.iter().map(|(glob, _)| glob).find(fits);
        match included {
            Some(glob) => Rule::Included(glob),
            None if self.include.is_empty() => Rule::Every,
            None => Rule::NotIncluded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CachePattern;

    fn pattern(glob: &str, max_age: Option<u64>) -> CachePattern {
        CachePattern { glob: glob.into(), max_age: max_age.map(Duration::from_secs), serve_stale: None }
    }

    #[test]
    fn the_first_pattern_that_fits_holds_and_no_age_is_beyond_the_longest() {
        let settings = config::Cache {
            include: vec![pattern("api:notion:*", Some(30)), pattern("api:*", None)],
            exclude: vec!["*:secret".into()],
            ..config::Cache::default()
        };
        let patterns = Patterns::new(&settings, Duration::from_secs(40));
        let age = |name: &[u8]| patterns.kept(name).map(|kept| kept.max_age / 1_000_000_000);
        assert_eq!(age(b"api:notion:1"), Some(30));
        assert_eq!(age(b"api:other"), Some(40));
        assert_eq!(age(b"api:notion:secret"), None);
        assert_eq!(age(b"session:1"), None);
        let names: [&[u8]; 4] = [b"api:notion:1", b"api:other", b"api:notion:secret", b"session:1"];
        assert_eq!(
            names.map(|name| patterns.rule(name)),
            [
                Rule::Included("api:notion:*"),
                Rule::Included("api:*"),
                Rule::Excluded("*:secret"),
                Rule::NotIncluded
            ]
        );
    }

    #[test]
    fn without_patterns_every_key_is_kept() {
        let patterns = Patterns::new(&config::Cache::default(), Duration::MAX);
        assert_eq!(patterns.kept(b"x").map(|kept| kept.stale_for), Some(0));
        assert_eq!(patterns.rule(b"x"), Rule::Every);
    }

    #[test]
    fn an_age_may_be_longer_than_the_general_one_and_serving_stale_is_the_patterns_own() {
        let include = vec![
            CachePattern { serve_stale: Some(Duration::from_secs(5)), ..pattern("static:*", Some(600)) },
            pattern("*", None),
        ];
        let settings = config::Cache { include, ..config::Cache::default() };
        let kept = |longest| Patterns::new(&settings, longest).kept(b"static:1").expect("it is kept");
        let second = nanos(Duration::from_secs(1));
        assert_eq!(kept(Duration::MAX), Kept { max_age: 600 * second, stale_for: 5 * second });
        assert_eq!(kept(Duration::from_secs(1)).max_age, second);
        let patterns = Patterns::new(&settings, Duration::MAX);
        let others = patterns.kept(b"x");
        assert_eq!(others, Some(Kept { max_age: 60 * second, stale_for: 0 }));
    }

    #[test]
    fn what_is_excluded_is_not_kept_whatever_else_fits() {
        let (include, exclude) = (vec![pattern("*", None)], vec!["a*".into()]);
        let settings = config::Cache { include, exclude, ..config::Cache::default() };
        let patterns = Patterns::new(&settings, Duration::MAX);
        assert!(patterns.kept(b"ab").is_none() && patterns.kept(b"b").is_some());
    }
}
