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
    /// For the few commands that must get through when every other connection is busy (`SCRIPT KILL`,
    /// `CLIENT UNPAUSE`, `SHUTDOWN`): a number of its own, for the moment each takes.
    Control,
}

/// Control connections of the whole proxy: one to use and one for whoever comes meanwhile.
const CONTROL: usize = 2;
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

/// So many permits, and how many wait for one.
#[derive(Debug)]
struct Kind {
    permits: Arc<Semaphore>,
    most: usize,
    waiting: AtomicUsize,
}

impl Kind {
    fn new(most: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(most)), most, waiting: AtomicUsize::new(0) }
    }

    async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    fn in_use(&self) -> usize {
        self.most - self.permits.available_permits().min(self.most)
    }
}

/// All workers' upstream connections together (`max_connections`, `max_pinned`, and a
/// few for control).
#[derive(Debug)]
pub(super) struct Budget {
    connections: Kind,
    lanes: Kind,
    leases: Kind,
    pinned: Kind,
    control: Kind,
}

impl Budget {
    pub(super) fn new(max_connections: usize, max_pinned: usize) -> Self {
        let most = max_connections.max(2);
        Self {
            connections: Kind::new(most),
            lanes: Kind::new(most - 1),
            leases: Kind::new(most - 1),
            pinned: Kind::new(max_pinned),
            control: Kind::new(CONTROL),
        }
    }

    /// Whether somebody waits for what a connection of `class` holds, so that idle ones should be closed.
    pub(super) fn contended(&self, class: Class) -> bool {
        let waiting = |kind: &Kind| kind.waiting.load(Ordering::Relaxed) > 0;
        match class {
            Class::Lane => waiting(&self.connections) || waiting(&self.lanes),
            Class::Lease => waiting(&self.connections) || waiting(&self.leases),
            Class::Pinned => waiting(&self.pinned),
            Class::Control => waiting(&self.control),
        }
    }

    /// A permit, waiting at most `limit` for one, in order of arrival; for a pinned one only until
    /// every worker has had time to close those that lie idle. Cancelling gives the place up.
    pub(super) async fn acquire(&self, class: Class, limit: Duration) -> Result<Permit, Failure> {
        let (kind, all, limit, name) = match class {
            Class::Lane => (&self.lanes, Some(&self.connections), limit, "upstream.max_connections"),
            Class::Lease => (&self.leases, Some(&self.connections), limit, "upstream.max_connections"),
            Class::Pinned => (&self.pinned, None, limit.min(PINNED_WAIT), "upstream.max_pinned"),
            Class::Control => (&self.control, None, limit, "control connections"),
        };
        let both = async {
            let first = kind.acquire().await;
            match all {
                None => [first, None],
                Some(all) => [first, all.acquire().await],
            }
        };
        match timeout(limit, both).await {
            Ok(held) => Ok(Permit { _held: held, class }),
            Err(_) => {
                let most = all.unwrap_or(kind).most;
                Err(Failure::Busy { waited: limit, limit: format!("{name} = {most}") })
            }
        }
    }

    /// Connections of lanes and leases that exist, and pinned ones.
    pub(super) fn in_use(&self) -> (usize, usize) {
        (self.connections.in_use(), self.pinned.in_use())
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
        assert!(!budget.contended(Class::Lane) && !budget.contended(Class::Lease));
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

    #[tokio::test(start_paused = true)]
    async fn control_gets_through_when_everything_else_is_taken() {
        let budget = Budget::new(2, 1);
        let limit = Duration::from_secs(1);
        let _all = [
            budget.acquire(Class::Lane, limit).await.unwrap(),
            budget.acquire(Class::Lease, limit).await.unwrap(),
            budget.acquire(Class::Pinned, limit).await.unwrap(),
        ];
        let held = [
            budget.acquire(Class::Control, limit).await.unwrap(),
            budget.acquire(Class::Control, limit).await.unwrap(),
        ];
        let error = budget.acquire(Class::Control, limit).await.unwrap_err();
        assert!(error.to_string().contains("control connections = 2"), "{error}");
        assert_eq!(budget.in_use(), (2, 1));
        drop(held);
        assert!(budget.acquire(Class::Control, limit).await.is_ok());
    }
}
