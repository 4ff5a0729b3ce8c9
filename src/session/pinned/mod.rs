//! A session on a connection of its own: transactions, blocking commands, subscriptions, and
//! whatever is too large or too particular for a lane.
//!
//! Requests and replies pass through in pieces, each side held back by the other, so that size costs
//! no memory. The session goes back to its lane as soon as nothing holds it and nothing is owed.

mod answers;
mod limited;
mod noted;
mod passing;
mod reading;
mod recheck;
mod relay;
mod replies;
mod requests;
mod reworded;
mod taken;
mod terms;
mod timed;
mod vanished;

use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::client::Again;
use super::intake::Front;
use super::metered::{cause, class_of, waited_for};
use super::traced::{Outcome, Told, note};
use super::{Session, Worker, local};
use crate::command::{Command, Pin, Route, lookup};
use crate::resp::request::Args;
use crate::telemetry::meters::By;
use crate::upstream::{Class, Failure, Lease};
use relay::{End, Relay};

/// How many times `upstream.timeout` a large reply is worth waiting for a connection.
const LARGE_PATIENCE: u32 = 4;
/// Pause between such attempts.
const LARGE_PAUSE: Duration = Duration::from_millis(250);

/// Serves the session on a connection of its own, starting with the request at its front or with
/// `again`, a read whose reply was too large for the lane.
pub(super) async fn run(session: &mut Session, again: Option<Again>) {
    let needs = if again.is_some() { Needs::LARGE } else { needs(session) };
    match prepare(session, &needs).await {
        Ok((lease, turn)) => served(session, lease, turn, again).await,
        Err(failure) => failed(session, &failure, again, needs.steps),
    }
}

/// Takes a connection for the session before it asks for one: somebody wants to send invalidations to it.
pub(super) async fn hold(session: &mut Session) {
    let needs = Needs { class: Class::Pinned, large: false, steps: false };
    match prepare(session, &needs).await {
        Ok((lease, _)) => {
            let worker = std::rc::Rc::clone(&session.path.worker);
            let mut relay = Relay::new(session, lease, None, None);
            relay.keep();
            let end = relay.run().await;
            ended(session, &worker, end);
        }
        Err(failure) => {
            tracing::debug!(client = session.client().id, %failure, "no connection to track with")
        }
    }
}

/// A connection, and for a large reply the turn to ask for it.
async fn prepare(session: &Session, needs: &Needs) -> Result<(Lease, Option<OwnedSemaphorePermit>), Failure> {
    let worker = &session.path.worker;
    let wanted = session.path.wanted();
    if !needs.large {
        return Ok((worker.pool.take(needs.class, &wanted).await?, None));
    }
    let turn = worker.shared.large_turn().await?;
    // A server that copies large replies answers nobody for a while: it has not gone.
    let patience = Instant::now() + LARGE_PATIENCE * session.path.force.config.upstream.timeout;
    loop {
        match worker.pool.take(needs.class, &wanted).await {
            Err(Failure::Unreachable { .. }) if Instant::now() < patience => sleep(LARGE_PAUSE).await,
            taken => return Ok((taken?, Some(turn))),
        }
    }
}

async fn served(
    session: &mut Session,
    lease: Lease,
    turn: Option<OwnedSemaphorePermit>,
    again: Option<Again>,
) {
    let worker = std::rc::Rc::clone(&session.path.worker);
    let mut relay = Relay::new(session, lease, turn, again);
    let end = relay.run().await;
    ended(session, &worker, end);
}

fn ended(session: &mut Session, worker: &Worker, end: End) {
    match end {
        End::Done(lease) => worker.pool.give_back(lease.clean()),
        End::Lost => {}
        End::Closed => session.ended = true,
    }
}

/// What the request at the front needs.
struct Needs {
    /// The kind of connection.
    class: Class,
    /// Its reply is known to be large.
    large: bool,
    /// What follows it would mean something else without it.
    steps: bool,
}

impl Needs {
    const LARGE: Self = Self { class: Class::Pinned, large: true, steps: false };
}

fn needs(session: &mut Session) -> Needs {
    let limits = session.path.limits();
    match session.intake.front(&limits) {
        Ok(Front::Whole) => {
            let args = session.intake.args();
            let command = lookup(&args);
            if session.path.worker.shared.is_large(&args) {
                return Needs::LARGE;
            }
            let class = class(command, &args);
            let steps = command.is_some_and(|c| matches!(c.route, Route::Pin(_) | Route::Session(_)));
            Needs { class, large: false, steps }
        }
        _ => Needs { class: Class::Pinned, large: false, steps: true },
    }
}

/// The kind of connection a request needs that cannot go on a lane.
fn class(command: Option<&Command>, args: &Args<'_>) -> Class {
    let Some(command) = command else { return Class::Lease };
    match command.route {
        _ if command.blocks(args) => Class::Pinned,
        Route::Control => Class::Control,
        Route::Pin(Pin::Multi | Pin::Exec | Pin::Discard | Pin::Watch | Pin::Unwatch) => Class::Lease,
        Route::Pin(_) => Class::Pinned,
        _ => Class::Lease,
    }
}

/// There is no connection: the request fails. Where the ones behind it rely on it (`MULTI`, `SELECT`,
/// `AUTH`), or it cannot be skipped because it is not whole, the client is closed as well.
fn failed(session: &mut Session, failure: &Failure, again: Option<Again>, fatal: bool) {
    let client = std::rc::Rc::clone(session.client());
    client.append(|out| local::failure(failure, out));
    let tally = std::rc::Rc::clone(&session.path.worker.tally);
    let mut words = Vec::new();
    let mut counted = again.map(|again| (again.class, again.asked));
    if counted.is_none() {
        let limits = session.path.limits();
        if matches!(session.intake.front(&limits), Ok(Front::Whole)) {
            let args = session.intake.args();
            let class = class_of(lookup(&args), &args);
            tally.command(class);
            note(&mut words, lookup(&args), &args, 0);
            counted = Some((class, session.path.asked));
            session.intake.pop();
            session.path.limited.settle(1);
        }
    }
    if let Some(cause) = cause(failure) {
        tally.error(cause);
    }
    if let Some((class, asked)) = counted {
        let (written, read) = (waited_for(failure, asked), tally.now());
        tally.answered(class, By::Upstream, asked, written, read);
        let traces = &session.path.worker.traces;
        let sampled = traces.samples();
        if sampled || traces.is_slow(read.saturating_sub(asked)) {
            let outcome = Outcome::By(By::Upstream);
            client.tell(&Told { words: &words, outcome, asked, written, read, stalled: 0, sampled });
        }
        tally.settle();
    }
    session.ended |= fatal;
    client.flush_now();
}
