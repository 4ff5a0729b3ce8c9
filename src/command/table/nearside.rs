//! Nearside's own.

use super::row::*;

pub(super) const ROWS: &[Command] =
    &of(Family::Nearside, [row("NEARSIDE", -1, NO_KEYS, Session(Local::Nearside), Elsewhere, Unproven)]);
