//! A worker's idle leases.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Class, Failure, Lease, Shared, Wanted};

/// A pooled connection unused for longer is closed.
const IDLE_CLOSE: Duration = Duration::from_secs(60);
/// Most pooled connections a worker keeps beyond what the budget of leases allows it anyway.
const MAX_IDLE_PINNED: usize = 16;

/// Connections waiting to be lent again. Those are handed on that are clean; others are closed.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    idle: RefCell<Vec<Lease>>,
}

impl Pool {
    /// An empty pool.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, idle: RefCell::default() }
    }

    /// A connection in the wanted state: an idle one if there is one, else a new one. Waits at most
    /// `upstream.timeout` for the right to open one. Cancelling loses nothing.
    ///
    /// A control connection is in database 0 whatever is wanted, and nothing but a control command may
    /// be sent on it: those need no database, and a server busy with a script answers `HELLO` but
    /// refuses `SELECT`.
    pub async fn take(&self, class: Class, wanted: &Wanted) -> Result<Lease, Failure> {
        let db = if class == Class::Control { 0 } else { wanted.db };
        let wanted = &Wanted { db, ..wanted.clone() };
        while let Some(mut lease) = self.pick(class, wanted) {
            // One that died while it lay here is nobody's error.
            if lease.quiet().await && lease.become_like(wanted, &self.shared).await.is_ok() {
                return Ok(lease);
            }
        }
        let permit = self.shared.permit(class).await?;
        let link = self.shared.connect(wanted.proto, wanted.db, &wanted.credential).await?;
        Ok(Lease::new(link, wanted.clone(), permit))
    }

    /// Takes a connection back; it must be idle, with nothing unanswered.
    pub fn give_back(&self, mut lease: Lease) {
        let idle = &mut *self.idle.borrow_mut();
        let of_class = idle.iter().filter(|l| l.permit.class() == lease.permit.class()).count();
        let full = lease.permit.class() == Class::Pinned && of_class >= MAX_IDLE_PINNED;
        let short = self.shared.contended(lease.permit.class());
        if lease.tainted || full || short || lease.generation != self.shared.generation() {
            return;
        }
        lease.returned = Instant::now();
        idle.push(lease);
    }

    /// Closes what has been idle too long, what the server would soon hang up on, and everything that
    /// counts against the budget when somebody waits for a connection.
    pub fn tidy(&self) {
        let now = Instant::now();
        let generation = self.shared.generation();
        self.idle.borrow_mut().retain(|lease| {
            let limit = lease.idle_limit.map_or(IDLE_CLOSE, |t| (t / 2).min(IDLE_CLOSE));
            now.duration_since(lease.returned) < limit
                && lease.generation == generation
                && !self.shared.contended(lease.permit.class())
        });
    }

    /// The idle lease that needs the least to become what is wanted.
    fn pick(&self, class: Class, wanted: &Wanted) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        let fits = |l: &&Lease| l.permit.class() == class && l.state.credential == wanted.credential;
        let exact = idle.iter().rposition(|l| fits(&l) && l.state == *wanted);
        let index = exact.or_else(|| idle.iter().rposition(|l| fits(&l)))?;
        Some(idle.swap_remove(index))
    }
}
