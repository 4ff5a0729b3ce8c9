//! The boundaries of replies, RESP2 and RESP3, fed in pieces of any size.
//!
//! No stack: how deep a reply nests does not matter for where it ends, only how many values are
//! still owed. So nothing a server sends can exhaust anything here.

/// A reply that is not RESP: the connection it came from cannot be trusted any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream sent what is not RESP (byte {0:#04x})")]
pub struct NotResp(pub u8);

/// What one piece brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// The reply goes on after this piece.
    Partial,
    /// The reply ended after this many bytes of the piece.
    Whole(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The first byte of a value.
    Type,
    /// Within the digits after a type byte.
    Length { kind: u8, value: u64, negative: bool, any: bool },
    /// Past the CR of such a line.
    LengthEnd { kind: u8, value: u64, negative: bool },
    /// Within a line that is the value itself.
    Text,
    /// Past the CR of such a line.
    TextEnd,
    /// Within a bulk; its line end is counted.
    Bulk { left: u64 },
}

/// Finds where replies end. Feed it consecutive pieces; after [`Fed::Whole`] it is ready for the
/// next reply.
#[derive(Debug)]
pub struct ReplyScanner {
    at: At,
    /// Values still owed, the current one included.
    owed: u64,
    /// The first byte has been seen.
    inside: bool,
    /// Pushes within replies are refused.
    strict: bool,
}

impl Default for ReplyScanner {
    fn default() -> Self {
        Self { at: At::Type, owed: 1, inside: false, strict: false }
    }
}

impl ReplyScanner {
    /// One that refuses pushes within replies. Nobody could take them apart: Redis before 6.2.7 puts
    /// invalidations there. (Where a client subscribes within a transaction they belong there.)
    pub fn strict() -> Self {
        Self { strict: true, ..Self::default() }
    }

    /// Whether the next byte starts a reply.
    pub fn at_start(&self) -> bool {
        !self.inside
    }

    /// Bytes the reply needs at least beyond what was fed.
    pub fn still_needs(&self) -> u64 {
        let here = if let At::Bulk { left } = self.at { left } else { 0 };
        here.saturating_add(self.owed.saturating_sub(1).saturating_mul(3))
    }

    /// Takes the next piece, up to the end of the reply.
    #[inline]
    pub fn feed(&mut self, piece: &[u8]) -> Result<Fed, NotResp> {
        let mut i = 0;
        while i < piece.len() {
            match self.at {
                At::Type => {
                    let kind = piece[i];
                    i += 1;
                    if kind == b'>' && self.inside && self.strict {
                        return Err(NotResp(kind));
                    }
                    self.inside = true;
                    self.at = match kind {
                        b'$' | b'*' | b'%' | b'~' | b'>' | b'|' | b'=' | b'!' => {
                            At::Length { kind, value: 0, negative: false, any: false }
                        }
                        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => At::Text,
                        other => return Err(NotResp(other)),
                    };
                }
                At::Length { .. } => i += self.digits(&piece[i..])?,
                At::LengthEnd { kind, value, negative } => {
                    expect(piece[i], b'\n')?;
                    i += 1;
                    if self.length(kind, value, negative)? {
                        return Ok(Fed::Whole(i));
                    }
                }
                At::Text => match piece[i..].iter().position(|&b| b == b'\r') {
                    None => return Ok(Fed::Partial),
                    Some(cr) => (self.at, i) = (At::TextEnd, i + cr + 1),
                },
                At::TextEnd => {
                    expect(piece[i], b'\n')?;
                    i += 1;
                    if self.value_done() {
                        return Ok(Fed::Whole(i));
                    }
                }
                At::Bulk { left } => {
                    let here = (piece.len() - i) as u64;
                    if here < left {
                        self.at = At::Bulk { left: left - here };
                        return Ok(Fed::Partial);
                    }
                    i += left as usize;
                    if self.value_done() {
                        return Ok(Fed::Whole(i));
                    }
                }
            }
        }
        Ok(Fed::Partial)
    }

    #[inline]
    fn digits(&mut self, piece: &[u8]) -> Result<usize, NotResp> {
        let At::Length { kind, mut value, mut negative, mut any } = self.at else { return Ok(0) };
        for (i, &byte) in piece.iter().enumerate() {
            match byte {
                b'0'..=b'9' if value < 1 << 40 => (value, any) = (value * 10 + u64::from(byte - b'0'), true),
                b'-' if !any && !negative => negative = true,
                b'\r' if any => {
                    self.at = At::LengthEnd { kind, value, negative };
                    return Ok(i + 1);
                }
                other => return Err(NotResp(other)),
            }
        }
        self.at = At::Length { kind, value, negative, any };
        Ok(piece.len())
    }

    /// A length line has ended; `true` if that ends the reply.
    #[inline]
    fn length(&mut self, kind: u8, value: u64, negative: bool) -> Result<bool, NotResp> {
        if negative {
            return if value == 1 && matches!(kind, b'$' | b'*') {
                Ok(self.value_done())
            } else {
                Err(NotResp(b'-'))
            };
        }
        let more = match kind {
            b'$' | b'=' | b'!' => {
                self.at = At::Bulk { left: value + 2 };
                return Ok(false);
            }
            b'%' => value * 2,
            // An attribute goes before the value it belongs to, which is still owed.
            b'|' => value * 2 + 1,
            _ => value,
        };
        // More than can be counted will never come.
        self.owed = self.owed.checked_add(more).ok_or(NotResp(kind))?;
        Ok(self.value_done())
    }

    #[inline]
    fn value_done(&mut self) -> bool {
        self.at = At::Type;
        self.owed -= 1;
        if self.owed == 0 {
            (self.owed, self.inside) = (1, false);
            return true;
        }
        false
    }
}

#[inline]
fn expect(byte: u8, wanted: u8) -> Result<(), NotResp> {
    if byte == wanted { Ok(()) } else { Err(NotResp(byte)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: &[&[u8]] = &[
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":-5\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"$5\r\nhello\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
        b"%1\r\n+k\r\n*2\r\n_\r\n,1.5\r\n",
        b"~1\r\n#t\r\n",
        b"_\r\n",
        b"=7\r\ntxt:abc\r\n",
        b"(12345678901234567890\r\n",
        b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n",
        b"|1\r\n+a\r\n:1\r\n*1\r\n+v\r\n",
        b"!5\r\nERR x\r\n",
    ];

    #[test]
    fn every_frame_ends_where_it_ends_however_it_is_cut() {
        for frame in FRAMES {
            for piece in 1..=frame.len() {
                let mut scanner = ReplyScanner::default();
                let mut seen = 0;
                for chunk in frame.chunks(piece) {
                    match scanner.feed(chunk).unwrap() {
                        Fed::Partial => seen += chunk.len(),
                        Fed::Whole(n) => assert_eq!(seen + n, frame.len(), "{frame:?} by {piece}"),
                    }
                }
                assert!(scanner.at_start(), "{frame:?} by {piece}");
            }
        }
    }

    #[test]
    fn two_replies_in_one_piece_are_two() {
        let mut scanner = ReplyScanner::default();
        assert_eq!(scanner.feed(b"$1\r\na\r\n:1\r\n"), Ok(Fed::Whole(7)));
        assert_eq!(scanner.feed(b":1\r\n"), Ok(Fed::Whole(4)));
    }

    #[test]
    fn deep_nesting_costs_nothing() {
        let deep = b"*1\r\n".repeat(1_000_000);
        let mut scanner = ReplyScanner::default();
        assert_eq!(scanner.feed(&deep), Ok(Fed::Partial));
        assert_eq!(scanner.feed(b":1\r\n"), Ok(Fed::Whole(4)));
    }

    #[test]
    fn more_values_than_can_be_counted_are_refused() {
        let header = b"%9999999999999\r\n";
        let mut scanner = ReplyScanner::default();
        let end = (0..1_000_000).find_map(|_| scanner.feed(header).err());
        assert_eq!(end, Some(NotResp(b'%')));
    }

    #[test]
    fn a_push_within_a_reply_is_refused_where_it_cannot_be() {
        for bad in [&b"*2\r\n$1\r\na\r\n>2\r\n"[..], b"*1\r\n>1\r\n+x\r\n"] {
            assert_eq!(ReplyScanner::strict().feed(bad), Err(NotResp(b'>')), "{bad:?}");
            assert!(ReplyScanner::default().feed(bad).is_ok(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_resp_is_refused() {
        for bad in [
            &b"HTTP/1.1"[..],
            b"$x\r\n",
            b"$-2\r\n",
            b"*?\r\n",
            b"$3\rX",
            b"$\r\n",
            b"%-1\r\n",
            b"$99999999999999999999\r\n",
        ] {
            assert!(ReplyScanner::default().feed(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_declared_size_is_known_before_the_bytes_are_there() {
        let mut scanner = ReplyScanner::default();
        assert_eq!(scanner.feed(b"$5000000\r\nab"), Ok(Fed::Partial));
        assert_eq!(scanner.still_needs(), 5_000_000);
    }
}
