//! Who listens to what on one shared connection, and what the upstream has yet to answer. Pure:
//! requests, frames and the time go in; words for the upstream and calls of [`Subscriber`] come out.

mod entry;
mod heard;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use self::entry::Entry;
use super::shares::{Shares, index};
use super::{Subscriber, Topic};
use crate::command::Channels;
use crate::resp::request::encode;
use crate::upstream::Failure;

/// Messages handed over, each to one listener, before others have their turn.
const TURN: usize = 8 * 1024;
/// Most channels of one request that subscribes again after a loss.
const AT_ONCE: usize = 512;

/// The upstream's frames do not match what it was sent: the connection cannot be trusted any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream answered what nobody had asked")]
pub(super) struct OutOfStep;

/// Something that was sent, and who waits for its answer.
#[derive(Debug)]
struct Expected<S> {
    who: Option<Rc<S>>,
    since: Instant,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A confirmation for each of these.
    Join(Channels, VecDeque<Bytes>),
    /// The same, for those who listen already.
    Again(Channels, VecDeque<Bytes>),
    /// The end of a subscription to each of `last`, which nobody else has; then, or at the answer to a
    /// `PING` if there are none, those of `rest` end too. Until then messages are the leaver's.
    Leave { kind: Channels, last: VecDeque<Bytes>, rest: Vec<Bytes> },
    /// One reply.
    Reply,
    /// One reply that says no more than that there is one.
    Check,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Book<S> {
    feed: u64,
    topics: [HashMap<Bytes, Entry<S>>; 3],
    expected: VecDeque<Expected<S>>,
    /// What goes to the upstream.
    pub(super) out: BytesMut,
    touched: Vec<Rc<S>>,
    /// Messages handed over since the last flush.
    delivered: usize,
    shares: Arc<Shares>,
    connected: bool,
}

impl<S: Subscriber> Book<S> {
    /// An empty one; `feed` is what [`Subscriber::joined`] is told.
    pub(super) fn new(feed: u64, shares: Arc<Shares>) -> Self {
        Self {
            feed,
            topics: Default::default(),
            expected: VecDeque::new(),
            out: BytesMut::new(),
            touched: Vec::new(),
            delivered: 0,
            shares,
            connected: false,
        }
    }

    /// Whether a connection is needed.
    pub(super) fn is_wanted(&self) -> bool {
        !self.expected.is_empty() || self.has_listeners()
    }

    /// Whether anybody listens.
    pub(super) fn has_listeners(&self) -> bool {
        self.topics.iter().any(|of_kind| !of_kind.is_empty())
    }

    /// Whether the upstream owes an answer.
    pub(super) fn expects(&self) -> bool {
        !self.expected.is_empty()
    }

    /// Whether so much has been handed over that others should have their turn.
    pub(super) fn is_enough(&self) -> bool {
        self.delivered >= TURN
    }

    /// `who` subscribes.
    pub(super) fn join(&mut self, who: &Rc<S>, kind: Channels, names: VecDeque<Bytes>, now: Instant) {
        for name in &names {
            self.topics[index(kind)].entry(name.clone()).or_default().asked += 1;
        }
        self.say(subscribe_word(kind), &names);
        self.expect(Some(who), What::Join(kind, names), now);
    }

    /// `who` wants to hear no more of these. `false`: done at once, there is nothing to wait for.
    pub(super) fn leave(&mut self, who: &Rc<S>, kind: Channels, names: Vec<Bytes>, now: Instant) -> bool {
        if !self.connected {
            self.remove(who.id(), kind, &names, now);
            return false;
        }
        let (last, rest): (Vec<_>, _) =
            names.into_iter().partition(|name| self.ends_with(who.id(), kind, name));
        self.unsubscribe(Some(who), kind, last.into(), rest, now);
        true
    }

    /// `who` sends one request that is answered once. `false`: there is no connection.
    pub(super) fn ask(&mut self, who: &Rc<S>, request: &[u8], now: Instant) -> bool {
        if self.connected {
            self.out.extend_from_slice(request);
            self.expect(Some(who), What::Reply, now);
        }
        self.connected
    }

    /// Sends a `PING` of our own.
    pub(super) fn check(&mut self, now: Instant) {
        self.out.extend_from_slice(&encode(&[b"PING"]));
        self.expect(None, What::Check, now);
    }

    /// `who` is gone for good, and with it its subscriptions to these.
    pub(super) fn forget(&mut self, who: u64, topics: &[Topic], now: Instant) {
        for kind in [Channels::Exact, Channels::Pattern, Channels::Shard] {
            let names = topics.iter().filter(|(of, _)| *of == kind);
            self.remove(who, kind, &names.map(|(_, name)| name.clone()).collect::<Vec<_>>(), now);
        }
    }

    /// A connection is there: everybody's subscriptions are asked for on it.
    pub(super) fn connect(&mut self, now: Instant) {
        self.connected = true;
        let waiting = std::mem::take(&mut self.expected);
        for kind in [Channels::Exact, Channels::Pattern, Channels::Shard] {
            let listened = self.topics[index(kind)].iter_mut().filter(|(_, entry)| !entry.is_empty());
            let names: Vec<Bytes> =
                listened.map(|(name, entry)| (name.clone(), entry.asked += 1).0).collect();
            for names in names.chunks(AT_ONCE) {
                let names: VecDeque<Bytes> = names.iter().cloned().collect();
                self.say(subscribe_word(kind), &names);
                self.expect(None, What::Again(kind, names), now);
            }
        }
        for expected in waiting {
            if let What::Join(kind, names) = &expected.what {
                self.say(subscribe_word(*kind), names);
                self.expected.push_back(expected);
            }
        }
    }

    /// The connection is gone. Who listens, or waits to, goes on doing so: until [`Self::connect`], or
    /// [`Self::end`].
    pub(super) fn disconnect(&mut self, failure: &Failure, now: Instant) {
        self.connected = false;
        self.out.clear();
        for kind in [Channels::Exact, Channels::Pattern, Channels::Shard] {
            for (name, entry) in &mut self.topics[index(kind)] {
                (entry.up, entry.asked) = (false, 0);
                entry.recount(kind, name, &self.shares);
            }
        }
        for expected in std::mem::take(&mut self.expected) {
            match &expected.what {
                What::Join(kind, names) => {
                    for name in names {
                        self.topics[index(*kind)].entry(name.clone()).or_default().asked += 1;
                    }
                    self.expected.push_back(expected);
                }
                What::Leave { kind, last, rest } => {
                    if let Some(who) = &expected.who {
                        last.iter().for_each(|name| self.withdraw(who.id(), *kind, name));
                        rest.iter().for_each(|name| self.withdraw(who.id(), *kind, name));
                    }
                    self.finish(expected.who, None);
                }
                What::Reply => self.finish(expected.who, Some(failure)),
                What::Again(..) | What::Check => {}
            }
        }
        self.tidy(now);
    }

    /// Without a connection: who waits for one to subscribe is told that there is none.
    pub(super) fn fail_waiting(&mut self, failure: &Failure, now: Instant) {
        for expected in std::mem::take(&mut self.expected) {
            if let What::Join(kind, names) = &expected.what {
                names.iter().for_each(|name| self.no_longer_asked(*kind, name));
            }
            self.finish(expected.who, Some(failure));
        }
        self.tidy(now);
    }

    /// After [`Self::disconnect`]: whoever listens is told that it has missed something.
    pub(super) fn end(&mut self) {
        for kind in [Channels::Exact, Channels::Pattern, Channels::Shard] {
            for (_, entry) in self.topics[index(kind)].drain() {
                entry.listeners().for_each(|who| who.lost());
            }
        }
    }

    /// Whoever has waited for longer than `limit` is told that no answer came; what it asked for is
    /// undone when the answer comes.
    pub(super) fn give_up(&mut self, now: Instant, limit: Duration, failure: &Failure) {
        let overdue = self.expected.iter().take_while(|e| now.duration_since(e.since) >= limit).count();
        for i in 0..overdue {
            let expected = &mut self.expected[i];
            let Some(who) = expected.who.take() else { continue };
            if let What::Leave { kind, last, rest } = &expected.what {
                let (kind, names) = (*kind, last.iter().chain(rest).cloned().collect::<Vec<_>>());
                self.remove(who.id(), kind, &names, now);
                self.finish(Some(who), None);
            } else {
                self.finish(Some(who), Some(failure));
            }
        }
    }

    /// The end of a turn.
    pub(super) fn flush(&mut self) {
        self.touched.drain(..).for_each(|who| who.flush());
        self.delivered = 0;
    }

    fn unsubscribe(
        &mut self,
        who: Option<&Rc<S>>,
        kind: Channels,
        last: VecDeque<Bytes>,
        rest: Vec<Bytes>,
        now: Instant,
    ) {
        if last.is_empty() {
            self.out.extend_from_slice(&encode(&[b"PING"]));
        } else {
            self.say(unsubscribe_word(kind), &last);
        }
        self.expect(who, What::Leave { kind, last, rest }, now);
    }

    fn expect(&mut self, who: Option<&Rc<S>>, what: What, since: Instant) {
        self.expected.push_back(Expected { who: who.cloned(), since, what });
    }

    fn say(&mut self, word: &'static [u8], names: &VecDeque<Bytes>) {
        if self.connected {
            let words: Vec<&[u8]> = std::iter::once(word).chain(names.iter().map(|name| &name[..])).collect();
            self.out.extend_from_slice(&encode(&words));
        }
    }

    /// What somebody waited for has come, or will not.
    fn finish(&mut self, who: Option<Rc<S>>, failure: Option<&Failure>) {
        let Some(who) = who.filter(|who| !who.is_gone()) else { return };
        failure.inspect(|failure| who.failed(failure));
        who.done();
        touch(&who, &mut self.touched);
    }
}

fn touch<S: Subscriber>(who: &Rc<S>, touched: &mut Vec<Rc<S>>) {
    if who.touched() {
        touched.push(Rc::clone(who));
    }
}

fn subscribe_word(kind: Channels) -> &'static [u8] {
    match kind {
        Channels::Exact => b"SUBSCRIBE",
        Channels::Pattern => b"PSUBSCRIBE",
        Channels::Shard => b"SSUBSCRIBE",
    }
}

fn unsubscribe_word(kind: Channels) -> &'static [u8] {
    match kind {
        Channels::Exact => b"UNSUBSCRIBE",
        Channels::Pattern => b"PUNSUBSCRIBE",
        Channels::Shard => b"SUNSUBSCRIBE",
    }
}
