//! Where frames end: resumable, non-recursive, under limits.
//!
//! [`request`] finds the arguments of what clients send; [`reply`] finds the boundaries of what
//! servers answer. Both keep their progress between reads, so that a frame cut at any byte costs
//! no second look at what was seen, and neither reserves memory for a length that was only declared.

mod inline;
pub mod reply;
pub mod request;

/// What a decimal header line (`*3`, `$-1`) holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Its end has not arrived.
    Partial,
    /// It is not a decimal number as Redis writes one.
    Invalid,
    /// The number, and the offset just past the line's CR LF.
    Number(i64, usize),
}

/// Longest decimal an `i64` can have, sign included.
const MAX_DIGITS: usize = 20;

/// Reads a decimal that starts at `from` and ends with CR and one more byte, as strictly as
/// Redis's `string2ll`: no plus sign, no leading zeros, no blanks.
fn number(buf: &[u8], from: usize) -> Line {
    let digits = match buf.get(from) {
        None => return Line::Partial,
        Some(b'-') => from + 1,
        Some(_) => from,
    };
    let (mut value, mut at) = (0_i64, digits);
    loop {
        match buf.get(at) {
            None if at - from <= MAX_DIGITS => return Line::Partial,
            Some(d @ b'0'..=b'9') => {
                let Some(next) = value.checked_mul(10).and_then(|v| v.checked_add(i64::from(d - b'0')))
                else {
                    return Line::Invalid;
                };
                value = next;
                at += 1;
            }
            Some(b'\r') if at > digits => break,
            _ => return Line::Invalid,
        }
    }
    let padded = buf[digits] == b'0' && (at - digits > 1 || digits > from);
    match (padded, buf.len() < at + 2) {
        (true, _) => Line::Invalid,
        (false, true) => Line::Partial,
        (false, false) => Line::Number(if digits > from { -value } else { value }, at + 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_strict_as_redis() {
        assert_eq!(number(b"12\r\n", 0), Line::Number(12, 4));
        assert_eq!(number(b"$-1\r\n", 1), Line::Number(-1, 5));
        assert_eq!(number(b"0\r\n", 0), Line::Number(0, 3));
        for partial in [&b""[..], b"-", b"1", b"12\r"] {
            assert_eq!(number(partial, 0), Line::Partial, "{partial:?}");
        }
        for bad in [&b"\r\n"[..], b"-\r\n", b"01\r\n", b"-0\r\n", b"+1\r\n", b" 1\r\n", b"1x\r\n"] {
            assert_eq!(number(bad, 0), Line::Invalid, "{bad:?}");
        }
        assert_eq!(number(b"99999999999999999999", 0), Line::Invalid);
    }
}
