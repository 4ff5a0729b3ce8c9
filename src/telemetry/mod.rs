//! What operators see: the log, and counters. No globals: `main` installs what [`log::subscriber`] makes.

pub mod alerts;
pub mod audit;
mod counter;
mod denials;
pub mod desk;
pub mod health;
pub mod history;
pub mod log;
pub mod meters;
pub mod metrics;
mod notices;
mod phase;
pub mod process;
mod pulse;
mod reloads;
mod sampling;
pub mod slow;
#[cfg(feature = "otlp")]
pub mod spans;
mod stats;
pub mod upstream_view;

pub use audit::Audit;
pub use counter::Counter;
pub use denials::Denials;
pub use desk::Desk;
pub use health::Vitals;
pub use meters::{Meters, Tally};
pub use notices::Notices;
pub use phase::{Phase, Shown};
pub use pulse::{Beat, Pulses};
pub use reloads::{Reloads, Settings};
pub use sampling::{Sampler, Share};
pub use slow::SlowLog;
pub use stats::{Connections, Handshakes, LaneEvents, Lending, Stats, section};
