//! Lists.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::List,
    [
        row("BLMOVE", 6, TWO_KEYS, Blocking(Always), Write, NULL_ARRAY),
        row("BLMPOP", -5, counted(2), Blocking(Always), Write, NULL_ARRAY),
        row("BLPOP", -3, range(1, -2, 1), Blocking(Always), Write, NULL_ARRAY),
        row("BRPOP", -3, range(1, -2, 1), Blocking(Always), Write, NULL_ARRAY),
        row("BRPOPLPUSH", 4, TWO_KEYS, Blocking(Always), Write, NULL_ARRAY),
        row("LINDEX", 3, KEY, Lane, Read, GENERIC),
        row("LINSERT", 5, KEY, Lane, Write, GENERIC),
        row("LLEN", 2, KEY, Lane, Read, GENERIC),
        row("LMOVE", 5, TWO_KEYS, Lane, Write, GENERIC),
        row("LMPOP", -4, counted(1), Lane, Write, NULL_ARRAY),
        row("LPOP", -2, KEY, Lane, Write, Longer { than: 2, more: Conversion::NullArray }),
        row("LPOS", -3, KEY, Lane, Read, GENERIC),
        row("LPUSH", -3, KEY, Lane, Write, GENERIC),
        row("LPUSHX", -3, KEY, Lane, Write, GENERIC),
        row("LRANGE", 4, KEY, Lane, Read, GENERIC),
        row("LREM", 4, KEY, Lane, Write, GENERIC),
        row("LSET", 4, KEY, Lane, Write, GENERIC),
        row("LTRIM", 4, KEY, Lane, Write, GENERIC),
        row("RPOP", -2, KEY, Lane, Write, Longer { than: 2, more: Conversion::NullArray }),
        row("RPOPLPUSH", 3, TWO_KEYS, Lane, Write, GENERIC),
        row("RPUSH", -3, KEY, Lane, Write, GENERIC),
        row("RPUSHX", -3, KEY, Lane, Write, GENERIC),
    ],
);
