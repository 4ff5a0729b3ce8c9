//! Vector sets (Redis 8; a module in `COMMAND`, hence the loose arities).

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Vector,
    [
        row("VADD", -1, KEY, Lane, Write, GENERIC),
        row("VCARD", -1, KEY, Lane, Read, GENERIC),
        row("VDIM", -1, KEY, Lane, Read, GENERIC),
        row("VEMB", -1, KEY, Lane, Read, GENERIC),
        row("VGETATTR", -1, KEY, Lane, Read, GENERIC),
        row("VINFO", -1, KEY, Lane, Read, NULL_ARRAY),
        row("VISMEMBER", -1, KEY, Lane, Read, GENERIC),
        row("VLINKS", -1, KEY, Lane, Read, GENERIC),
        row("VRANDMEMBER", -1, KEY, Lane, Read, GENERIC),
        row("VRANGE", -1, KEY, Lane, Read, Unproven),
        row("VREM", -1, KEY, Lane, Write, GENERIC),
        row("VSETATTR", -1, KEY, Lane, Write, GENERIC),
        row("VSIM", -1, KEY, Lane, Read, Unless("WITHATTRIBS")),
    ],
);
