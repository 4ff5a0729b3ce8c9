//! The first words on a new upstream connection: protocol, credential, database.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::OwnedFrame;

use super::habits::{Habits, server_timeout};
use super::outgoing::Outgoing;
use super::{ClientLine, Credential, Failure};
use crate::config::Secret;
use crate::net::{Peer, ReadHalf, Stream};
use crate::resp::Proto;
use crate::resp::rename::Names;
use crate::resp::request::encode;
use crate::resp::scan::reply::{Fed, ReplyScanner};

/// The name our connections carry in the upstream's `CLIENT LIST`.
const NAME: &[u8] = b"nearside";
/// Largest reply a greeting may get; anything more is not a Redis.
const MAX_REPLY: usize = 64 * 1024;

/// What a server said of itself in its `HELLO` reply.
#[derive(Debug, Default)]
pub struct ServerInfo {
    /// Its fields in order: name, and value as it stood on the wire (RESP3).
    pub hello: Vec<(Bytes, Bytes)>,
    /// What else is known of it.
    pub habits: Arc<Habits>,
    /// Whether it tells this connection of changes to what is read, or why not.
    pub tracking: Tracking,
}

/// Whether a connection is told of changes to what it has read (`CLIENT TRACKING`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tracking {
    /// It was not asked to.
    #[default]
    Unasked,
    /// It is, of what it asks to be told of.
    On,
    /// It cannot be, in the server's words or ours.
    Impossible(String),
}

impl ServerInfo {
    /// The fields of a `HELLO` reply in the order and form they came in.
    pub fn fields(reply: &Bytes) -> Vec<(Bytes, Bytes)> {
        let Some(start) = reply.iter().position(|&b| b == b'\n').filter(|_| matches!(reply[0], b'%' | b'*'))
        else {
            return Vec::new();
        };
        let mut values = Vec::new();
        let mut at = start + 1;
        while let Ok(Fed::Whole(n)) = ReplyScanner::default().feed(&reply[at..]) {
            values.push(reply.slice(at..at + n));
            at += n;
        }
        let named = values.chunks_exact(2);
        named.filter_map(|pair| Some((string(&pair[0])?, pair[1].clone()))).collect()
    }

    /// The upstream's own id of the connection; 0 if it did not say.
    pub fn id(&self) -> i64 {
        let number =
            |value: &Bytes| std::str::from_utf8(value.strip_prefix(b":")?).ok()?.trim_end().parse().ok();
        self.field(b"id").and_then(number).unwrap_or(0)
    }

    /// A field of its `HELLO` reply as it stood on the wire.
    pub fn field(&self, name: &[u8]) -> Option<&Bytes> {
        self.hello.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// A field that is a string.
    pub fn text(&self, name: &[u8]) -> Option<String> {
        Some(String::from_utf8_lossy(&string(self.field(name)?)?).into_owned())
    }

    /// Its version, three numbers; zeros if it did not say.
    pub fn version(&self) -> [u32; 3] {
        let text = self.text(b"version").unwrap_or_default();
        let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
        std::array::from_fn(|_| numbers.next().unwrap_or(0))
    }

    /// Whether it is a Valkey.
    pub fn is_valkey(&self) -> bool {
        self.text(b"server").is_some_and(|server| server == "valkey")
    }

    /// Whether it sends invalidations where they can be understood: earlier ones put them into the middle
    /// of replies (redis#8935).
    fn can_track(&self) -> bool {
        self.is_valkey() || self.version() >= [6, 2, 7]
    }
}

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
    /// What it calls commands.
    pub(super) names: Option<&'a Arc<Names>>,
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
    talk.say(&words).await?;
    let answer = talk.hear().await?;
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
        Some(text) => return Err(Failure::Refused(text)),
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
    async fn say(&mut self, words: &[u8]) -> Result<(), Failure> {
        self.write.write_all(words).await.map_err(lost)
    }

    async fn hear(&mut self) -> Result<Bytes, Failure> {
        hear(&mut self.read, &mut self.buf).await
    }
}

/// The next reply, whole; what was read beyond it stays in `buf`. For small replies only.
pub(super) async fn hear(read: &mut ReadHalf, buf: &mut BytesMut) -> Result<Bytes, Failure> {
    let mut scanner = ReplyScanner::default();
    let mut seen = 0;
    loop {
        match scanner.feed(&buf[seen..]).map_err(|e| Failure::Lost { reason: e.to_string() })? {
            Fed::Whole(n) => return Ok(buf.split_to(seen + n).freeze()),
            Fed::Partial => seen = buf.len(),
        }
        if seen > MAX_REPLY {
            return Err(Failure::Lost { reason: "its greeting has no end".into() });
        }
        buf.reserve(1024);
        if poll_fn(|cx| read.poll_into(cx, buf)).await.map_err(lost)? == 0 {
            return Err(Failure::Lost { reason: "it closed the connection during the greeting".into() });
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

fn string(frame: &[u8]) -> Option<Bytes> {
    match decode(frame).ok()??.0 {
        OwnedFrame::BlobString { data, .. } | OwnedFrame::SimpleString { data, .. } => Some(data.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_reply_keeps_its_order_and_its_bytes() {
        let reply = Bytes::from_static(
            b"%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n*0\r\n",
        );
        let fields = ServerInfo::fields(&reply);
        assert_eq!(fields[1], (Bytes::from_static(b"proto"), Bytes::from_static(b":3\r\n")));
        assert_eq!(fields[2].1, Bytes::from_static(b"*0\r\n"));
    }

    #[test]
    fn a_connection_knows_its_id_at_the_server() {
        let of = |reply: &'static [u8]| {
            let info =
                ServerInfo { hello: ServerInfo::fields(&Bytes::from_static(reply)), ..ServerInfo::default() };
            info.id()
        };
        assert_eq!(of(b"%2\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:17\r\n"), 17);
        assert_eq!(of(b"*4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:5\r\n"), 5);
        assert_eq!(of(b"-NOAUTH first\r\n"), 0);
    }
}
