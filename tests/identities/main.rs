//! The matrix of identities: who a client is, what it asks, of which key, whether that is kept, and the
//! way it asks. Every reply is what a server with the same `ACL SETUSER` rules answers to the same
//! conversation, but for the few differences that `permitted` lists.
//!
//! Users are either the upstream's (pass-through) or Nearside's own; both are held against a server of its
//! own. `NEARSIDE_SEED` starts with another order of the requests, `NEARSIDE_FUZZ_SECONDS` goes on with
//! further orders for so long.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

#[path = "../common/mod.rs"]
mod common;

mod compare;
mod matrix;
mod phrases;
mod rig;
mod users;
mod ways;

mod large;
mod many;
mod never;
mod reset;
