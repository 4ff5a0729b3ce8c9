//! What a lane's connection says besides replies: that it is there, that it has gone, what has changed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use super::{Mark, clock};
use crate::cache::{self, PerWorker, Time, Trust};
use crate::config::CacheMode;
use crate::pubsub::bulks;
use crate::session::Client;
use crate::upstream::{self, Credential, Lane, ServerInfo, Tracking};

/// `HELLO` without arguments changes nothing, is allowed to everybody, is answered by a server that is busy,
/// and says whether it is the master.
const HELLO: &[u8] = b"*1\r\n$5\r\nHELLO\r\n";

/// How a push about changed keys begins.
const INVALIDATE: &[u8] = b">2\r\n$10\r\ninvalidate\r\n";

/// The cache's ear on one lane.
#[derive(Debug)]
pub struct LaneWatch {
    pub(in crate::session) lane: Rc<cache::Lane>,
    /// The server's id of the connection.
    id: Cell<i64>,
    /// The last connection was let in.
    greeted: Cell<bool>,
}

impl LaneWatch {
    /// The ear on a new lane of `worker` to `db` that acts as `credential`; clients that bring none act as
    /// `base`.
    pub fn new(worker: &Rc<PerWorker>, db: u32, credential: &Credential, base: &Credential) -> Self {
        let words = |of: &Credential| {
            let password = of.password.as_ref().map_or("", |password| password.expose());
            worker.near.hasher.entry(format!("{}\n{password}", of.user()).as_bytes())
        };
        let is_base = credential.username == base.username && credential.password == base.password;
        let who = if is_base { 0 } else { words(credential).max(1) };
        let lane = Rc::new(cache::Lane::new(Rc::clone(worker), who));
        lane.serves(db, credential.user());
        Self { lane, id: Cell::new(0), greeted: Cell::new(false) }
    }

    /// Whether its credential, or none, was good enough for the server the last time.
    pub(in crate::session) fn was_greeted(&self) -> bool {
        self.greeted.get()
    }

    /// Sends a heartbeat, if one is called for.
    pub(super) fn beat(&self, lane: &Lane<Client>, now: Time) {
        if self.lane.should_beat(now) {
            self.lane.beats(now);
            lane.ask(Mark::Beat(Rc::clone(&self.lane), now), HELLO, Instant::now());
        }
    }

    /// What the connection can be trusted with, and why.
    fn trust(&self, info: &ServerInfo) -> (Trust, String) {
        let mode = self.lane.near().mode;
        match &info.tracking {
            _ if mode == CacheMode::Off => (Trust::None, "switched off".into()),
            // A slot that moves away says nothing of keys that did not exist.
            _ if info.text(b"mode").is_some_and(|mode| mode == "cluster") => {
                (Trust::None, "the upstream is a cluster node".into())
            }
            _ if mode == CacheMode::Ttl => (Trust::Ttl, "asked for (cache.mode = ttl)".into()),
            Tracking::On => (Trust::Tracked, "the upstream announces changes".into()),
            Tracking::Unasked => (Trust::None, "the upstream wants a password first".into()),
            Tracking::Impossible(why) => {
                (Trust::None, format!("the upstream cannot announce changes: {why}"))
            }
        }
    }
}

impl upstream::Watch for LaneWatch {
    fn tracks(&self) -> bool {
        self.lane.near().mode == CacheMode::Auto
    }

    fn opened(&self, info: &ServerInfo) {
        self.id.set(info.id());
        self.greeted.set(!info.hello.is_empty());
        let (trust, why) = self.trust(info);
        let [major, minor, _] = info.version();
        let field_ttl = if info.is_valkey() { major >= 9 } else { (major, minor) >= (7, 4) };
        self.lane.opened(trust, field_ttl, why);
    }

    fn lost(&self) {
        self.lane.lost(clock::now());
    }

    fn pushed(&self, push: &[u8]) {
        let Some(what) = push.strip_prefix(INVALIDATE) else { return };
        let head = what.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let count = what.strip_prefix(b"*").and_then(|_| std::str::from_utf8(&what[1..head]).ok());
        let count: usize = count.and_then(|count| count.trim_end().parse().ok()).unwrap_or(0);
        let mut named = 0;
        for name in bulks(push, INVALIDATE.len() + head).take(count) {
            self.lane.invalidated(Some(name));
            named += 1;
        }
        // All keys; or whatever it says has changed, it may be anything.
        if named == 0 || named < count {
            self.lane.invalidated(None);
        }
    }
}

/// A heartbeat has been answered. It vouches for the lane only if the server is a master and the connection
/// the one that was greeted.
pub(super) fn beaten(lane: &Lane<Client>, of: &Rc<cache::Lane>, since: Time, reply: &[u8]) {
    let info =
        ServerInfo { hello: ServerInfo::fields(&Bytes::copy_from_slice(reply)), ..ServerInfo::default() };
    let same = info.field(b"proto").is_some_and(|proto| proto == &b":3\r\n"[..])
        && info.id() == lane.watch().id.get();
    let is_master = info.text(b"role").is_some_and(|role| role == "master");
    if !same || !is_master {
        of.doubted(if same { "the upstream is not a master" } else { "the upstream is not who it was" });
    }
    of.beaten(since, same && is_master);
}
