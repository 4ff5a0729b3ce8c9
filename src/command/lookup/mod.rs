//! From a name as a client wrote it to its row: a hash index built at compile time.

use super::{
    Command,
    table::{COUNT, ROWS},
};
use crate::resp::request::Args;

/// Room for the longest name; longer ones are nobody's.
const WIDTH: usize = 32;
/// A name in upper case, padded with zeros.
type Name = [u8; WIDTH];

/// Slots of the index: a power of two, less than half full.
const SLOTS: usize = 1024;
/// An empty slot.
const EMPTY: u16 = u16::MAX;

/// The rows' names, padded, so that one comparison of fixed length decides.
static NAMES: [Name; COUNT] = {
    let mut names = [[0; WIDTH]; COUNT];
    let mut row = 0;
    while row < COUNT {
        names[row] = pad(ROWS[row].name.as_bytes());
        row += 1;
    }
    names
};

/// Open addressing: where a row's number stands is its name's hash or soon after.
static INDEX: [u16; SLOTS] = {
    assert!(COUNT < SLOTS / 2, "enlarge SLOTS");
    let mut index = [EMPTY; SLOTS];
    let mut row = 0;
    while row < COUNT {
        let mut slot = hash(&NAMES[row]);
        while index[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        index[slot] = row as u16;
        row += 1;
    }
    index
};

/// What a row is to the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Container,
    Subcommand,
}

static KINDS: [Kind; COUNT] = {
    let mut kinds = [Kind::Plain; COUNT];
    let mut row = 0;
    while row < COUNT {
        let name = ROWS[row].name.as_bytes();
        let mut bar = 0;
        while bar < name.len() && name[bar] != b'|' {
            bar += 1;
        }
        if bar < name.len() {
            let container = pad(name.split_at(bar).0);
            let mut slot = hash(&container);
            while !same(&NAMES[INDEX[slot] as usize], &container) {
                slot = (slot + 1) % SLOTS; // a subcommand without its container does not compile
            }
            kinds[row] = Kind::Subcommand;
            kinds[INDEX[slot] as usize] = Kind::Container;
        }
        row += 1;
    }
    kinds
};

/// The row of the command `args` asks for; for a container the subcommand's row, or the
/// container's own when the subcommand is unknown or missing. ASCII case is ignored. `None`: no
/// such command here (a module's, or a newer server's).
pub fn lookup(args: &Args<'_>) -> Option<&'static Command> {
    let name = args.get(0);
    if name.len() > WIDTH {
        return None;
    }
    let mut padded: Name = [0; WIDTH];
    padded[..name.len()].copy_from_slice(name);
    let row = find(&mut padded, name.len())?;
    match KINDS[row] {
        Kind::Plain => {}
        Kind::Container if args.len() > 1 => {
            let (at, sub) = (name.len() + 1, args.get(1));
            if let Some(room) = padded.get_mut(at..at + sub.len()) {
                room.copy_from_slice(sub);
                padded[name.len()] = b'|';
                if let Some(sub) = find(&mut padded, at + sub.len()) {
                    return Some(&ROWS[sub]);
                }
            }
        }
        Kind::Container => {}
        Kind::Subcommand => return None, // `CLIENT|ID` as one word is no command
    }
    Some(&ROWS[row])
}

/// Every row, subcommands included, family by family.
pub fn all() -> impl ExactSizeIterator<Item = &'static Command> {
    ROWS.iter()
}

/// The number of the row of that name, `len` bytes long. Leaves the name in upper case.
fn find(name: &mut Name, len: usize) -> Option<usize> {
    name.make_ascii_uppercase();
    let mut slot = hash(name);
    loop {
        let row = usize::from(INDEX[slot]);
        if NAMES.get(row)? == name {
            // A name with zeros at its end looks like a padded one.
            return (ROWS[row].name.len() == len).then_some(row);
        }
        slot = (slot + 1) % SLOTS;
    }
}

const fn pad(name: &[u8]) -> Name {
    assert!(name.len() <= WIDTH, "enlarge WIDTH");
    let mut padded = [0; WIDTH];
    let mut i = 0;
    while i < name.len() {
        padded[i] = name[i];
        i += 1;
    }
    padded
}

const fn same(a: &Name, b: &Name) -> bool {
    let mut i = 0;
    while i < WIDTH && a[i] == b[i] {
        i += 1;
    }
    i == WIDTH
}

/// A slot. Four words mixed; the names are known, so nobody can choose colliding ones to matter.
const fn hash(name: &Name) -> usize {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let (mut hash, mut word) = (0u64, 0);
    while word < WIDTH {
        let mut bytes = [0u8; 8];
        let mut i = 0;
        while i < 8 {
            bytes[i] = name[word + i];
            i += 1;
        }
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(bytes)).wrapping_mul(MIX);
        word += 8;
    }
    (hash >> 54) as usize
}

#[cfg(test)]
mod tests;
