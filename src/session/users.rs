//! Nearside's own users: who a client is, and what `ACL` says of it, answered here.
//!
//! The upstream knows one user for all of them. What a client may do is its user's rights' business
//! (`policy`), and is asked for every request; this is about becoming one.

use super::hello::Hello;
use super::local;
use super::path::Path;
use crate::command::{Command, Family, Local, Route, lookup};
use crate::policy::acl::{Details, Dialect, Rights, dryrun_text};
use crate::policy::{Denied, Login};
use crate::resp::request::{Args, encode};
use crate::resp::scan::request::RequestScanner;
use crate::resp::{Proto, reply};

/// What is wrong with an `AUTH` that gives no user while the default one takes any password.
const NO_PASSWORD: &str = "ERR AUTH <password> called without any password configured for the default user. \
    Are you sure your configuration is correct?";
const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";
/// What would change the upstream's users, or show them as if they were ours.
const NOT_HERE: &str = "ERR users are Nearside's own here (`users` in its configuration): change them there";

pub(super) const NOT_IN_MULTI: &str =
    "ERR users are Nearside's own here (`users` in its configuration): not inside a transaction";

pub(super) const NOT_IN_PIECES: &str = "ERR users are Nearside's own here (`users` in its configuration): \
    not in a request of this size (limits.large)";

/// Whether `command` is about users.
pub(super) fn is_about_users(command: &Command) -> bool {
    match command.route {
        Route::Session(Local::Auth | Local::Hello) => true,
        _ => command.family == Family::Server && command.name.starts_with("ACL"),
    }
}

impl Path {
    /// Whether users are Nearside's own.
    #[inline]
    pub(super) fn has_own_users(&self) -> bool {
        self.force.gate.has_users()
    }

    /// `AUTH`: the client is another user from now on, or is told why not.
    pub(super) fn auth(&mut self, args: &Args<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let (user, password) = match args.len() {
            2 => (None, args.get(1)),
            3 => (Some(args.get(1)), args.get(2)),
            1 => {
                reply::error(Denied::Arity("auth".into()).to_string(), &mut out);
                return out;
            }
            _ => {
                reply::error("ERR syntax error", &mut out);
                return out;
            }
        };
        match self.log_in(user, password) {
            Ok(()) => out.extend_from_slice(local::OK),
            Err(text) => reply::error(text, &mut out),
        }
        out
    }

    /// The same, as `HELLO` asks for it; what is left to do is the rest of it.
    pub(super) fn hello_auth(&mut self, hello: &mut Hello) -> Result<(), String> {
        let Some(credential) = hello.credential.take() else { return Ok(()) };
        let password = credential.password.as_ref().map_or("", |secret| secret.expose());
        self.log_in(Some(credential.user().as_bytes()), password.as_bytes())
    }

    fn log_in(&mut self, user: Option<&[u8]>, password: &[u8]) -> Result<(), String> {
        let name = user.unwrap_or(b"default");
        if let Some(text) = self.locked_out(name) {
            return Err(text);
        }
        let login = self.force.gate.login(&self.origin, user, password);
        self.note_login(user.unwrap_or(b"default"), wrong(&login));
        match login {
            Login::Granted(rights, proof) => {
                self.take_seat(&rights).map_err(|full| full.to_string())?;
                self.have(rights);
                self.proof = proof;
                Ok(())
            }
            Login::Open => Err(NO_PASSWORD.into()),
            Login::Wrong => {
                self.failed_to_log_in(name);
                Err(WRONG.into())
            }
            Login::Stranger => Err(Denied::Protected.to_string()),
        }
    }

    /// In whose words it is refused something: the upstream's, as far as it has said who it is.
    pub(super) fn dialect(&self) -> Dialect {
        let is_old = match self.server() {
            Some(info) => !info.is_valkey() && info.version() < [7, 2, 0],
            // It may have been refused before it had a lane. Redis 7.2 is the first to print this field.
            None => {
                let line = &self.worker.shared.habits().line;
                line.has("id") && !line.has("lib-name")
            }
        };
        if is_old { Dialect::Redis70 } else { Dialect::Newer }
    }

    /// What `ACL` answers where users are our own; `None`: it does not concern them.
    pub(super) fn acl(&self, command: &'static Command, args: &Args<'_>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        if matches!(command.name, "ACL" | "ACL|CAT" | "ACL|GENPASS" | "ACL|HELP") {
            return None;
        }
        if !command.arity_ok(args.len()) {
            let name = command.name.to_ascii_lowercase();
            reply::error(Denied::Arity(name).to_string(), &mut out);
            return Some(out);
        }
        let gate = &self.force.gate;
        match command.name {
            "ACL|WHOAMI" => reply::bulk(self.rights.user().as_bytes(), &mut out),
            "ACL|USERS" => texts(gate.users().map(|user| user.name().to_owned()), &mut out),
            "ACL|LIST" => texts(gate.users().map(|user| user.describe()), &mut out),
            "ACL|GETUSER" => match gate.user(args.get(2)) {
                Some(user) => details(&user.details(), self.proto, &mut out),
                None => out.extend_from_slice(reply::null(self.proto)),
            },
            "ACL|DRYRUN" => self.dry_run(args, &mut out),
            _ => reply::error(NOT_HERE, &mut out),
        }
        Some(out)
    }

    fn dry_run(&self, args: &Args<'_>, out: &mut Vec<u8>) {
        let Some(user) = self.force.gate.user(args.get(2)) else {
            let name = String::from_utf8_lossy(args.get(2)).into_owned();
            return reply::error(format!("ERR User '{name}' not found"), out);
        };
        let words: Vec<&[u8]> = (3..args.len()).map(|at| args.get(at)).collect();
        let (request, mut scanner) = (encode(&words), RequestScanner::default());
        // It has been read as arguments already: it is within the limits.
        if scanner.scan(&request, &self.limits()).is_err() {
            return reply::error(Denied::Arity("acl|dryrun".into()).to_string(), out);
        }
        let tried = scanner.args(&request);
        let Some(command) = lookup(&tried) else {
            let name = String::from_utf8_lossy(tried.get(0)).into_owned();
            return reply::error(format!("ERR Command '{name}' not found"), out);
        };
        if !command.arity_ok(tried.len()) {
            let name = command.name.to_ascii_lowercase();
            return reply::error(Denied::Arity(name).to_string(), out);
        }
        match user.decide(Some(command), &tried) {
            Ok(()) => out.extend_from_slice(local::OK),
            Err(refusal) => reply::bulk(&dryrun_text(&refusal, user.name(), &tried, self.dialect()), out),
        }
    }
}

/// What was wrong about it, for those who look after security.
fn wrong(login: &Login) -> Option<&'static str> {
    match login {
        Login::Granted(..) => None,
        Login::Open => Some("no_password_configured"),
        Login::Wrong => Some("wrong_password"),
        Login::Stranger => Some("not_on_this_machine"),
    }
}

fn texts(items: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    let items: Vec<String> = items.collect();
    out.extend_from_slice(format!("*{}\r\n", items.len()).as_bytes());
    items.iter().for_each(|item| reply::bulk(item.as_bytes(), out));
}

/// `ACL GETUSER`'s reply: flags, passwords, commands, keys, channels, selectors.
fn details(details: &Details, proto: Proto, out: &mut Vec<u8>) {
    let map = |fields: usize, out: &mut Vec<u8>| match proto {
        Proto::Resp2 => out.extend_from_slice(format!("*{}\r\n", fields * 2).as_bytes()),
        Proto::Resp3 => out.extend_from_slice(format!("%{fields}\r\n").as_bytes()),
    };
    let rights = |rights: &Rights, out: &mut Vec<u8>| {
        let parts = [("commands", &rights.commands), ("keys", &rights.keys), ("channels", &rights.channels)];
        for (name, value) in parts {
            reply::bulk(name.as_bytes(), out);
            reply::bulk(value.as_bytes(), out);
        }
    };
    map(6, out);
    reply::bulk(b"flags", out);
    let set = if proto == Proto::Resp3 { '~' } else { '*' };
    out.extend_from_slice(format!("{set}{}\r\n", details.flags.len()).as_bytes());
    details.flags.iter().for_each(|flag| reply::bulk(flag.as_bytes(), out));
    reply::bulk(b"passwords", out);
    texts(details.passwords.iter().cloned(), out);
    rights(&details.root, out);
    reply::bulk(b"selectors", out);
    out.extend_from_slice(format!("*{}\r\n", details.selectors.len()).as_bytes());
    for selector in &details.selectors {
        map(3, out);
        rights(selector, out);
    }
}

/// `HELLO` without the part that says who the client is.
pub(super) fn without_auth(args: &Args<'_>) -> Vec<u8> {
    let mut words: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    while at < args.len() {
        if at >= 2 && args.is(at, "AUTH") {
            at += 3;
        } else {
            let takes_name = at >= 2 && args.is(at, "SETNAME");
            words.extend((at..args.len()).take(1 + usize::from(takes_name)).map(|i| args.get(i)));
            at += 1 + usize::from(takes_name);
        }
    }
    encode(&words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::scan::request::Limits;

    #[test]
    fn hello_is_left_without_its_auth_whatever_the_names() {
        let limits = Limits { max_bulk: 1 << 20, max_multibulk: 64, large: 1 << 20, unauthenticated: false };
        let left = |words: &str| {
            let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
            let (request, mut scanner) = (encode(&words), RequestScanner::default());
            scanner.scan(&request, &limits).unwrap();
            without_auth(&scanner.args(&request))
        };
        assert_eq!(left("HELLO 3 AUTH u p SETNAME n"), encode(&[b"HELLO", b"3", b"SETNAME", b"n"]));
        assert_eq!(left("HELLO 3 SETNAME AUTH AUTH u p"), encode(&[b"HELLO", b"3", b"SETNAME", b"AUTH"]));
        assert_eq!(left("HELLO 2"), encode(&[b"HELLO", b"2"]));
    }
}
