//! What each worker counts on the path of requests: commands, errors, bytes, and how long things take.
//!
//! One [`Meters`] per worker, on cache lines nobody else writes, written with plain loads and stores through
//! its [`Tally`]. Anybody may read them: [`super::Stats::meters`] adds them up.

mod cause;
mod class;
mod histogram;
mod snapshot;
mod tally;

pub use cause::Cause;
pub use class::Class;
pub use histogram::{BOUNDS, BUCKETS, Histogram, Latency};
pub use snapshot::Snapshot;
pub use tally::Tally;

use super::Counter;

/// What answered a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum By {
    /// Nearside, from what it knows itself; refusals too.
    #[default]
    Here,
    /// The cache.
    Memory,
    /// The upstream's reply to somebody else's read.
    Joined,
    /// The upstream, or the want of it.
    Upstream,
}

impl By {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
    /// All, each where [`Self::index`] says.
    pub const ALL: [Self; 4] = [Self::Here, Self::Memory, Self::Joined, Self::Upstream];

    /// What it is called in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Memory => "memory",
            Self::Joined => "joined",
            Self::Upstream => "upstream",
        }
    }

    /// Where it stands in [`Self::ALL`], and in a snapshot's list.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What one worker has counted. One writer.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Meters {
    commands: [Counter; Class::COUNT],
    answered: [Counter; By::COUNT],
    errors: [Counter; Cause::COUNT],
    /// Bytes read from clients.
    pub client_in: Counter,
    /// Bytes written to clients.
    pub client_out: Counter,
    /// Bytes read from the upstream.
    pub upstream_in: Counter,
    /// Bytes written to the upstream.
    pub upstream_out: Counter,
    total: [Histogram; Class::COUNT],
    upstream: [Histogram; Class::COUNT],
}

impl Meters {
    /// The classes that commands are counted by.
    pub const CLASSES: [Class; Class::COUNT] = Class::ALL;
    /// The causes that errors are counted by.
    pub const CAUSES: &'static [Cause] = Cause::ALL;

    fn add_to(&self, sum: &mut Snapshot) {
        fn add(sum: &mut [u64], counters: &[Counter]) {
            sum.iter_mut().zip(counters).for_each(|(sum, counter)| *sum += counter.get());
        }
        add(&mut sum.commands, &self.commands);
        add(&mut sum.answered, &self.answered);
        add(&mut sum.errors, &self.errors);
        sum.client_in += self.client_in.get();
        sum.client_out += self.client_out.get();
        sum.upstream_in += self.upstream_in.get();
        sum.upstream_out += self.upstream_out.get();
        self.total.iter().zip(&mut sum.total).for_each(|(histogram, sum)| histogram.add_to(sum));
        self.upstream.iter().zip(&mut sum.upstream).for_each(|(histogram, sum)| histogram.add_to(sum));
    }
}

#[cfg(test)]
mod tests;
