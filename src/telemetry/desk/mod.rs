//! The desk: everything that those who operate a proxy can ask it, or tell it to do.
//!
//! One trait, so that HTTP (`admin`) and RESP (`NEARSIDE`) give the same answers without knowing each other,
//! or what is behind them. It is implemented once, where the proxy is put together. Answers are plain values
//! that say what is so at the moment, and can be written in any form ([`serde::Serialize`]).
//!
//! Everything here may be called from any thread and takes no longer than a look at what there is: nothing
//! waits for the upstream or for a client.

mod answers;
mod named;
#[cfg(test)]
mod nobody;
mod overview;

use std::fmt::Debug;

use super::metrics::Format;
pub use answers::{Client, Clients, HotKey, Probe, Setting, shown};
pub use named::{Figure, Named};
#[cfg(test)]
pub(crate) use nobody::Nobody;
pub use overview::{
    Cache, Certificate, Configuration, Connected, Connections, Holder, InState, Memory, Overview, Slow,
    SlowCommand, Sums, Upstream, Warning,
};

use super::history::Rings;

/// See the module.
pub trait Desk: Debug + Send + Sync {
    /// Whether new clients may be sent here.
    fn ready(&self) -> Probe;

    /// The settings in force, in the order of the reference; secrets are masked.
    fn settings(&self) -> Vec<Setting>;

    /// Who is connected: at most `most` clients, those that have been here longest first.
    fn clients(&self, most: usize) -> Clients;

    /// The keys that are read most, at most `most`.
    fn hot_keys(&self, most: usize) -> Vec<HotKey>;

    /// The near cache: its mode and why, its size, and what it has counted.
    fn cache(&self) -> Named;

    /// What the dashboard shows, but for what happened before.
    fn overview(&self) -> Overview;

    /// What happened lately.
    fn history(&self) -> Rings;

    /// Notes what has been counted so far, for the history. To be called once a second by whoever serves it.
    fn look(&self);

    /// The `# Nearside` section of `INFO`.
    fn info(&self) -> String;

    /// Everything that is measured, in this format.
    fn metrics(&self, format: Format) -> String;

    /// Makes every entry of the near cache void. Once it has returned no older value is given out.
    fn flush_cache(&self);

    /// Begins to drain, as on a signal: no new clients, and the proxy ends once those there are have what they
    /// asked for, or `drain_timeout` is over. Does not wait.
    fn drain(&self);
}
