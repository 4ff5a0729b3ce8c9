//! The history checker of the near cache: what may a read return, given what everybody saw before?
//!
//! Pure: a history of one register goes in, what contradicts the contract comes out, each time with
//! the two operations that do. Every register's states are ordered (see [`Version`]), so one sweep
//! over all beginnings and ends decides, in O(n log n):
//!
//! - `truth`: the newest state that anybody saw. Writes, and reads straight from the server, must not
//!   fall behind it: if they do, the server or this test is broken, not the cache.
//! - one floor for each Nearside: raised at once by what it acknowledged, by what it told about
//!   (messages, popped elements), and by reads of a state whose write carried a mark and was
//!   acknowledged; by everything else `bound` after it was seen.
//! - one floor for each lane, raised by the reads that it answered; one for each session, in the order
//!   of its program.

mod floor;
mod gaps;
mod sweep;
mod written;

#[cfg(test)]
mod tests;

pub(crate) use sweep::sweep;

/// Nanoseconds of one clock.
pub(crate) type Time = u64;

/// The end of what was never answered.
pub(crate) const NEVER: Time = Time::MAX;

/// A state of a register: `2n` is its n-th value, `2n + 1` nothing, after the n-th value was there.
pub(crate) type Version = u32;

/// What a register is before the first write.
pub(crate) const INITIAL: Version = 1;

/// The version of a read that returned nothing: after which value, the checker finds out.
pub(crate) const NOTHING: Version = Version::MAX;

/// What an operation is to the checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// Made the version. Never answered: it may be made, at any time after it began.
    Write,
    /// The same by a command whose keys are known before it runs: until its reply nobody takes a hit.
    Marked,
    /// Made one version or none: nobody knows which. Never answered.
    Blind,
    /// Returned the version, and the session's lane has seen it.
    Read,
    /// Returned the version, perhaps over a connection that is not the lane.
    Aside,
    /// Was told of the version by something that others may act on too.
    Signal,
    /// Was told of the version by something that only this session may act on.
    Hint,
}

impl What {
    fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::Marked)
    }

    fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::Aside)
    }
}

/// One operation on one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) inv: Time,
    /// [`NEVER`] if it was not answered.
    pub(crate) res: Time,
    pub(crate) register: u32,
    pub(crate) version: Version,
    pub(crate) session: u16,
    pub(crate) what: What,
    /// It was answered faster than the server can have been asked.
    pub(crate) quick: bool,
}

/// Where a session's commands go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Via {
    /// Which Nearside; none: straight to the server.
    pub(crate) proxy: Option<u8>,
    /// Which lane, among all lanes of all Nearsides.
    pub(crate) lane: u16,
}

/// When the value of `version - 1` goes away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lapse {
    pub(crate) version: Version,
    /// It may be gone from here on.
    pub(crate) from: Time,
    /// It is gone after this; [`NEVER`] if nobody knows whether it was ever there.
    pub(crate) by: Time,
}

/// What holds for all registers of a history.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// How many Nearsides.
    pub(crate) proxies: usize,
    /// How long a Nearside may not know what it did not acknowledge.
    pub(crate) bound: Time,
    /// Values may go away at any time: evictions.
    pub(crate) vanishing: bool,
    /// Where each session's commands go.
    pub(crate) sessions: Vec<Via>,
    /// What is within this after an acknowledgement on another lane counts as soon.
    pub(crate) soon: Time,
}

/// The history of one register. The operations of a session stand in the order of its program.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) ops: Vec<Op>,
    pub(crate) lapses: Vec<Lapse>,
    /// Every value was made by counting: none may be missing.
    pub(crate) dense: bool,
}

/// How an operation contradicts the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It returned an older state than it had to.
    Stale,
    /// It made a version that was there before it began.
    Passed,
    /// It returned a version that nobody made.
    Invented,
    /// It returned a version whose write began after it had ended.
    Early,
    /// It made a version that another made too: an update is lost.
    Twice,
    /// It saw a version before which more are missing than writes of unknown outcome can have made.
    Gap,
}

/// What contradicts the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Violation {
    pub(crate) fault: Fault,
    pub(crate) op: Op,
    /// What it contradicts. For an expiry: the write of the value that expired.
    pub(crate) because: Option<Op>,
}

/// What there is to say of a history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<Violation>,
    /// Quick reads soon after a write that was acknowledged on another lane of the same Nearside.
    pub(crate) soon: u64,
}
