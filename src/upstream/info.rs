//! What a server has said of itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::OwnedFrame;

use super::ClientLine;
use crate::resp::scan::reply::{Fed, ReplyScanner};

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

/// What a server does to all its connections alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// It closes connections idle for longer (`CONFIG GET timeout`); `None` never, or unknown.
    pub timeout: Option<Duration>,
    /// How it prints a client in `CLIENT LIST`.
    pub line: ClientLine,
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
    pub(super) fn can_track(&self) -> bool {
        self.is_valkey() || self.version() >= [6, 2, 7]
    }
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
