//! What is judged: figures at a moment, and how counters have grown over the window.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// So many looks at the counters are kept, however long the window.
const POINTS: u32 = 60;
/// None is nearer to another.
const NEAREST: Duration = Duration::from_secs(1);

/// Figures of a proxy at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// What only grows.
    pub counts: Counts,
    /// Clients connected, and the most there may be.
    pub clients: (u64, u64),
    /// Upstream connections in use, the most there may be (`upstream.max_connections`), and how many wait.
    pub connections: (u64, u64, u64),
    /// What the upstream says of itself, if that is known and recent.
    pub upstream: Option<Upstream>,
    /// Workers whose commands do not get through, and how many there are.
    pub cut_off: (u64, u64),
    /// Why theirs do not.
    pub why: Option<Arc<str>>,
    /// Whether there is a cache that reads can hit.
    pub cache_on: bool,
    /// The certificate in use that expires first: whose, and in how many days; negative when it has.
    pub certificate: Option<(Arc<str>, i64)>,
    /// Why the last reload was refused; `None`: it was not.
    pub reload_refused: Option<Arc<str>>,
}

/// What only grows, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commands that have got a reply of any kind.
    pub commands: u64,
    /// Those among them that failed for want of a working upstream or proxy.
    pub errors: u64,
    /// Commands whose time was taken: all but blocking ones.
    pub timed: u64,
    /// The time of those together, nanoseconds.
    pub nanos: u64,
    /// Reads answered from memory, or by the reply to somebody else's.
    pub hits: u64,
    /// Reads that could have been answered from memory, hits included.
    pub reads: u64,
    /// Answers from memory that were not what the upstream says.
    pub mismatches: u64,
}

/// What is judged of the upstream's own figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// Bytes it uses.
    pub memory: u64,
    /// Bytes it may use; 0: no limit.
    pub maxmemory: u64,
    /// Whether it makes room by itself.
    pub evicts: bool,
    /// Clients connected to it.
    pub clients: u64,
    /// Most it takes; 0: it does not say.
    pub maxclients: u64,
    /// Keys it has evicted since its own start.
    pub evicted: u64,
}

/// What is counted here of what an upstream counts from its own start on.
#[derive(Debug, Default)]
pub(super) struct Evictions {
    last: Option<u64>,
    total: u64,
}

impl Evictions {
    /// Takes a look at what the upstream says, if it does; answers how many there have been since the first.
    pub(super) fn look(&mut self, evicted: Option<u64>) -> u64 {
        if let (Some(last), Some(now)) = (self.last, evicted) {
            // It counts from 0 when it restarts.
            self.total += now.checked_sub(last).unwrap_or(now);
        }
        self.last = evicted.or(self.last);
        self.total
    }
}

impl Counts {
    /// How much each has grown since `before`.
    fn since(&self, before: &Self) -> Self {
        Self {
            commands: self.commands.saturating_sub(before.commands),
            errors: self.errors.saturating_sub(before.errors),
            timed: self.timed.saturating_sub(before.timed),
            nanos: self.nanos.saturating_sub(before.nanos),
            hits: self.hits.saturating_sub(before.hits),
            reads: self.reads.saturating_sub(before.reads),
            mismatches: self.mismatches.saturating_sub(before.mismatches),
        }
    }
}

/// Looks at the counters over the last window.
#[derive(Debug, Default)]
pub(super) struct Series(VecDeque<(Duration, Counts, u64)>);

/// How counters have grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    /// By how much.
    pub(super) counts: Counts,
    /// Keys evicted.
    pub(super) evictions: u64,
    /// In what time.
    pub(super) over: Duration,
    /// Whether that is a whole window.
    pub(super) whole: bool,
}

impl Series {
    /// Takes a look at `counts` and `evictions` at `now`, and answers how they have grown over `window`.
    pub(super) fn look(&mut self, now: Duration, counts: Counts, evictions: u64, window: Duration) -> Growth {
        let step = (window / POINTS).max(NEAREST);
        if self.0.back().is_none_or(|(at, ..)| now.saturating_sub(*at) >= step) {
            self.0.push_back((now, counts, evictions));
        }
        while self.0.get(1).is_some_and(|(at, ..)| now.saturating_sub(*at) >= window) {
            self.0.pop_front();
        }
        let (from, before, evicted) = self.0.front().copied().unwrap_or((now, counts, evictions));
        let over = now.saturating_sub(from);
        let evictions = evictions.saturating_sub(evicted);
        Growth { counts: counts.since(&before), evictions, over, whole: over >= window }
    }

    /// Forgets everything: what comes is not to be held against what was.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
