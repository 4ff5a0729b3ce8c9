//! What operators see: the log, and counters. No globals: `main` installs what [`log::subscriber`] makes.

mod denials;
pub mod log;
mod notices;
mod stats;

pub use denials::Denials;
pub use notices::Notices;
pub use stats::{Connections, Handshakes, Lending, Stats, section};
