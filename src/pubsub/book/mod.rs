//! Who listens to what on one shared connection, and what the upstream has yet to answer. Pure:
//! requests, frames and the time go in; words for the upstream and calls of [`Subscriber`] come out.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use self::entry::Entry;
use super::frame::{self, Push};
use super::shares::{Shares, index};
use super::{Subscriber, Topic};
use crate::command::Channels;
use crate::resp::Proto;
use crate::resp::request::encode;
use crate::upstream::Failure;

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
            let names: Vec<Bytes> = listened.map(|(name, entry)| (name.clone(), entry.asked += 1).0).collect();
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

    /// A whole frame from the upstream. Its first byte may be changed.
    pub(super) fn heard(&mut self, frame: &mut [u8], now: Instant) -> Result<(), OutOfStep> {
        if frame.first() != Some(&b'>') {
            return self.reply(frame, now);
        }
        match frame::push(frame) {
            Push::Message(kind, name) => {
                if let Some(entry) = self.topics[index(kind)].get(name) {
                    deliver(entry, frame, &mut self.touched);
                }
            }
            Push::Joined(kind, name) => self.confirmed(kind, name, now)?,
            Push::Left(kind, name) => self.left(kind, name, now)?,
            Push::Other => {}
        }
        Ok(())
    }

    /// The end of a turn.
    pub(super) fn flush(&mut self) {
        self.touched.drain(..).for_each(|who| who.flush());
    }

    fn confirmed(&mut self, kind: Channels, name: &[u8], now: Instant) -> Result<(), OutOfStep> {
        let front = self.expected.front_mut().ok_or(OutOfStep)?;
        let (What::Join(asked, names) | What::Again(asked, names)) = &mut front.what else {
            return Err(OutOfStep);
        };
        let name = names.pop_front().filter(|first| first == name && *asked == kind).ok_or(OutOfStep)?;
        let ended = names.is_empty();
        let who = front.who.clone().filter(|who| !who.is_gone());
        let entry = self.topics[index(kind)].entry(name.clone()).or_default();
        entry.asked = entry.asked.saturating_sub(1);
        entry.up = true;
        if let Some(who) = who {
            if who.joined(kind, &name, self.feed) {
                entry.add(&who);
            }
            touch(&who, &mut self.touched);
        }
        self.settle(kind, &name, now);
        if ended {
            let who = self.expected.pop_front().and_then(|expected| expected.who);
            self.finish(who, None);
        }
        Ok(())
    }

    fn left(&mut self, kind: Channels, name: &[u8], now: Instant) -> Result<(), OutOfStep> {
        let front = self.expected.front_mut();
        let asked = front.and_then(|front| match &mut front.what {
            What::Leave { kind: of, last, .. } if *of == kind && last.front().is_some_and(|n| n == name) => {
                Some((last.pop_front()?, front.who.as_ref().map(|who| who.id()), last.is_empty()))
            }
            _ => None,
        });
        let Some((name, who, ended)) = asked else {
            return if kind == Channels::Shard { self.taken_away(name) } else { Err(OutOfStep) };
        };
        if let Some(who) = who {
            self.withdraw(who, kind, &name);
        }
        self.settle(kind, &name, now);
        if ended {
            self.leave_rest(now);
        }
        Ok(())
    }

    /// The upstream has ended a subscription by itself.
    fn taken_away(&mut self, name: &[u8]) -> Result<(), OutOfStep> {
        let of_kind = &mut self.topics[index(Channels::Shard)];
        let Some((name, mut entry)) = of_kind.remove_entry(name) else { return Ok(()) };
        for who in entry.listeners() {
            who.removed(Channels::Shard, &name);
            touch(who, &mut self.touched);
        }
        entry.clear();
        entry.up = false;
        entry.recount(Channels::Shard, &name, &self.shares);
        if entry.asked > 0 {
            of_kind.insert(name, entry);
        }
        Ok(())
    }

    fn reply(&mut self, frame: &[u8], now: Instant) -> Result<(), OutOfStep> {
        let refused = frame.first() == Some(&b'-');
        match &mut self.expected.front_mut().ok_or(OutOfStep)?.what {
            What::Join(kind, names) | What::Again(kind, names) if refused => {
                let (kind, names) = (*kind, std::mem::take(names));
                return self.refused(kind, &names, frame, now);
            }
            What::Leave { kind, last, .. } if refused || last.is_empty() => {
                let (kind, last) = (*kind, std::mem::take(last));
                let who = self.expected.front().and_then(|expected| Some(expected.who.as_ref()?.id()));
                for name in &last {
                    who.inspect(|who| self.withdraw(*who, kind, name));
                    self.settle(kind, name, now);
                }
                self.leave_rest(now);
                return Ok(());
            }
            What::Reply | What::Check => {}
            _ => return Err(OutOfStep),
        }
        let who = self.expected.pop_front().and_then(|expected| expected.who);
        if let Some(who) = who.filter(|who| !who.is_gone()) {
            who.replied(frame);
            self.finish(Some(who), None);
        }
        Ok(())
    }

    /// A whole request to subscribe got an error in place of its confirmations.
    fn refused(
        &mut self,
        kind: Channels,
        names: &VecDeque<Bytes>,
        error: &[u8],
        now: Instant,
    ) -> Result<(), OutOfStep> {
        let Some(Expected { who, what, .. }) = self.expected.pop_front() else { return Err(OutOfStep) };
        let again = matches!(what, What::Again(..));
        for name in names {
            self.no_longer_asked(kind, name);
            if let Some(entry) = self.topics[index(kind)].get_mut(name).filter(|_| again) {
                entry.listeners().for_each(|who| who.lost());
                entry.clear();
            }
            self.settle(kind, name, now);
        }
        if let Some(who) = who.filter(|who| !who.is_gone()) {
            who.replied(error);
            self.finish(Some(who), None);
        }
        Ok(())
    }

    /// What was asked of the upstream for the leaver in front is answered: the rest ends too, and where
    /// it was the last by now, the upstream is told, and asked to answer once more.
    fn leave_rest(&mut self, now: Instant) {
        let Some(Expected { who, what: What::Leave { kind, rest, .. }, .. }) = self.expected.pop_front()
        else {
            return;
        };
        let Some(who) = who.filter(|who| !who.is_gone()) else { return };
        let (last, rest): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|name| self.ends_with(who.id(), kind, name));
        for name in &rest {
            self.withdraw(who.id(), kind, name);
            self.settle(kind, name, now);
        }
        if last.is_empty() {
            return self.finish(Some(who), None);
        }
        last.iter().for_each(|name| self.withdraw(who.id(), kind, name));
        self.unsubscribe(Some(&who), kind, last.into(), Vec::new(), now);
    }

    /// Whether the upstream's subscription has no other use than this listener; if so, it is about to end.
    fn ends_with(&mut self, who: u64, kind: Channels, name: &Bytes) -> bool {
        let Some(entry) = self.topics[index(kind)].get_mut(name) else { return false };
        let ends = entry.up && entry.asked == 0 && entry.is_only(who);
        if ends {
            entry.up = false;
            entry.recount(kind, name, &self.shares);
        }
        ends
    }

    /// Takes a listener off these at once.
    fn remove(&mut self, who: u64, kind: Channels, names: &[Bytes], now: Instant) {
        let mut last = VecDeque::new();
        for name in names {
            if self.ends_with(who, kind, name) {
                last.push_back(name.clone());
            }
            self.withdraw(who, kind, name);
        }
        if self.connected && !last.is_empty() {
            self.unsubscribe(None, kind, last, Vec::new(), now);
        }
    }

    /// A listener less. What has no use left goes, if the upstream knows.
    fn withdraw(&mut self, who: u64, kind: Channels, name: &Bytes) {
        let of_kind = &mut self.topics[index(kind)];
        let Some(entry) = of_kind.get_mut(name) else { return };
        entry.remove(who);
        entry.recount(kind, name, &self.shares);
        if entry.is_empty() && entry.asked == 0 && !entry.up {
            of_kind.remove(name);
        }
    }

    fn no_longer_asked(&mut self, kind: Channels, name: &Bytes) {
        if let Some(entry) = self.topics[index(kind)].get_mut(name) {
            entry.asked = entry.asked.saturating_sub(1);
        }
    }

    /// Counts a topic anew; one without any use goes, and the upstream's subscription with it.
    fn settle(&mut self, kind: Channels, name: &Bytes, now: Instant) {
        let of_kind = &mut self.topics[index(kind)];
        let Some(entry) = of_kind.get_mut(name) else { return };
        entry.recount(kind, name, &self.shares);
        if !entry.is_empty() || entry.asked > 0 {
            return;
        }
        let up = std::mem::replace(&mut entry.up, false);
        entry.recount(kind, name, &self.shares);
        of_kind.remove(name);
        if up && self.connected {
            self.unsubscribe(None, kind, VecDeque::from([name.clone()]), Vec::new(), now);
        }
    }

    fn tidy(&mut self, now: Instant) {
        for kind in [Channels::Exact, Channels::Pattern, Channels::Shard] {
            let unused = self.topics[index(kind)].iter().filter(|(_, e)| e.is_empty() && e.asked == 0);
            for name in unused.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                self.settle(kind, &name, now);
            }
        }
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

/// Hands a message to everybody who listens, each in its protocol: those differ in the first byte.
fn deliver<S: Subscriber>(entry: &Entry<S>, frame: &mut [u8], touched: &mut Vec<Rc<S>>) {
    for (proto, kind) in [(Proto::Resp3, b'>'), (Proto::Resp2, b'*')] {
        frame[0] = kind;
        for who in entry.listeners().filter(|who| who.proto() == proto) {
            who.message(frame);
            touch(who, touched);
        }
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
