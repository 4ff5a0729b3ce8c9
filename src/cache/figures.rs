//! What the cache counts. Each worker has its own, on cache lines nobody else writes.

use crate::telemetry::Counter;

macro_rules! figures {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counted by one worker.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Figures { $($(#[doc = $doc])+ pub $name: Counter,)+ }

        impl Figures {
            /// Each figure's name and what it counts.
            pub const NAMES: &[(&str, &str)] = &[$((stringify!($name), concat!($($doc),+)),)+];

            /// Their values in that order.
            pub fn values(&self) -> Vec<u64> {
                vec![$(self.$name.get(),)+]
            }
        }
    };
}

figures! {
    /// Reads answered from memory.
    hits,
    /// Reads that could have been and were not.
    misses,
    /// Reads answered by the reply to somebody else's.
    joins,
    /// Reads sent so that their replies can be kept.
    fills,
    /// Replies kept.
    installs,
    /// Replies not kept because their key changed meanwhile.
    killed_by_stamp,
    /// Replies not kept because the lane was lost or fenced off meanwhile.
    killed_by_epoch,
    /// Replies not kept because of a command that concerns all keys.
    killed_by_word,
    /// Replies not kept because of their TTL, or because the key was not what it seemed.
    killed_by_ttl,
    /// Replies not kept because they were errors or too large.
    unfit,
    /// Keys the upstream said have changed.
    invalidations,
    /// Times the upstream said that all keys have.
    flushes,
    /// Fences sent.
    fences,
    /// Lanes that did not answer a fence in time.
    fences_late,
    /// Signals that waited for a fence.
    signals_held,
    /// Connections of lanes lost or closed.
    lanes_lost,
    /// Heartbeats answered.
    heartbeats,
    /// Replies given out while the upstream was away.
    stale_served,
    /// Hits compared with the upstream's own reply.
    verified,
    /// Those that differed though nothing had changed.
    mismatches,
}
