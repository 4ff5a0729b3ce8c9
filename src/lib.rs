//! Nearside: a caching proxy that speaks RESP, beside an application and in front of Redis or Valkey.
//!
//! A request travels one way, left to right, by function calls. Only server pushes and finished
//! replies travel against it, through one small trait that `upstream` defines.
//!
//! ```text
//!  client ──▶ net ──▶ resp ──▶ session ──▶ policy ──▶ cache ──▶ upstream ──▶ redis
//!    ▲                            │  ▲        │hit       │          │
//!    └──────── reply, in order ◀──┘  └────────┴──────────┘◀─────────┘
//! ```
//!
//! Modules import only from lower layers; `tests/layers.rs` holds them to it.

pub mod admin;
pub mod cache;
pub mod command;
pub mod config;
pub mod embedded;
pub mod net;
pub mod policy;
pub mod pubsub;
pub mod resp;
pub mod session;
pub mod telemetry;
pub mod upstream;

mod proxy;
mod worker;

pub use config::Config;
pub use proxy::{Error, Handle, Load, Options, Proxy, Reloader, Source};
pub use telemetry::desk::{ReloadError, Reloaded};

/// Keeps the example in the README compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
