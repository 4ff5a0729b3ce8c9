//! A model of the server: keys with TTLs, a hash with fields that have their own, who is watching what, and
//! the whole history of every value.

use super::Time;
use super::kit::MILLI;

/// One value over time: a string key, or a field of the hash, in one database.
pub(super) type Reg = usize;
/// A moment of the server: how many things had happened to its data.
pub(super) type Moment = u64;

/// Names of keys; the last is a hash. The server watches names, whatever the database.
pub(super) const NAMES: [&str; 4] = ["a", "b", "c", "h"];
pub(super) const FIELDS: [&str; 2] = ["f", "g"];
const HASH: usize = 3;
pub(super) const PER_DB: usize = HASH + FIELDS.len();
pub(super) const REGS: usize = 2 * PER_DB;

/// What a value was from some moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) since: Moment,
    /// Which write it is of: values are the moments they were written at.
    pub(super) value: Option<Moment>,
    pub(super) expires: Option<Time>,
    /// Its TTL came with its value.
    pub(super) strict: bool,
}

/// The moment of a reply that a server gave which is no master any more.
pub(super) const NO_MOMENT: Moment = Moment::MAX;

/// What a connection brings.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    Reply {
        bytes: Vec<u8>,
        at: Moment,
        changed: Vec<Reg>,
    },
    /// A key has changed; `None`: all have.
    Push(Option<usize>),
    /// A message that somebody published at that moment.
    Message(Moment),
}

/// A connection as the server sees it.
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    watching: u8,
    caching: bool,
    gone: bool,
    /// It leads to what was the master up to then.
    left_at: Option<Moment>,
}

/// What a command did.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) bytes: Vec<u8>,
    pub(super) changed: Vec<Reg>,
    /// Keys to announce.
    pub(super) announced: Vec<usize>,
    pub(super) read: Vec<usize>,
}

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) now: Time,
    pub(super) moment: Moment,
    /// A former master answers: it has stood still since then.
    stands: Option<Moment>,
    pub(super) history: Vec<Vec<State>>,
    peers: Vec<Peer>,
    /// Connections whose client waits for something to be pushed to a list.
    waiting: Vec<usize>,
    /// Keys that have expired and are still there.
    expired: [bool; 2 * NAMES.len()],
    /// What goes out, in order.
    pub(super) out: Vec<(usize, Frame)>,
    /// Values that are to expire, since the last look.
    pub(super) deadlines: Vec<(Time, Reg, Moment)>,
}

pub(super) fn name_of(reg: Reg) -> String {
    let (db, at) = (reg / PER_DB, reg % PER_DB);
    if at < HASH { format!("{db}:{}", NAMES[at]) } else { format!("{db}:h.{}", FIELDS[at - HASH]) }
}

pub(super) fn key_of(reg: Reg) -> usize {
    (reg % PER_DB).min(HASH)
}

/// The database and the key it belongs to.
pub(super) fn whose(reg: Reg) -> (usize, usize) {
    (reg / PER_DB, key_of(reg))
}

pub(super) fn string(db: usize, name: &str) -> Reg {
    db * PER_DB + NAMES.iter().position(|other| *other == name).unwrap_or(0)
}

pub(super) fn field(db: usize, name: &str) -> Reg {
    db * PER_DB + HASH + FIELDS.iter().position(|other| *other == name).unwrap_or(0)
}

pub(super) fn regs_of(db: usize, name: &str) -> Vec<Reg> {
    if name == NAMES[HASH] {
        FIELDS.iter().map(|name| field(db, name)).collect()
    } else {
        vec![string(db, name)]
    }
}

pub(super) fn bulk(value: Option<Moment>) -> String {
    value.map_or_else(|| "_\r\n".into(), |value| format!("${}\r\n{value}\r\n", value.to_string().len()))
}

impl Server {
    pub(super) fn new() -> Self {
        let first = State { since: 0, value: None, expires: None, strict: false };
        Self {
            now: 0,
            moment: 0,
            stands: None,
            history: vec![vec![first]; REGS],
            peers: Vec::new(),
            waiting: Vec::new(),
            expired: [false; 2 * NAMES.len()],
            out: Vec::new(),
            deadlines: Vec::new(),
        }
    }

    pub(super) fn accept(&mut self) -> usize {
        self.peers.push(Peer::default());
        self.peers.len() - 1
    }

    /// The connection is closed: nobody is watching on it, nothing goes out on it.
    pub(super) fn close(&mut self, peer: usize) {
        self.peers[peer] = Peer { gone: true, ..Peer::default() };
        self.waiting.retain(|other| *other != peer);
    }

    /// Another server becomes the master; whoever is connected stays with this one, which is told of
    /// nothing any more.
    pub(super) fn fail_over(&mut self) {
        let left_at = Some(self.moment);
        let all = self.peers.iter_mut().filter(|peer| peer.left_at.is_none());
        all.for_each(|peer| *peer = Peer { gone: peer.gone, left_at, ..Peer::default() });
        self.waiting.clear();
    }

    /// Whether a connection leads to a former master.
    pub(super) fn is_behind(&self, peer: usize) -> bool {
        self.peers[peer].left_at.is_some()
    }

    pub(super) fn is(&self, reg: Reg) -> State {
        let Some(at) = self.stands else { return self.history[reg][self.history[reg].len() - 1] };
        let state = self.history[reg][self.place(reg, at)];
        if state.expires.is_some_and(|end| end <= self.now) { State { value: None, ..state } } else { state }
    }

    /// What the value was at that moment, as a place in its history.
    pub(super) fn place(&self, reg: Reg, at: Moment) -> usize {
        self.history[reg].partition_point(|state| state.since <= at).saturating_sub(1)
    }

    pub(super) fn set(&mut self, reg: Reg, value: Option<Moment>, expires: Option<Time>, strict: bool) {
        self.history[reg].push(State { since: self.moment, value, expires, strict });
        if let Some(at) = expires {
            self.deadlines.push((at, reg, self.moment));
        }
    }

    pub(super) fn ends(&self, ms: &str) -> Option<Time> {
        Some((self.now / MILLI + ms.parse::<Time>().unwrap_or(1)) * MILLI)
    }

    fn push(&mut self, key: usize, but: Option<usize>) -> bool {
        let mut own = false;
        for (peer, state) in self.peers.iter_mut().enumerate() {
            if state.watching & 1 << key != 0 {
                state.watching &= !(1 << key);
                if Some(peer) == but {
                    own = true;
                } else {
                    self.out.push((peer, Frame::Push(Some(key))));
                }
            }
        }
        own
    }

    fn push_all(&mut self) {
        let here = self.peers.iter_mut().enumerate().filter(|(_, peer)| !peer.gone && peer.left_at.is_none());
        for (peer, state) in here {
            state.watching = 0;
            self.out.push((peer, Frame::Push(None)));
        }
    }

    /// The value has come to its end, if it is still that one. Nobody is told.
    pub(super) fn expire(&mut self, reg: Reg, since: Moment) -> Option<State> {
        let state = self.is(reg);
        if state.since != since || state.expires.is_none() {
            return None;
        }
        self.moment += 1;
        self.set(reg, None, None, false);
        self.expired[reg / PER_DB * NAMES.len() + key_of(reg)] = true;
        Some(state)
    }

    /// What has expired is removed, and announced.
    pub(super) fn reclaim(&mut self, db: usize, key: usize, but: Option<usize>) -> bool {
        let expired = &mut self.expired[db * NAMES.len() + key];
        std::mem::take(expired) && self.push(key, but)
    }

    /// Somebody's command, on a connection or (`None`) anywhere. Answers what it changed.
    pub(super) fn run(&mut self, peer: Option<usize>, db: usize, text: &str) -> Vec<Reg> {
        let words: Vec<&str> = text.split(' ').collect();
        if words[0] == "BLPOP" {
            self.waiting.extend(peer);
            return Vec::new();
        }
        if let Some(peer) = peer
            && self.peers[peer].left_at.is_some()
        {
            self.run_behind(peer, db, &words);
            return Vec::new();
        }
        let mut own: Vec<usize> = Vec::new();
        let caching = peer.is_some_and(|peer| std::mem::take(&mut self.peers[peer].caching));
        if let (Some(peer), "CLIENT") = (peer, words[0]) {
            self.peers[peer].caching = true;
        }
        let done = self.done(db, &words);
        for key in &done.announced {
            if self.push(*key, peer) {
                own.push(*key);
            }
        }
        if !done.changed.is_empty() && words[0] == "FLUSHALL" {
            self.push_all();
        }
        if let Some(peer) = peer.filter(|peer| !self.peers[*peer].gone) {
            let frame = Frame::Reply { bytes: done.bytes, at: self.moment, changed: done.changed.clone() };
            self.out.push((peer, frame));
            // What it has read expired and is there no more: it is told behind its reply.
            for key in &done.read {
                if caching {
                    self.peers[peer].watching |= 1 << key;
                }
                if *key != HASH && self.reclaim(db, *key, Some(peer)) {
                    self.peers[peer].watching |= u8::from(caching) << key;
                    own.push(*key);
                }
            }
            self.out.extend(own.into_iter().map(|key| (peer, Frame::Push(Some(key)))));
        }
        if words[0] == "LPUSH" && !self.waiting.is_empty() {
            let peer = self.waiting.remove(0);
            let frame = Frame::Reply { bytes: b"+x\r\n".to_vec(), at: self.moment, changed: Vec::new() };
            self.out.push((peer, frame));
        }
        done.changed
    }

    /// What was the master answers: nobody is told of what changes elsewhere.
    fn run_behind(&mut self, peer: usize, db: usize, words: &[&str]) {
        let reads = ["GET", "MGET", "EXISTS", "HGET", "HGETALL", "PTTL", "HPTTL", "PING", "CLIENT"];
        let bytes = match words[0] {
            "HELLO" => b"+replica\r\n".to_vec(),
            read if reads.contains(&read) => {
                self.stands = self.peers[peer].left_at;
                let done = self.done(db, words);
                self.stands = None;
                done.bytes
            }
            _ => b"-READONLY\r\n".to_vec(),
        };
        if !self.peers[peer].gone {
            self.out.push((peer, Frame::Reply { bytes, at: NO_MOMENT, changed: Vec::new() }));
        }
    }
}
