//! How many upstream connections there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Failure;
use crate::telemetry::Connections;

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

/// So many permits, how many wait for one, and how many of those given out lie idle.
#[derive(Debug)]
struct Kind {
    permits: Arc<Semaphore>,
    most: AtomicUsize,
    /// Permits that are lent and are not to be lent again.
    owed: AtomicUsize,
    waiting: AtomicUsize,
    idle: AtomicUsize,
}

impl Kind {
    fn new(most: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(most)),
            most: AtomicUsize::new(most),
            owed: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
        }
    }

    async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    fn in_use(&self) -> usize {
        let most = self.most.load(Ordering::Relaxed) + self.owed.load(Ordering::Relaxed);
        most.saturating_sub(self.permits.available_permits())
    }

    /// From now on there are `most`. Those that are lent beyond it go when they are given back.
    fn set(&self, most: usize) {
        let before = self.most.swap(most, Ordering::Relaxed);
        if most > before {
            let more = most - before;
            let owed = self.owed.load(Ordering::Relaxed);
            let forgiven = owed.min(more);
            self.owed.fetch_sub(forgiven, Ordering::Relaxed);
            self.permits.add_permits(more - forgiven);
        } else {
            self.owed.fetch_add(before - most, Ordering::Relaxed);
            self.settle();
        }
    }

    /// Takes back what is owed, as far as it is there. Workers do so one after another: none may take twice.
    fn settle(&self) {
        let owed = self.owed.swap(0, Ordering::AcqRel);
        if owed > 0 {
            self.owed.fetch_add(owed - self.permits.forget_permits(owed), Ordering::AcqRel);
        }
    }

    /// Those given out that are used, and those that lie idle.
    fn lent_and_idle(&self) -> (usize, usize) {
        let idle = self.idle.load(Ordering::Relaxed);
        (self.in_use().saturating_sub(idle), idle)
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
    /// Who waits for anything but a lane.
    waiting: AtomicUsize,
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
            waiting: AtomicUsize::new(0),
        }
    }

    /// From now on so many connections may be pinned.
    pub(super) fn set_pinned(&self, most: usize) {
        self.pinned.set(most);
    }

    /// Takes back what there were too many of. To be called now and then.
    pub(super) fn settle(&self) {
        self.pinned.settle();
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
        let _counted = (class != Class::Lane).then(|| Waiting::new(&self.waiting));
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
                let most = all.unwrap_or(kind).most.load(Ordering::Relaxed);
                Err(Failure::Busy { waited: limit, limit: format!("{name} = {most}") })
            }
        }
    }

    /// The right to open a lease ahead of need, if another connection stays free beside it.
    pub(super) fn spare(&self) -> Option<Permit> {
        let free = self.connections.permits.available_permits();
        if free < 2 || self.contended(Class::Lease) {
            return None;
        }
        let held =
            [&self.leases, &self.connections].map(|kind| Arc::clone(&kind.permits).try_acquire_owned().ok());
        held.iter().all(Option::is_some).then_some(Permit { _held: held, class: Class::Lease })
    }

    /// How many connections of `class` lie idle in a pool; the pools count.
    pub(super) fn idle(&self, class: Class) -> &AtomicUsize {
        match class {
            Class::Lane => &self.lanes.idle,
            Class::Lease => &self.leases.idle,
            Class::Pinned => &self.pinned.idle,
            Class::Control => &self.control.idle,
        }
    }

    /// Connections that exist or are being opened.
    pub(super) fn in_use(&self) -> Connections {
        let (leases_lent, leases_idle) = self.leases.lent_and_idle();
        let (pinned_lent, pinned_idle) = self.pinned.lent_and_idle();
        Connections {
            lanes: self.lanes.in_use(),
            leases_lent,
            leases_idle,
            leases_waiting: self.waiting.load(Ordering::Relaxed),
            pinned_lent,
            pinned_idle,
            control: self.control.in_use(),
        }
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
        assert_eq!(budget.in_use(), Connections { lanes: 2, leases_lent: 1, ..Connections::default() });
        drop(lanes);
        drop(lease);
        assert_eq!(budget.in_use(), Connections::default());
        assert!(!budget.contended(Class::Lane) && !budget.contended(Class::Lease));
    }

    #[tokio::test(start_paused = true)]
    async fn pinned_connections_are_counted_apart_and_hardly_waited_for() {
        let budget = Budget::new(2, 1);
        let held = budget.acquire(Class::Pinned, Duration::from_secs(9)).await.unwrap();
        let error = budget.acquire(Class::Pinned, Duration::from_secs(9)).await.unwrap_err();
        assert!(error.to_string().contains("upstream.max_pinned = 1"), "{error}");
        assert_eq!(budget.in_use(), Connections { pinned_lent: 1, ..Connections::default() });
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
        assert_eq!((budget.in_use().control, budget.in_use().leases_waiting), (2, 0));
        drop(held);
        assert!(budget.acquire(Class::Control, limit).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn ahead_of_need_only_what_leaves_one_free() {
        let budget = Budget::new(3, 1);
        let _lane = budget.acquire(Class::Lane, Duration::ZERO).await.unwrap();
        let one = budget.spare().unwrap();
        assert!(budget.spare().is_none());
        drop(one);
        assert!(budget.spare().is_some());
        assert_eq!(budget.in_use(), Connections { lanes: 1, ..Connections::default() });
    }
}
