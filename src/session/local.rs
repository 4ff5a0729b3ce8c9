//! The commands a session answers itself, and the words it has for failures.

use super::path::Path;
use super::{hello, nearside};
use crate::command::{Command, Family, Local};
use crate::config::Secret;
use crate::resp::reply;
use crate::resp::request::Args;
use crate::upstream::{Credential, Failure, Shared};

/// `+OK`.
pub(super) const OK: &[u8] = b"+OK\r\n";

/// The answer to a session command, if it can be given here. `None`: the upstream has to be asked,
/// because it must verify something, or because the command is wrong in a way it words best.
pub(super) fn answer(path: &mut Path, which: Local, args: &Args<'_>) -> Option<Vec<u8>> {
    if which == Local::Auth && path.has_own_users() {
        return Some(path.auth(args));
    }
    if path.must_authenticate() && which != Local::Hello && which != Local::Reset {
        return None;
    }
    let count = args.len();
    match which {
        Local::Hello => match hello::parse(args) {
            Ok(hello) => hello::answer(path, hello),
            Err(text) => Some(error(&text)),
        },
        Local::Select => {
            (count == 2 && integer(args.get(1)) == Some(i64::from(path.db))).then(|| OK.to_vec())
        }
        Local::Reset if count == 1 => {
            path.reset();
            Some(b"+RESET\r\n".to_vec())
        }
        Local::Nearside if nearside::is_private(args) && !path.is_let_in() => None,
        Local::Nearside => nearside::answer(path, args),
        _ => None,
    }
}

/// Appends the error a client gets for a request that failed upstream.
pub(super) fn failure(failure: &Failure, out: &mut Vec<u8>) {
    match failure {
        Failure::Refused(text) => reply::error(text, out),
        other => reply::error(format!("{} {other}", other.code()), out),
    }
}

/// Appends the error for a command that makes no sense through a proxy.
pub(super) fn refused(name: &str, out: &mut Vec<u8>) {
    let text =
        format!("ERR {name} is refused: replication goes to the upstream itself, not through Nearside");
    reply::error(&text, out);
}

/// Whether this `INFO` asks for nothing but our section.
pub(super) fn is_ours_alone(args: &Args<'_>) -> bool {
    args.len() == 2 && args.is(1, "nearside")
}

/// Whether this `INFO` asks for our section too.
pub(super) fn includes_ours(args: &Args<'_>) -> bool {
    args.len() == 1
        || (1..args.len()).any(|i| ["default", "all", "everything", "nearside"].iter().any(|s| args.is(i, s)))
}

/// Whether this may change who is let in without a password, or whether we are, who are `own` to the
/// upstream.
#[inline]
pub(super) fn changes_terms(command: &Command, args: &Args<'_>, shared: &Shared) -> bool {
    command.family == Family::Server && is_about_terms(command, args, shared)
}

fn is_about_terms(command: &Command, args: &Args<'_>, shared: &Shared) -> bool {
    match command.name {
        "ACL|SETUSER" => args.is(2, "default") || args.get(2) == shared.own_user().as_bytes(),
        "ACL|DELUSER" => {
            let own = shared.own_user();
            args.iter().skip(2).any(|user| user == own.as_bytes())
        }
        "ACL|LOAD" => true,
        "CONFIG|SET" => (2..args.len()).step_by(2).any(|at| args.is(at, "requirepass")),
        _ => false,
    }
}

/// A decimal integer as Redis reads one.
pub(super) fn integer(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let value: i64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

/// A client's own credential.
pub(super) fn credential(user: Option<&[u8]>, password: &[u8]) -> Credential {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let username = user.map(text).filter(|user| user != "default");
    Credential { username, password: Some(Secret::new(text(password))), terms: 0 }
}

/// Redis's rule for the names of clients and libraries.
pub(super) fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|b| (b'!'..=b'~').contains(b))
}

/// The same, as an error for `HELLO`.
pub(super) fn check_name(name: &[u8]) -> Result<(), String> {
    if is_plain(name) {
        return Ok(());
    }
    Err("ERR Client names cannot contain spaces, newlines or special characters.".into())
}

/// Whether this `NEARSIDE MONITOR` is one.
pub(super) fn is_monitor_upstream(args: &Args<'_>) -> bool {
    args.len() == 3 && args.is(2, "UPSTREAM")
}

fn error(text: &str) -> Vec<u8> {
    encoded(|out| reply::error(text, out))
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}
