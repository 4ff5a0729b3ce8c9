//! Conversion: what RESP2 clients get is one RESP2 reply, whatever one RESP3 reply it was.

use nearside::resp::convert::{Conversion, convert};
use nearside::resp::scan::reply::{Fed, ReplyScanner};
use redis_protocol::resp2::decode::decode;

use crate::choices::Choices;
use crate::replies::reply;

const ALL: [Conversion; 6] = [
    Conversion::Generic,
    Conversion::NullArray,
    Conversion::NullArrays,
    Conversion::Pairs,
    Conversion::Streams,
    Conversion::Pending,
];

/// The first byte chooses whether the reply is made or is the bytes that follow.
pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let made = choices.byte() & 1 != 0;
    let mut input = Vec::new();
    if made {
        reply(&mut choices, &mut input, 4);
    } else {
        input.extend_from_slice(choices.rest());
    }
    let whole = ReplyScanner::default().feed(&input);
    for how in ALL {
        let out = converted(how, &input);
        // Also what is no reply is not to make anything panic.
        if let Ok(Fed::Whole(len)) = whole {
            let reply = &input[..len];
            one_reply(how, reply, &converted(how, reply));
        }
        assert!(out.len() <= 8 * input.len() + 64, "{how:?}: {} bytes of {}", out.len(), input.len());
    }
}

fn converted(how: Conversion, frame: &[u8]) -> Vec<u8> {
    let mut out = b"+before\r\n".to_vec();
    convert(how, frame, &mut out);
    assert!(out.starts_with(b"+before\r\n"));
    out.split_off(9)
}

fn one_reply(how: Conversion, reply: &[u8], out: &[u8]) {
    let found = ReplyScanner::default().feed(out);
    assert_eq!(
        found,
        Ok(Fed::Whole(out.len())),
        "{how:?}: {} of {}",
        out.escape_ascii(),
        reply.escape_ascii()
    );
    let was_resp2 = kinds(reply).iter().all(|kind| b"+-:$*".contains(kind));
    assert!(kinds(out).iter().all(|kind| b"+-:$*".contains(kind)), "{how:?}: {}", out.escape_ascii());
    // Only pairs may be flattened once more.
    if how != Conversion::Pairs {
        assert_eq!(converted(how, out), out, "{how:?}: converted again");
        assert!(!was_resp2 || reply == out, "{how:?}: RESP2 stays as it is");
    }
    // It counts the depth of its stack.
    if out.iter().filter(|byte| **byte == b'*').count() < 48
        && let Ok(other) = decode(out)
    {
        assert_eq!(other.map(|(_, len)| len), Some(out.len()), "{how:?}: {}", out.escape_ascii());
    }
}

/// The first byte of each value of one reply.
fn kinds(reply: &[u8]) -> Vec<u8> {
    let (mut kinds, mut at) = (Vec::new(), 0);
    while let Some(&kind) = reply.get(at) {
        let end = reply[at..].windows(2).position(|two| two == b"\r\n").expect("a line end");
        let line = std::str::from_utf8(&reply[at + 1..at + end]).unwrap_or_default();
        at += end + 2;
        if matches!(kind, b'$' | b'=' | b'!') && !line.starts_with('-') {
            at += line.parse::<usize>().expect("a length") + 2;
        }
        kinds.push(kind);
    }
    kinds
}
