//! One upstream subscription fanned out to many clients.
//!
//! Owns: for each worker and credential one upstream connection that carries the subscriptions of all
//! its clients ([`Feed`]), who listens to what there ([`book`]), and the count of clients that the
//! upstream does not see ([`Shares`]). Never: knows a session or a client's protocol state; those
//! implement [`Subscriber`].
//!
//! Every `SUBSCRIBE` is really sent, whoever is subscribed already: its confirmation says from which
//! message on the newcomer listens, and whether the upstream lets it.

mod barrier;
mod book;
mod feed;
mod frame;
mod shares;

use std::rc::Rc;

pub use barrier::{Barrier, Pass};
pub use feed::{Feed, Feeds, Settings};
pub use frame::bulks;
pub use shares::{Shares, Topic};

use bytes::Bytes;

use crate::command::Channels;
use crate::resp::Proto;
use crate::upstream::Failure;

/// A client that listens on shared feeds. It waits for one thing at a time: whoever calls
/// [`Feed::join`], [`Feed::leave`] or [`Feed::ask`] gets exactly one [`Self::done`] later, unless it
/// has gone. No method may wait or call the feed.
pub trait Subscriber: std::fmt::Debug + 'static {
    /// Unlike everybody else's.
    fn id(&self) -> u64;

    /// The protocol its messages come in.
    fn proto(&self) -> Proto;

    /// It will never take anything again.
    fn is_gone(&self) -> bool;

    /// A published message: a whole frame in its protocol.
    fn message(&self, frame: &[u8]);

    /// The upstream has confirmed its subscription on the feed with this number. `false`: it listens
    /// to that channel on another feed already, and must not hear it twice.
    fn joined(&self, kind: Channels, channel: &Bytes, feed: u64) -> bool;

    /// The upstream has ended its subscription by itself (a shard channel that moved away).
    fn removed(&self, kind: Channels, channel: &Bytes);

    /// The upstream's reply to what it asked, or the error to its subscription (RESP3).
    fn replied(&self, frame: &[u8]);

    /// There will be no reply.
    fn failed(&self, failure: &Failure);

    /// What it waited for has come; always the last call about it.
    fn done(&self);

    /// The feed's connection is gone, and its subscriptions with it.
    fn lost(&self);

    /// Whether this is the first call since [`Self::flush`], so that it must be flushed again.
    fn touched(&self) -> bool;

    /// The end of a turn: pass on what has gathered.
    fn flush(self: &Rc<Self>);
}
