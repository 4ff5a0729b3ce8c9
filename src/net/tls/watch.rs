//! Certificates change by replacing files: found by looking at what is in them, every so often.
//!
//! A look is of contents, not of times or inodes, so that it does not matter how they were replaced: renamed
//! over, written over, or by another target of a symlink (`..data`, as Kubernetes does it). What does not
//! parse or does not fit together changes nothing: it may be half of a replacement, and is looked at again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use crate::telemetry::Audit;
use crate::telemetry::audit::{Event, Kind};

/// Days before the end of a certificate from which on each is logged.
const REMIND: i64 = 14;

/// Bounds of what an embedder may ask for.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Which contents files had; other contents have another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

impl Mark {
    /// That of the texts of files, in an order that is always the same.
    pub fn of<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        texts.for_each(|text| text.hash(&mut hasher));
        Self(hasher.finish())
    }
}

/// What was found by a look at the files: their mark, and what puts the thing made of them to use, or why
/// nothing can be made of them.
#[derive(Debug)]
pub struct Look<S> {
    /// The mark of what they hold.
    pub mark: Mark,
    /// What can be made of it.
    pub made: Result<S, String>,
}

/// Something that is made of files and can be made anew while it is in use.
pub trait Renewable: Send + Sync + std::fmt::Debug + 'static {
    /// What is made of the files.
    type Setup: Send + 'static;

    /// What it is, for the log.
    fn what(&self) -> &'static str;

    /// What was in the files of which what is in use was made.
    fn used(&self) -> Mark;

    /// Reads the files, and makes of them what can be made. May take long: files can be far away.
    ///
    /// # Errors
    /// They cannot be read.
    fn look(&self) -> Result<Look<Self::Setup>, String>;

    /// From now on new connections are made with `setup`.
    fn replace(&self, setup: Self::Setup);

    /// Whole days until its own certificate ends, if it has one.
    fn days_left(&self, now: SystemTime) -> Option<i64>;

    /// What is not as it should be, though it works: a line each.
    fn warnings(&self, now: SystemTime) -> Vec<String>;
}

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
enum Verdict<S> {
    /// Nothing has changed, or nothing since it was last said that it cannot be used.
    Nothing,
    /// This is to be used.
    Use(S),
    /// What is in use is kept, for this reason.
    Keep(String),
}

/// What is in use, and what was found that cannot be.
#[derive(Debug)]
struct Rotation {
    used: Mark,
    refused: Option<Mark>,
    unreadable: Option<String>,
}

impl Rotation {
    fn new(used: Mark) -> Self {
        Self { used, refused: None, unreadable: None }
    }

    fn judge<S>(&mut self, look: Result<Look<S>, String>) -> Verdict<S> {
        let look = match look {
            Ok(look) => look,
            Err(why) if self.unreadable.as_ref() == Some(&why) => return Verdict::Nothing,
            Err(why) => {
                self.unreadable = Some(why.clone());
                return Verdict::Keep(why);
            }
        };
        self.unreadable = None;
        if look.mark == self.used {
            self.refused = None;
            return Verdict::Nothing;
        }
        match look.made {
            Ok(setup) => {
                *self = Self::new(look.mark);
                Verdict::Use(setup)
            }
            Err(_) if self.refused == Some(look.mark) => Verdict::Nothing,
            Err(why) => {
                self.refused = Some(look.mark);
                Verdict::Keep(why)
            }
        }
    }
}

/// How often files were replaced, of everything that is watched together.
#[derive(Debug, Default)]
pub struct Renewals {
    /// Replacements that are in use.
    pub used: AtomicU64,
    /// Replacements that could not be used when they were found.
    pub refused: AtomicU64,
}

/// Looks at the files of `thing` at once and then every so often, until dropped. Pending for ever.
pub async fn watch<R: Renewable>(thing: Arc<R>, every: Duration, counts: &Renewals, audit: &Audit) {
    let mut rotation = Rotation::new(thing.used());
    let (mut tick, mut reminded) = (interval(every.clamp(SHORTEST, LONGEST)), None);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let looking = Arc::clone(&thing);
        // Cancelled, the look ends by itself and is of no effect.
        let Ok(look) = tokio::task::spawn_blocking(move || looking.look()).await else { continue };
        let what = thing.what();
        match rotation.judge(look) {
            Verdict::Nothing => {}
            Verdict::Use(setup) => {
                thing.replace(setup);
                counts.used.fetch_add(1, Ordering::Relaxed);
                let now = SystemTime::now();
                let about =
                    |days_left| move || Event { about: Some(what.into()), days_left, ..Event::default() };
                audit.tell(Kind::CertificateChanged, what, about(thing.days_left(now)));
                tracing::info!(
                    days_left = thing.days_left(now),
                    "{what}: files have changed and are used from now on"
                );
                thing.warnings(now).iter().for_each(|warning| tracing::warn!("{warning}"));
            }
            Verdict::Keep(why) => {
                counts.refused.fetch_add(1, Ordering::Relaxed);
                let event = || Event { about: Some(what.into()), ..Event::default() };
                audit.tell(Kind::CertificateRefused, what, event);
                tracing::warn!(
                    "{what}: files have changed and cannot be used; what they held before stays in use: {why}"
                );
            }
        }
        let left = thing.days_left(SystemTime::now()).filter(|days| (0..REMIND).contains(days));
        if left.is_some() && left != reminded {
            tracing::warn!(days_left = left, "{}: its certificate will soon have expired", thing.what());
        }
        reminded = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &'static str) -> Result<Look<&'static str>, String> {
        let made = if text.starts_with("bad") { Err(text.to_owned()) } else { Ok(text) };
        Ok(Look { mark: Mark::of([text.as_bytes()].into_iter()), made })
    }

    #[test]
    fn what_cannot_be_used_is_said_once_and_looked_at_again() {
        let mut rotation = Rotation::new(Mark::of([&b"one"[..]].into_iter()));
        assert_eq!(rotation.judge(look("one")), Verdict::Nothing);
        assert_eq!(rotation.judge(look("bad")), Verdict::Keep("bad".into()));
        assert_eq!(rotation.judge(look("bad")), Verdict::Nothing);
        assert_eq!(rotation.judge(look("bad too")), Verdict::Keep("bad too".into()));
        assert_eq!(rotation.judge(look("two")), Verdict::Use("two"));
        assert_eq!(rotation.judge(look("two")), Verdict::Nothing);
        // Back to what there was first is a change as well; and a bad one may come again.
        assert_eq!(rotation.judge(look("one")), Verdict::Use("one"));
        assert_eq!(rotation.judge(look("bad")), Verdict::Keep("bad".into()));
        assert_eq!(rotation.judge(look("one")), Verdict::Nothing);
        assert_eq!(rotation.judge(look("bad")), Verdict::Keep("bad".into()));
    }

    #[test]
    fn files_that_are_not_there_for_a_moment_change_nothing() {
        let mut rotation = Rotation::new(Mark::of([&b"one"[..]].into_iter()));
        let gone = || Err::<Look<&str>, _>("gone".to_owned());
        assert_eq!(rotation.judge(gone()), Verdict::Keep("gone".into()));
        assert_eq!(rotation.judge(gone()), Verdict::Nothing);
        assert_eq!(rotation.judge(look("one")), Verdict::Nothing);
        assert_eq!(rotation.judge(gone()), Verdict::Keep("gone".into()));
        assert_eq!(rotation.judge(look("two")), Verdict::Use("two"));
    }

    #[test]
    fn texts_are_marked_one_by_one() {
        let of = |texts: &[&'static str]| Mark::of(texts.iter().map(|text| text.as_bytes()));
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    }
}
