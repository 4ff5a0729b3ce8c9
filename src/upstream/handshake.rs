//! The first words on a new upstream connection: protocol, credential, database.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};

use super::info::{Habits, ServerInfo, Tracking};
use super::outgoing::Outgoing;
use super::{ClientLine, Credential, Failure};
use crate::config::Secret;
use crate::net::tls::ClientTls;
use crate::net::{Peer, ReadHalf, Stream};
use crate::resp::Proto;
use crate::resp::rename::Names;
use crate::resp::request::encode;
use crate::resp::scan::reply::{Fed, ReplyScanner};

/// The name our connections carry in the upstream's `CLIENT LIST`.
const NAME: &[u8] = b"nearside";
/// Largest reply a greeting may get; anything more is not a Redis.
const MAX_REPLY: usize = 64 * 1024;

/// What is asked of a new connection.
pub(super) struct Greeting<'a> {
    pub(super) proto: Proto,
    pub(super) db: u32,
    pub(super) credential: &'a Credential,
    /// Who selects the database if the credential may not: in Redis a client keeps the database it
    /// had before it authenticated, whether or not its new user may `SELECT`.
    pub(super) base: &'a Credential,
    /// What is known of the server already.
    pub(super) known: Option<Arc<Habits>>,
    /// Whether it is asked again. Not by a client of few rights, if that can be helped: each refusal
    /// leaves an entry in `ACL LOG`.
    pub(super) asks: bool,
    /// Whether it is to be told of changes to what it reads.
    pub(super) track: bool,
    /// What the server calls commands; `None`: what Redis calls them.
    pub(super) names: Option<&'a Arc<Names>>,
    /// How TLS is spoken, if it is.
    pub(super) tls: Option<&'a ClientTls>,
}

impl Greeting<'_> {
    /// Why nothing was heard from `peer` at all.
    fn explain(&self, error: &io::Error, peer: Peer) -> Failure {
        let reason = match (self.tls, peer) {
            (Some(tls), _) => tls.explain_early_loss(error).unwrap_or_else(|| error.to_string()),
            (None, Peer::Tcp(_)) => {
                format!(
                    "{error}; if it speaks TLS there, set upstream.ssl = true (REDIS_SSL=true) or rediss://"
                )
            }
            (None, Peer::Unix) => error.to_string(),
        };
        Failure::Lost { reason }
    }

    /// The server's refusal of our greeting, with the settings to look at where they are ours.
    fn refused(&self, text: String) -> Failure {
        let ours = self.credential == self.base && text.starts_with("WRONGPASS");
        if !ours {
            return Failure::Refused(text);
        }
        let user = self.credential.user();
        Failure::Refused(format!(
            "{text} (the upstream refuses Nearside's own user {user}: see upstream.username and \
             upstream.password, REDIS_USERNAME and REDIS_PASSWORD, or the user and password in the URI)"
        ))
    }
}

/// A connection that has been greeted and is ready for commands.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) read: ReadHalf,
    pub(super) write: Outgoing,
    /// The protocol the server agreed to: RESP2 if it knows no other, or wants a password first.
    pub(super) proto: Proto,
    pub(super) info: Rc<ServerInfo>,
    pub(super) generation: u64,
    pub(super) peer: Peer,
}

/// Greets the server at the other end of `stream`. Cancelling closes it.
pub(super) async fn greet(stream: Stream, greeting: &Greeting<'_>, generation: u64) -> Result<Link, Failure> {
    let peer = stream.peer();
    let (read, write) = stream.split();
    let write = Outgoing::new(write, greeting.names);
    let mut talk = Talk { read, write, buf: BytesMut::new() };
    let mut words = hello(greeting.proto, greeting.credential);
    let db = greeting.db.to_string();
    if greeting.db != 0 {
        words.extend(encode(&[b"SELECT", db.as_bytes()]));
    }
    if greeting.asks {
        words.extend(encode(&[b"CONFIG", b"GET", b"timeout"]));
        words.extend(encode(&[b"CLIENT", b"INFO"]));
    }
    let answer = talk.begin(&words).await.map_err(|error| greeting.explain(&error, peer))?;
    let proto = match error_text(&answer) {
        None => greeting.proto,
        // Without a password it can do nothing but say so; its errors are the client's to see.
        Some(text) if text.starts_with("NOAUTH") => Proto::Resp2,
        Some(text) if text.starts_with("ERR unknown command") || text.starts_with("NOPROTO") => {
            return Err(Failure::Refused(format!(
                "ERR the upstream does not speak RESP3 (Redis 6 or Valkey is needed): {text}"
            )));
        }
        // These pass by themselves.
        Some(reason)
            if ["ERR max number of clients", "LOADING", "MASTERDOWN"]
                .iter()
                .any(|s| reason.starts_with(s)) =>
        {
            return Err(Failure::Lost { reason });
        }
        Some(text) => return Err(greeting.refused(text)),
    };
    let mut refused = None;
    let authenticated = error_text(&answer).is_none();
    if greeting.db != 0 {
        let selected = talk.hear().await?;
        refused = error_text(&selected).filter(|_| authenticated);
    }
    let mut habits = greeting.known.clone().unwrap_or_default();
    if greeting.asks {
        let timeout = server_timeout(&talk.hear().await?);
        // One that is busy with a script does not say.
        if let Some(line) = ClientLine::learn(&talk.hear().await?) {
            habits = Arc::new(Habits { timeout, line });
        }
    }
    if let Some(text) = refused {
        if !text.starts_with("NOPERM") || greeting.base == greeting.credential {
            return Err(Failure::Refused(text));
        }
        select_as_base(&mut talk, greeting).await?;
    }
    let mut info = ServerInfo { hello: ServerInfo::fields(&answer), habits, ..ServerInfo::default() };
    if greeting.track && proto == Proto::Resp3 {
        let is_base = greeting.credential == greeting.base;
        info.tracking = track(&mut talk, &info, is_base).await?;
    }
    Ok(Link { read: talk.read, write: talk.write, proto, info: Rc::new(info), generation, peer })
}

/// Has the server tell this connection of changes, and not drop it for the memory that takes.
async fn track(talk: &mut Talk, info: &ServerInfo, is_base: bool) -> Result<Tracking, Failure> {
    if !info.can_track() {
        let [major, minor, patch] = info.version();
        let text = format!("the upstream is Redis {major}.{minor}.{patch}; 6.2.7 or Valkey is needed");
        return Ok(Tracking::Impossible(text));
    }
    let mut words = encode(&[b"CLIENT", b"TRACKING", b"ON", b"OPTIN"]);
    // Each refusal leaves an entry in the upstream's ACL LOG, and few users may have this.
    if is_base {
        words.splice(..0, encode(&[b"CLIENT", b"NO-EVICT", b"ON"]));
    }
    talk.say(&words).await?;
    if is_base {
        // Nor has every server it.
        talk.hear().await?;
    }
    Ok(error_text(&talk.hear().await?).map_or(Tracking::On, Tracking::Impossible))
}

/// Selects as the base credential and comes back to the connection's own.
async fn select_as_base(talk: &mut Talk, greeting: &Greeting<'_>) -> Result<(), Failure> {
    // Without a password of its own the default user takes any.
    let password = greeting.base.password.clone().unwrap_or_else(|| Secret::new(""));
    let base = Credential { username: greeting.base.username.clone(), password: Some(password), terms: 0 };
    let mut words = hello(greeting.proto, &base);
    words.extend(encode(&[b"SELECT", greeting.db.to_string().as_bytes()]));
    words.extend(hello(greeting.proto, greeting.credential));
    talk.say(&words).await?;
    for _ in 0..3 {
        if let Some(text) = error_text(&talk.hear().await?) {
            return Err(Failure::Refused(text));
        }
    }
    Ok(())
}

fn hello(proto: Proto, credential: &Credential) -> Vec<u8> {
    let version = [b'0' + proto.number()];
    let mut words: Vec<&[u8]> = vec![b"HELLO", &version];
    if let Some(password) = &credential.password {
        let user = credential.username.as_deref().unwrap_or("default");
        words.extend([b"AUTH", user.as_bytes(), password.expose().as_bytes()]);
    }
    words.extend([b"SETNAME", NAME]);
    encode(&words)
}

/// A conversation of one question and one answer at a time.
struct Talk {
    read: ReadHalf,
    write: Outgoing,
    buf: BytesMut,
}

impl Talk {
    /// The first words and the answer to them. A server that hangs up on them may have said why before.
    async fn begin(&mut self, words: &[u8]) -> io::Result<Bytes> {
        let said = self.write.write_all(words).await;
        let heard = hear_reply(&mut self.read, &mut self.buf).await?;
        said.map(|()| heard)
    }

    async fn say(&mut self, words: &[u8]) -> Result<(), Failure> {
        self.write.write_all(words).await.map_err(lost)
    }

    async fn hear(&mut self) -> Result<Bytes, Failure> {
        hear(&mut self.read, &mut self.buf).await
    }
}

/// The next reply, whole; what was read beyond it stays in `buf`. For small replies only.
pub(super) async fn hear(read: &mut ReadHalf, buf: &mut BytesMut) -> Result<Bytes, Failure> {
    hear_reply(read, buf).await.map_err(lost)
}

async fn hear_reply(read: &mut ReadHalf, buf: &mut BytesMut) -> io::Result<Bytes> {
    let mut scanner = ReplyScanner::default();
    let mut seen = 0;
    loop {
        match scanner.feed(&buf[seen..]).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))? {
            Fed::Whole(n) => return Ok(buf.split_to(seen + n).freeze()),
            Fed::Partial => seen = buf.len(),
        }
        if seen > MAX_REPLY {
            return Err(io::Error::other("its greeting has no end"));
        }
        buf.reserve(1024);
        if poll_fn(|cx| read.poll_into(cx, buf)).await? == 0 {
            let text = "it closed the connection during the greeting";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
    }
}

pub(super) fn lost(error: io::Error) -> Failure {
    Failure::Lost { reason: error.to_string() }
}

/// The text of an error reply, without its `-`.
pub(super) fn error_text(reply: &[u8]) -> Option<String> {
    let text = reply.strip_prefix(b"-")?;
    Some(String::from_utf8_lossy(text).trim_end().to_owned())
}

/// Seconds of idleness after which the server hangs up, from the reply to `CONFIG GET timeout`.
fn server_timeout(reply: &[u8]) -> Option<Duration> {
    let value = match decode(reply).ok()??.0 {
        OwnedFrame::Map { data, .. } => data.into_values().next()?,
        OwnedFrame::Array { data, .. } => data.into_iter().nth(1)?,
        _ => return None,
    };
    let seconds = value.as_str()?.parse().ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_timeout_is_understood_in_both_protocols() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(server_timeout(b"%1\r\n$7\r\ntimeout\r\n$1\r\n2\r\n"), seconds(2));
        assert_eq!(server_timeout(b"*2\r\n$7\r\ntimeout\r\n$3\r\n300\r\n"), seconds(300));
        assert_eq!(server_timeout(b"%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"), None);
        assert_eq!(server_timeout(b"-NOPERM no\r\n"), None);
        assert_eq!(server_timeout(b"%0\r\n"), None);
    }
}
