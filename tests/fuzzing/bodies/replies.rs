//! Replies: the same whole and in pieces, and ending where `redis-protocol` sees them end.

use nearside::resp::scan::reply::{Fed, NotResp, ReplyScanner};
use redis_protocol::{resp2, resp3};

use crate::choices::{Choices, cuts};

/// Where the replies of a text end, and what it ends with.
#[derive(Debug, PartialEq)]
struct Ends {
    ends: Vec<usize>,
    error: Option<NotResp>,
    at_start: bool,
}

/// The first byte chooses whether replies are made or are the bytes that follow, the second the pieces.
pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (how, seed) = (choices.byte(), choices.byte());
    let strict = how & 1 != 0;
    let input = if how & 2 == 0 { choices.rest().to_vec() } else { made(&mut choices, strict) };
    let whole = ends(&[input.len()], &input, strict);
    let pieced = ends(&cuts(input.len(), seed), &input, strict);
    assert_eq!(pieced, whole, "whole and in pieces");
    let mut from = 0;
    for end in whole.ends.iter().map(|end| Some(*end)).chain([None]) {
        oracle(&input[from..], end.map(|end| end - from), whole.error);
        from = end.unwrap_or(from);
    }
}

/// Replies that are well-formed, and whatever bytes are left.
fn made(choices: &mut Choices<'_>, strict: bool) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..1 + choices.below(3) {
        let from = input.len();
        reply(choices, &mut input, 4);
        let mut scanner = if strict { ReplyScanner::strict() } else { ReplyScanner::default() };
        let found = scanner.feed(&input[from..]);
        let inner_push = strict && input[from + 1..].contains(&b'>');
        assert!(found == Ok(Fed::Whole(input.len() - from)) || inner_push, "{found:?}");
    }
    input.extend_from_slice(choices.rest());
    input
}

/// One RESP3 value.
pub(crate) fn reply(choices: &mut Choices<'_>, out: &mut Vec<u8>, depth: usize) {
    let kinds = if depth == 0 { 11 } else { 16 };
    let mut line = |kind: &str, text: &[u8]| {
        out.extend_from_slice(kind.as_bytes());
        out.extend(text.iter().filter(|byte| **byte != b'\r'));
        out.extend_from_slice(b"\r\n");
    };
    match choices.below(kinds) {
        0 => line("+", choices.some(12)),
        1 => line("-", choices.some(12)),
        2 => line(":", choices.byte().to_string().as_bytes()),
        3 => line("_", b""),
        4 => line("#", if choices.byte() & 1 == 0 { b"t" } else { b"f" }),
        5 => line(",", choices.byte().to_string().as_bytes()),
        6 => line("(", choices.byte().to_string().as_bytes()),
        7 => line(if choices.byte() & 1 == 0 { "$" } else { "*" }, b"-1"),
        kind @ 8..=10 => {
            let body = [if kind == 9 { &b"txt:"[..] } else { b"" }, choices.some(20)].concat();
            line(["$", "=", "!"][kind - 8], body.len().to_string().as_bytes());
            out.extend_from_slice(&body);
            out.extend_from_slice(b"\r\n");
        }
        kind => {
            let count = choices.below(4);
            line(["*", "~", ">", "%", "|"][kind - 11], count.to_string().as_bytes());
            let values = [count, count, count, 2 * count, 2 * count + 1][kind - 11];
            (0..values).for_each(|_| reply(choices, out, depth - 1));
        }
    }
}

fn ends(cuts: &[usize], input: &[u8], strict: bool) -> Ends {
    let mut scanner = if strict { ReplyScanner::strict() } else { ReplyScanner::default() };
    let mut found = Ends { ends: Vec::new(), error: None, at_start: true };
    // What was said to be missing at least, and of how many bytes.
    let mut promises: Vec<(usize, u64)> = Vec::new();
    let mut at = 0;
    for &end in cuts {
        while at < end {
            match scanner.feed(&input[at..end]) {
                Err(error) => {
                    found.error = Some(error);
                    return found;
                }
                Ok(Fed::Partial) => {
                    at = end;
                    promises.push((at, scanner.still_needs()));
                }
                Ok(Fed::Whole(n)) => {
                    assert!(0 < n && n <= end - at);
                    at += n;
                    found.ends.push(at);
                    assert!(scanner.at_start());
                    for (from, least) in promises.drain(..) {
                        assert!(
                            least <= (at - from) as u64,
                            "{least} bytes were promised at {from}, not at {at}"
                        );
                    }
                }
            }
        }
    }
    found.at_start = scanner.at_start();
    found
}

/// What another reader makes of the front of `input`, of which we say that the reply ends at `own`.
fn oracle(input: &[u8], own: Option<usize>, error: Option<NotResp>) {
    if input.is_empty() || input.iter().filter(|byte| b"*~>%|".contains(byte)).count() > 48 {
        return;
    }
    if let Ok(found) = resp2::decode::decode(input) {
        let canonical = found.as_ref().is_some_and(|(frame, len)| {
            let mut again = vec![0; 2 * input.len() + 64];
            let size = resp2::encode::encode(&mut again, frame, false);
            size.is_ok_and(|size| again[..size] == input[..*len])
        });
        agree("RESP2", found.map(|(_, len)| len), canonical, own, error, input);
    }
    if let Ok(found) = resp3::decode::complete::decode(input) {
        let canonical = found.as_ref().is_some_and(|(frame, len)| {
            let mut again = vec![0; 2 * input.len() + 64];
            let size = resp3::encode::complete::encode(&mut again, frame, false);
            size.is_ok_and(|size| again[..size] == input[..*len])
        });
        agree("RESP3", found.map(|(_, len)| len), canonical, own, error, input);
    }
}

/// `other`: where it ends by somebody else; `canonical`: and he would have written it so.
fn agree(
    proto: &str,
    other: Option<usize>,
    canonical: bool,
    own: Option<usize>,
    error: Option<NotResp>,
    input: &[u8],
) {
    match (other, own) {
        (Some(other), Some(own)) => assert_eq!(own, other, "the end of a reply in {proto}"),
        // A verbatim text too short for its format is read beyond its end there.
        (None, Some(_)) => assert!(input.contains(&b'='), "only we see the end of a reply in {proto}"),
        (Some(_), None) if canonical => {
            // Values in parts are of RESP3's draft; no server sends them.
            let other = matches!(error, Some(NotResp(b'>' | b';' | b'.' | b'?')));
            // A line may hold a CR of its own there, and not here: no server sends one.
            let lone = input.windows(2).any(|two| two[0] == b'\r' && two[1] != b'\n');
            assert!(other || lone, "only we see no reply in {proto}: {error:?}");
        }
        _ => {}
    }
}
