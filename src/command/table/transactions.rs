//! Transactions.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Transaction,
    [
        row("DISCARD", 1, NO_KEYS, Pin(Pin::Discard), None, Unproven),
        row("EXEC", 1, NO_KEYS, Pin(Pin::Exec), Unknown, Unproven),
        row("MULTI", 1, NO_KEYS, Pin(Pin::Multi), None, Unproven),
        row("UNWATCH", 1, NO_KEYS, Pin(Pin::Unwatch), None, Unproven),
        row("WATCH", -2, KEYS, Pin(Pin::Watch), None, Unproven),
    ],
);
