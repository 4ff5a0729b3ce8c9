//! The rows, a file per family.

use super::Command;

/// Every row.
pub(super) static ROWS: &[Command] = &[];
