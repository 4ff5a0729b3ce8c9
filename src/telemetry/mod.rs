//! What operators see: the log, and counters. No globals: `main` installs what [`log::subscriber`] makes.

pub mod audit;
mod counter;
mod denials;
pub mod desk;
pub mod history;
pub mod log;
pub mod meters;
pub mod metrics;
mod notices;
pub mod process;
mod reloads;
mod stats;

pub use audit::Audit;
pub use counter::Counter;
pub use denials::Denials;
pub use desk::Desk;
pub use meters::{Meters, Tally};
pub use notices::Notices;
pub use reloads::{ReloadError, Reloaded, Reloads, Settings};
pub use stats::{Connections, Handshakes, LaneEvents, Lending, Stats, section};
