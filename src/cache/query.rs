//! What a read asks for, in a form that can be looked up.

use super::Hasher;
use crate::command::{self, Command};
use crate::resp::request::Args;

/// A read that may be answered from memory. Borrows the request.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The number of the lane it would go on.
    pub lane: u32,
    /// The command's number in the table.
    pub row: u16,
    /// The key's name.
    pub name: &'a [u8],
    /// Arguments as they stand on the wire, behind the command's name.
    pub tail: &'a [u8],
    /// Keyed hash of all that.
    pub hash: u64,
}

impl<'a> Query<'a> {
    /// The read `args`, which has one key, on the lane of that number. `None` if it was not sent as an
    /// array: a line of words could be read as other words.
    #[inline]
    pub fn whole(hasher: &Hasher, lane: u32, command: &'static Command, args: &Args<'a>) -> Option<Self> {
        args.is_array().then(|| Self::new(hasher, lane, command::number(command), args.get(1), args.after(0)))
    }

    /// The read of the key at `at` alone, which `row` is the command for.
    #[inline]
    pub fn part(hasher: &Hasher, lane: u32, row: u16, args: &Args<'a>, at: usize) -> Self {
        Self::new(hasher, lane, row, args.get(at), args.piece(at))
    }

    /// The read of the key `name` by the command numbered `row` without further arguments; `tail` is how
    /// the name stands on the wire ([`Self::tail_of`]).
    pub fn bare(hasher: &Hasher, lane: u32, row: u16, name: &'a [u8], tail: &'a [u8]) -> Self {
        Self::new(hasher, lane, row, name, tail)
    }

    /// How a command's only argument stands on the wire, as clients send it.
    pub fn tail_of(name: &[u8]) -> Vec<u8> {
        [format!("\r\n${}\r\n", name.len()).as_bytes(), name, b"\r\n"].concat()
    }

    #[inline]
    fn new(hasher: &Hasher, lane: u32, row: u16, name: &'a [u8], tail: &'a [u8]) -> Self {
        let place = u64::from(lane) << 16 | u64::from(row);
        // The hash is keyed; what is mixed in only keeps lanes and commands apart.
        let hash = (hasher.entry(tail) ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(17);
        Self { lane, row, name, tail, hash }
    }
}
