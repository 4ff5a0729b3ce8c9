//! One kept reply, and all that must still be true for it to be given out.

use super::{Query, Stripe, Time};

/// What an allocator adds to a block, and what it rounds to, bytes.
const BLOCK: usize = 16;

/// A reply and the circumstances it was fetched under. Immutable.
#[derive(Debug)]
pub struct Entry {
    /// Keyed hash of the exact key.
    pub hash: u64,
    /// The number of the lane that fetched it.
    pub lane: u32,
    /// The command's number in the table.
    pub row: u16,
    /// Where its key's stamp is.
    pub stripe: Stripe,
    /// The stamp it was fetched under.
    pub stamp: u64,
    /// The lane's epoch it was fetched under.
    pub epoch: u64,
    /// The upstream word it was fetched under.
    pub word: u64,
    /// Not to be given out from then on.
    pub deadline: Time,
    /// When the server will have dropped it; [`Time::MAX`] never.
    pub expires: Time,
    /// How long after the loss of the lane it may be given out all the same, nanoseconds; 0 never.
    pub stale_for: Time,
    /// Arguments as on the wire, then the reply.
    bytes: Box<[u8]>,
    /// Where the reply begins.
    split: u32,
}

/// What an [`Entry`] is made of besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// See [`Entry::lane`].
    pub lane: u32,
    /// See [`Entry::epoch`].
    pub epoch: u64,
    /// See [`Entry::word`].
    pub word: u64,
    /// See [`Entry::deadline`].
    pub deadline: Time,
    /// See [`Entry::expires`].
    pub expires: Time,
    /// See [`Entry::stale_for`].
    pub stale_for: Time,
}

impl Entry {
    /// The reply to the command numbered `row` with these arguments.
    pub fn new(
        hash: u64,
        row: u16,
        (stripe, stamp): (Stripe, u64),
        origin: Origin,
        args: &[u8],
        reply: &[u8],
    ) -> Self {
        let mut bytes = Vec::with_capacity(args.len() + reply.len());
        bytes.extend_from_slice(args);
        bytes.extend_from_slice(reply);
        let Origin { lane, epoch, word, deadline, expires, stale_for } = origin;
        let split = u32::try_from(args.len()).unwrap_or(u32::MAX);
        Self {
            hash,
            lane,
            row,
            stripe,
            stamp,
            epoch,
            word,
            deadline,
            expires,
            stale_for,
            bytes: bytes.into(),
            split,
        }
    }

    /// Whether it is the reply to this query.
    #[inline]
    pub fn answers(&self, query: &Query<'_>) -> bool {
        self.hash == query.hash
            && self.lane == query.lane
            && self.row == query.row
            && self.args() == query.tail
    }

    /// The arguments as they stand on the wire, behind the command's name.
    #[inline]
    pub fn args(&self) -> &[u8] {
        &self.bytes[..self.split as usize]
    }

    /// The reply (RESP3).
    #[inline]
    pub fn reply(&self) -> &[u8] {
        &self.bytes[self.split as usize..]
    }

    /// Bytes it costs, with its allocations and the count of its owners; not what a store adds.
    pub fn weight(&self) -> usize {
        let block = |size: usize| (size + BLOCK).next_multiple_of(BLOCK);
        block(size_of::<Self>() + 16) + block(self.bytes.len())
    }
}
