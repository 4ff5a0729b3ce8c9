//! What a command means. Pure data and look-ups: one row per command, everything else derives from it.
//!
//! Owns: arity, key positions, route, effect on the data set, and how a RESP3 reply becomes a RESP2 one.
//! Never: decides whether a client may run it (that is `policy`), or talks to anybody.

pub mod table;

use crate::resp::{convert::Conversion, request::Args};

/// One row: a command or a subcommand (`CLIENT|SETNAME`).
#[derive(Debug)]
pub struct Command {
    /// Upper case; a subcommand is `CONTAINER|SUB`, as Redis names it.
    pub name: &'static str,
    /// As Redis counts it: the name included; negative is "at least".
    pub arity: i16,
    /// Where its keys stand.
    pub keys: Keys,
    /// Which kind of upstream conversation it needs.
    pub route: Route,
    /// What it can do to the data set.
    pub effect: Effect,
    /// How its RESP3 reply is put for a RESP2 client.
    pub resp2: Resp2,
}
