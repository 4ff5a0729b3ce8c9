//! Redis's words for what a RESP2 client may not say while it is subscribed.

use crate::command::{Command, Family, Route};
use crate::policy::unknown_command;
use crate::resp::request::Args;
use crate::session::path::Path;

/// Most bytes of a name that an error repeats.
const REPEATED: usize = 128;

/// The error a subscribed RESP2 client gets for `args`; `None`: it may say that.
pub(super) fn restricted(path: &mut Path, command: Option<&Command>, args: &Args<'_>) -> Option<Vec<u8>> {
    let Some(command) = command else {
        return (!crate::session::path::is_attack(args)).then(|| unknown_command(args));
    };
    if command.route == Route::Container && args.len() > 1 {
        let sub = text(args.get(1), REPEATED);
        return Some(
            [b"ERR unknown subcommand '", sub, b"'. Try ", command.name.as_bytes(), b" HELP."].concat(),
        );
    }
    let error = refused(path, command, args)?;
    let aborts = if command.name == "EXEC" { "EXECABORT Transaction discarded because of:" } else { "ERR" };
    Some(format!("{aborts} {error}").into())
}

/// Without its first word.
fn refused(path: &mut Path, command: &Command, args: &Args<'_>) -> Option<String> {
    let mut name = command.name.to_owned();
    // Redis knows those of a module by the names the module gave them.
    if command.family != Family::Vector {
        name.make_ascii_lowercase();
    }
    if !command.arity_ok(args.len()) {
        return Some(format!("wrong number of arguments for '{name}' command"));
    }
    if command.name == "PING" && args.len() > 2 {
        return Some("wrong number of arguments for 'ping' command".into());
    }
    if command.while_subscribed() {
        return None;
    }
    let kinds = if is_older_than_7(path) { "P" } else { "P|S" };
    Some(format!(
        "Can't execute '{name}': only ({kinds})SUBSCRIBE / ({kinds})UNSUBSCRIBE / PING / QUIT / RESET \
         are allowed in this context"
    ))
}

/// Redis 6 knows no shard channels.
fn is_older_than_7(path: &mut Path) -> bool {
    let info = path.lane().link_info();
    let Some(info) = info else { return false };
    let version = info.hello.iter().find(|(name, _)| &name[..] == b"version");
    version.is_some_and(|(_, value)| value.windows(3).any(|w| w == b"\n6."))
}

/// As much of it as is repeated: to Redis it is a C string, which a NUL ends.
fn text(bytes: &[u8], most: usize) -> &[u8] {
    bytes[..bytes.len().min(most)].split(|byte| *byte == 0).next().unwrap_or_default()
}
