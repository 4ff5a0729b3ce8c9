//! The clients of a proxy, on whichever worker: their cards by id, and how to reach one elsewhere.
//!
//! Touched when a client comes or goes and by the commands that are about clients; never on the path
//! of other requests, which write their own client's [`Card`] only.

mod card;
mod filter;
mod line;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

pub use card::{Card, Flag, Names, Place};
pub(super) use filter::{Filter, Options};
pub(super) use line::{Asker, Dialect, render};

/// What a worker is told to do to one of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Close its connection, now.
    Kill(u64),
    /// Give it an upstream connection of its own.
    Pin(u64),
}

/// Every client of one proxy.
#[derive(Debug)]
pub struct Roster {
    cards: Mutex<BTreeMap<u64, Arc<Card>>>,
    workers: Vec<mpsc::UnboundedSender<Order>>,
}

/// The orders a worker has to carry out.
pub type Orders = mpsc::UnboundedReceiver<Order>;

impl Roster {
    /// One without clients, and the ends at which the workers hear their orders.
    pub fn new(workers: usize) -> (Self, Vec<Orders>) {
        // There is at most one order for a client, and a worker that lags holds its clients anyway.
        #[allow(clippy::disallowed_methods)]
        let (workers, orders) = (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
        (Self { cards: Mutex::default(), workers }, orders)
    }

    /// A client has come.
    pub fn enter(&self, card: Arc<Card>) {
        self.locked().insert(card.id, card);
    }

    /// A client has gone.
    pub fn leave(&self, id: u64) {
        self.locked().remove(&id);
    }

    /// The client of this id.
    pub fn card(&self, id: u64) -> Option<Arc<Card>> {
        self.locked().get(&id).cloned()
    }

    /// Every client, by id.
    pub fn cards(&self) -> Vec<Arc<Card>> {
        self.locked().values().cloned().collect()
    }

    /// Has a client's connection closed by its worker; it is on the list no more. `false`: it was not.
    pub fn kill(&self, id: u64) -> bool {
        let Some(card) = self.locked().remove(&id) else { return false };
        if let Some(worker) = self.workers.get(card.worker) {
            let _ = worker.send(Order::Kill(id));
        }
        true
    }

    /// Asks a client's worker to give it an upstream connection of its own, so that it can be named to
    /// the upstream. Its card says when it has one.
    pub fn pin(&self, card: &Card) {
        if let Some(worker) = self.workers.get(card.worker) {
            let _ = worker.send(Order::Pin(card.id));
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Card>>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
