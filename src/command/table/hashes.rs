//! Hashes, their fields' expiry included.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Hash,
    [
        row("HDEL", -3, KEY, Lane, Write, GENERIC),
        row("HEXISTS", 3, KEY, Lane, Read, GENERIC),
        row("HEXPIRE", -6, KEY, Lane, Write, GENERIC),
        row("HEXPIREAT", -6, KEY, Lane, Write, GENERIC),
        row("HEXPIRETIME", -5, KEY, Lane, Read, GENERIC),
        row("HGET", 3, KEY, Lane, Read, GENERIC),
        row("HGETALL", 2, KEY, Lane, Read, GENERIC),
        row("HGETDEL", -5, KEY, Lane, Write, GENERIC),
        row("HGETEX", -5, KEY, Lane, Write, GENERIC),
        row("HINCRBY", 4, KEY, Lane, Write, GENERIC),
        row("HINCRBYFLOAT", 4, KEY, Lane, Write, GENERIC),
        row("HKEYS", 2, KEY, Lane, Read, GENERIC),
        row("HLEN", 2, KEY, Lane, Read, GENERIC),
        row("HMGET", -3, KEY, Lane, Read, GENERIC),
        row("HMSET", -4, KEY, Lane, Write, GENERIC),
        row("HPERSIST", -5, KEY, Lane, Write, GENERIC),
        row("HPEXPIRE", -6, KEY, Lane, Write, GENERIC),
        row("HPEXPIREAT", -6, KEY, Lane, Write, GENERIC),
        row("HPEXPIRETIME", -5, KEY, Lane, Read, GENERIC),
        row("HPTTL", -5, KEY, Lane, Read, GENERIC),
        row("HRANDFIELD", -2, KEY, Lane, Read, PAIRS),
        row("HSCAN", -3, KEY, Lane, Read, GENERIC),
        row("HSET", -4, KEY, Lane, Write, GENERIC),
        row("HSETEX", -6, KEY, Lane, Write, GENERIC),
        row("HSETNX", 4, KEY, Lane, Write, GENERIC),
        row("HSTRLEN", 3, KEY, Lane, Read, GENERIC),
        row("HTTL", -5, KEY, Lane, Read, GENERIC),
        row("HVALS", 2, KEY, Lane, Read, GENERIC),
    ],
);
