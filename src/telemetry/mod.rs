//! What operators see: the log, and counters. No globals: `main` installs what [`log::subscriber`] makes.

pub mod log;
mod stats;

pub use stats::{Connections, Handshakes, Lending, Stats, section};
