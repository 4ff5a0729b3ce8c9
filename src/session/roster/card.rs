//! What is known of one client: written by its session, read by whoever asks for the list.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use crate::command::{self, Command};
use crate::net::{Peer, Stream};
use crate::resp::Proto;

/// The number of a command that is in no table.
const UNKNOWN: u16 = u16::MAX;

/// A client's connection, as far as it never changes.
#[derive(Debug)]
pub struct Place {
    /// Its address and ours; `None` for a Unix socket.
    pub tcp: Option<(SocketAddr, SocketAddr)>,
    /// The path of the Unix socket, or nothing.
    pub path: String,
    /// The file descriptor.
    pub fd: i32,
}

impl Place {
    /// Where `stream` leads.
    pub fn of(stream: &Stream) -> Self {
        let tcp = match (stream.peer(), stream.local()) {
            (Peer::Tcp(peer), Peer::Tcp(local)) => Some((peer, local)),
            _ => None,
        };
        let path = stream.path().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        Self { tcp, path, fd: stream.fd() }
    }
}

/// A letter among `flags=`. Their order here is the one Redis prints them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Redis's own names
pub enum Flag {
    Monitor,
    Pubsub,
    Multi,
    Blocked,
    Tracking,
    BrokenRedirect,
    Broadcast,
    /// A watched key has changed.
    Dirty,
    Closing,
    Unix,
    Readonly,
    NoEvict,
    NoTouch,
}

/// The flags and their letters.
pub(super) const LETTERS: [(Flag, char); 13] = [
    (Flag::Monitor, 'O'),
    (Flag::Pubsub, 'P'),
    (Flag::Multi, 'x'),
    (Flag::Blocked, 'b'),
    (Flag::Tracking, 't'),
    (Flag::BrokenRedirect, 'R'),
    (Flag::Broadcast, 'B'),
    (Flag::Dirty, 'd'),
    (Flag::Closing, 'c'),
    (Flag::Unix, 'U'),
    (Flag::Readonly, 'r'),
    (Flag::NoEvict, 'e'),
    (Flag::NoTouch, 'T'),
];

/// What changes seldom.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// `CLIENT SETNAME`'s; empty: none.
    pub name: Bytes,
    /// `CLIENT SETINFO LIB-NAME`'s.
    pub lib_name: Bytes,
    /// `CLIENT SETINFO LIB-VER`'s.
    pub lib_ver: Bytes,
    /// The ACL user it acts as.
    pub user: String,
}

/// One client. Written by its own worker only: a write is a plain store, on a cache line nobody else
/// writes. Readers elsewhere may see values of a moment ago.
#[derive(Debug)]
#[repr(align(64))]
pub struct Card {
    /// Unique in this process; what `CLIENT ID` answers.
    pub id: u64,
    /// When it connected.
    pub since: Instant,
    seen: AtomicU64,
    requests: AtomicU64,
    net_in: AtomicU64,
    net_out: AtomicU64,
    unread: AtomicU64,
    flags: AtomicU32,
    db: AtomicU32,
    command: AtomicU16,
    proto: AtomicU8,
    /// Channels, patterns and shard channels it is subscribed to.
    sub: [AtomicU32; 3],
    /// Requests queued since `MULTI`; -1 outside.
    multi: AtomicI32,
    /// It has had a transaction, or watched keys.
    transacted: AtomicBool,
    watch: AtomicU32,
    redirect: AtomicI64,
    upstream_id: AtomicI64,
    /// The connection itself.
    pub place: Place,
    /// The worker that serves it.
    pub worker: usize,
    names: Mutex<Names>,
}

impl Card {
    /// One for a client that has just connected, which acts as `user` on `db`.
    pub fn new(id: u64, worker: usize, place: Place, db: u32, user: &str) -> Self {
        let card = Self {
            id,
            since: Instant::now(),
            seen: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            net_in: AtomicU64::new(0),
            net_out: AtomicU64::new(0),
            unread: AtomicU64::new(0),
            flags: AtomicU32::new(0),
            db: AtomicU32::new(db),
            command: AtomicU16::new(UNKNOWN),
            proto: AtomicU8::new(Proto::Resp2.number()),
            sub: Default::default(),
            multi: AtomicI32::new(-1),
            transacted: AtomicBool::new(false),
            watch: AtomicU32::new(0),
            redirect: AtomicI64::new(-1),
            upstream_id: AtomicI64::new(0),
            worker,
            names: Mutex::new(Names { user: user.to_owned(), ..Names::default() }),
            place,
        };
        card.set(Flag::Unix, card.place.tcp.is_none());
        card
    }

    /// A request has come, of so many bytes; `None`: in no table.
    #[inline]
    pub fn count(&self, command: Option<&'static Command>, bytes: usize) {
        self.command.store(command.map_or(UNKNOWN, command::number), Relaxed);
        self.requests.store(self.requests() + 1, Relaxed);
        self.net_in.store(self.net_in() + bytes as u64, Relaxed);
    }

    /// So many bytes went to the client; so many are left unread.
    #[inline]
    pub fn wrote(&self, bytes: usize, unread: usize) {
        self.net_out.store(self.net_out() + bytes as u64, Relaxed);
        self.unread.store(unread as u64, Relaxed);
    }

    /// It has been heard of, so many milliseconds after it connected.
    #[inline]
    pub fn see(&self, now: Instant) {
        self.seen.store(now.saturating_duration_since(self.since).as_millis() as u64, Relaxed);
    }

    /// What `RESET` forgets, but for database, protocol and user. Whether that includes `NO-EVICT`
    /// depends on the upstream's version.
    pub fn reset(&self, no_evict_too: bool) {
        self.names().name = Bytes::new();
        self.set_subscriptions(0, 0, 0);
        self.set_multi(-1);
        self.set_watched(0);
        self.set_redirect(-1);
        let stays = |flag| match flag {
            Flag::Unix | Flag::Closing => true,
            Flag::NoEvict => !no_evict_too,
            _ => false,
        };
        LETTERS.iter().filter(|(flag, _)| !stays(*flag)).for_each(|(flag, _)| self.set(*flag, false));
    }

    /// Its database is this one from now on.
    pub fn set_db(&self, db: u32) {
        self.db.store(db, Relaxed);
    }

    /// Its protocol is this one from now on.
    pub fn set_proto(&self, proto: Proto) {
        self.proto.store(proto.number(), Relaxed);
    }

    /// Sets or clears a flag.
    pub fn set(&self, flag: Flag, on: bool) {
        let (all, bit) = (self.flags.load(Relaxed), 1 << flag as u32);
        self.flags.store(if on { all | bit } else { all & !bit }, Relaxed);
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.load(Relaxed) & 1 << flag as u32 != 0
    }

    /// It is subscribed to so many channels, patterns and shard channels; keeps [`Flag::Pubsub`] true.
    pub fn set_subscriptions(&self, channels: usize, patterns: usize, shards: usize) {
        for (cell, count) in self.sub.iter().zip([channels, patterns, shards]) {
            cell.store(u32::try_from(count).unwrap_or(u32::MAX), Relaxed);
        }
        self.set(Flag::Pubsub, channels + patterns + shards > 0);
    }

    /// It has queued so many requests since `MULTI`, -1 outside; keeps [`Flag::Multi`] true.
    pub fn set_multi(&self, queued: i32) {
        self.multi.store(queued, Relaxed);
        self.set(Flag::Multi, queued >= 0);
    }

    /// It begins a transaction, or watches keys: Valkey shows for ever that it did.
    pub fn transacts(&self) {
        self.transacted.store(true, Relaxed);
    }

    /// It watches so many keys.
    pub fn set_watched(&self, keys: usize) {
        self.watch.store(u32::try_from(keys).unwrap_or(u32::MAX), Relaxed);
    }

    /// Where its invalidations go: -1 it tracks nothing, 0 to itself, else to that client.
    pub fn set_redirect(&self, id: i64) {
        self.redirect.store(id, Relaxed);
    }

    /// The upstream's id of the connection of its own that it holds now; 0: none.
    pub fn set_upstream_id(&self, id: i64) {
        self.upstream_id.store(id, Relaxed);
    }

    /// See [`Self::set_upstream_id`].
    pub fn upstream_id(&self) -> i64 {
        self.upstream_id.load(Relaxed)
    }

    /// The names, to read or to change. Never held across anything that waits.
    pub fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its database.
    pub fn db(&self) -> u32 {
        self.db.load(Relaxed)
    }

    /// Its protocol.
    pub fn proto(&self) -> Proto {
        if self.proto.load(Relaxed) == Proto::Resp3.number() { Proto::Resp3 } else { Proto::Resp2 }
    }

    /// Its last command, unless it is in no table.
    pub fn command(&self) -> Option<&'static Command> {
        command::numbered(self.command.load(Relaxed))
    }

    /// Requests received so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Whole seconds since it was heard of last.
    pub fn idle(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.since).as_millis() as u64;
        since.saturating_sub(self.seen.load(Relaxed)) / 1000
    }

    /// Whole seconds since it connected.
    pub fn age(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs()
    }

    /// Its flags as Redis prints them.
    pub fn flags(&self) -> String {
        let letters: String = LETTERS.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, c)| *c).collect();
        if letters.is_empty() { "N".into() } else { letters }
    }

    /// Bytes it has sent.
    pub fn net_in(&self) -> u64 {
        self.net_in.load(Relaxed)
    }

    /// Bytes it was sent.
    pub fn net_out(&self) -> u64 {
        self.net_out.load(Relaxed)
    }

    /// Where the client is: its address, or the path of the Unix socket it came by.
    pub fn address(&self) -> String {
        let place = &self.place;
        place.tcp.map_or_else(|| format!("unix:{}", place.path), |(peer, _)| peer.to_string())
    }

    /// Bytes it was sent and has not read.
    pub fn unread(&self) -> u64 {
        self.unread.load(Relaxed)
    }

    /// Whether it is subscribed to anything.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions().iter().any(|count| *count > 0)
    }

    /// Channels, patterns, shard channels.
    pub fn subscriptions(&self) -> [u32; 3] {
        [0, 1, 2].map(|kind: usize| self.sub[kind].load(Relaxed))
    }

    pub(super) fn has_transacted(&self) -> bool {
        self.transacted.load(Relaxed)
    }

    pub(super) fn multi(&self) -> i32 {
        self.multi.load(Relaxed)
    }

    pub(super) fn watched(&self) -> u32 {
        self.watch.load(Relaxed)
    }

    pub(super) fn redirect(&self) -> i64 {
        self.redirect.load(Relaxed)
    }
}
