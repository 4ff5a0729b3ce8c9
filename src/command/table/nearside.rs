//! Nearside's own.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Nearside,
    [
        row("NEARSIDE", -1, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|CACHE", -3, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|CLIENTS", -2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|CONFIG", -2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|DRAIN", 2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|EXPLAIN", -3, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|HEALTH", 2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|HELP", 2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|HOTKEYS", -2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|INFO", 2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|MONITOR", 3, NO_KEYS, Pin(Pin::MonitorUpstream), None, Unproven),
        row("NEARSIDE|PROBE", 3, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|RELOAD", 2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
        row("NEARSIDE|SLOWLOG", -2, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven),
    ],
);
