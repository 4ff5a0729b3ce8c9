//! One configured rate: whose requests it counts, and what it has counted.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::gcra::{Allowance, Pace};
use super::table::Table;
use crate::command::{Category, Command, Local, Pin, Route, all, number};
use crate::config::{Per, Rate as Settings, RateUnit};
use crate::policy::matches;
use crate::resp::request::Args;

/// A log line about one rate at most so often, nanoseconds.
const QUIET: u64 = 1_000_000_000;

/// A rate that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limits.rate {rate}: {command} is neither a command (GET, CONFIG|SET) nor a category (@write)")]
pub struct RateError {
    rate: String,
    command: String,
}

/// Who has an allowance, as far as it is the same for all sessions.
#[derive(Debug)]
pub(super) enum Kept {
    /// All share one.
    One(Box<Allowance>),
    /// Each name has one.
    Named(Box<Table>),
    /// Each session has one.
    Own,
}

/// A rate, compiled.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) settings: Settings,
    pub(super) pace: Pace,
    pub(super) kept: Kept,
    /// Longest wait before a request is refused; nanoseconds.
    pub(super) patience: u64,
    /// By a command's number: it counts.
    counts: Box<[bool]>,
    unknown_counts: bool,
    /// Requests refused, held back, and let pass although they were over.
    pub(super) refused: AtomicU64,
    pub(super) delayed: AtomicU64,
    pub(super) observed: AtomicU64,
    told: AtomicU64,
}

impl Rate {
    pub(super) fn new(settings: &Settings) -> Result<Self, RateError> {
        let wrong = |command: &String| RateError { rate: settings.name.clone(), command: command.clone() };
        if let Some(command) = settings.commands.iter().find(|pattern| !all().any(|row| names(pattern, row)))
        {
            return Err(wrong(command));
        }
        let named = |row| settings.commands.is_empty() || settings.commands.iter().any(|p| names(p, row));
        let kept = match settings.per {
            Per::All => Kept::One(Box::default()),
            Per::Client => Kept::Own,
            Per::User | Per::Address | Per::Listener | Per::Key => Kept::Named(Box::new(Table::new())),
        };
        Ok(Self {
            pace: Pace::new(settings.rate, settings.period, settings.burst),
            kept,
            patience: settings
                .delay
                .map_or(0, |delay| u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX / 8)),
            counts: all().map(|row| named(row) && !undoes(row)).collect(),
            unknown_counts: settings.commands.is_empty(),
            refused: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
            observed: AtomicU64::new(0),
            told: AtomicU64::new(0),
            settings: settings.clone(),
        })
    }

    /// Whether it counts this request.
    #[inline]
    pub(super) fn counts(&self, command: Option<&'static Command>, args: &Args<'_>) -> bool {
        let counts = match command {
            Some(command) => self.counts.get(usize::from(number(command))).copied().unwrap_or(false),
            None => self.unknown_counts,
        };
        counts
            && (self.settings.keys.is_empty() || self.settings.per == Per::Key || self.has_key(command, args))
    }

    #[cold]
    fn has_key(&self, command: Option<&'static Command>, args: &Args<'_>) -> bool {
        command.is_some_and(|command| command.keys(args).any(|key| self.is_key(key)))
    }

    /// Whether it counts what is done to `key`.
    pub(super) fn is_key(&self, key: &[u8]) -> bool {
        let patterns = &self.settings.keys;
        patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern.as_bytes(), key))
    }

    /// What a request of so many bytes costs.
    #[inline]
    pub(super) fn cost(&self, bytes: usize) -> u64 {
        self.pace.cost(if self.is_bytes() { bytes as u64 } else { 1 })
    }

    #[inline]
    pub(super) fn is_bytes(&self) -> bool {
        self.settings.unit == RateUnit::Bytes
    }

    /// Whether it is time to tell people of it again.
    pub(super) fn is_news(&self, now: u64) -> bool {
        let told = self.told.load(Relaxed);
        (told == 0 || now.saturating_sub(told) >= QUIET)
            && self.told.compare_exchange(told, now.max(1), Relaxed, Relaxed).is_ok()
    }

    /// `100 commands/s`, in the words of an error.
    pub(super) fn amount(&self) -> String {
        let (rate, unit) = (self.settings.rate, if self.is_bytes() { "bytes" } else { "commands" });
        match self.settings.period.as_secs() {
            1 => format!("{rate} {unit}/s"),
            60 => format!("{rate} {unit}/min"),
            3600 => format!("{rate} {unit}/h"),
            _ => format!("{rate} {unit} in {:?}", self.settings.period),
        }
    }
}

/// Whether `pattern` (`GET`, `CONFIG`, `CONFIG|SET`, `@write`) means this row.
fn names(pattern: &str, row: &'static Command) -> bool {
    if let Some(category) = pattern.strip_prefix('@') {
        return category.eq_ignore_ascii_case("all")
            || Category::named(category).is_some_and(|category| row.categories().has(category));
    }
    let container = row.name.split('|').next().unwrap_or_default();
    row.name.eq_ignore_ascii_case(pattern) || container.eq_ignore_ascii_case(pattern)
}

/// What ends or undoes something. It is never refused: who believes that his transaction has ended
/// would have the next commands queued.
fn undoes(row: &Command) -> bool {
    matches!(
        row.route,
        Route::Pin(Pin::Exec | Pin::Discard | Pin::Unwatch | Pin::Unsubscribe(_))
            | Route::Session(Local::Quit | Local::Reset)
    )
}
