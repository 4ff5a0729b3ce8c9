//! A made-up upstream, its listeners, and everything that can happen between them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::pubsub::frame::{self, Push};
use crate::resp::Proto;
use crate::resp::scan::request::{Limits, Progress, RequestScanner};

const KINDS: [Channels; 3] = [Channels::Exact, Channels::Pattern, Channels::Shard];
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// What a listener was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Joined(Channels, Bytes),
    Message(Vec<u8>),
    Replied(Vec<u8>),
    Failed,
    Lost,
}

#[derive(Debug)]
pub(super) struct Fake {
    pub(super) id: u64,
    pub(super) proto: Proto,
    pub(super) told: RefCell<Vec<Told>>,
    pub(super) done: Cell<usize>,
    pub(super) waits: Cell<bool>,
    pub(super) gone: Cell<bool>,
    pub(super) touched: Cell<bool>,
}

impl Fake {
    pub(super) fn new(id: u64) -> Rc<Self> {
        Rc::new(Self {
            id,
            proto: if id.is_multiple_of(2) { Proto::Resp2 } else { Proto::Resp3 },
            told: RefCell::default(),
            done: Cell::new(0),
            waits: Cell::new(false),
            gone: Cell::new(false),
            touched: Cell::new(false),
        })
    }

    fn tell(&self, told: Told) {
        assert!(!self.gone.get(), "{} is gone and told {told:?}", self.id);
        self.told.borrow_mut().push(told);
    }
}

impl Subscriber for Fake {
    fn id(&self) -> u64 {
        self.id
    }
    fn proto(&self) -> Proto {
        self.proto
    }
    fn is_gone(&self) -> bool {
        self.gone.get()
    }
    fn message(&self, frame: &[u8]) {
        assert_eq!(frame[0], if self.proto == Proto::Resp2 { b'*' } else { b'>' });
        self.tell(Told::Message(frame[1..].to_vec()));
    }
    fn joined(&self, kind: Channels, channel: &Bytes, _: u64) -> bool {
        self.tell(Told::Joined(kind, channel.clone()));
        true
    }
    fn removed(&self, _: Channels, _: &Bytes) {}
    fn replied(&self, frame: &[u8]) {
        self.tell(Told::Replied(frame.to_vec()));
    }
    fn failed(&self, _: &Failure) {
        self.tell(Told::Failed);
    }
    fn done(&self) {
        assert!(self.waits.replace(false), "{} is done and waited for nothing", self.id);
        self.done.set(self.done.get() + 1);
    }
    fn lost(&self) {
        self.tell(Told::Lost);
    }
    fn touched(&self) -> bool {
        !self.touched.replace(true)
    }
    fn flush(self: &Rc<Self>) {
        assert!(self.touched.replace(false), "{} is flushed in vain", self.id);
    }
}

/// A server that does what it is told, one request at a time; its frames wait to be read.
#[derive(Default)]
pub(super) struct Upstream {
    pub(super) subscribed: BTreeSet<(usize, Vec<u8>)>,
    pub(super) refuses: BTreeSet<Vec<u8>>,
    pub(super) unread: BytesMut,
    pub(super) frames: VecDeque<Vec<u8>>,
    pub(super) published: u64,
}

pub(super) fn frame(words: &[&[u8]], tail: &str) -> Vec<u8> {
    let count = words.len() + usize::from(!tail.is_empty());
    let mut out = format!(">{count}\r\n").into_bytes();
    words.iter().for_each(|word| crate::resp::reply::bulk(word, &mut out));
    out.extend_from_slice(tail.as_bytes());
    out
}

impl Upstream {
    /// Executes the next request; `false` if there is none.
    fn step(&mut self) -> bool {
        let limits = Limits { max_bulk: 1024, max_multibulk: 64, large: 1 << 20, unauthenticated: false };
        let mut scanner = RequestScanner::default();
        let Progress::Whole { len } = scanner.scan(&self.unread, &limits).unwrap() else { return false };
        let request = self.unread.split_to(len);
        let args = scanner.args(&request);
        let word = args.get(0).to_ascii_lowercase();
        if word == b"ping" {
            self.frames.push_back(b"+PONG\r\n".to_vec());
            return true;
        }
        let kind = match word[0] {
            b'p' => 1,
            _ if word.starts_with(b"ss") || word.starts_with(b"sun") => 2,
            _ => 0,
        };
        let ends = word.windows(5).any(|w| w == b"unsub");
        if !ends && args.iter().skip(1).any(|name| self.refuses.contains(name)) {
            self.frames.push_back(b"-NOPERM no\r\n".to_vec());
            return true;
        }
        for name in args.iter().skip(1) {
            let topic = (kind, name.to_vec());
            if ends {
                self.subscribed.remove(&topic)
            } else {
                self.subscribed.insert(topic)
            };
            self.frames.push_back(frame(&[&word, name], ":1\r\n"));
        }
        true
    }

    /// The frame of a new message on this topic, if it is heard.
    fn publish(&mut self, kind: usize, name: &str) {
        self.published += 1;
        if self.subscribed.contains(&(kind, name.into())) {
            let word = [&b"message"[..], b"pmessage", b"smessage"][kind];
            let message = self.published.to_string();
            self.frames.push_back(frame(&[word, name.as_bytes(), message.as_bytes()], ""));
        }
    }
}

/// Everything that is going on.
pub(super) struct World {
    pub(super) random: fastrand::Rng,
    pub(super) book: Book<Fake>,
    pub(super) shares: Arc<Shares>,
    pub(super) upstream: Upstream,
    pub(super) fakes: Vec<Rc<Fake>>,
    /// What each listens to: since which message (the count when its confirmation was made).
    pub(super) listens: BTreeMap<(u64, usize, Vec<u8>), ()>,
    /// What waits: leaving these.
    pub(super) leaving: BTreeMap<u64, (usize, Vec<Bytes>)>,
    pub(super) next: u64,
    pub(super) now: Instant,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let shares = Arc::new(Shares::default());
        let mut book = Book::new(1, Arc::clone(&shares));
        let now = Instant::now();
        book.connect(now);
        let mut upstream = Upstream::default();
        upstream.refuses.insert(b"d".to_vec());
        Self {
            random: fastrand::Rng::with_seed(seed),
            book,
            shares,
            upstream,
            fakes: Vec::new(),
            listens: BTreeMap::new(),
            leaving: BTreeMap::new(),
            next: 0,
            now,
        }
    }

    pub(super) fn act(&mut self) {
        match self.random.u32(..100) {
            0..8 if self.fakes.len() < 12 => {
                self.next += 1;
                self.fakes.push(Fake::new(self.next));
            }
            0..25 => self.join(),
            25..38 => self.leave(),
            38..42 => self.go(),
            42..46 => self.ask(),
            46..60 => {
                let (kind, name) = (self.random.usize(..3), self.random.usize(..3));
                self.upstream.publish(kind, NAMES[name]);
            }
            60..75 => self.deliver_words(),
            75..80 => _ = self.upstream.step(),
            _ => self.hear(),
        }
    }

    fn idle(&mut self) -> Option<Rc<Fake>> {
        let idle: Vec<_> = self.fakes.iter().filter(|fake| !fake.waits.get()).cloned().collect();
        (!idle.is_empty()).then(|| Rc::clone(&idle[self.random.usize(..idle.len())]))
    }

    fn names(&mut self, of: usize) -> Vec<Bytes> {
        (0..self.random.usize(1..4)).map(|_| Bytes::from(NAMES[self.random.usize(..of)])).collect()
    }

    fn join(&mut self) {
        let Some(who) = self.idle() else { return };
        let kind = KINDS[self.random.usize(..3)];
        // One in ten names what is refused.
        let of = if self.random.u32(..10) == 0 { 4 } else { 3 };
        let names = self.names(of);
        who.waits.set(true);
        self.book.join(&who, kind, names.into(), self.now);
    }

    fn leave(&mut self) {
        let Some(who) = self.idle() else { return };
        let kind = self.random.usize(..3);
        let names = self.names(3);
        who.waits.set(true);
        self.leaving.insert(who.id, (kind, names.clone()));
        assert!(self.book.leave(&who, KINDS[kind], names, self.now));
    }

    fn ask(&mut self) {
        let Some(who) = self.idle() else { return };
        who.waits.set(true);
        assert!(self.book.ask(&who, &encode(&[b"PING"]), self.now));
    }

    pub(super) fn go(&mut self) {
        if self.fakes.is_empty() {
            return;
        }
        let who = self.fakes.swap_remove(self.random.usize(..self.fakes.len()));
        who.gone.set(true);
        let mine = self.listens.keys().filter(|(id, ..)| *id == who.id);
        let topics: Vec<Topic> = mine.map(|(_, k, name)| (KINDS[*k], Bytes::from(name.clone()))).collect();
        self.listens.retain(|(id, ..), ()| *id != who.id);
        self.leaving.remove(&who.id);
        self.book.forget(who.id, &topics, self.now);
    }

    pub(super) fn deliver_words(&mut self) {
        let out = self.book.out.split();
        self.upstream.unread.extend_from_slice(&out);
    }

    /// The book reads one frame; everybody hears what they must, and nothing else.
    pub(super) fn hear(&mut self) {
        let Some(mut frame) = self.upstream.frames.pop_front() else { return };
        let whole = frame.clone();
        self.book.heard(&mut frame, self.now).unwrap();
        self.book.flush();
        for fake in &self.fakes.clone() {
            let told = fake.told.take();
            let of = |kind: Channels, name: &[u8]| (fake.id, index(kind), name.to_vec());
            if let Push::Message(kind, name) = frame::push(&whole) {
                let must = self.listens.contains_key(&of(kind, name));
                let heard = Told::Message(whole[1..].to_vec());
                assert_eq!(told, if must { vec![heard] } else { vec![] }, "{fake:?}");
                continue;
            }
            for told in told {
                if let Told::Joined(kind, name) = told {
                    self.listens.insert(of(kind, &name), ());
                }
            }
            self.left(fake, &whole);
        }
    }

    /// What a listener wanted to leave ends with its turn, or earlier where it was the last.
    fn left(&mut self, fake: &Fake, whole: &[u8]) {
        let mut gone = Vec::new();
        if let Some((kind, names)) = self.leaving.get(&fake.id) {
            gone.extend(match frame::push(whole) {
                Push::Left(of, name) if index(of) == *kind => vec![(fake.id, *kind, name.to_vec())],
                _ => Vec::new(),
            });
            // Only the book knows whose end that was; it must agree with itself.
            let entry = |key: &(u64, usize, Vec<u8>)| {
                let entry = self.book.topics[key.1].get(&key.2[..]);
                entry.is_some_and(|entry| entry.listeners().any(|who| who.id == fake.id))
            };
            gone.retain(|key| !entry(key));
            if !fake.waits.get() {
                gone.extend(names.iter().map(|name| (fake.id, *kind, name.to_vec())));
            } else {
                // Between two questions of one leave, what the first answered is over.
                let rest = names.iter().map(|name| (fake.id, *kind, name.to_vec()));
                gone.extend(rest.filter(|key| !entry(key)));
            }
        }
        gone.iter().for_each(|key| _ = self.listens.remove(key));
        if !fake.waits.get() {
            self.leaving.remove(&fake.id);
        }
    }

    /// Nothing new happens until all is quiet.
    pub(super) fn settle(&mut self) {
        loop {
            self.deliver_words();
            while self.upstream.step() {}
            while !self.upstream.frames.is_empty() {
                self.hear();
            }
            if self.book.out.is_empty() {
                return;
            }
        }
    }

    /// What must hold when all is quiet.
    pub(super) fn check(&self) {
        assert!(!self.book.expects());
        assert!(self.fakes.iter().all(|fake| !fake.waits.get()));
        let topics: BTreeSet<_> = self.listens.keys().map(|(_, kind, name)| (*kind, name.clone())).collect();
        assert_eq!(self.upstream.subscribed, topics, "the upstream has what is listened to and no more");
        let known: BTreeSet<_> =
            (0..3).flat_map(|k| self.book.topics[k].keys().map(move |name| (k, name.to_vec()))).collect();
        assert_eq!(known, topics);
        for (kind, name) in &topics {
            let listeners = self.listens.keys().filter(|(_, k, n)| k == kind && n == name).count() as i64;
            assert_eq!(self.shares.subscribers(KINDS[*kind], name), listeners - 1);
        }
    }
}
