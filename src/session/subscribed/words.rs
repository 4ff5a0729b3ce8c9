//! Redis's words for what a RESP2 client may not say while it is subscribed.

use std::fmt::Write as _;

use crate::command::{Command, Route};
use crate::resp::request::Args;
use crate::session::path::Path;

/// Most bytes of a name, and of all arguments, that an error repeats.
const REPEATED: usize = 128;

/// The error a subscribed RESP2 client gets for `args`; `None`: it may say that.
pub(super) fn restricted(path: &mut Path, command: Option<&Command>, args: &Args<'_>) -> Option<String> {
    let Some(command) = command else {
        return (!crate::session::path::is_attack(args)).then(|| unknown(args));
    };
    if command.route == Route::Container && args.len() > 1 {
        let (sub, name) = (text(args.get(1), REPEATED), command.name);
        return Some(format!("ERR unknown subcommand '{sub}'. Try {name} HELP."));
    }
    let name = command.name.to_ascii_lowercase();
    if !command.arity_ok(args.len()) {
        return Some(format!("ERR wrong number of arguments for '{name}' command"));
    }
    if command.name == "PING" && args.len() > 2 {
        return Some("ERR wrong number of arguments for 'ping' command".into());
    }
    if command.while_subscribed() {
        return None;
    }
    let kinds = if is_older_than_7(path) { "P" } else { "P|S" };
    Some(format!(
        "ERR Can't execute '{name}': only ({kinds})SUBSCRIBE / ({kinds})UNSUBSCRIBE / PING / QUIT / RESET \
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

fn unknown(args: &Args<'_>) -> String {
    let mut said = String::new();
    for argument in args.iter().skip(1) {
        if said.len() >= REPEATED {
            break;
        }
        let _ = write!(said, "'{}' ", text(argument, REPEATED - said.len()));
    }
    format!("ERR unknown command '{}', with args beginning with: {said}", text(args.get(0), REPEATED))
}

fn text(bytes: &[u8], most: usize) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(most)]).into_owned()
}
