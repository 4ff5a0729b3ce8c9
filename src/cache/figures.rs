//! What the cache counts. Each worker has its own, on cache lines nobody else writes.

use crate::telemetry::Counter;

/// Why a read that could have been answered from memory was not. Each miss has one reason; the figure
/// `misses_...` of the same name counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Not kept, and fetched to be.
    Cold,
    /// Not kept, and not asked for often enough.
    NotAdmitted,
    /// Not to be kept.
    NotCacheable,
    /// Its key may have changed.
    Changed,
    /// Its lane was lost, or all keys may have changed.
    Epoch,
    /// It was too old.
    Expired,
    /// Nothing vouches for its lane at the moment.
    NotFresh,
    /// It had to be asked in its turn.
    Order,
    /// Looking does not pay.
    PassedBy,
    /// Its lane keeps nothing.
    Untracked,
}

impl Figures {
    /// One more miss, for this reason.
    pub fn missed(&self, why: Miss) {
        self.misses.add();
        match why {
            Miss::Cold => &self.misses_cold,
            Miss::NotAdmitted => &self.misses_not_admitted,
            Miss::NotCacheable => &self.misses_not_cacheable,
            Miss::Changed => &self.misses_changed,
            Miss::Epoch => &self.misses_epoch,
            Miss::Expired => &self.misses_expired,
            Miss::NotFresh => &self.misses_not_fresh,
            Miss::Order => &self.misses_order,
            Miss::PassedBy => &self.misses_passed_by,
            Miss::Untracked => &self.misses_untracked,
        }
        .add();
    }
}

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
    /// Misses of what was not kept, and is fetched to be.
    misses_cold,
    /// Misses of what was not kept, and has not been asked for often enough to be.
    misses_not_admitted,
    /// Misses of what is not kept: no pattern asks for it, a write of it is under way, or the server could
    /// not vouch for it.
    misses_not_cacheable,
    /// Misses of what was kept, and whose key may have changed since.
    misses_changed,
    /// Misses of what was kept by a lane that has been lost since, or before a command that concerns all keys.
    misses_epoch,
    /// Misses of what was kept until its TTL, or the most it may live, was over.
    misses_expired,
    /// Misses of what was kept while no heartbeat vouches for its lane.
    misses_not_fresh,
    /// Misses of what was not looked for: something before it was unanswered, or its session has seen what
    /// its lane may not have.
    misses_order,
    /// Misses of what was not looked for because hardly any read is a hit.
    misses_passed_by,
    /// Misses on lanes whose upstream does not announce changes, or is not the current one.
    misses_untracked,
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
