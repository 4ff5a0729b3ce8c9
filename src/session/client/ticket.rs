//! What goes with a request to a lane and comes back with its reply.

use crate::command::Channels;
use crate::resp::convert::Conversion;
use crate::telemetry::meters::{By, Class};

/// What the session wants to know again when a lane's reply comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticket {
    /// How the reply is put for a RESP2 client; `None`: as it is.
    pub(in crate::session) conversion: Option<Conversion>,
    /// What becomes of the reply.
    pub(in crate::session) after: After,
    /// Bytes of the request.
    pub(in crate::session) weight: u32,
    /// What it is counted as.
    pub(in crate::session) class: Class,
    /// What answers it.
    pub(in crate::session) by: By,
    /// When it arrived.
    pub(in crate::session) asked: u64,
    /// It is told of, however long it takes.
    pub(in crate::session) sampled: bool,
}

/// What becomes of a reply on its way to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum After {
    /// It is passed on.
    #[default]
    Nothing,
    /// It is an `INFO` to which our section is added.
    Info,
    /// It is the nod that is waited for longest.
    Nod,
    /// It is part of the transaction that is waited for longest.
    Transaction,
    /// It counts receivers of a message; so many more are added.
    Receivers(i32),
    /// It counts subscribers of channels of this kind; those that share a connection are added.
    Subscribers(Channels),
    /// It tells of what nobody knows: it waits until every lane has heard of it.
    Unknown,
}
