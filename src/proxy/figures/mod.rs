//! What a scrape gathers, from everything there is. Nothing here is on the path of a request: it is read from
//! counters that are kept anyway, by whoever asks, on his own thread.

mod cache;
mod clients;
mod health;
mod process;
mod requests;
#[cfg(test)]
mod tests;
mod upstream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::cache::Near;
use crate::net::tls::Certificates;
use crate::pubsub::Shares;
use crate::session::{InForce, Monitors};
use crate::telemetry::Stats;
use crate::telemetry::metrics::{Format, Sheet, render};
use crate::upstream::Shared;

/// Everything that is measured of one proxy.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) force: watch::Receiver<Arc<InForce>>,
    pub(super) stats: Arc<Stats>,
    pub(super) shared: Arc<Shared>,
    pub(super) shares: Arc<Shares>,
    pub(super) near: Arc<Near>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) monitors: Arc<Monitors>,
    pub(super) started: SystemTime,
}

impl Figures {
    /// What is so at the moment. Takes a millisecond or so; takes no lock that a request waits for longer than
    /// it takes to read a few numbers.
    pub(super) fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::default();
        self.process(&mut sheet);
        self.health(&mut sheet);
        self.requests(&mut sheet);
        self.clients(&mut sheet);
        self.decisions(&mut sheet);
        self.upstream(&mut sheet);
        self.cache(&mut sheet);
        debug_assert!(sheet.faults().is_empty(), "{:?}", sheet.faults());
        debug_assert!(
            sheet.unfilled().all(|instrument| !instrument.when.is_empty()),
            "{:?}",
            missing(&sheet)
        );
        sheet
    }

    /// The same as text: the answer to `GET /metrics`.
    pub(super) fn metrics(&self, format: Format) -> String {
        render(&self.sheet(), format)
    }
}

/// The instruments that should have a series and have none.
fn missing(sheet: &Sheet) -> Vec<&'static str> {
    let empty = sheet.unfilled().filter(|instrument| instrument.when.is_empty());
    empty.map(|instrument| instrument.name).collect()
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// `part` of `whole`; of nothing, nothing.
#[allow(clippy::cast_precision_loss)] // nobody reads so many digits
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
