//! Scripts and functions. A script sees RESP2 replies whatever its caller speaks, and its own reply
//! goes type by type (proven in `tests/convert/talks/scripts.txt`).

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Script,
    [
        row("EVAL", -3, Keys::Declared { at: 2 }, Lane, Unknown, GENERIC),
        row("EVALSHA", -3, Keys::Declared { at: 2 }, Lane, Unknown, GENERIC),
        row("EVALSHA_RO", -3, Keys::Declared { at: 2 }, Lane, Read, GENERIC),
        row("EVAL_RO", -3, Keys::Declared { at: 2 }, Lane, Read, GENERIC),
        row("FCALL", -3, Keys::Declared { at: 2 }, Lane, Unknown, GENERIC),
        row("FCALL_RO", -3, Keys::Declared { at: 2 }, Lane, Read, GENERIC),
        row("FUNCTION", -2, NO_KEYS, Container, Unknown, Unproven),
        row("FUNCTION|DELETE", 3, NO_KEYS, Lane, Elsewhere, GENERIC),
        row("FUNCTION|DUMP", 2, NO_KEYS, Lane, None, GENERIC),
        row("FUNCTION|FLUSH", -2, NO_KEYS, Lease, Elsewhere, GENERIC),
        row("FUNCTION|HELP", 2, NO_KEYS, Lane, None, GENERIC),
        row("FUNCTION|KILL", 2, NO_KEYS, Control, Elsewhere, GENERIC),
        row("FUNCTION|LIST", -2, NO_KEYS, Lane, None, GENERIC),
        row("FUNCTION|LOAD", -3, NO_KEYS, Lane, Elsewhere, GENERIC),
        row("FUNCTION|RESTORE", -3, NO_KEYS, Lease, Elsewhere, GENERIC),
        row("FUNCTION|STATS", 2, NO_KEYS, Control, None, GENERIC),
        row("SCRIPT", -2, NO_KEYS, Container, Unknown, Unproven),
        row("SCRIPT|DEBUG", -3, NO_KEYS, Refused, Elsewhere, Unproven),
        row("SCRIPT|EXISTS", -3, NO_KEYS, Lane, None, GENERIC),
        row("SCRIPT|FLUSH", -2, NO_KEYS, Lease, Elsewhere, GENERIC),
        row("SCRIPT|HELP", 2, NO_KEYS, Lane, None, GENERIC),
        row("SCRIPT|KILL", 2, NO_KEYS, Control, Elsewhere, GENERIC),
        row("SCRIPT|LOAD", 3, NO_KEYS, Lane, Elsewhere, GENERIC),
        row("SCRIPT|SHOW", 3, NO_KEYS, Lane, None, GENERIC),
    ],
);
