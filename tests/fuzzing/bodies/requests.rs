//! Requests: the same whole and in pieces, within limits, and what `redis-protocol` reads.

use nearside::resp::request::{Args, encode};
use nearside::resp::scan::request::{Limits, Progress, ProtocolError, RequestScanner};
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};

use crate::choices::{Choices, cuts};

/// What was found at the front of a buffer.
#[derive(Debug, PartialEq)]
enum Found {
    Nothing(usize),
    Request { len: usize, args: Vec<Vec<u8>>, bytes: Vec<u8> },
    Partial,
    Error(ProtocolError),
}

/// The first byte chooses limits and whether what follows are arguments or bytes, the second the pieces.
pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (how, seed) = (choices.byte(), choices.byte());
    let limits = Limits {
        max_bulk: [512 << 20, 64, 4][usize::from(how & 3) % 3],
        max_multibulk: [1 << 20, 16, 2][usize::from(how >> 2 & 3) % 3],
        large: 1 << 20,
        unauthenticated: how & 16 != 0,
    };
    let input = if how & 32 == 0 { choices.rest().to_vec() } else { built(&mut choices) };
    let mut at = 0;
    while at < input.len() {
        let rest = &input[at..];
        let whole = found(&mut RequestScanner::default(), rest, &limits);
        assert_eq!(pieced(rest, &limits, seed), whole, "whole and in pieces");
        passed_on(rest, &limits, seed, &whole);
        oracle(rest, &limits, &whole);
        at += match whole {
            Found::Nothing(len) => len,
            Found::Request { len, .. } => len,
            Found::Partial | Found::Error(_) => return,
        };
    }
}

/// Requests of the arguments that `choices` say, and at last bytes of any kind.
fn built(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..choices.below(4) {
        let args: Vec<&[u8]> = (0..1 + choices.below(6)).map(|_| choices.some(40)).collect();
        input.extend(encode(&args));
    }
    input.extend_from_slice(choices.rest());
    input
}

fn found(scanner: &mut RequestScanner, buf: &[u8], limits: &Limits) -> Found {
    match scanner.scan(buf, limits) {
        Err(error) => Found::Error(error),
        Ok(Progress::Partial { declared }) => {
            assert!(declared > buf.len(), "{declared} of {} is not partial", buf.len());
            assert!(scanner.scanned() <= buf.len());
            within(&scanner.args_so_far(buf));
            Found::Partial
        }
        Ok(Progress::Nothing { len }) => {
            assert!(0 < len && len <= buf.len());
            Found::Nothing(len)
        }
        Ok(Progress::Whole { len }) => {
            assert!(0 < len && len <= buf.len());
            let args = scanner.args(buf);
            within(&args);
            assert!(!args.is_empty() && args.len() <= limits.max_multibulk);
            let words: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
            let (bytes, views) = (args.bytes().to_vec(), words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            assert_eq!(
                decode(&bytes).ok().flatten().map(|(_, len)| len),
                Some(bytes.len()),
                "one frame goes on"
            );
            if buf[0] == b'*' {
                assert!(!too_much(&views, limits), "limits hold");
            } else {
                assert_eq!(bytes, encode(&views), "a line is spelt out");
            }
            Found::Request { len, args: words, bytes }
        }
    }
}

/// Every argument lies where it may.
fn within(args: &Args<'_>) {
    let all = args.bytes().as_ptr_range();
    let mut before = all.start;
    for (i, arg) in args.iter().enumerate() {
        let own = arg.as_ptr_range();
        assert!(before <= own.start && own.end <= all.end, "argument {i} lies outside");
        before = own.end;
        assert_eq!(args.get(i), arg);
        let _ = (args.after(i), args.piece(i));
    }
    assert_eq!(args.get(args.len()), b"");
}

/// The same bytes as they arrive; a whole request may be looked at again.
fn pieced(input: &[u8], limits: &Limits, seed: u8) -> Found {
    let mut scanner = RequestScanner::default();
    let mut last = Found::Partial;
    for end in cuts(input.len(), seed) {
        last = found(&mut scanner, &input[..end], limits);
        match &last {
            Found::Partial => {}
            Found::Request { .. } => {
                assert_eq!(found(&mut scanner, &input[..end], limits), last, "looked at again");
                assert_eq!(found(&mut scanner, input, limits), last, "looked at with what follows");
                scanner.reset();
                assert_eq!(found(&mut scanner, input, limits), last, "looked at anew");
                return last;
            }
            Found::Nothing(_) | Found::Error(_) => return last,
        }
    }
    last
}

/// A request that is passed on before it is whole ends in the same place, or in the same error.
fn passed_on(input: &[u8], limits: &Limits, seed: u8, whole: &Found) {
    let ends = cuts(input.len(), seed.wrapping_add(1));
    let Some(&cut) = ends.get(usize::from(seed) % ends.len().max(1)) else { return };
    let mut scanner = RequestScanner::default();
    let begun = matches!(scanner.scan(&input[..cut], limits), Ok(Progress::Partial { .. }));
    if !begun || input[0] != b'*' || scanner.scanned() == 0 {
        return;
    }
    let mut rest = scanner.remainder();
    let mut sent = rest.from;
    for end in ends.into_iter().filter(|end| *end >= cut) {
        match rest.advance(&input[sent..end], limits) {
            Err(error) => return assert_eq!(Found::Error(error), *whole),
            Ok((n, done)) => {
                sent += n;
                if done {
                    let len = if let Found::Request { len, .. } = whole { Some(*len) } else { None };
                    return assert_eq!(Some(sent), len, "passed on");
                }
            }
        }
    }
    assert_eq!(Found::Partial, *whole, "passed on");
}

/// What another reader makes of an array of bulk strings. Redis reads over what ends a line or an
/// argument and others do not, so that only a request that goes on as it came is theirs too.
fn oracle(input: &[u8], limits: &Limits, whole: &Found) {
    if input[0] != b'*' || input.iter().filter(|byte| **byte == b'*').count() > 48 {
        return;
    }
    let other = decode(input);
    let Ok(Some((OwnedFrame::Array(frames), len))) = &other else {
        let regular = matches!(whole, Found::Request { len, bytes, .. } if input[..*len] == *bytes);
        return assert!(!regular, "only we see a request: {other:?}");
    };
    let words: Option<Vec<&[u8]>> = frames
        .iter()
        .map(|frame| if let OwnedFrame::BulkString(word) = frame { Some(word.as_slice()) } else { None })
        .collect();
    match (whole, words) {
        (Found::Request { len: own, args, bytes }, words) => {
            let own_words = args.iter().map(Vec::as_slice).collect::<Vec<_>>();
            let same = own == len && Some(own_words) == words;
            assert!(same || input[..*own] != *bytes, "{words:?} of {len} bytes");
        }
        (_, Some(words)) if !words.is_empty() && encode(&words) == input[..*len] => {
            assert!(too_much(&words, limits), "only we see no request: {whole:?}");
        }
        _ => {}
    }
}

/// Whether limits forbid what Redis's grammar allows.
fn too_much(words: &[&[u8]], limits: &Limits) -> bool {
    let longest = words.iter().map(|word| word.len()).max().unwrap_or(0);
    let unknown = limits.unauthenticated && (words.len() > 10 || longest > 16 * 1024);
    unknown || words.len() > limits.max_multibulk || longest > limits.max_bulk
}
