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

    /// The arguments one by one, the key's name first.
    pub fn words(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.args();
        std::iter::from_fn(move || {
            // The line end before its length, the length, the word; the last may lack its own.
            let head = rest.strip_prefix(b"\r\n").unwrap_or(rest).strip_prefix(b"$")?;
            let end = head.iter().position(|byte| *byte == b'\r')?;
            let len: usize = std::str::from_utf8(&head[..end]).ok()?.parse().ok()?;
            let word = head.get(end + 2..)?.get(..len)?;
            rest = head.get(end + 2 + len..).unwrap_or_default();
            Some(word)
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::kit::{Request, lane};

    fn entry(request: &Request, query: &Query<'_>) -> Entry {
        let origin = Origin { lane: query.lane, epoch: 1, word: 0, deadline: 1, expires: 1, stale_for: 0 };
        Entry::new(query.hash, query.row, (0, 0), origin, request.args().after(0), b"+v\r\n")
    }

    #[test]
    fn an_entry_answers_its_own_read_to_the_byte_and_none_with_the_same_hash() {
        let lane = lane();
        let (request, other) = (Request::of("GET k"), Request::of("GET l"));
        let (query, mut another) = (request.query(&lane), other.query(&lane));
        let entry = entry(&request, &query);
        assert!(entry.answers(&query));
        assert_eq!((entry.args(), entry.reply()), (&b"\r\n$1\r\nk\r\n"[..], &b"+v\r\n"[..]));
        another.hash = query.hash;
        assert!(!entry.answers(&another));
        assert!(!entry.answers(&Query { row: query.row + 1, ..query }));
        assert!(!entry.answers(&Query { lane: query.lane + 1, ..query }));
    }

    #[test]
    fn a_get_and_its_part_of_an_mget_are_the_same_read() {
        let lane = lane();
        let (get, mget) = (Request::of("GET k"), Request::of("MGET a k b"));
        let query = get.query(&lane);
        let part = Query::part(&lane.near().hasher, lane.number, query.row, &mget.args(), 2);
        assert!(entry(&get, &query).answers(&part));
        assert_eq!(part.name, b"k");
    }

    #[test]
    fn its_words_are_those_of_the_request_behind_the_commands_name() {
        let (lane, request) = (lane(), Request::new(&[b"HMGET", b"h\r\n$1", b"", b"f"]));
        let words: Vec<Vec<u8>> =
            entry(&request, &request.query(&lane)).words().map(<[u8]>::to_vec).collect();
        assert_eq!(words, [&b"h\r\n$1"[..], b"", b"f"]);
    }

    #[test]
    fn it_weighs_at_least_its_bytes_and_what_describes_them() {
        let (lane, request) = (lane(), Request::of("GET k"));
        let entry = entry(&request, &request.query(&lane));
        assert!(entry.weight() >= size_of::<Entry>() + entry.args().len() + entry.reply().len());
    }
}
