//! The cache as sessions use it: what is answered from memory, what is sent so that it can be kept, and what
//! has to wait for a lane to catch up.
//!
//! Owns: the cache's side of every request and reply ([`mark`], [`watch`]), signals and their fences
//! ([`signals`]), and what a connection of one's own has under way ([`underway`]). Never: decides whether an
//! entry is current; that is `cache`.

mod clock;
mod doing;
mod mark;
mod queued;
mod read;
mod rights;
mod signals;
mod underway;
mod verify;
mod watch;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Client, Worker};
use crate::cache::{Near, PerWorker};
use crate::pubsub::Barrier;
use crate::upstream::Lanes;
pub(crate) use clock::now;
pub use mark::Mark;
pub(super) use queued::Queued;
pub(super) use read::Seen;
pub use signals::Bells;
pub(super) use signals::Signal;
pub(super) use signals::Signals;
pub(super) use underway::Underway;
pub use watch::LaneWatch;

/// Between two walks that free what is over, between two steps of a walk, and entries in a step: freeing
/// takes a few per cent of one worker at most, and none waits for it longer than a fraction of a millisecond.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);
const BETWEEN_STEPS: Duration = Duration::from_millis(5);
const STEP: usize = 64;

/// One worker's part of the cache, as its sessions use it.
#[derive(Debug)]
pub struct Keeper {
    /// The cache's own part.
    pub worker: Rc<PerWorker>,
    /// What waits for lanes.
    pub(super) signals: Rc<Signals>,
    /// Settings have changed.
    renewed: Notify,
}

impl Keeper {
    /// The part of worker `index`.
    pub fn new(near: &Arc<Near>, bells: &Arc<Bells>, index: usize) -> Self {
        let worker = Rc::new(PerWorker::new(Arc::clone(near), index));
        let signals = Rc::new(Signals::new(Rc::clone(&worker), Arc::clone(bells)));
        Self { worker, signals, renewed: Notify::new() }
    }

    /// What messages on shared connections wait for.
    pub fn barrier(&self) -> Barrier {
        self.signals.barrier()
    }

    /// Takes over what is in force; `lanes` are all of the worker's.
    pub(super) fn renew(&self, lanes: &Lanes<Client>) {
        let mut all = Vec::new();
        lanes.each(|lane| all.push(Rc::clone(&lane.watch().lane)));
        self.worker.renew(all.iter().map(|lane| &**lane));
        self.renewed.notify_waiters();
    }

    /// Whether reads are answered from memory, and their replies kept.
    #[inline]
    pub(super) fn gives(&self) -> bool {
        self.worker.near.gives()
    }

    /// Whether anything may be kept at all.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.worker.near.is_on()
    }
}

/// Keeps `worker`'s lanes vouched for and its signals moving. Never ends.
pub async fn tend(worker: Rc<Worker>) {
    let near = Rc::clone(&worker.keeper.worker);
    if !near.near.is_on() {
        return;
    }
    let beats = async {
        loop {
            let mut beat =
                interval(Duration::from_nanos(near.near.patience() / 5).max(Duration::from_millis(1)));
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let beating = async {
                loop {
                    beat.tick().await;
                    let now = now();
                    worker.lanes.each(|lane| lane.watch().beat(lane, now));
                }
            };
            tokio::select! {
                () = worker.keeper.renewed.notified() => {}
                () = beating => {}
            }
        }
    };
    let sweeps = async {
        // One is enough for all.
        if worker.index != 0 {
            return;
        }
        loop {
            sleep(BETWEEN_SWEEPS).await;
            let mut sweep = near.near.sweep();
            while sweep.step(STEP, now()) {
                sleep(BETWEEN_STEPS).await;
            }
        }
    };
    let rights = async {
        // One is enough for all.
        if worker.index == 0 {
            rights::watch(Rc::clone(&worker)).await;
        }
    };
    tokio::join!(beats, sweeps, rights, Rc::clone(&worker.keeper.signals).run(&worker.lanes));
}
