//! `HELLO`: the options a client may give, and the reply it gets.

use bytes::Bytes;

use super::path::Path;
use crate::resp::convert::{Conversion, convert};
use crate::resp::request::Args;
use crate::resp::{Proto, reply};
use crate::upstream::Credential;

/// A `HELLO` whose options make sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// The protocol asked for; `None` keeps the one in use.
    pub(super) proto: Option<Proto>,
    /// `AUTH`'s user and password.
    pub(super) credential: Option<Credential>,
    /// `SETNAME`'s name.
    pub(super) name: Option<Bytes>,
}

/// Reads the options of `HELLO`; the error is Redis's.
pub(super) fn parse(args: &Args<'_>) -> Result<Hello, String> {
    let mut hello = Hello { proto: None, credential: None, name: None };
    if args.len() > 1 {
        let version = super::local::integer(args.get(1))
            .ok_or("ERR Protocol version is not an integer or out of range")?;
        hello.proto = Some(match version {
            2 => Proto::Resp2,
            3 => Proto::Resp3,
            _ => return Err("NOPROTO unsupported protocol version".into()),
        });
    }
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "AUTH") && left >= 2 {
            hello.credential = Some(super::local::credential(Some(args.get(at + 1)), args.get(at + 2)));
            at += 3;
        } else if args.is(at, "SETNAME") && left >= 1 {
            let name = args.get(at + 1);
            super::local::check_name(name)?;
            hello.name = Some(Bytes::copy_from_slice(name));
            at += 2;
        } else {
            return Err(format!(
                "ERR Syntax error in HELLO option '{}'",
                String::from_utf8_lossy(args.get(at))
            ));
        }
    }
    Ok(hello)
}

/// The answer to `hello`, if it can be given here; `None`: the upstream has to be asked.
pub(super) fn answer(path: &mut Path, mut hello: Hello) -> Option<Vec<u8>> {
    if path.has_own_users()
        && let Err(text) = path.hello_auth(&mut hello)
    {
        let mut out = Vec::new();
        reply::error(text, &mut out);
        return Some(out);
    }
    if hello.credential.is_some() {
        return None;
    }
    let info = path.lane().link_info().filter(|info| !info.hello.is_empty())?;
    apply(path, hello);
    Some(compose(path, &info.hello))
}

/// What a granted `HELLO` changes.
pub(super) fn apply(path: &mut Path, hello: Hello) {
    if let Some(proto) = hello.proto {
        path.speak(proto);
    }
    if let Some(name) = hello.name {
        path.client.card.names().name = name;
    }
    if let Some(credential) = hello.credential {
        path.become_user(credential);
    }
}

/// The server's own fields, with the client's protocol and id in place of our connection's.
pub(super) fn compose(path: &Path, fields: &[(Bytes, Bytes)]) -> Vec<u8> {
    let mut out = match path.proto {
        Proto::Resp2 => format!("*{}\r\n", fields.len() * 2),
        Proto::Resp3 => format!("%{}\r\n", fields.len()),
    }
    .into_bytes();
    for (name, value) in fields {
        reply::bulk(name, &mut out);
        match (&name[..], path.proto) {
            (b"proto", proto) => out.extend_from_slice(format!(":{}\r\n", proto.number()).as_bytes()),
            (b"id", _) => out.extend_from_slice(format!(":{}\r\n", path.client.id).as_bytes()),
            (_, Proto::Resp2) => convert(Conversion::Generic, value, &mut out),
            (_, Proto::Resp3) => out.extend_from_slice(value),
        }
    }
    out
}
