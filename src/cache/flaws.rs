//! Invariants that a test can switch off, to see that it would notice.
//!
//! Without `cfg(test)` and the feature `flaws` there is nothing to switch, and [`Flaws::has`] is
//! constantly `false`.

#[cfg(any(test, feature = "flaws"))]
use std::sync::atomic::{AtomicU32, Ordering};

/// One thing that is left out, named after what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Flaw {
    /// I4: an invalidation changes nothing.
    Push,
    /// I4: a push that names no key (all are gone) changes nothing.
    NullPush,
    /// I5: a finished write leaves its stamps as they were.
    WriteBump,
    /// I5: a write in flight does not show.
    WriteMark,
    /// I3: a hit does not look at the stamp.
    HitStamp,
    /// I3: a hit does not look at the lane's epoch.
    HitEpoch,
    /// I3: a hit does not look at the upstream word.
    HitWord,
    /// I3, I10: a hit does not look at its deadline.
    HitDeadline,
    /// I8: a lane is always fresh.
    HitFresh,
    /// I10: what comes back is kept though its stamp has changed meanwhile.
    InstallStamp,
    /// I10: though the lane's epoch has.
    InstallEpoch,
    /// I10: though the upstream word has.
    InstallWord,
    /// I2: a read is taken to be current at its reply, not when it was sent.
    LateStamp,
    /// I10: a key's TTL is not asked about.
    Ttl,
    /// I13: a read joins whatever is in flight.
    Join,
    /// I6: a signal is passed on at once.
    Fence,
    /// I6: a fence that is not answered in time goes by without an epoch.
    FenceDeadline,
    /// I6: a session does not remember what it saw elsewhere.
    OwnSession,
    /// I9: a lost lane keeps its epoch.
    LostEpoch,
    /// I12: a hit is taken though earlier requests are unanswered.
    Order,
    /// I14: values are not looked at again once all have been read.
    Together,
    /// I15: a global command starts without an epoch.
    GlobalStart,
    /// I15: a global command ends without an epoch.
    GlobalEnd,
    /// I15: a global command in flight does not show.
    GlobalMark,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Push,
        Self::NullPush,
        Self::WriteBump,
        Self::WriteMark,
        Self::HitStamp,
        Self::HitEpoch,
        Self::HitWord,
        Self::HitDeadline,
        Self::HitFresh,
        Self::InstallStamp,
        Self::InstallEpoch,
        Self::InstallWord,
        Self::LateStamp,
        Self::Ttl,
        Self::Join,
        Self::Fence,
        Self::FenceDeadline,
        Self::OwnSession,
        Self::LostEpoch,
        Self::Order,
        Self::Together,
        Self::GlobalStart,
        Self::GlobalEnd,
        Self::GlobalMark,
    ];
}

/// Which are switched off in one proxy: none.
#[derive(Debug, Default)]
pub struct Flaws {
    #[cfg(any(test, feature = "flaws"))]
    off: AtomicU32,
}

impl Flaws {
    /// Whether `flaw` is to be there.
    #[inline]
    pub fn has(&self, flaw: Flaw) -> bool {
        #[cfg(any(test, feature = "flaws"))]
        return self.off.load(Ordering::Relaxed) & (1 << flaw as u8) != 0;
        #[cfg(not(any(test, feature = "flaws")))]
        {
            let _ = flaw;
            false
        }
    }

    /// From now on `flaw` is there.
    #[cfg(any(test, feature = "flaws"))]
    pub fn switch(&self, flaw: Flaw) {
        self.off.fetch_or(1 << flaw as u8, Ordering::Relaxed);
    }
}
