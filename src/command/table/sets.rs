//! Sets.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Set,
    [
        row("SADD", -3, KEY, Lane, Write, GENERIC),
        row("SCARD", 2, KEY, Lane, Read, GENERIC),
        row("SDIFF", -2, KEYS, Lane, Read, GENERIC),
        row("SDIFFSTORE", -3, KEYS, Lane, Write, GENERIC),
        row("SINTER", -2, KEYS, Lane, Read, GENERIC),
        row("SINTERCARD", -3, counted(1), Lane, Read, GENERIC),
        row("SINTERSTORE", -3, KEYS, Lane, Write, GENERIC),
        row("SISMEMBER", 3, KEY, Lane, Read, GENERIC),
        row("SMEMBERS", 2, KEY, Lane, Read, GENERIC),
        row("SMISMEMBER", -3, KEY, Lane, Read, GENERIC),
        row("SMOVE", 4, TWO_KEYS, Lane, Write, GENERIC),
        row("SPOP", -2, KEY, Lane, Write, GENERIC),
        row("SRANDMEMBER", -2, KEY, Lane, Read, GENERIC),
        row("SREM", -3, KEY, Lane, Write, GENERIC),
        row("SSCAN", -3, KEY, Lane, Read, GENERIC),
        row("SUNION", -2, KEYS, Lane, Read, GENERIC),
        row("SUNIONSTORE", -3, KEYS, Lane, Write, GENERIC),
    ],
);
