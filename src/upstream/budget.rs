//! How many upstream connections there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Failure;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Shared by a worker's sessions. One connection less than the budget, so that leases never starve.
    Lane,
    /// Lent to one session and returned.
    Lease,
    /// Kept by a session for as long as its client likes: blocked, subscribed, monitoring, streaming.
    Pinned,
}

/// The right to hold one connection; dropping it gives the right back.
#[derive(Debug)]
pub struct Permit {
    _held: [Option<OwnedSemaphorePermit>; 2],
    class: Class,
}

impl Permit {
    /// What the connection may be used for.
    pub fn class(&self) -> Class {
        self.class
    }
}

/// All workers' upstream connections together (`max_connections`, `max_pinned`).
#[derive(Debug)]
pub(super) struct Budget {
    connections: Arc<Semaphore>,
    lanes: Arc<Semaphore>,
    pinned: Arc<Semaphore>,
    max_connections: usize,
    max_pinned: usize,
    waiting: AtomicUsize,
}

impl Budget {
    pub(super) fn new(max_connections: usize, max_pinned: usize) -> Self {
        let max_connections = max_connections.max(2);
        Self {
            connections: Arc::new(Semaphore::new(max_connections)),
            lanes: Arc::new(Semaphore::new(max_connections - 1)),
            pinned: Arc::new(Semaphore::new(max_pinned)),
            max_connections,
            max_pinned,
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether somebody waits for a connection, so that idle ones should be closed.
    pub(super) fn contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// A permit, waiting at most `limit` for one of [`Class::Lane`] or [`Class::Lease`], in order of
    /// arrival; pinned ones are there or not. Cancelling gives the place in the queue up.
    pub(super) async fn acquire(&self, class: Class, limit: Duration) -> Result<Permit, Failure> {
        let busy = |waited, name, value| Failure::Busy { waited, limit: format!("{name} = {value}") };
        if class == Class::Pinned {
            let held = Arc::clone(&self.pinned).try_acquire_owned().ok();
            let held = held.ok_or_else(|| busy(Duration::ZERO, "upstream.max_pinned", self.max_pinned))?;
            return Ok(Permit { _held: [Some(held), None], class });
        }
        let _waiting = Waiting::new(&self.waiting);
        let both = async {
            let lane = match class {
                Class::Lane => Arc::clone(&self.lanes).acquire_owned().await.ok(),
                _ => None,
            };
            [lane, Arc::clone(&self.connections).acquire_owned().await.ok()]
        };
        let held = timeout(limit, both).await;
        let held = held.map_err(|_| busy(limit, "upstream.max_connections", self.max_connections))?;
        Ok(Permit { _held: held, class })
    }

    /// Connections of lanes and leases that exist, and pinned ones.
    pub(super) fn in_use(&self) -> (usize, usize) {
        let pinned = self.max_pinned - self.pinned.available_permits().min(self.max_pinned);
        (self.max_connections - self.connections.available_permits().min(self.max_connections), pinned)
    }
}

/// Counts a waiter for as long as it waits, cancelled or not.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lanes_leave_one_connection_for_leases() {
        let budget = Budget::new(3, 1);
        let limit = Duration::from_secs(1);
        let lanes = [
            budget.acquire(Class::Lane, limit).await.unwrap(),
            budget.acquire(Class::Lane, limit).await.unwrap(),
        ];
        assert!(matches!(budget.acquire(Class::Lane, limit).await, Err(Failure::Busy { .. })));
        let lease = budget.acquire(Class::Lease, limit).await.unwrap();
        assert!(matches!(budget.acquire(Class::Lease, limit).await, Err(Failure::Busy { .. })));
        assert_eq!(budget.in_use(), (3, 0));
        drop(lanes);
        drop(lease);
        assert_eq!(budget.in_use(), (0, 0));
        assert!(!budget.contended());
    }

    #[tokio::test(start_paused = true)]
    async fn pinned_connections_are_counted_apart_and_never_waited_for() {
        let budget = Budget::new(2, 1);
        let held = budget.acquire(Class::Pinned, Duration::from_secs(9)).await.unwrap();
        let error = budget.acquire(Class::Pinned, Duration::from_secs(9)).await.unwrap_err();
        assert!(error.to_string().contains("upstream.max_pinned = 1"), "{error}");
        assert_eq!(budget.in_use(), (0, 1));
        drop(held);
        assert!(budget.acquire(Class::Pinned, Duration::ZERO).await.is_ok());
    }
}
