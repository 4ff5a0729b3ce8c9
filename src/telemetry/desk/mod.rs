//! The desk: everything that those who operate a proxy can ask it, or tell it to do.
//!
//! One trait, so that HTTP (`admin`) and RESP (`NEARSIDE`) give the same answers without knowing each other,
//! or what is behind them. It is implemented once, where the proxy is put together. Answers are plain values
//! that say what is so at the moment, and can be written in any form ([`serde::Serialize`]).
//!
//! Everything here may be called from any thread and, but for a reload, takes no longer than a look at what
//! there is: nothing waits for the upstream or for a client.

mod answers;
mod explained;
mod named;
#[cfg(test)]
mod nobody;
mod overview;
mod reloaded;

use std::fmt::Debug;
use std::sync::Arc;

use super::alerts::Alert;
use super::health::Health;
use super::upstream_view::Seen;

use super::metrics::{Format, Sheet};
use super::slow::Entry;
pub use answers::{Client, Clients, HotKey, Probe, Setting, shown};
pub use explained::{Asked, Explained, KeyKept, Question, RateOf};
pub use named::{Figure, Named};
#[cfg(test)]
pub(crate) use nobody::Nobody;
pub use overview::{
    Cache, Certificate, Configuration, Connected, Connections, Holder, InState, Memory, Overview, Slow,
    SlowCommand, Sums, Upstream, Warning,
};

use super::history::Rings;

pub use reloaded::{ReloadError, Reloaded};

/// See the module.
pub trait Desk: Debug + Send + Sync {
    /// How it is, with reasons. See [`super::health`] for what this and the next three mean.
    fn health(&self) -> Health;

    /// Whether its threads turn.
    fn live(&self) -> Probe;

    /// Whether new clients may be sent here: a command has just gone to the upstream and back on every worker,
    /// and it is not stopping.
    fn ready(&self) -> Probe;

    /// Whether it has been ready once.
    fn startup(&self) -> Probe;

    /// Of what it warns, or could: every rule, where it stands and what it has found.
    fn alerts(&self) -> Vec<Alert>;

    /// What the upstream said of itself last, and when.
    fn upstream(&self) -> Arc<Seen>;

    /// The settings in force, in the order of the reference; secrets are masked.
    fn settings(&self) -> Vec<Setting>;

    /// Who is connected: at most `most` clients, those that have been here longest first.
    fn clients(&self, most: usize) -> Clients;

    /// The keys that are read most, at most `most`.
    fn hot_keys(&self, most: usize) -> Vec<HotKey>;

    /// Requests that took long, the newest first, at most `most`.
    fn slow_log(&self, most: usize) -> Vec<Entry>;

    /// Forgets them.
    fn slow_log_reset(&self);

    /// The near cache: its mode and why, its size, and what it has counted.
    fn cache(&self) -> Named;

    /// Everything that is measured.
    fn sheet(&self) -> Sheet;

    /// What the dashboard shows, but for what happened before.
    fn overview(&self) -> Overview;

    /// What happened lately.
    fn history(&self) -> Rings;

    /// Notes what has been counted so far, for the history. To be called once a second by whoever serves it.
    fn look(&self);

    /// What would become of a command, and by which rule.
    ///
    /// # Errors
    /// What is wrong with the question.
    fn explain(&self, question: &Question) -> Result<Explained, String>;

    /// The `# Nearside` section of `INFO`.
    fn info(&self) -> String;

    /// Everything that is measured, in this format.
    fn metrics(&self, format: Format) -> String;

    /// Makes every entry of the near cache void. Once it has returned no older value is given out.
    fn flush_cache(&self);

    /// Reads the settings anew and puts what has changed into force, whole or not at all.
    ///
    /// Blocks: for files, and until the workers have heard of it. Not for a worker's thread.
    ///
    /// # Errors
    /// Everything that is wrong with the new settings.
    fn reload(&self) -> Result<Reloaded, ReloadError>;

    /// Which lines the log shows, in the words of `log.level`; `None`: the log is not the proxy's.
    fn log_level(&self) -> Option<String>;

    /// Shows others from now on, until the next start, or a reload that changes `log.level`.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    fn set_log_level(&self, level: &str) -> Result<(), String>;

    /// Begins to drain, as on a signal: no new clients, and the proxy ends once those there are have what they
    /// asked for, or `drain_timeout` is over. Does not wait.
    fn drain(&self);
}
