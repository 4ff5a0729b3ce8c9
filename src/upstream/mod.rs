//! Conversations with Redis.
//!
//! Owns: connecting and greeting ([`handshake`]), the shared pipelined connection ([`lane`]) with
//! what is in flight on it ([`inflight`]), connections lent to one session ([`lease`]), and what all
//! workers decide together ([`shared`]). Never: knows the cache, a client, or what is permitted.
//!
//! Replies travel back to whoever asked through [`Caller`], which the session implements.

mod backoff;
mod budget;
mod failure;
mod fate;
mod handover;
mod handshake;
mod inflight;
mod info;
mod lane;
mod large;
mod lease;
mod line;
mod longest;
mod memory;
mod outgoing;
mod pool;
mod reach;
mod settings;
mod shared;
mod terms;
mod warm;

use std::rc::Rc;

pub use backoff::Backoff;
pub use budget::{Class, Permit};
pub use failure::Failure;
pub use info::{ServerInfo, Tracking};
pub use lane::{Lane, Lanes};
pub use lease::{Clean, Lease, Wanted};
pub use line::ClientLine;
pub use memory::{Memory, Told};
pub use pool::Pool;
pub use reach::Visit;
pub use shared::Shared;
pub use terms::Standing;

pub use crate::net::give_way;

use crate::config::Secret;

/// Who a connection authenticates as. Two connections with equal credentials are interchangeable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credential {
    /// ACL user; `None` is the server's default user.
    pub username: Option<String>,
    /// Its password; `None` does not authenticate at all.
    pub password: Option<Secret>,
    /// On which terms it was let in without one: see [`Shared::terms_changed`]. 0 with a password.
    pub terms: u64,
}

impl Credential {
    /// The ACL user, as the server names it.
    pub fn user(&self) -> &str {
        self.username.as_deref().unwrap_or("default")
    }
}

/// Whoever sent a request on a lane. Gets exactly one call of [`Self::answered`] or
/// [`Self::failed`] per request, in the order of its requests on that lane.
pub trait Caller: std::fmt::Debug + Sized + 'static {
    /// What the caller wants to know again when the reply comes.
    type Ticket: Copy + Default + std::fmt::Debug;
    /// What rides with a request.
    type Mark: Mark<Self>;
    /// Who hears what else a lane brings.
    type Watch: Watch;

    /// The reply, whole, and when it was heard. Must not wait, nor send on a lane.
    fn answered(&self, ticket: Self::Ticket, reply: &[u8], heard: &Heard<'_>);

    /// Whether it wants to know again what it had asked, now that the reply has been read.
    fn wants_request(&self, ticket: &Self::Ticket, read: u64) -> bool;

    /// There will be no reply to `request`. Must not wait, nor send on a lane.
    fn failed(&self, ticket: Self::Ticket, failure: &Failure, request: &[u8]);

    /// Whether there is memory for a reply of `len` bytes, which is a large one. If not, a read is
    /// failed as [`Failure::TooLarge`] instead of answered.
    fn takes(&self, len: usize) -> bool;

    /// Called once per turn after the above, before the next read: pass on what has gathered.
    fn flush(self: &Rc<Self>);

    /// Whether this is the first call since [`Self::flush`], so that it must be flushed again.
    fn touched(&self) -> bool;
}

/// When a reply was heard, and when what it answers was said, as a [`crate::telemetry::Tally`] counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<'a> {
    /// When the last byte of the request was written; before it was asked, if that had to wait for the
    /// upstream to be connected to; 0: nobody knows.
    pub written: u64,
    /// When the reply was read.
    pub read: u64,
    /// The request, if any caller [`Caller::wants_request`]; else nothing.
    pub request: &'a [u8],
}

/// What rides with a request on a lane, whether or not anybody waits for its reply. Told of the reply, or
/// dropped when there will be none, in the order of the connection and before any caller hears of it.
/// Dropping it must not send on a lane.
pub trait Mark<C: Caller>: Default + std::fmt::Debug + 'static {
    /// The (last) reply. Must not wait; may ask more on the same lane ([`Lane::ask`]).
    fn replied(self, reply: &[u8], lane: &Lane<C>);
}

/// Hears what a lane's connection brings besides replies, in its order. None of it may wait or send.
pub trait Watch: std::fmt::Debug + 'static {
    /// Whether a new connection is to be told of changes (`CLIENT TRACKING`).
    fn tracks(&self) -> bool;

    /// There is a connection; nothing has been sent on it.
    fn opened(&self, info: &ServerInfo);

    /// The connection is gone, or is left to those who wait on it. Comes before any of its requests fails.
    fn lost(&self);

    /// A push (RESP3). Comes before the reply that follows it is given to anybody.
    fn pushed(&self, push: &[u8]);
}
