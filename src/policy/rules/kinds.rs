//! Which commands the rules about writing and about scripts concern.

use crate::command::{Command, Effect, Keys, Route};

/// What changes something other than data, and may be run where nothing may be written: messages, other
/// clients' connections, scripts that are only kept, logs and counters, saving what there is. The rest of
/// that kind changes what the server is to everybody (its configuration, users, modules, functions).
const HARMLESS: [&str; 21] = [
    "ACL|LOG",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLIENT|KILL",
    "CLIENT|PAUSE",
    "CLIENT|UNBLOCK",
    "CLIENT|UNPAUSE",
    "COMMANDLOG|RESET",
    "CONFIG|RESETSTAT",
    "FUNCTION|KILL",
    "LATENCY|RESET",
    "MEMORY|PURGE",
    "PUBLISH",
    "REPLCONF",
    "SAVE",
    "SCRIPT|DEBUG",
    "SCRIPT|KILL",
    "SCRIPT|LOAD",
    "SLOWLOG|RESET",
    "SPUBLISH",
    "TOUCH",
];

/// Whether `command` (`None`: one that is not known here) may write. As on a read-only replica of Redis
/// `SORT` does, whether or not it stores (`SORT_RO` does not), and a script may unless it is run by
/// `EVAL_RO`, `EVALSHA_RO` or `FCALL_RO`.
pub(super) fn writes(command: Option<&Command>) -> bool {
    let Some(command) = command else { return true };
    match command.effect {
        Effect::None | Effect::Read => false,
        Effect::Write | Effect::Global => true,
        // `EXEC` does nothing of its own; a subcommand that is not known here may do anything.
        Effect::Unknown => is_script(command) || command.route == Route::Container,
        Effect::Elsewhere => {
            !HARMLESS.contains(&command.name) && !matches!(command.route, Route::Session(_) | Route::Refused)
        }
    }
}

/// Whether `command` runs a script or a function, which may do what its caller may not, on keys that it does
/// not name.
pub(super) fn is_script(command: &Command) -> bool {
    matches!(command.keys, Keys::Declared { .. })
}

/// Whether `command` runs a script or a function, or changes functions that others run: who may not touch
/// every key may not touch them all by those either.
pub(in crate::policy) fn may_touch_any_key(command: &Command) -> bool {
    is_script(command)
        || matches!(command.name, "FUNCTION|LOAD" | "FUNCTION|RESTORE" | "FUNCTION|DELETE" | "FUNCTION|FLUSH")
}

/// Whether `command` runs a script or brings one.
pub(super) fn is_about_scripts(command: &Command) -> bool {
    is_script(command) || matches!(command.name, "SCRIPT|LOAD" | "FUNCTION|LOAD" | "FUNCTION|RESTORE")
}
