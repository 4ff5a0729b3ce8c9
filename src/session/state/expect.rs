//! What the replies on a session's own connection answer. Pure data.

use bytes::Bytes;

use crate::command::Channels;
use crate::session::hello::Hello;
use crate::session::nod::Nod;
use crate::upstream::Credential;

/// What a reply on the session's own connection will answer.
#[derive(Debug)]
pub(in crate::session) enum Expect {
    /// Nothing that changes the session.
    Reply,
    /// A command of a transaction: it is queued, or refused.
    Queued,
    /// A command that may take as long as it likes; whether it takes an element away.
    Blocking { pops: bool },
    /// The same, once the upstream has been asked to let go of it: the error for that is nobody's.
    LetGo { pops: bool },
    /// `MULTI`; inside a transaction it is an error and changes nothing.
    Multi { nested: bool },
    /// A command that is queued, and that makes of `EXEC`'s reply what cannot be followed.
    Blurring,
    /// `EXEC`, and which of the commands it runs mean something to the session.
    Exec(Vec<Queued>),
    /// `WATCH`; how many keys were watched before.
    Watch { before: usize },
    /// A mode of the connection that only its end undoes; whether it had one before.
    Keep { before: bool, mode: Mode },
    /// Confirmations, so many of them; `None`: one for each subscription of the kind, at least one.
    Subscription { of: Channels, left: Option<u32> },
    /// `SELECT` of this database.
    Select(u32),
    /// `AUTH` with this credential.
    Auth(Box<Credential>),
    /// `HELLO` with these options.
    Hello(Box<Hello>),
    /// The upstream's nod to what is answered here.
    Nod(Box<Nod>),
    /// `RESET`.
    Reset,
    /// What was asked after a `RESET` to which no reply comes: it is done.
    UnheardReset,
    /// `RESET`, or what was asked after it, where replies are not matched: its reply may not come.
    OpaqueReset,
    /// What is no request, so that the upstream ends the connection once it has said all: the error for that
    /// is ours.
    NoRequest(Bytes),
    /// A client's id in the upstream's count: the whole reply, or the field `redirect` of it.
    ClientId,
    /// `MONITOR`: the upstream's leave to watch.
    Monitor,
    /// `SHUTDOWN`: no reply, but the end, if it is done.
    Shutdown,
    /// No reply of the upstream's: this one of ours, when its turn comes.
    Ours(Bytes),
    /// The upstream's reply is thrown away for this one of ours.
    Instead(Bytes),
    /// The reply to a question of our own: nobody is to see it.
    Nothing,
}

/// A mode of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Mode {
    /// `CLIENT TRACKING ON`.
    Tracking {
        /// The client its invalidations go to, by our id; 0: to itself.
        redirect: i64,
        /// `BCAST`.
        broadcast: bool,
    },
    /// `CLIENT TRACKING OFF`.
    NoTracking,
    /// `CLIENT NO-TOUCH`, on or off.
    NoTouch(bool),
    /// `READONLY` and `READWRITE`.
    Readonly(bool),
    /// Another.
    Other,
}

/// A command inside a transaction that means something to the session once it runs.
#[derive(Debug)]
pub(in crate::session) struct Queued {
    /// Which of the queued commands it is, from 0.
    pub(in crate::session) index: usize,
    /// What its part of `EXEC`'s reply will answer.
    pub(in crate::session) expect: Expect,
}

/// What becomes of the bytes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Fate {
    /// They go to the client as they come.
    Pass,
    /// They are gathered: the client gets something made of them.
    Gather,
    /// They are thrown away.
    Drop,
}

impl Expect {
    /// What becomes of the reply that answers this.
    pub(in crate::session) fn fate(&self) -> Fate {
        match self {
            Self::Hello(_)
            | Self::Auth(_)
            | Self::ClientId
            | Self::Nod(_)
            | Self::LetGo { .. }
            | Self::OpaqueReset
            | Self::NoRequest(_) => Fate::Gather,
            Self::Exec(queued) if !queued.is_empty() => Fate::Gather,
            Self::Instead(_) | Self::Nothing | Self::UnheardReset => Fate::Drop,
            _ => Fate::Pass,
        }
    }
}

/// What a request that goes on will bring.
#[derive(Debug)]
pub(in crate::session) enum Turn {
    /// A reply, or confirmations.
    Expect(Expect),
    /// Nothing: the client has silenced it.
    Silent,
    /// Nothing, but the next request is answered again: the upstream is asked when it gets there.
    SilentOnce,
    /// The same, and it is a `RESET`.
    SilentReset,
    /// Replies cannot be matched to requests from here on: everything passes as it is.
    Opaque,
}
