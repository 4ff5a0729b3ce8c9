//! What operators see: the log, and counters. No globals: `main` installs what [`log::subscriber`] makes.

pub mod audit;
mod denials;
pub mod desk;
pub mod log;
mod notices;
mod reloads;
mod stats;

pub use audit::Audit;
pub use denials::Denials;
pub use desk::Desk;
pub use notices::Notices;
pub use reloads::{ReloadError, Reloaded, Reloads, Settings};
pub use stats::{Connections, Handshakes, Lending, Stats, section};
