//! A session on a connection of its own: transactions, blocking commands, subscriptions, and
//! whatever is too large or too particular for a lane.
//!
//! Requests and replies pass through in pieces, each side held back by the other, so that size costs
//! no memory. The session goes back to its lane as soon as nothing holds it and nothing is owed.

mod relay;
mod replies;
mod requests;

use bytes::Bytes;

use super::intake::Front;
use super::{Session, local};
use crate::command::{Command, Pin, Route, lookup};
use crate::upstream::{Class, Failure, Lease};
use relay::{End, Relay};

/// Serves the session on a connection of its own, starting with the request at its front or with
/// `again`, a read whose reply was too large for the lane.
pub(super) async fn run(session: &mut Session, again: Option<Bytes>) {
    let (class, steps) = if again.is_some() { (Class::Pinned, false) } else { needs(session) };
    let wanted = session.path.wanted();
    let taken = session.path.worker.pool.take(class, &wanted).await;
    match taken {
        Ok(lease) => served(session, lease, again).await,
        Err(failure) => failed(session, &failure, again.is_some(), steps),
    }
}

async fn served(session: &mut Session, lease: Lease, again: Option<Bytes>) {
    let worker = std::rc::Rc::clone(&session.path.worker);
    let mut relay = Relay::new(session, lease, again);
    match relay.run().await {
        End::Done(lease) => worker.pool.give_back(lease),
        End::Lost => {}
        End::Closed => session.ended = true,
    }
}

/// What kind of connection the request at the front needs, and whether what follows it would mean
/// something else without it.
fn needs(session: &mut Session) -> (Class, bool) {
    let limits = session.path.limits();
    match session.intake.front(&limits) {
        Ok(Front::Whole) => {
            let args = session.intake.args();
            let command = lookup(&args);
            let blocks = command.is_some_and(|c| c.blocks(&args));
            if blocks || session.path.worker.shared.is_large(&args) {
                return (Class::Pinned, false);
            }
            command.map_or((Class::Lease, false), |c| {
                (class(c), matches!(c.route, Route::Pin(_) | Route::Session(_)))
            })
        }
        _ => (Class::Pinned, true),
    }
}

fn class(command: &Command) -> Class {
    match command.route {
        Route::Pin(Pin::Multi | Pin::Exec | Pin::Discard | Pin::Watch | Pin::Unwatch | Pin::Wait) => {
            Class::Lease
        }
        Route::Pin(_) => Class::Pinned,
        _ => Class::Lease,
    }
}

/// There is no connection: the request fails. Where the ones behind it rely on it (`MULTI`, `SELECT`,
/// `AUTH`), or it cannot be skipped because it is not whole, the client is closed as well.
fn failed(session: &mut Session, failure: &Failure, again: bool, fatal: bool) {
    let client = std::rc::Rc::clone(session.client());
    client.append(|out| local::failure(failure, out));
    if !again {
        let limits = session.path.limits();
        if matches!(session.intake.front(&limits), Ok(Front::Whole)) {
            session.intake.pop();
        }
    }
    session.ended |= fatal;
    client.flush_now();
}
