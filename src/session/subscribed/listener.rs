//! One client's subscriptions on shared feeds, and how what happens there reaches it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;

use crate::command::Channels;
use crate::pubsub::{Feed, Subscriber, Topic};
use crate::resp::request::encode;
use crate::resp::{Proto, reply};
use crate::session::client::Client;
use crate::session::local;
use crate::upstream::{Caller, Failure};

/// A message of so many bytes is written at once, not at the end of the turn.
const AT_ONCE: usize = 16 * 1024;

/// What it waits for.
#[derive(Debug, Default)]
enum Awaited {
    #[default]
    Nothing,
    /// Confirmations, which go out as they come.
    Joined,
    /// The end of its subscriptions to these; `None`: to all of this kind, in order.
    Left(Channels, Option<Vec<Bytes>>),
    /// The reply to a `PING`, in RESP2 with this argument.
    Pong(Bytes),
    /// The reply to a `PUBLISH`, to which so many receivers are added.
    Receivers(i64),
    /// The replies to the last questions, which are nobody's.
    Farewell,
}

/// Where a subscription is, and its place in the order of the client's.
type Place = (u64, u64);

/// What it is subscribed to.
#[derive(Debug, Default)]
struct Topics {
    of: [HashMap<Bytes, Place>; 3],
    /// How many there have ever been.
    ever: u64,
}

/// A client as a [`Subscriber`].
#[derive(Debug)]
pub struct Listener {
    client: Rc<Client>,
    proto: Cell<Proto>,
    topics: RefCell<Topics>,
    /// The feeds it is on, or was: one, unless it changed its user meanwhile.
    feeds: RefCell<Vec<Rc<Feed<Self>>>>,
    awaited: RefCell<Awaited>,
    /// So many feeds have yet to answer.
    answers: Cell<usize>,
    touched: Cell<bool>,
    gone: Cell<bool>,
    /// It was asked whether there is anything left.
    farewell: Cell<bool>,
}

impl Listener {
    pub(super) fn new(client: Rc<Client>, proto: Proto) -> Self {
        Self {
            client,
            proto: Cell::new(proto),
            topics: RefCell::default(),
            feeds: RefCell::default(),
            awaited: RefCell::default(),
            answers: Cell::new(0),
            touched: Cell::new(false),
            gone: Cell::new(false),
            farewell: Cell::new(false),
        }
    }

    /// The protocol has changed.
    pub(super) fn speak(&self, proto: Proto) {
        self.proto.set(proto);
    }

    /// Whether it waits for a feed to answer.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.answers.get() > 0
    }

    /// How many subscriptions of this kind count together: channels and patterns, or shard channels.
    fn count(&self, kind: Channels) -> usize {
        let [exact, patterns, shards] = &self.topics.borrow().of;
        if kind == Channels::Shard { shards.len() } else { exact.len() + patterns.len() }
    }

    /// Whether it is subscribed to anything.
    pub(super) fn is_subscribed(&self) -> bool {
        self.count(Channels::Exact) + self.count(Channels::Shard) > 0
    }

    /// Shows others how much it is subscribed to.
    pub(super) fn show(&self) {
        let [channels, patterns, shards] = self.topics.borrow().of.each_ref().map(HashMap::len);
        self.client.card.set_subscriptions(channels, patterns, shards);
    }

    /// Subscribes on `feed`.
    pub(super) fn join(self: &Rc<Self>, feed: Rc<Feed<Self>>, kind: Channels, names: Vec<Bytes>) {
        self.wait_for(Awaited::Joined, 1);
        feed.join(self, kind, names.into());
        let mut feeds = self.feeds.borrow_mut();
        if !feeds.iter().any(|known| known.number() == feed.number()) {
            feeds.push(feed);
        }
    }

    /// Unsubscribes from `names`, or from all of a kind. Answered when no more can come.
    pub(super) fn leave(self: &Rc<Self>, kind: Channels, names: Option<Vec<Bytes>>) {
        let all = names.clone().unwrap_or_else(|| self.names(kind));
        let feeds = self.feeds.borrow().clone();
        self.wait_for(Awaited::Left(kind, names), feeds.len());
        for feed in feeds {
            let on = |name: &Bytes| self.place(kind, name).is_some_and(|(on, _)| on == feed.number());
            let here = all.iter().filter(|name| on(name)).cloned().collect();
            if !feed.leave(self, kind, here) {
                self.done();
            }
        }
        self.flush();
    }

    /// Sends `request` on the feed, so that its reply comes in order with the messages.
    pub(super) fn ping(self: &Rc<Self>, request: &[u8], argument: &[u8]) {
        self.ask(request, Awaited::Pong(Bytes::copy_from_slice(argument)));
    }

    /// Publishes in order with the messages; `extra` receivers are not seen by the upstream.
    pub(super) fn publish(self: &Rc<Self>, request: &[u8], extra: i64) {
        self.ask(request, Awaited::Receivers(extra));
    }

    /// Whether every message has come that was published before the first call. That call sends a
    /// `PING` behind them; whoever waits is woken when nothing is outstanding any more.
    pub(super) fn has_heard_all(self: &Rc<Self>) -> bool {
        if !self.farewell.replace(true) && self.is_subscribed() {
            let feeds = self.feeds.borrow().clone();
            self.wait_for(Awaited::Farewell, feeds.len());
            let ping = encode(&[b"PING"]);
            // One that is being connected again has nothing.
            feeds.iter().filter(|feed| !feed.ask(self, &ping)).for_each(|_| self.done());
        }
        !self.is_waiting()
    }

    fn ask(self: &Rc<Self>, request: &[u8], awaited: Awaited) {
        self.wait_for(awaited, 1);
        let feed = self.feeds.borrow().last().cloned();
        if !feed.is_some_and(|feed| feed.ask(self, request)) {
            let reason = "the connection of this subscription is being made again".into();
            self.client.queue(&encoded(|out| local::failure(&Failure::Lost { reason }, out)));
            self.done();
            self.flush();
        }
    }

    /// Nothing comes to it any more.
    pub(super) fn leave_all(&self) {
        self.gone.set(true);
        for feed in self.feeds.take() {
            let topics = self.topics.borrow();
            let kinds = [Channels::Exact, Channels::Pattern, Channels::Shard].into_iter().zip(&topics.of);
            let mine = kinds.flat_map(|(kind, of)| of.iter().map(move |(name, place)| (kind, name, place)));
            let here: Vec<Topic> = mine
                .filter(|(_, _, (on, _))| *on == feed.number())
                .map(|(kind, name, _)| (kind, name.clone()))
                .collect();
            feed.forget(self.client.id, &here);
        }
        if self.is_waiting() {
            self.answers.set(0);
            self.client.answered_aside();
        }
    }

    /// To the client it is one request in flight, however many feeds are asked.
    fn wait_for(&self, awaited: Awaited, answers: usize) {
        self.client.sent(0);
        *self.awaited.borrow_mut() = awaited;
        self.answers.set(answers);
    }

    fn place(&self, kind: Channels, name: &Bytes) -> Option<Place> {
        self.topics.borrow().of[index(kind)].get(name).copied()
    }

    /// The names of a kind in the order they were subscribed to.
    fn names(&self, kind: Channels) -> Vec<Bytes> {
        let topics = self.topics.borrow();
        let mut names: Vec<_> = topics.of[index(kind)].iter().collect();
        names.sort_by_key(|(_, (_, nth))| *nth);
        names.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// Tells the client that its subscriptions to these have ended.
    fn answer_left(&self, kind: Channels, names: Option<Vec<Bytes>>) {
        let names = names.unwrap_or_else(|| self.names(kind));
        if names.is_empty() {
            return self.confirm(un_word(kind), None, kind);
        }
        for name in names {
            self.removed(kind, &name);
        }
    }

    /// A confirmation with the client's own count.
    fn confirm(&self, word: &str, name: Option<&Bytes>, kind: Channels) {
        let proto = self.proto.get();
        let mut out = Vec::with_capacity(64 + name.map_or(0, Bytes::len));
        out.extend_from_slice(if proto == Proto::Resp2 { b"*3\r\n" } else { b">3\r\n" });
        reply::bulk(word.as_bytes(), &mut out);
        match name {
            Some(name) => reply::bulk(name, &mut out),
            None => out.extend_from_slice(reply::null(proto)),
        }
        out.extend_from_slice(format!(":{}\r\n", self.count(kind)).as_bytes());
        self.client.queue(&out);
    }
}

impl Subscriber for Listener {
    fn id(&self) -> u64 {
        self.client.id
    }

    fn proto(&self) -> Proto {
        self.proto.get()
    }

    fn is_gone(&self) -> bool {
        self.gone.get()
    }

    fn message(&self, frame: &[u8]) {
        if self.client.is_cut() {
            return;
        }
        self.client.queue(frame);
        // What many hear must not lie in memory many times over for longer than it has to.
        if frame.len() >= AT_ONCE || self.client.is_starved() {
            self.client.flush_now();
        }
        if self.client.is_starved() && !self.client.is_cut() {
            tracing::warn!(client = self.client.id, "closed: no memory for its messages (limits.memory)");
            self.client.cut();
        }
    }

    fn joined(&self, kind: Channels, channel: &Bytes, feed: u64) -> bool {
        let on = {
            let topics = &mut *self.topics.borrow_mut();
            topics.ever += 1;
            topics.of[index(kind)].entry(channel.clone()).or_insert((feed, topics.ever)).0
        };
        self.show();
        self.confirm(word(kind), Some(channel), kind);
        on == feed
    }

    fn removed(&self, kind: Channels, channel: &Bytes) {
        self.topics.borrow_mut().of[index(kind)].remove(channel);
        self.show();
        self.confirm(un_word(kind), Some(channel), kind);
    }

    fn replied(&self, frame: &[u8]) {
        match &*self.awaited.borrow() {
            Awaited::Pong(argument) if frame.first() != Some(&b'-') => {
                self.client.queue(&encoded(|out| {
                    out.extend_from_slice(b"*2\r\n$4\r\npong\r\n");
                    reply::bulk(argument, out);
                }));
            }
            Awaited::Farewell => {}
            Awaited::Receivers(extra) => self.client.queue(&super::correct::add(frame, *extra)),
            _ => self.client.queue(frame),
        }
    }

    fn failed(&self, failure: &Failure) {
        if matches!(*self.awaited.borrow(), Awaited::Farewell) {
            return;
        }
        self.client.queue(&encoded(|out| local::failure(failure, out)));
    }

    fn done(&self) {
        self.answers.set(self.answers.get().saturating_sub(1));
        if self.answers.get() > 0 {
            return;
        }
        if let Awaited::Left(kind, names) = self.awaited.take() {
            self.answer_left(kind, names);
        }
        self.client.answered_aside();
    }

    fn lost(&self) {
        self.client.cut();
    }

    fn touched(&self) -> bool {
        !self.touched.replace(true)
    }

    fn flush(self: &Rc<Self>) {
        self.touched.set(false);
        self.client.flush();
    }
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn index(kind: Channels) -> usize {
    match kind {
        Channels::Exact => 0,
        Channels::Pattern => 1,
        Channels::Shard => 2,
    }
}

fn word(kind: Channels) -> &'static str {
    match kind {
        Channels::Exact => "subscribe",
        Channels::Pattern => "psubscribe",
        Channels::Shard => "ssubscribe",
    }
}

fn un_word(kind: Channels) -> &'static str {
    match kind {
        Channels::Exact => "unsubscribe",
        Channels::Pattern => "punsubscribe",
        Channels::Shard => "sunsubscribe",
    }
}
