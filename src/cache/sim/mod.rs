//! The cache's core under a simulation: a server, connections that deliver when they like, workers with
//! lanes, sessions and strangers, all in virtual time and out of one seed.
//!
//! The core is the real one; what the session layer does with it (which call comes before which) is
//! written once more here, in [`lanes`], [`sessions`] and [`fences`]. Every reply that a session is given
//! is held against the server's own history ([`check`]). One seed is one run, to the letter:
//! `NEARSIDE_SEED=n cargo test --lib sim::runs::one -- --nocapture` tells it step by step, and
//! `NEARSIDE_SIM_RUNS=n cargo test --lib sim::runs::further` makes n more.

mod check;
mod commands;
mod fences;
mod flaws;
mod foreign;
mod lanes;
mod ops;
mod outside;
mod plan;
mod runs;
mod server;
mod sessions;
mod wire;
mod world;

use super::fill::join::JOINED;
use super::kit;
use super::{Fence, Fill, Flaw, Lane, Near, PerWorker, Query, Sent, Stripe, Time, Trust};
