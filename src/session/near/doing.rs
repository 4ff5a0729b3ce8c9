//! What a command does to what is kept.

use crate::command::{Command, Effect, Family, Keys};
use crate::resp::request::Args;

/// What a command does, as far as the cache is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing.
    Nothing,
    /// It changes the keys it names and no others.
    Keys,
    /// It may change any key.
    Unknown,
    /// It may change all keys at once, or which server, or database, is talked to; `announced`: the server
    /// tells everybody.
    Global { announced: bool },
    /// It may change who sees what.
    Rights,
}

/// What `args` does, whose row is `command` (`None`: nobody knows). `declare`: scripts write the keys they
/// are given and no others.
#[inline]
pub(super) fn doing(command: Option<&Command>, args: &Args<'_>, declare: bool) -> Doing {
    let Some(command) = command else { return Doing::Unknown };
    match command.effect {
        Effect::None | Effect::Read => Doing::Nothing,
        Effect::Write if command.keys_complete(args) => Doing::Keys,
        Effect::Unknown if declare && matches!(command.keys, Keys::Declared { .. }) => Doing::Keys,
        Effect::Write | Effect::Unknown => Doing::Unknown,
        Effect::Global => Doing::Global { announced: matches!(command.name, "FLUSHALL" | "FLUSHDB") },
        Effect::Elsewhere if command.family == Family::Server && command.name.starts_with("ACL|") => {
            Doing::Rights
        }
        Effect::Elsewhere => Doing::Nothing,
    }
}
