//! Streams and their consumer groups.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Stream,
    [
        row("XACK", -4, KEY, Lane, Write, GENERIC),
        row("XACKDEL", -6, KEY, Lane, Write, GENERIC),
        row("XADD", -5, KEY, Lane, Write, GENERIC),
        row("XAUTOCLAIM", -6, KEY, Lane, Write, GENERIC),
        row("XCLAIM", -6, KEY, Lane, Write, GENERIC),
        row("XDEL", -3, KEY, Lane, Write, GENERIC),
        row("XDELEX", -5, KEY, Lane, Write, GENERIC),
        row("XGROUP", -2, NO_KEYS, Container, Unknown, Unproven),
        row("XGROUP|CREATE", -5, KEY_AT_2, Lane, Write, GENERIC),
        row("XGROUP|CREATECONSUMER", 5, KEY_AT_2, Lane, Write, GENERIC),
        row("XGROUP|DELCONSUMER", 5, KEY_AT_2, Lane, Write, GENERIC),
        row("XGROUP|DESTROY", 4, KEY_AT_2, Lane, Write, GENERIC),
        row("XGROUP|HELP", 2, NO_KEYS, Lane, None, GENERIC),
        row("XGROUP|SETID", -5, KEY_AT_2, Lane, Write, GENERIC),
        row("XINFO", -2, NO_KEYS, Container, Unknown, Unproven),
        row("XINFO|CONSUMERS", 4, KEY_AT_2, Lane, Read, GENERIC),
        row("XINFO|GROUPS", 3, KEY_AT_2, Lane, Read, GENERIC),
        row("XINFO|HELP", 2, NO_KEYS, Lane, None, GENERIC),
        row("XINFO|STREAM", -3, KEY_AT_2, Lane, Read, GENERIC),
        row("XLEN", 2, KEY, Lane, Read, GENERIC),
        row("XPENDING", -3, KEY, Lane, Read, As(Conversion::Pending)),
        row("XRANGE", -4, KEY, Lane, Read, NULL_ARRAY),
        row("XREAD", -4, Keys::Streams, Blocking(Option("BLOCK")), Read, STREAMS),
        row("XREADGROUP", -7, Keys::Streams, Blocking(Option("BLOCK")), Write, STREAMS),
        row("XREVRANGE", -4, KEY, Lane, Read, NULL_ARRAY),
        row("XSETID", -3, KEY, Lane, Write, GENERIC),
        row("XTRIM", -4, KEY, Lane, Write, GENERIC),
    ],
);
