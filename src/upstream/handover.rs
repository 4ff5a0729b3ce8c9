//! Leases that go from one session to the next without lying idle, while connections are short.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Class, Credential, Lease, Wanted};

/// How long a connection goes from hand to hand on one worker before others get their turn: those who
/// wait elsewhere, or as somebody else.
const TURN: Duration = Duration::from_millis(50);

/// Who waits for a lease on this worker, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Handover {
    waiting: RefCell<VecDeque<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    class: Class,
    credential: Credential,
    to: oneshot::Sender<Lease>,
}

impl Handover {
    /// A place in the line. Dropping the receiver gives it up.
    pub(super) fn wait(&self, class: Class, wanted: &Wanted) -> oneshot::Receiver<Lease> {
        let (to, from) = oneshot::channel();
        let waiter = Waiter { class, credential: wanted.credential.clone(), to };
        self.waiting.borrow_mut().push_back(waiter);
        from
    }

    /// Gives a clean lease to whoever waits for one like it; hands it back if nobody does.
    pub(super) fn give(&self, mut lease: Lease, now: Instant) -> Option<Lease> {
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|waiter| !waiter.to.is_closed());
        if now.duration_since(lease.opened) >= TURN {
            return Some(lease);
        }
        loop {
            let fits = |w: &Waiter| w.class == lease.class() && w.credential == lease.state.credential;
            let Some(at) = waiting.iter().position(fits) else { return Some(lease) };
            lease.lend();
            match waiting.remove(at)?.to.send(lease) {
                Ok(()) => return None,
                Err(back) => lease = back,
            }
        }
    }
}
