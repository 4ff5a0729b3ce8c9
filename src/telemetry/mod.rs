//! What operators see: the log, and counters. No globals: `main` installs what [`log::subscriber`] makes.

pub mod alerts;
pub mod audit;
mod denials;
pub mod desk;
pub mod health;
pub mod log;
mod notices;
mod pulse;
mod stats;
pub mod upstream_view;

pub use audit::Audit;
pub use denials::Denials;
pub use desk::Desk;
pub use health::Vitals;
pub use notices::Notices;
pub use pulse::{Beat, Pulses};
pub use stats::{Connections, Handshakes, Lending, Stats, section};
