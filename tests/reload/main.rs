//! Settings that are changed while the proxy runs: what applies, to whom, and what does not.

#![allow(clippy::unwrap_used)] // tests may

mod clients;
#[path = "../common/mod.rs"]
mod common;
mod program;
mod scene;
mod settings;
mod traffic;
