//! Looking into the replies to a fill. Small ones, already known to be whole.

use crate::resp::scan::reply::{Fed, ReplyScanner};

/// The integer that `reply` is.
pub(super) fn integer(reply: &[u8]) -> Option<i64> {
    std::str::from_utf8(reply.strip_prefix(b":")?).ok()?.trim_end().parse().ok()
}

/// The text of the bulk string that `reply` is.
pub(super) fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let start = reply.iter().position(|byte| *byte == b'\n')? + 1;
    reply.starts_with(b"$").then(|| reply.get(start..reply.len().checked_sub(2)?)).flatten()
}

/// The elements of the aggregate that `reply` is, each as it stands; those of a map one by one.
pub(super) fn elements(reply: &[u8]) -> Option<Vec<&[u8]>> {
    let head = reply.iter().position(|byte| *byte == b'\n')? + 1;
    if !matches!(reply.first()?, b'*' | b'%' | b'~') {
        return None;
    }
    let (mut at, mut all) = (head, Vec::new());
    while at < reply.len() {
        let Ok(Fed::Whole(len)) = ReplyScanner::default().feed(&reply[at..]) else { return None };
        all.push(&reply[at..at + len]);
        at += len;
    }
    Some(all)
}

/// Whether a reply says no more than that there is nothing: what a missing key, or field, gets.
pub(super) fn absent(reply: &[u8]) -> bool {
    // An empty bulk string is followed by an empty line.
    let nothing = |line: &[u8]| {
        matches!(line, b"" | b"_" | b":0" | b":-1" | b":-2" | b"$0" | b"+none" | b"#f" | b"$-1" | b"*-1")
            || matches!(line.first(), Some(b'*' | b'%' | b'~'))
    };
    reply.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).all(nothing)
}
