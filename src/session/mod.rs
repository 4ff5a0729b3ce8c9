//! One client connection, from its first byte to its last.
//!
//! Owns: the client's connection state, which way each request goes ([`path`]), the order and the
//! bounds of its replies ([`client`]), the commands answered here ([`local`]), and the sessions that
//! hold a connection of their own ([`pinned`]). Never: decides what is permitted, or how an upstream
//! connection is made.

mod audit;
mod client;
pub mod explain;
pub mod figures;
mod force;
mod hello;
mod identity;
pub mod inside;
mod intake;
mod laned;
mod leave;
mod limiting;
mod local;
mod metered;
mod monitor;
mod near;
mod nearside;
mod nod;
mod path;
mod pinned;
mod pulse;
mod refused;
mod roster;
mod state;
#[cfg(test)]
mod strangers;
mod subscribed;
mod taken;
mod traced;
mod users;
mod verdict;
mod warden;
mod whole;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::BytesMut;

use crate::net::Stream;
use crate::policy::Origin;
use crate::pubsub::Feeds;
use crate::resp::scan::request::ProtocolError;
use crate::telemetry::meters::Cause;
use crate::telemetry::{Audit, Denials, Desk, Notices, Tally, Vitals};
use crate::upstream::{Lanes, Pool, Shared};

use client::Again;
pub use client::Client;
pub use force::{ForceError, InForce, Latest};
use intake::{Intake, Read};
pub use limiting::Limiting;
pub use monitor::{Feed, Monitors};
pub(crate) use near::now;
pub use near::{Bells, Keeper, LaneWatch, Mark, tend};
use path::Path;
pub use pulse::{Probing, Pulse};
pub use roster::{Card, Flag, Names, Order, Orders, Place, Roster};
pub use subscribed::Listener;
pub use taken::Taken;
pub use traced::Traces;
use verdict::Verdict;
pub use warden::Warden;

/// What the sessions of one worker share.
#[derive(Debug)]
pub struct Worker {
    /// Its number.
    pub index: usize,
    /// The clients of all workers.
    pub roster: Arc<Roster>,
    /// What is in force, as far as a reload can change it.
    pub latest: Latest,
    /// The upstream, as all workers see it.
    pub shared: Arc<Shared>,
    /// The worker's lanes.
    pub lanes: Lanes<Client>,
    /// The worker's idle leases.
    pub pool: Rc<Pool>,
    /// The connections its subscribers share.
    pub feeds: Feeds<Listener>,
    /// Its part of the cache.
    pub keeper: Keeper,
    /// How often it was refused.
    pub denials: Arc<Denials>,
    /// Where those who look after security hear of it.
    pub audit: Arc<Audit>,
    /// What is wrong now.
    pub notices: Arc<Notices>,
    /// How the proxy is.
    pub vitals: Arc<Vitals>,
    /// What happens on the path of requests is counted here.
    pub tally: Rc<Tally>,
    /// What is told of one by one.
    pub traces: Rc<Traces>,
    /// The buffer every read goes into; what is not consumed at once is copied out.
    pub scratch: Rc<RefCell<BytesMut>>,
    /// Emptied reply buffers.
    pub spares: client::Spares,
    /// No new work: sessions end when what they have begun is done.
    pub draining: Cell<bool>,
    /// Distinguishes this process's proxy from every other one, to notice a proxy that is its own upstream.
    pub nonce: Arc<str>,
    /// How much may be done, and by how many.
    pub limiting: Limiting,
    /// Who monitors, here and on the other workers.
    pub monitors: Feed,
    /// What those who operate the proxy ask.
    pub desk: Arc<dyn Desk>,
}

/// What ends a session's stay on the shared path.
#[derive(Debug)]
enum Next {
    /// The request at the front needs a connection of its own.
    Pin,
    /// The request at the front takes a walk over the cache.
    Walk,
    /// Another client names this one to the upstream.
    Hold,
    /// This read must be asked again on a connection of its own.
    Again(Again),
    /// The session is over.
    Close,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Before it hears of its end: nobody is to find it listed, or counted, afterwards.
        self.path.unsubscribe_all();
        self.path.worker.monitors.remove(self.client());
        self.path.worker.roster.leave(self.client().id);
        // Lanes may still hold the client's other half, for replies that are on their way.
        self.client().hang_up();
    }
}

/// One client's session: a task's worth of state.
#[derive(Debug)]
pub struct Session {
    intake: Intake,
    path: Path,
    /// The client will send nothing more, or must not.
    ended: bool,
    /// What was read last has been looked at as far as it can be without more.
    exhausted: bool,
}

impl Session {
    /// A session for a client that has just connected from `origin`.
    pub fn new(worker: Rc<Worker>, stream: Stream, id: u64, origin: Origin) -> (Self, Rc<Client>) {
        let (peer, place) = (stream.peer(), Place::of(&stream));
        let (read, write) = stream.split();
        let force = worker.latest.get();
        let db = force.config.upstream.database;
        let card = Arc::new(Card::new(id, worker.index, place, db, worker.shared.credential().user()));
        worker.roster.enter(Arc::clone(&card));
        let client = Rc::new(Client::new(card, peer, write, &worker, &force.config));
        let intake = Intake::new(read, force.gate.renames().cloned());
        let mut path = Path::new(worker, force, Rc::clone(&client), origin);
        let rights = Arc::clone(&path.rights);
        let full = path.take_seat_unasked(&rights).err();
        match &full {
            Some(full) => client.say_last(&format!("-{full}\r\n")),
            None => path.note_certificate(),
        }
        (Self { intake, path, ended: full.is_some(), exhausted: true }, client)
    }

    /// Serves the client until it leaves, is cut or the worker drains. Dropping the session cuts the client;
    /// it is borrowed because a task that moved it into a call would keep room for it twice.
    pub async fn run(&mut self) {
        loop {
            match std::future::poll_fn(|cx| self.poll(cx)).await {
                Next::Pin => Box::pin(pinned::run(self, None)).await,
                Next::Walk => {
                    Box::pin(nearside::run(self)).await;
                    continue;
                }
                Next::Hold => Box::pin(pinned::hold(self)).await,
                Next::Again(request) => Box::pin(pinned::run(self, Some(request))).await,
                Next::Close => return self.part().await,
            }
            self.path.back_from_own_connection();
            self.client().took(self.intake.taken(), false);
        }
    }

    /// The client's end of the session.
    fn client(&self) -> &Rc<Client> {
        &self.path.client
    }

    /// One turn on the shared path.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if self.renew(false).is_err() {
            return Poll::Ready(Next::Close);
        }
        self.path.arrived = Instant::now();
        self.path.now = None;
        if self.exhausted {
            // What was left from the last turn has waited since then.
            self.path.asked = self.path.worker.tally.at(self.path.arrived);
        }
        let next = self.serve(cx);
        self.path.settle_turn();
        next
    }

    /// The shared path: read, route, and leave it only for what cannot be done on it.
    fn serve(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let client = Rc::clone(self.client());
        client.listen(cx.waker());
        client.card.see(self.path.arrived);
        loop {
            if let Some(again) = client.next_again() {
                return Poll::Ready(Next::Again(again));
            }
            if client.takes_pin() {
                return Poll::Ready(Next::Hold);
            }
            if client.poll_flush(cx).is_err() || client.is_cut() {
                return Poll::Ready(Next::Close);
            }
            self.path.settle_turn();
            if client.is_ending() {
                return if client.is_flushed() { Poll::Ready(Next::Close) } else { Poll::Pending };
            }
            if self.ended {
                if self.finished() {
                    return Poll::Ready(Next::Close);
                }
                client.wake_when_drained();
                return Poll::Pending;
            }
            let verdict = if self.exhausted {
                if client.is_starved() && self.intake.kept() > 0 {
                    // There is no memory for the rest of its request. The warden wakes it when there is.
                    client.took(self.intake.taken(), false);
                    return self.leave_or_wait();
                }
                match self.read(cx) {
                    Poll::Ready(verdict) => verdict,
                    Poll::Pending => return self.leave_or_wait(),
                }
            } else {
                let path = &mut self.path;
                self.intake.requests(&path.limits(), |args| path.route(&args))
            };
            self.exhausted = false;
            let verdict = match verdict {
                Ok(Verdict::Transaction) => match self.transaction() {
                    Verdict::Done => continue,
                    waits => Ok(waits),
                },
                other => other,
            };
            match verdict {
                Ok(Verdict::Done) => {
                    self.exhausted = true;
                    client.took(self.intake.taken(), self.intake.kept() > 0);
                }
                Ok(Verdict::Paced) => {
                    client.flush_now();
                    client.took(self.intake.taken(), false);
                    std::task::ready!(self.path.poll_pause(cx));
                }
                Ok(Verdict::Room) => {
                    client.wake_when_roomy();
                    client.flush_now();
                    client.took(self.intake.taken(), false);
                    return Poll::Pending;
                }
                Ok(Verdict::Drained) if client.outstanding() > 0 || client.has_later() => {
                    client.wake_when_drained();
                    client.flush_now();
                    client.took(self.intake.taken(), false);
                    return Poll::Pending;
                }
                Ok(Verdict::Drained) => {}
                Ok(Verdict::Large) if client.outstanding() > 0 || client.has_later() => {
                    client.wake_when_drained();
                    return Poll::Pending;
                }
                Ok(Verdict::Large | Verdict::Pin | Verdict::Transaction) => return Poll::Ready(Next::Pin),
                Ok(Verdict::Walk) => return Poll::Ready(Next::Walk),
                Ok(Verdict::Close) => self.ended = true,
                Err(error) => self.refuse(error),
            }
        }
    }

    /// Reads once and routes what has come.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Verdict, ProtocolError>> {
        let path = &mut self.path;
        // What is asked for now must not be judged by an earlier look at the clock.
        path.now = None;
        let scratch = Rc::clone(&path.worker.scratch);
        let limits = path.limits();
        match self.intake.poll_read(cx, &scratch, &limits, |args| path.route(&args)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Read::Routed(verdict)) => Poll::Ready(verdict),
            Poll::Ready(Read::Ended) => Poll::Ready(Ok(Verdict::Close)),
        }
    }

    /// A protocol error: Redis's words, then the end.
    fn refuse(&mut self, error: ProtocolError) {
        let client = Rc::clone(self.client());
        client.wake_when_drained();
        client.say_last(&format!("-ERR {error}\r\n"));
        self.path.worker.tally.error(Cause::Protocol);
        tracing::debug!(client = client.id, %error, "protocol error");
        self.ended = true;
    }
}
