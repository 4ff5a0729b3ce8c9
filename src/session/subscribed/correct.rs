//! Counts of subscribers, corrected for those the upstream does not see.

use crate::command::{Channels, Command};
use crate::policy;
use crate::pubsub::{Shares, bulks};
use crate::resp::request::Args;
use crate::session::client::After;

/// What becomes of the reply to `args`.
#[inline]
pub(in crate::session) fn after(shares: &Shares, command: &Command, args: &Args<'_>) -> After {
    if shares.any() { after_all(shares, command, args) } else { After::Nothing }
}

#[cold]
fn after_all(shares: &Shares, command: &Command, args: &Args<'_>) -> After {
    match command.name {
        "PUBLISH" | "SPUBLISH" => {
            let extra = receivers(shares, command, args);
            if extra == 0 { After::Nothing } else { After::Receivers(i32::try_from(extra).unwrap_or(0)) }
        }
        "PUBSUB|NUMSUB" => After::Subscribers(Channels::Exact),
        "PUBSUB|SHARDNUMSUB" => After::Subscribers(Channels::Shard),
        _ => After::Nothing,
    }
}

/// How many receivers of a `PUBLISH` or `SPUBLISH` the upstream does not see.
pub(super) fn receivers(shares: &Shares, command: &Command, args: &Args<'_>) -> i64 {
    let kind = if command.name == "SPUBLISH" { Channels::Shard } else { Channels::Exact };
    shares.receivers(kind, args.get(1), policy::matches)
}

/// An integer reply with `extra` added; any other reply as it is.
pub(in crate::session) fn add(frame: &[u8], extra: i64) -> Vec<u8> {
    match integer(frame) {
        Some(n) => format!(":{}\r\n", n.saturating_add(extra).max(0)).into_bytes(),
        None => frame.to_vec(),
    }
}

/// The reply to `PUBSUB NUMSUB` with what is shared added to each channel's number. Any other reply as it is.
pub(in crate::session) fn subscribers(frame: &[u8], shares: &Shares, kind: Channels) -> Vec<u8> {
    let Some(start) = frame.iter().position(|&b| b == b'\n').map(|i| i + 1) else { return frame.to_vec() };
    let mut out = frame[..start].to_vec();
    let mut rest = &frame[start..];
    // Each pair is a bulk string and an integer. A header in front lets one be read as a list of its own.
    while !rest.is_empty() {
        let Some(channel) = channel(rest) else { return frame.to_vec() };
        let header = rest.iter().position(|&b| b == b'\n').map_or(0, |i| i + 1);
        let (name, after) = rest.split_at(header + channel.len() + 2);
        let line = after.iter().position(|&b| b == b'\n').map_or(after.len(), |i| i + 1);
        out.extend_from_slice(name);
        out.extend(add(&after[..line], shares.subscribers(kind, channel)));
        rest = &after[line..];
    }
    out
}

fn channel(pair: &[u8]) -> Option<&[u8]> {
    bulks(pair, 0).next()
}

fn integer(frame: &[u8]) -> Option<i64> {
    let digits = frame.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_integers_are_added_to() {
        assert_eq!(add(b":3\r\n", 2), b":5\r\n");
        assert_eq!(add(b":1\r\n", -2), b":0\r\n");
        for other in [&b"-ERR no\r\n"[..], b"+QUEUED\r\n", b":x\r\n", b""] {
            assert_eq!(add(other, 2), other);
        }
    }

    #[test]
    fn a_list_of_counts_keeps_what_is_not_shared() {
        let shares = Shares::default();
        for frame in [
            &b"*4\r\n$1\r\na\r\n:1\r\n$2\r\n\r\n\r\n:0\r\n"[..],
            b"*0\r\n",
            b"-ERR no\r\n",
            b"*2\r\n$9\r\na\r\n",
            b"*2\r\n:1\r\n:1\r\n",
            b"",
        ] {
            assert_eq!(subscribers(frame, &shares, Channels::Exact), frame, "{}", frame.escape_ascii());
        }
    }
}
