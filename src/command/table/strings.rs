//! Strings.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::String,
    [
        row("APPEND", 3, KEY, Lane, Write, GENERIC),
        row("DECR", 2, KEY, Lane, Write, GENERIC),
        row("DECRBY", 3, KEY, Lane, Write, GENERIC),
        row("DELEX", -2, KEY, Lane, Write, Unproven),
        row("DELIFEQ", 3, KEY, Lane, Write, GENERIC),
        row("DIGEST", 2, KEY, Lane, Read, Unproven),
        row("GET", 2, KEY, Lane, Read, GENERIC),
        row("GETDEL", 2, KEY, Lane, Write, GENERIC),
        row("GETEX", -2, KEY, Lane, Write, GENERIC),
        row("GETRANGE", 4, KEY, Lane, Read, GENERIC),
        row("GETSET", 3, KEY, Lane, Write, GENERIC),
        row("INCR", 2, KEY, Lane, Write, GENERIC),
        row("INCRBY", 3, KEY, Lane, Write, GENERIC),
        row("INCRBYFLOAT", 3, KEY, Lane, Write, GENERIC),
        row("LCS", -3, TWO_KEYS, Lane, Read, GENERIC),
        row("MGET", -2, KEYS, Lane, Read, GENERIC),
        row("MSET", -3, range(1, -1, 2), Lane, Write, GENERIC),
        row("MSETEX", -4, Keys::Counted { at: 1, step: 2 }, Lane, Write, GENERIC),
        row("MSETNX", -3, range(1, -1, 2), Lane, Write, GENERIC),
        row("PSETEX", 4, KEY, Lane, Write, GENERIC),
        row("SET", -3, KEY, Lane, Write, GENERIC),
        row("SETEX", 4, KEY, Lane, Write, GENERIC),
        row("SETNX", 3, KEY, Lane, Write, GENERIC),
        row("SETRANGE", 4, KEY, Lane, Write, GENERIC),
        row("STRLEN", 2, KEY, Lane, Read, GENERIC),
        row("SUBSTR", 4, KEY, Lane, Read, GENERIC),
    ],
);
