//! From a name as a client wrote it to its row.

use super::{Command, table};
use crate::resp::request::Args;

/// The row of the command `args` asks for; for a container the subcommand's row, or the
/// container's own when the subcommand is unknown or missing. ASCII case is ignored. `None`: no
/// such command here (a module's, or a newer server's).
pub fn lookup(args: &Args<'_>) -> Option<&'static Command> {
    let _ = args;
    None
}

/// Every row, subcommands included.
pub fn all() -> impl ExactSizeIterator<Item = &'static Command> {
    table::ROWS.iter()
}
