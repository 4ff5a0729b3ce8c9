//! HyperLogLogs.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Hll,
    [
        row("PFADD", -2, KEY, Lane, Write, GENERIC),
        row("PFCOUNT", -2, KEYS, Lane, Write, GENERIC),
        row("PFDEBUG", 3, KEY_AT_2, Lease, Write, Unproven),
        row("PFMERGE", -2, KEYS, Lane, Write, GENERIC),
        row("PFSELFTEST", 1, NO_KEYS, Lease, None, GENERIC),
    ],
);
