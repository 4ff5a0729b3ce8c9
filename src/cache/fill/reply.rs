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

/// Whether `reply` to the command of that name is what it has for a missing key, or field. An empty
/// string, and a place or rank of 0, are something.
pub(super) fn absent(name: &str, reply: &[u8]) -> bool {
    if let Some(all) = elements(reply) {
        return all.iter().all(|element| elements(element).is_none() && absent(name, element));
    }
    match name {
        "LPOS" | "ZRANK" | "ZREVRANK" | "BITPOS" => reply == b"_\r\n",
        "GETRANGE" | "SUBSTR" => reply == b"$0\r\n\r\n",
        "EXPIRETIME" | "PEXPIRETIME" => reply == b":-2\r\n",
        "TYPE" => reply == b"+none\r\n",
        _ => matches!(reply, b"_\r\n" | b":0\r\n"),
    }
}
