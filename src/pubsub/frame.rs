//! What the frames of a subscription say.

use crate::command::Channels;

/// What a push announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Push<'a> {
    /// A message, for whoever listens to this channel or pattern.
    Message(Channels, &'a [u8]),
    /// A subscription is confirmed.
    Joined(Channels, &'a [u8]),
    /// A subscription has ended.
    Left(Channels, &'a [u8]),
    /// Something else.
    Other,
}

/// Reads a whole push frame.
pub(super) fn push(frame: &[u8]) -> Push<'_> {
    let mut bulks = bulks(frame, line(frame, 0).map_or(frame.len(), |(_, next)| next));
    let (Some(word), Some(name)) = (bulks.next(), bulks.next()) else { return Push::Other };
    match word {
        b"message" => Push::Message(Channels::Exact, name),
        b"pmessage" => Push::Message(Channels::Pattern, name),
        b"smessage" => Push::Message(Channels::Shard, name),
        b"subscribe" => Push::Joined(Channels::Exact, name),
        b"psubscribe" => Push::Joined(Channels::Pattern, name),
        b"ssubscribe" => Push::Joined(Channels::Shard, name),
        b"unsubscribe" => Push::Left(Channels::Exact, name),
        b"punsubscribe" => Push::Left(Channels::Pattern, name),
        b"sunsubscribe" => Push::Left(Channels::Shard, name),
        _ => Push::Other,
    }
}

/// The bulk strings that follow one another from `at` on; ends at the first value that is none.
pub fn bulks(frame: &[u8], mut at: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (header, start) = line(frame, at)?;
        let len: usize = std::str::from_utf8(header.strip_prefix(b"$")?).ok()?.parse().ok()?;
        let end = start.checked_add(len)?;
        at = end.checked_add(2)?;
        frame.get(start..end)
    })
}

/// The line that starts at `at`, and where the next one does.
fn line(frame: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = frame.get(at..)?;
    let end = rest.iter().position(|&b| b == b'\n')?;
    Some((rest[..end].strip_suffix(b"\r")?, at + end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_told_apart() {
        let message = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\na\r\nb\r\n";
        assert_eq!(push(message), Push::Message(Channels::Exact, b"c"));
        let joined = b">3\r\n$10\r\nssubscribe\r\n$0\r\n\r\n:1\r\n";
        assert_eq!(push(joined), Push::Joined(Channels::Shard, b""));
        let left = b">3\r\n$12\r\npunsubscribe\r\n$2\r\n\r\n\r\n:0\r\n";
        assert_eq!(push(left), Push::Left(Channels::Pattern, b"\r\n"));
    }

    #[test]
    fn what_is_no_such_push_is_something_else() {
        for frame in [
            &b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"[..],
            b">1\r\n$7\r\nmessage\r\n",
            b">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n",
            b">0\r\n",
            b">",
            b"",
            b">2\r\n$7\r\nmessage\r\n$99999999999999999999\r\n",
            b">2\r\n$7\r\nmessage\r\n$5\r\nab\r\n",
        ] {
            assert_eq!(push(frame), Push::Other, "{}", frame.escape_ascii());
        }
    }
}
