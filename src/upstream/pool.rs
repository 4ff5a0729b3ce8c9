//! A worker's idle leases.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::handover::Handover;
use super::warm::Warm;
use super::{Backoff, Class, Clean, Failure, Lease, Permit, Shared, Wanted};
use crate::resp::Proto;
use crate::resp::request::encode;
use crate::telemetry::Tally;

/// A pooled connection unused for longer is closed.
const IDLE_CLOSE: Duration = Duration::from_secs(60);
/// Most pooled connections a worker keeps beyond what the budget of leases allows it anyway.
const MAX_IDLE_PINNED: usize = 16;

/// Connections waiting to be lent again, every one of them clean.
#[derive(Debug)]
pub struct Pool {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    tally: Rc<Tally>,
    idle: RefCell<Vec<Lease>>,
    warm: Warm,
    handover: Handover,
}

impl Pool {
    /// An empty pool. `keep`: how many of its leases [`Self::keep_warm`] keeps open and idle; `tally`: where
    /// their bytes are counted.
    pub fn new(shared: Arc<Shared>, keep: usize, tally: Rc<Tally>) -> Self {
        let settings = shared.settings();
        let warm = Warm::new(keep, settings.reconnect_min, settings.reconnect_max);
        let (idle, handover) = (RefCell::default(), Handover::default());
        Self { inner: Rc::new(Inner { shared, tally, idle, warm, handover }) }
    }

    /// A connection in the wanted state: an idle one if there is one, else a new one. Waits at most
    /// `upstream.timeout` for the right to open one. Cancelling loses nothing.
    ///
    /// A control connection is in database 0 whatever is wanted, and nothing but a control command may
    /// be sent on it: those need no database, and a server busy with a script answers `HELLO` but
    /// refuses `SELECT`.
    pub async fn take(&self, class: Class, wanted: &Wanted) -> Result<Lease, Failure> {
        let shared = &self.inner.shared;
        let db = if class == Class::Control { 0 } else { wanted.db };
        let wanted = &Wanted { db, ..wanted.clone() };
        while let Some(mut lease) = self.inner.pick(class, wanted) {
            // One that died while it lay here is nobody's error.
            if lease.is_quiet() && lease.become_like(wanted, shared).await.is_ok() {
                lease.lend();
                return Ok(lease);
            }
        }
        // Polled second: who finds a permit at once is not in the line.
        let handed = async { self.inner.handover.wait(class, wanted).await };
        tokio::select! {
            biased;
            permit = shared.permit(class) => self.inner.open(wanted.clone(), permit?).await,
            Ok(mut lease) = handed => {
                lease.become_like(wanted, shared).await?;
                Ok(lease)
            }
        }
    }

    /// Has the upstream unblock its client `id`, which gets an error. `false`: it could not be asked, or
    /// would not.
    pub async fn unblock(&self, id: i64) -> bool {
        let (credential, words) = (self.inner.shared.credential(), id.to_string());
        let wanted = Wanted { proto: Proto::Resp2, db: 0, credential };
        let Ok(mut lease) = self.take(Class::Control, &wanted).await else { return false };
        let done = lease
            .exchange(&encode(&[&b"CLIENT"[..], b"UNBLOCK", words.as_bytes(), b"ERROR"]), 1)
            .await
            .is_ok();
        if done {
            self.give_back(lease.clean());
        }
        done
    }

    /// Asks the upstream on a control connection, as who brings no credential. For small replies.
    pub async fn ask(&self, request: &[u8]) -> Result<Bytes, Failure> {
        let wanted = Wanted { proto: Proto::Resp2, db: 0, credential: self.inner.shared.credential() };
        let mut lease = self.take(Class::Control, &wanted).await?;
        let reply = lease.hear(request).await?;
        self.give_back(lease.clean());
        Ok(reply)
    }

    /// The same for several requests at once, of which errors are answers too.
    pub async fn ask_all(&self, requests: &[Vec<u8>]) -> Result<Vec<Bytes>, Failure> {
        let wanted = Wanted { proto: Proto::Resp2, db: 0, credential: self.inner.shared.credential() };
        let mut lease = self.take(Class::Control, &wanted).await?;
        let asking = lease.hear_all(requests);
        let limit = self.inner.shared.settings().socket_timeout;
        let heard = tokio::time::timeout(limit, asking).await;
        let replies = heard.map_err(|_| Failure::TimedOut { after: limit })??;
        self.give_back(lease.clean());
        Ok(replies)
    }

    /// Returns once the upstream says that its client `id`, whose connection is closed here, is gone: nothing
    /// it had sent is carried out any more. However long that takes; a server that may not be asked has as
    /// long as one attempt may take.
    pub async fn see_closed(&self, id: i64) {
        let settings = self.inner.shared.settings();
        let mut backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max);
        let id = id.to_string();
        let request = encode(&[&b"CLIENT"[..], b"KILL", b"ID", id.as_bytes()]);
        let wanted = Wanted { proto: Proto::Resp2, db: 0, credential: self.inner.shared.credential() };
        loop {
            if let Ok(mut lease) = self.take(Class::Control, &wanted).await {
                match lease.exchange(&request, 1).await {
                    Ok(()) => return self.give_back(lease.clean()),
                    Err(Failure::Refused(text)) if text.starts_with("NOPERM") => {
                        return tokio::time::sleep(settings.connect_timeout).await;
                    }
                    // There is no such client.
                    Err(Failure::Refused(_)) => return self.give_back(lease.clean()),
                    Err(_) => {}
                }
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    /// Takes a connection back, for the next session that needs one. One that turns out to be tainted
    /// is closed.
    pub fn give_back(&self, clean: Clean) {
        self.inner.keep(clean);
    }

    /// Closes what has been idle too long, what the server has hung up on or soon would, and everything
    /// that counts against the budget when somebody waits for a connection.
    pub fn tidy(&self) {
        self.inner.tidy(Instant::now());
    }

    /// Opens a connection in the background if fewer lie idle than should, and nobody waits for what
    /// it would take. Must be called again and again, on the worker's own runtime.
    pub fn keep_warm(&self) {
        let (inner, now) = (&self.inner, Instant::now());
        if inner.shared.contended(Class::Lease) {
            return inner.warm.calm_down(now);
        }
        let likely = inner.likely();
        let idle = inner.idle.borrow();
        let ready = idle.iter().filter(|lease| likely.is_for(lease)).count();
        if !inner.warm.wants(ready, now) {
            return;
        }
        let Some(permit) = inner.shared.spare_permit() else { return };
        inner.warm.begin();
        let inner = Rc::clone(inner);
        tokio::task::spawn_local(async move {
            let opened = inner.open(likely.0, permit).await;
            // One that wants a password first is no use before a client brings it.
            let opened = opened.ok().filter(Lease::is_greeted);
            let settings = inner.shared.settings();
            inner.warm.bounds(settings.reconnect_min, settings.reconnect_max);
            inner.warm.end(opened.is_some(), Instant::now());
            if let Some(lease) = opened {
                inner.keep(lease.clean());
            }
        });
    }
}

/// What the next lease is likely to be wanted as: nothing that a client must have asked for.
struct Likely(Wanted);

impl Likely {
    /// Whether `lease` serves such a want, at most after a word or two.
    fn is_for(&self, lease: &Lease) -> bool {
        lease.class() == Class::Lease && lease.state.credential == self.0.credential
    }
}

impl Inner {
    fn likely(&self) -> Likely {
        let (credential, db) = (self.shared.credential(), self.shared.settings().database);
        Likely(Wanted { proto: Proto::Resp2, db, credential })
    }

    async fn open(&self, wanted: Wanted, permit: Permit) -> Result<Lease, Failure> {
        let link = self.shared.connect(wanted.proto, wanted.db, &wanted.credential, false).await?;
        Ok(Lease::new(link, wanted, permit, Arc::clone(&self.shared), Rc::clone(&self.tally)))
    }

    fn keep(&self, Clean(mut lease): Clean) {
        let idle = &mut *self.idle.borrow_mut();
        let class = lease.class();
        let full =
            class == Class::Pinned && idle.iter().filter(|l| l.class() == class).count() >= MAX_IDLE_PINNED;
        if lease.tainted || full || lease.generation != self.shared.epoch() {
            return;
        }
        lease.returned = Instant::now();
        match self.shared.contended(class) {
            false => idle.push(lease),
            // Whom it does not suit waits for the right to open another: closing this one gives it.
            true => drop(self.handover.give(lease, Instant::now())),
        }
    }

    fn tidy(&self, now: Instant) {
        self.shared.settle_budget();
        let (generation, likely) = (self.shared.epoch(), self.likely());
        let mut warm = 0;
        self.idle.borrow_mut().retain_mut(|lease| {
            let keeps = warm < self.warm.share() && likely.is_for(lease);
            let limit = if keeps { Duration::MAX } else { IDLE_CLOSE };
            let limit = lease.idle_limit().map_or(limit, |t| (t / 2).min(limit));
            let stays = now.duration_since(lease.returned) < limit
                && lease.generation == generation
                && !self.shared.contended(lease.class())
                && lease.is_quiet();
            warm += usize::from(keeps && stays);
            stays
        });
    }

    /// The idle lease that needs the least to become what is wanted.
    fn pick(&self, class: Class, wanted: &Wanted) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        let fits = |l: &&Lease| l.class() == class && l.state.credential == wanted.credential;
        let exact = idle.iter().rposition(|l| fits(&l) && l.state == *wanted);
        let index = exact.or_else(|| idle.iter().rposition(|l| fits(&l)))?;
        Some(idle.swap_remove(index))
    }
}
