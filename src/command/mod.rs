//! What a command means. Pure data and look-ups: one row per command, everything else derives from it.
//!
//! Owns: arity, key positions, route, effect on the data set, and how a RESP3 reply becomes a RESP2 one.
//! Never: decides whether a client may run it (that is `policy`), or talks to anybody.

mod access;
mod cached;
mod category;
mod column;
mod keys;
mod lookup;
mod monitor;
mod reply;
pub mod table;
mod withheld;

pub use access::{Access, Need};
pub use cached::Cached;
pub use category::{Categories, Category};
pub use keys::{KeyIter, Keys, Positions};
pub use lookup::{all, lookup, named, number, numbered};
pub use reply::Resp2;
pub use table::COUNT;
pub use withheld::withheld;

use crate::resp::{convert::Conversion, request::Args};

/// One row: a command or a subcommand (`CLIENT|SETNAME`).
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Upper case; a subcommand is `CONTAINER|SUB`, as Redis names it.
    pub name: &'static str,
    /// As Redis counts it: the name (both words of a subcommand) included; negative is "at least".
    pub arity: i16,
    /// The kind of thing it works on.
    pub family: Family,
    /// Where its keys (or channels) stand.
    pub keys: Keys,
    /// Which kind of upstream conversation it needs.
    pub route: Route,
    /// What it can do to the data set.
    pub effect: Effect,
    /// How its RESP3 reply is put for a RESP2 client.
    pub resp2: Resp2,
    /// Whether its reply may be kept.
    pub cached: Cached,
}

/// Which kind of upstream conversation a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Stateless: on the shared, pipelined RESP3 connection.
    Lane,
    /// One reply, but on a connection of its own, which it may occupy or block for a while.
    Lease,
    /// May wait for somebody else's write; see [`Command::blocks`]. On the lane when it does not block.
    Blocking(When),
    /// Changes or depends on the state of its connection: the session keeps that connection.
    Pin(Pin),
    /// Answered or tracked by the session itself.
    Session(Local),
    /// `INFO`: the upstream's reply with a section added.
    Info,
    /// Must get through when a lane is stuck: on the worker's control connection.
    Control,
    /// Makes no sense through a proxy (replication and cluster-bus handshakes).
    Refused,
    /// Has subcommands and this is none of them: the upstream answers (an error, usually).
    Container,
}

/// When a command of [`Route::Blocking`] blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Only with this option (of `XREAD` and `XREADGROUP`).
    Option(&'static str),
}

/// What a pinned connection is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// `MULTI`.
    Multi,
    /// `EXEC`.
    Exec,
    /// `DISCARD`.
    Discard,
    /// `WATCH`.
    Watch,
    /// `UNWATCH`.
    Unwatch,
    /// `SUBSCRIBE`, `PSUBSCRIBE`, `SSUBSCRIBE`.
    Subscribe(Channels),
    /// `UNSUBSCRIBE`, `PUNSUBSCRIBE`, `SUNSUBSCRIBE`.
    Unsubscribe(Channels),
    /// `MONITOR`.
    Monitor,
    /// `NEARSIDE MONITOR UPSTREAM`.
    MonitorUpstream,
    /// `CLIENT TRACKING|CACHING|GETREDIR|TRACKINGINFO`.
    Tracking,
    /// `CLIENT REPLY`.
    Reply,
    /// `READONLY`, `READWRITE`, `ASKING` and other modes that change what the upstream answers.
    ReadOnly,
    /// `WAIT`, `WAITAOF`: about the connection's own last write.
    Wait,
}

/// What a subscription names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Channels by name.
    Exact,
    /// Patterns of channel names.
    Pattern,
    /// Sharded channels (cluster).
    Shard,
}

/// A command the session answers or tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the command of that name
pub enum Local {
    Auth,
    Hello,
    Select,
    Quit,
    Reset,
    ClientSetname,
    ClientGetname,
    ClientSetinfo,
    ClientId,
    ClientInfo,
    ClientNoEvict,
    ClientList,
    /// Nearside's own command.
    Nearside,
}

/// What a command can do to the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Neither depends on the data set nor changes anything: may be sent twice.
    None,
    /// Depends on the data set, changes nothing: may be sent twice.
    Read,
    /// Writes its keys and nothing else (where [`Command::keys_complete`] says they are all named).
    Write,
    /// Changes the data set without naming keys (`FLUSHALL`, `SWAPDB`).
    Global,
    /// Changes something, but not the data set (`PUBLISH`, `CONFIG SET`).
    Elsewhere,
    /// Anything (scripts, functions).
    Unknown,
}

/// The kind of thing a command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the groups of Redis's own command reference
pub enum Family {
    Generic,
    String,
    Bitmap,
    Hash,
    List,
    Set,
    Zset,
    Geo,
    Hll,
    Stream,
    Vector,
    Pubsub,
    Transaction,
    Script,
    Connection,
    Server,
    Cluster,
    /// Nearside's own.
    Nearside,
}

impl Command {
    /// Whether `n` arguments, the name included, are acceptable.
    pub fn arity_ok(&self, n: usize) -> bool {
        let want = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { n >= want } else { n == want }
    }

    /// The keys `args` names; in range whatever `args` is. Channels are not keys.
    pub fn keys<'a>(&self, args: &Args<'a>) -> KeyIter<'a> {
        KeyIter::new(*args, self.keys.positions(args))
    }

    /// The channels (or patterns) `args` names; empty for other commands.
    pub fn channels<'a>(&self, args: &Args<'a>) -> KeyIter<'a> {
        KeyIter::new(*args, self.keys.channel_positions(args))
    }

    /// Whether [`Self::keys`] names every key the command can touch.
    pub fn keys_complete(&self, args: &Args<'_>) -> bool {
        self.effect != Effect::Unknown && self.effect != Effect::Global && self.keys.complete(args)
    }

    /// How the RESP3 reply to `args` is put for a RESP2 client. `None`: not proven,
    /// such a client's command takes a RESP2 connection.
    pub fn conversion(&self, args: &Args<'_>) -> Option<Conversion> {
        self.resp2.conversion(args)
    }

    /// Whether `args` may wait for somebody else's write.
    pub fn blocks(&self, args: &Args<'_>) -> bool {
        match self.route {
            Route::Blocking(When::Always) => true,
            Route::Blocking(When::Option(word)) => keys::stream_options(args).any(|i| args.is(i, word)),
            _ => false,
        }
    }

    /// The option of `SORT` in `args` that makes it read keys which it does not name, as Redis's ACL
    /// sees it: a `BY` that is not constant, any `GET`. The first one, if there are several.
    pub fn reads_by_pattern(&self, args: &Args<'_>) -> Option<&'static str> {
        if self.keys == Keys::Sort { keys::sort_patterns(args) } else { None }
    }

    /// Whether it has subcommands.
    pub fn has_subcommands(&self) -> bool {
        self.route == Route::Container || matches!(self.name, "COMMAND" | "NEARSIDE")
    }

    /// Whether sending it a second time does no harm.
    pub fn repeatable(&self) -> bool {
        matches!(self.effect, Effect::None | Effect::Read)
    }

    /// Whether a RESP2 client may send it while subscribed.
    pub fn while_subscribed(&self) -> bool {
        matches!(self.route, Route::Pin(Pin::Subscribe(_) | Pin::Unsubscribe(_)))
            || matches!(self.name, "PING" | "QUIT" | "RESET")
    }
}
