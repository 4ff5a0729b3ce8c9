//! What a server does to all its connections alike.

use std::time::Duration;

use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};

use super::ClientLine;

/// What a server does to all its connections alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// It closes connections idle for longer (`CONFIG GET timeout`); `None` never, or unknown.
    pub timeout: Option<Duration>,
    /// How it prints a client in `CLIENT LIST`.
    pub line: ClientLine,
}

/// Seconds of idleness after which the server hangs up, from the reply to `CONFIG GET timeout`.
pub(super) fn server_timeout(reply: &[u8]) -> Option<Duration> {
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
