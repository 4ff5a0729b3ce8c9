//! From a name as a client wrote it to its row: a hash index built at compile time.

use super::{
    Command,
    table::{COUNT, ROWS},
};
use crate::resp::request::Args;

/// A name in upper case, padded with zeros to 24 bytes, and one word to tell apart what the padding
/// does not: its length and, for a subcommand, its container's row (plus 1). Comparing four words is a
/// good deal quicker than comparing strings.
type Key = [u64; 4];

/// Slots of the index: a power of two, less than half full.
const SLOTS: usize = 1024;
/// An empty slot.
const EMPTY: u16 = u16::MAX;

/// The index, and what it was built from.
struct Index {
    /// The rows' keys.
    keys: [Key; COUNT],
    /// Which rows have subcommands.
    containers: [bool; COUNT],
    /// Open addressing: a row's number stands where its key's hash says or soon after.
    slots: [u16; SLOTS],
}

static INDEX: Index = Index::build();

impl Index {
    const fn build() -> Self {
        const { assert!(COUNT < SLOTS / 2, "enlarge SLOTS") };
        let mut index = Self { keys: [[0; 4]; COUNT], containers: [false; COUNT], slots: [EMPTY; SLOTS] };
        // Containers first: their subcommands' keys need their rows.
        let (mut row, mut subcommands) = (0, false);
        while row < COUNT {
            let name = ROWS[row].name.as_bytes();
            let bar = bar(name);
            if (bar < name.len()) == subcommands {
                let container = if subcommands { index.container(name.split_at(bar).0) } else { 0 };
                let own = if subcommands { name.split_at(bar + 1).1 } else { name };
                index.insert(row, key(own, container));
            }
            row += 1;
            if row == COUNT && !subcommands {
                (row, subcommands) = (0, true);
            }
        }
        index
    }

    const fn insert(&mut self, row: usize, key: Option<Key>) {
        let Some(key) = key else { panic!("a name is too long") };
        let mut slot = hash(&key);
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        self.slots[slot] = row as u16;
        self.keys[row] = key;
    }

    /// Notes that `name` is a container; what its subcommands' keys say of it.
    const fn container(&mut self, name: &[u8]) -> u64 {
        let Some(key) = key(name, 0) else { panic!("a name is too long") };
        let Some(row) = self.find(&key) else { panic!("a subcommand without its container") };
        self.containers[row] = true;
        row as u64 + 1
    }

    /// The number of the row with that key.
    #[inline]
    const fn find(&self, key: &Key) -> Option<usize> {
        let mut slot = hash(key);
        loop {
            let row = self.slots[slot] as usize;
            if row >= COUNT {
                return None;
            }
            let found = &self.keys[row];
            if found[0] == key[0] && found[1] == key[1] && found[2] == key[2] && found[3] == key[3] {
                return Some(row);
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// The row of the command `args` asks for; for a container the subcommand's row, or the
/// container's own when the subcommand is unknown or missing. ASCII case is ignored. `None`: no
/// such command here (a module's, or a newer server's).
pub fn lookup(args: &Args<'_>) -> Option<&'static Command> {
    let row = INDEX.find(&key(args.get(0), 0)?)?;
    if INDEX.containers[row] && args.len() > 1 {
        let key = key(args.get(1), row as u64 + 1);
        if let Some(sub) = key.and_then(|key| INDEX.find(&key)) {
            return Some(&ROWS[sub]);
        }
    }
    Some(&ROWS[row])
}

/// The number of a row of the table, for [`numbered`]; small enough for a cell that is written per request.
#[inline]
pub fn number(command: &'static Command) -> u16 {
    let offset = std::ptr::from_ref(command).addr().wrapping_sub(ROWS.as_ptr().addr());
    (offset / size_of::<Command>()) as u16
}

/// The row of that number.
pub const fn numbered(number: u16) -> Option<&'static Command> {
    if (number as usize) < COUNT { Some(&ROWS[number as usize]) } else { None }
}

/// The number of the row of that name (`GET`, `CONFIG|SET`), ASCII case ignored.
pub(super) const fn number_of(name: &[u8]) -> Option<usize> {
    let at = bar(name);
    let (own, rest) = name.split_at(at);
    let Some(key) = key(own, 0) else { return None };
    let Some(row) = INDEX.find(&key) else { return None };
    let Some((_, sub)) = rest.split_first() else { return Some(row) };
    match self::key(sub, row as u64 + 1) {
        Some(key) => INDEX.find(&key),
        None => None,
    }
}

/// The row of that name (`GET`, `CONFIG|SET`), ASCII case ignored.
pub fn named(name: &str) -> Option<&'static Command> {
    ROWS.get(number_of(name.as_bytes())?)
}

/// Every row, subcommands included, family by family.
pub fn all() -> impl ExactSizeIterator<Item = &'static Command> + Clone {
    ROWS.iter()
}

/// The key of a name as a client wrote it; `None` when it is longer than any.
#[inline]
const fn key(name: &[u8], container: u64) -> Option<Key> {
    let words = match (name.len(), name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (9..=16, Some(first), Some(last)) => [word(first), tail(last, name.len()), 0],
        (17..=24, Some(first), Some(last)) => match name.split_at(8).1.first_chunk::<8>() {
            Some(second) => [word(first), word(second), tail(last, name.len())],
            None => return None,
        },
        (0..=8, ..) => [short(name), 0, 0],
        _ => return None,
    };
    Some([upper(words[0]), upper(words[1]), upper(words[2]), name.len() as u64 | container << 8])
}

const fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

/// The last, partial word of a name of `len` bytes that ends with `last`.
const fn tail(last: &[u8; 8], len: usize) -> u64 {
    word(last) >> (8 * ((8 - len % 8) % 8))
}

/// A name of at most 8 bytes: its first and last half overlap, so no loop is needed.
const fn short(name: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return u32::from_le_bytes(*first) as u64
            | (u32::from_le_bytes(*last) as u64) << (8 * (name.len() - 4));
    }
    match name {
        [a, b, c] => *a as u64 | (*b as u64) << 8 | (*c as u64) << 16,
        [a, b] => *a as u64 | (*b as u64) << 8,
        [a] => *a as u64,
        _ => 0,
    }
}

/// Eight bytes in upper case: the high bit of each byte that is a small letter, moved to its case bit.
const fn upper(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES * 0x80;
    let low = word & !HIGH;
    let from_a = low + ONES * (0x80 - b'a' as u64);
    let beyond_z = low + ONES * (0x7f - b'z' as u64);
    word - ((from_a & !beyond_z & !word & HIGH) >> 2)
}

/// A slot. Names are known when this is compiled, so nobody can choose colliding ones to matter.
#[inline]
const fn hash(key: &Key) -> usize {
    let mixed = key[0].wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ key[1].wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ key[2].wrapping_mul(0x1656_67b1_9e37_79f9)
        ^ key[3].wrapping_mul(0x27d4_eb2f_1656_67c5);
    ((mixed ^ (mixed >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

/// Where a name's bar stands, or its length.
const fn bar(name: &[u8]) -> usize {
    let mut at = 0;
    while at < name.len() && name[at] != b'|' {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests;
