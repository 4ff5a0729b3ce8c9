//! How many subscriptions a connection has, told from the confirmations that pass. Pure.

use crate::command::Channels;

/// Bytes of a frame's start that tell what it is: `*3\r\n$12\r\npunsubscribe\r\n` is the longest.
pub(in crate::session) const HEAD: usize = 24;

/// Subscriptions by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Subscribed {
    channels: u32,
    patterns: u32,
    shards: u32,
}

/// What a frame that is no reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Message {
    /// It confirms a subscription, or that one has ended.
    Confirmation(Channels),
    /// The client that invalidations go to is gone: its id, in the upstream's count, comes last.
    RedirectBroken,
    /// Anything else: a message, an invalidation.
    Other,
}

impl Subscribed {
    /// Whether there is any.
    pub(in crate::session) fn any(self) -> bool {
        self != Self::default()
    }

    /// Subscriptions of one kind.
    pub(in crate::session) fn of(self, kind: Channels) -> u32 {
        match kind {
            Channels::Exact => self.channels,
            Channels::Pattern => self.patterns,
            Channels::Shard => self.shards,
        }
    }

    /// A confirmation has passed, and says there are `count` now: channels and patterns are counted
    /// together, shard channels apart.
    pub(in crate::session) fn confirmed(&mut self, kind: Channels, count: u32) {
        match kind {
            Channels::Exact => self.channels = count.saturating_sub(self.patterns),
            Channels::Pattern => self.patterns = count.saturating_sub(self.channels),
            Channels::Shard => self.shards = count,
        }
    }
}

/// What the frame that starts with `head` is, if it answers no request. RESP2 has no type for such
/// frames: there `head` is to be that of a connection with subscriptions.
pub(in crate::session) fn message(head: &[u8]) -> Option<Message> {
    let word = word(head);
    let confirms = |kind| Some(Message::Confirmation(kind));
    match word {
        b"subscribe" | b"unsubscribe" => confirms(Channels::Exact),
        b"psubscribe" | b"punsubscribe" => confirms(Channels::Pattern),
        b"ssubscribe" | b"sunsubscribe" => confirms(Channels::Shard),
        b"message" | b"pmessage" | b"smessage" => Some(Message::Other),
        // As much as a head holds of `tracking-redir-broken`.
        b"tracking-redir-" if head.starts_with(b">2\r\n") => Some(Message::RedirectBroken),
        _ => (head.first() == Some(&b'>')).then_some(Message::Other),
    }
}

/// The first element of an array or push that starts with `head`.
fn word(head: &[u8]) -> &[u8] {
    if !matches!(head.first(), Some(b'*' | b'>')) {
        return b"";
    }
    let mut lines = head.split(|byte| *byte == b'\n').skip(1);
    match (lines.next(), lines.next()) {
        (Some([b'$', ..]), Some(word)) => word.strip_suffix(b"\r").unwrap_or(word),
        _ => b"",
    }
}

/// The integer a frame ends with, given its last bytes.
pub(in crate::session) fn last_integer(tail: &[u8]) -> Option<u32> {
    let line = tail.strip_suffix(b"\r\n")?;
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    std::str::from_utf8(&line[colon + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_by_their_first_word() {
        let confirms = |kind| Some(Message::Confirmation(kind));
        assert_eq!(message(b"*3\r\n$9\r\nsubscribe\r\n$1\r\n"), confirms(Channels::Exact));
        assert_eq!(message(b">3\r\n$12\r\npunsubscribe\r\n"), confirms(Channels::Pattern));
        assert_eq!(message(b">2\r\n$10\r\ninvalidate\r\n"), Some(Message::Other));
        assert_eq!(message(b">2\r\n$21\r\ntracking-redir-"), Some(Message::RedirectBroken));
        assert_eq!(message(b"*4\r\n$8\r\npmessage\r\n"), Some(Message::Other));
        assert_eq!(message(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"), None);
        assert_eq!(message(b"-ERR subscribe\r\n"), None);
        assert_eq!(message(b"*-1\r\n"), None);
    }

    #[test]
    fn counts_follow_the_confirmations() {
        let mut subscribed = Subscribed::default();
        subscribed.confirmed(Channels::Exact, 1);
        subscribed.confirmed(Channels::Pattern, 2);
        subscribed.confirmed(Channels::Pattern, 3);
        subscribed.confirmed(Channels::Shard, 1);
        assert_eq!((subscribed.channels, subscribed.patterns, subscribed.shards), (1, 2, 1));
        subscribed.confirmed(Channels::Exact, 2);
        assert_eq!(subscribed.of(Channels::Exact), 0);
        assert!(subscribed.any());
        assert_eq!(last_integer(b"$1\r\na\r\n:17\r\n"), Some(17));
        assert_eq!(last_integer(b"$2\r\n:1\r\n$1\r\na\r\n"), None);
    }
}
