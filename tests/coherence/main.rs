//! The scenarios of the coherence rules, each with one worker and with two, on real servers, with
//! sessions placed on chosen workers and lanes that are held one by one.
//!
//! `E` is somebody straight at the server; `a`, `b`, `c` are sessions through the proxy, on the workers
//! their seats say. That something was a hit is known from the server's `INFO commandstats`: its count
//! of that command has not risen.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

#[path = "../common/mod.rs"]
mod common;

mod client;
mod reads;
mod rig;
mod stats;

mod bytes;
mod changes;
mod edges;
mod elsewhere;
mod expiry;
mod fills;
mod globals;
mod load;
mod loss;
mod odd;
mod pipeline;
mod rights;
mod scripts;
mod signals;
mod state;
mod stop;
mod versions;
mod writes;
