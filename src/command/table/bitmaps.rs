//! Bits in strings.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Bitmap,
    [
        row("BITCOUNT", -2, KEY, Lane, Read, GENERIC),
        row("BITFIELD", -2, KEY, Lane, Write, GENERIC),
        row("BITFIELD_RO", -2, KEY, Lane, Read, GENERIC),
        row("BITOP", -4, range(2, -1, 1), Lane, Write, GENERIC),
        row("BITPOS", -3, KEY, Lane, Read, GENERIC),
        row("GETBIT", 3, KEY, Lane, Read, GENERIC),
        row("SETBIT", 4, KEY, Lane, Write, GENERIC),
    ],
);
