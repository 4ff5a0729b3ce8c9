//! What a proxy is doing: serving, or on its way out.

use std::sync::atomic::{AtomicU8, Ordering};

/// What a proxy is doing. It only ever goes down this list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    #[default]
    Serving,
    /// It serves as before, new clients too, and says that it is not ready: whoever sends it clients has
    /// time to notice (`drain_delay`).
    Leaving,
    /// No new clients; sessions end when what they have begun is done.
    Draining,
    /// The end, whatever is still in flight.
    Stopped,
}

impl Phase {
    /// All of them.
    const ALL: [Self; 4] = [Self::Serving, Self::Leaving, Self::Draining, Self::Stopped];

    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Leaving => "leaving",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }

    /// Whether new clients should be sent here.
    pub fn is_ready(self) -> bool {
        self == Self::Serving
    }
}

/// The phase as everybody may read it; a read costs a plain load.
#[derive(Debug, Default)]
pub struct Shown(AtomicU8);

impl Shown {
    /// What the proxy is doing now.
    pub fn get(&self) -> Phase {
        let index = usize::from(self.0.load(Ordering::Acquire));
        Phase::ALL.get(index).copied().unwrap_or(Phase::Stopped)
    }

    /// It has come to `phase`; never goes back.
    pub fn reach(&self, phase: Phase) {
        self.0.fetch_max(phase as u8, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_shown_as_they_come_and_never_go_back() {
        let shown = Shown::default();
        assert_eq!(shown.get(), Phase::Serving);
        for phase in Phase::ALL {
            shown.reach(phase);
            assert_eq!(shown.get(), phase);
            assert_eq!(phase.is_ready(), phase.name() == "serving");
        }
        shown.reach(Phase::Leaving);
        assert_eq!(shown.get(), Phase::Stopped);
    }
}
