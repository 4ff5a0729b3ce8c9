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
    /// Lent to one session and returned. One connection less than the budget, so that lanes never starve.
    Lease,
    /// Kept by a session for as long as its client likes: blocked, subscribed, monitoring, streaming.
    Pinned,
}

/// How long a pinned connection is waited for: workers look after their idle ones four times a second.
const PINNED_WAIT: Duration = Duration::from_millis(600);

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
    leases: Arc<Semaphore>,
    pinned: Arc<Semaphore>,
    max_connections: usize,
    max_pinned: usize,
    waiting: AtomicUsize,
    waiting_pinned: AtomicUsize,
}

impl Budget {
    pub(super) fn new(max_connections: usize, max_pinned: usize) -> Self {
        let max_connections = max_connections.max(2);
        Self {
            connections: Arc::new(Semaphore::new(max_connections)),
            lanes: Arc::new(Semaphore::new(max_connections - 1)),
            leases: Arc::new(Semaphore::new(max_connections - 1)),
            pinned: Arc::new(Semaphore::new(max_pinned)),
            max_connections,
            max_pinned,
            waiting: AtomicUsize::new(0),
            waiting_pinned: AtomicUsize::new(0),
        }
    }

    /// Whether somebody waits for a connection, so that idle ones should be closed.
    pub(super) fn contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody waits for a pinned connection, so that idle ones should be closed.
    pub(super) fn contended_pinned(&self) -> bool {
        self.waiting_pinned.load(Ordering::Relaxed) > 0
    }

    /// A permit, waiting at most `limit` for one, in order of arrival; for a pinned one only until
    /// every worker has had time to close those that lie idle. Cancelling gives the place up.
    pub(super) async fn acquire(&self, class: Class, limit: Duration) -> Result<Permit, Failure> {
        let (kind, limit, waiting, name, value) = match class {
            Class::Lane => {
                (&self.lanes, limit, &self.waiting, "upstream.max_connections", self.max_connections)
            }
            Class::Lease => {
                (&self.leases, limit, &self.waiting, "upstream.max_connections", self.max_connections)
            }
            Class::Pinned => (
                &self.pinned,
                limit.min(PINNED_WAIT),
                &self.waiting_pinned,
                "upstream.max_pinned",
                self.max_pinned,
            ),
        };
        let all = (class != Class::Pinned).then_some(&self.connections);
        let at_once = |s: &Arc<Semaphore>| Arc::clone(s).try_acquire_owned().ok();
        if let Some(first) = at_once(kind) {
            match all.map(at_once) {
                None => return Ok(Permit { _held: [Some(first), None], class }),
                Some(Some(second)) => return Ok(Permit { _held: [Some(first), Some(second)], class }),
                Some(None) => {}
            }
        }
        let _waiting = Waiting::new(waiting);
        let both = async {
            let first = Arc::clone(kind).acquire_owned().await.ok();
            match all {
                None => [first, None],
                Some(all) => [first, Arc::clone(all).acquire_owned().await.ok()],
            }
        };
        let held = timeout(limit, both).await;
        held.map_or_else(
            |_| Err(Failure::Busy { waited: limit, limit: format!("{name} = {value}") }),
            |held| Ok(Permit { _held: held, class }),
        )
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
    async fn pinned_connections_are_counted_apart_and_hardly_waited_for() {
        let budget = Budget::new(2, 1);
        let held = budget.acquire(Class::Pinned, Duration::from_secs(9)).await.unwrap();
        let error = budget.acquire(Class::Pinned, Duration::from_secs(9)).await.unwrap_err();
        assert!(error.to_string().contains("upstream.max_pinned = 1"), "{error}");
        assert_eq!(budget.in_use(), (0, 1));
        drop(held);
        assert!(budget.acquire(Class::Pinned, Duration::ZERO).await.is_ok());
    }
}
