//! The near cache: replies kept in this process, and what must be true for one to be given out.
//!
//! Owns: what may be kept ([`Query`], [`Patterns`]), under which circumstances it was fetched ([`Fill`],
//! [`Entry`]) and whether those still hold ([`Stamps`], [`Lane`]), where it is kept ([`Store`], [`Front`]).
//! Never: talks, waits, or reads a clock; it is handed the time, and told what a lane's connection brings
//! in the order in which it brings it. What it promises is in the README ("What the cache promises").

mod entry;
mod fence;
mod figures;
mod fill;
mod flaws;
mod hash;
mod hot;
#[cfg(test)]
mod kit;
mod lane;
mod live;
mod near;
mod patterns;
mod query;
mod sample;
mod section;
#[cfg(test)]
mod sim;
mod sketch;
mod stamp;
mod store;
mod survey;
mod suspend;
mod sweep;
mod worker;

use std::time::Duration;

pub use entry::{Entry, Origin};
pub use fence::{Fence, LaneState, Sent};
pub use figures::{Figures, Miss};
pub use fill::{Fill, Heard, values_row};
pub use flaws::{Flaw, Flaws};
pub use hash::Hasher;
pub use hot::{Hot, HotKey};
pub use lane::{Lane, Trust};
pub use near::{Near, Standing};
pub use patterns::{Kept, Patterns, Rule};
pub use query::Query;
pub use section::Value;
pub use sketch::Sketch;
pub use stamp::{Stamps, Stripe, Word, is_busy};
pub use store::{Front, Policy, Store};
pub use survey::{Shown, Survey, Void};
pub use suspend::Suspension;
pub use sweep::Sweep;
pub use worker::PerWorker;

/// A moment: nanoseconds of a clock that does not stop while the machine is suspended.
pub type Time = u64;

/// A duration in the unit of [`Time`]; what is too long for it is endless.
pub fn nanos(duration: Duration) -> Time {
    Time::try_from(duration.as_nanos()).unwrap_or(Time::MAX)
}
