//! Taking clients in and handing each to the least loaded worker, or to the one that was chosen.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::net::{Accepted, Listener};
use crate::session::{InForce, Limiting, Roster};
use crate::telemetry::audit::{Event, Kind};
use crate::telemetry::{Audit, Shown, Stats};
use crate::upstream::Shared;
use crate::worker::Arrival;

/// What Redis says when it is full.
const FULL: &[u8] = b"-ERR max number of clients reached\r\n";
/// How long to wait when no more files can be opened.
const NO_FILES: Duration = Duration::from_millis(100);

/// Which worker the next clients go to, where somebody has chosen one.
#[derive(Debug)]
pub(super) struct Placing(AtomicUsize);

impl Placing {
    /// No worker has this number.
    const FREE: usize = usize::MAX;

    pub(super) fn set(&self, worker: Option<usize>) {
        self.0.store(worker.unwrap_or(Self::FREE), Ordering::Release);
    }

    fn chosen(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Default for Placing {
    fn default() -> Self {
        Self(AtomicUsize::new(Self::FREE))
    }
}

/// The workers as the accepting thread sees them.
#[derive(Debug)]
pub(super) struct Workers {
    pub(super) queues: Vec<mpsc::Sender<Arrival>>,
    pub(super) shared: Arc<Shared>,
    pub(super) stats: Arc<Stats>,
    pub(super) limiting: Limiting,
    pub(super) nonce: Arc<str>,
    pub(super) placing: Arc<Placing>,
    pub(super) roster: Arc<Roster>,
}

impl Workers {
    /// Where a new client goes: to the worker that was chosen, else to the least loaded.
    fn next(&self) -> usize {
        let chosen = self.placing.chosen();
        if chosen < self.queues.len() { chosen } else { self.stats.least_loaded() }
    }
}

/// Listeners and where their clients go.
#[derive(Debug)]
pub(super) struct Accepting {
    listeners: Vec<Listener>,
    workers: Workers,
    force: watch::Receiver<Arc<InForce>>,
    ids: AtomicU64,
    /// A client that has been taken in, and for which its worker has had no room yet: [`Self::run`] may be
    /// dropped while it waits for that.
    waits: RefCell<Option<(usize, Arrival)>>,
}

impl Accepting {
    pub(super) fn new(
        listeners: Vec<Listener>,
        workers: Workers,
        force: watch::Receiver<Arc<InForce>>,
    ) -> Self {
        Self { listeners, workers, force, ids: AtomicU64::new(1), waits: RefCell::default() }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.workers.shared
    }

    pub(super) fn nonce(&self) -> &str {
        &self.workers.nonce
    }

    pub(super) fn audit(&self) -> &Audit {
        &self.workers.stats.audit
    }

    pub(super) fn phase(&self) -> &Shown {
        &self.workers.stats.vitals.phase
    }

    pub(super) fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.workers.stats)
    }

    pub(super) fn connected(&self) -> usize {
        self.workers.stats.connected()
    }

    /// Nobody is taken in any more. `given`: listeners that another process goes on with. Those that are
    /// nobody's from now on are emptied first, unless there is no time (`gently`): closing them resets who is
    /// queued there.
    pub(super) async fn close(mut self, given: &[usize], gently: bool) {
        self.audit().tell(Kind::Drain, "", Event::default);
        if gently {
            self.hand_over().await;
        }
        for (number, listener) in std::mem::take(&mut self.listeners).into_iter().enumerate() {
            if gently && !given.contains(&number) && !listener.is_lent() {
                self.empty(&listener).await;
            }
        }
    }

    /// Takes in who is queued; not for ever where clients come faster than they are taken.
    async fn empty(&self, listener: &Listener) {
        for _ in 0..2 * u64::from(self.force.borrow().config.tcp_backlog) {
            match listener.accept_queued() {
                Ok(Some(client)) => self.admit(client).await,
                Ok(None) => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    return tracing::warn!(%error, "clients that were queued cannot be accepted any more");
                }
            }
        }
    }

    /// Accepts on every listener until dropped.
    pub(super) async fn run(&self) {
        let mut turn = 0_usize;
        loop {
            let accepted = std::future::poll_fn(|cx| {
                // Each listener is asked first in its turn, so that none starves the others.
                turn = turn.wrapping_add(1);
                let count = self.listeners.len();
                for i in 0..count {
                    if let ready @ std::task::Poll::Ready(_) =
                        self.listeners[(turn + i) % count].poll_accept(cx)
                    {
                        return ready;
                    }
                }
                std::task::Poll::Pending
            })
            .await;
            self.accepted(accepted).await;
        }
    }

    async fn accepted(&self, accepted: io::Result<Accepted>) {
        match accepted {
            Ok(stream) => self.admit(stream).await,
            // A client that was gone before it was taken in.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept clients for the moment (is the limit of open files reached?)");
                sleep(NO_FILES).await;
            }
        }
    }

    fn turned_away(&self, stream: &Accepted, setting: &str) {
        self.audit().tell(Kind::TurnedAway, setting, || Event {
            peer: Some(stream.ip().map_or_else(|| "unix".to_owned(), |ip| ip.to_string())),
            rule: Some(setting.to_owned()),
            ..Event::default()
        });
    }

    async fn admit(&self, stream: Accepted) {
        let stats = &self.workers.stats;
        stats.accepted.fetch_add(1, Ordering::Relaxed);
        if stats.connected() >= self.force.borrow().config.maxclients as usize {
            stats.rejected.fetch_add(1, Ordering::Relaxed);
            self.turned_away(&stream, "maxclients");
            stream.turn_away(FULL);
            return;
        }
        let limiting = &self.workers.limiting;
        let place = match limiting.admission.arrives(stream.ip(), limiting.nanos(Instant::now())) {
            Ok(place) => place,
            Err(why) => {
                stats.turned_away.fetch_add(1, Ordering::Relaxed);
                self.turned_away(&stream, why.setting());
                stream.turn_away(format!("-{why}\r\n").as_bytes());
                return;
            }
        };
        let index = self.workers.next();
        stats.clients[index].fetch_add(1, Ordering::Relaxed);
        let arrival = Arrival { stream, place, id: self.ids.fetch_add(1, Ordering::Relaxed) };
        self.waits.replace(Some((index, arrival)));
        self.hand_over().await;
    }

    /// Gives the client that waits to its worker. Cancel safe: it waits on.
    async fn hand_over(&self) {
        let Some(index) = self.waits.borrow().as_ref().map(|(index, _)| *index) else { return };
        let room = self.workers.queues[index].reserve().await;
        match (room, self.waits.take()) {
            (Ok(room), Some((_, arrival))) => room.send(arrival),
            _ => {
                self.workers.stats.clients[index].fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}
