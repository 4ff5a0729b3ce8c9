//! A running proxy, from outside.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::accept::Placing;
use super::reload::Reloader;
use crate::cache::Near;
use crate::config::Listen;
use crate::net::Listener;
use crate::telemetry::desk::{ReloadError, Reloaded};
use crate::telemetry::metrics::Format;
use crate::telemetry::{Desk, Phase, Stats, Vitals};

/// A running proxy. Dropping it stops the proxy at once, without draining.
#[derive(Debug)]
pub struct Handle {
    addresses: Addresses,
    phase: watch::Sender<Phase>,
    placing: Arc<Placing>,
    near: Arc<Near>,
    reloader: Reloader,
    desk: Arc<dyn Desk>,
    stats: Arc<Stats>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    pub(super) fn new(
        phase: watch::Sender<Phase>,
        placing: Arc<Placing>,
        near: Arc<Near>,
        inside: Inside,
        thread: JoinHandle<()>,
    ) -> Self {
        let Inside { addresses, reloader, desk, stats } = inside;
        Self { addresses, phase, placing, near, reloader, desk, stats, thread: Some(thread) }
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.stats.vitals.phase.get()
    }

    /// Whether every worker has had a turn within `limit`, as it has several times a second. One that is
    /// draining may have workers that have ended already.
    pub fn lives(&self, limit: Duration) -> bool {
        self.phase() >= Phase::Draining || self.stats.vitals.turn_within(limit, Instant::now())
    }

    /// Where clients connect, with the ports that were picked.
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses.plain
    }

    /// Where they connect with TLS.
    pub fn tls_addresses(&self) -> &[Listen] {
        &self.addresses.tls
    }

    /// Where those who operate it ask it, with the ports that were picked.
    pub fn admin_addresses(&self) -> &[Listen] {
        &self.addresses.admin
    }

    /// From now on new clients go to worker `worker` (the first is 0) however loaded it is; with `None`,
    /// as at the start, or a number no worker has, to the least loaded one.
    ///
    /// For tests, and for embedders that know what their clients will do. It decides for a client when
    /// it is accepted, which is some time after its `connect` has returned: who places several clients
    /// on different workers waits for a reply to each before it places the next. Clients that are
    /// connected stay where they are.
    pub fn place_on(&self, worker: Option<usize>) {
        self.placing.set(worker);
    }

    /// Stops accepting, after `drain_delay`, and lets sessions finish what is in flight, within
    /// `drain_timeout`. Does not wait.
    pub fn drain(&self) {
        self.stats.vitals.leave();
        leave(&self.phase, Phase::Leaving);
    }

    /// Ready once it leaves: whoever told it to, because another process has taken over, or because it has
    /// ended by itself.
    pub async fn until_leaving(&self) {
        let _ = self.phase.subscribe().wait_for(|phase| *phase != Phase::Serving).await;
    }

    /// Reads the settings again and applies what has changed; see [`Reloader::reload`].
    ///
    /// # Errors
    /// Everything that is wrong with the new settings; nothing has changed then.
    pub fn reload(&self) -> Result<Reloaded, ReloadError> {
        self.reloader.reload()
    }

    /// What reloads this proxy, for other threads.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// The near cache: its figures, and what it holds.
    pub fn near(&self) -> &Near {
        &self.near
    }

    /// Everything that is measured, as `GET /metrics` answers it. Takes a millisecond or so, of the caller's
    /// thread.
    pub fn metrics(&self, format: Format) -> String {
        self.desk.metrics(format)
    }

    /// What has been counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How it is, and of what it warns.
    pub fn vitals(&self) -> &Vitals {
        &self.stats.vitals
    }

    /// Waits until the proxy has ended.
    pub fn wait(mut self) {
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.thread.is_some() {
            leave(&self.phase, Phase::Stopped);
            self.join();
        }
    }
}

/// The proxy is to come to `phase`. Answers whether it was not that far.
pub(super) fn leave(phase: &watch::Sender<Phase>, to: Phase) -> bool {
    phase.send_if_modified(|now| std::mem::replace(now, to.max(*now)) < to)
}

/// Where clients, and those who operate it, connect.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) plain: Vec<Listen>,
    pub(super) tls: Vec<Listen>,
    pub(super) admin: Vec<Listen>,
}

impl Addresses {
    pub(super) fn of(listeners: &[Listener], admin: &[Listen]) -> Self {
        let of =
            |tls| listeners.iter().filter(move |listener| listener.door().tls == tls).map(Listener::address);
        Self { plain: of(false).collect(), tls: of(true).collect(), admin: admin.to_vec() }
    }
}

/// What is there once a proxy serves.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub(super) addresses: Addresses,
    pub(super) reloader: Reloader,
    pub(super) desk: Arc<dyn Desk>,
    pub(super) stats: Arc<Stats>,
}
