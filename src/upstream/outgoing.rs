//! What is written to the upstream: the one place where commands get the names it knows them by.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::net::WriteHalf;
use crate::resp::rename::Names;

/// The writing half of a connection to the upstream. Where the upstream has no names of its own for commands
/// it is nothing but that.
#[derive(Debug)]
pub(super) struct Outgoing {
    write: WriteHalf,
    renamed: Option<Box<Renamed>>,
}

/// How far the requests have come that are written under other names.
#[derive(Debug)]
struct Renamed {
    names: Arc<Names>,
    at: Cell<At>,
    /// Bytes of the next request's head that are written, while that is not all of it.
    begun: Cell<usize>,
}

/// Where in a request the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At its first.
    Start,
    /// In the line before one of the `left` arguments that are to come, which says so far that it has `len`
    /// bytes.
    Line { len: usize, left: usize },
    /// In an argument or the line end behind it, of which so many bytes are to come; others follow.
    Bytes { bytes: usize, left: usize },
    /// It is no request, and nobody knows what follows.
    Lost,
}

/// A stretch of what is to be written.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// So many bytes of it.
    from: usize,
    /// Become so many.
    to: usize,
    /// They are done with once all are written, not one by one.
    whole: bool,
}

impl Outgoing {
    pub(super) fn new(write: WriteHalf, names: Option<&Arc<Names>>) -> Self {
        let renamed = names.map(|names| {
            Box::new(Renamed { names: Arc::clone(names), at: Cell::new(At::Start), begun: Cell::new(0) })
        });
        Self { write, renamed }
    }

    /// Writes what the socket takes now of `bytes`, which go on where what it took before has ended;
    /// `WouldBlock` when it takes nothing, or less than the name of a command.
    #[inline]
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.renamed {
            None => self.write.try_write(bytes),
            Some(renamed) => renamed.write(bytes, |translated| self.write.try_write(translated)),
        }
    }

    /// Ready once the socket takes bytes again.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_ready(cx)
    }

    /// Ready once nothing that was written is held back.
    #[inline]
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_flush(cx)
    }

    /// Nothing more will be written; what the peer still says can be read.
    pub(super) fn end(&self) {
        self.write.end();
    }

    /// Writes all of `bytes`, waiting as long as it takes.
    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::future::poll_fn(|cx| self.poll_ready(cx)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }
}

impl Renamed {
    /// Has `write` write `bytes` under the upstream's names; answers how many of them are done with.
    #[cold]
    fn write(&self, bytes: &[u8], write: impl FnOnce(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let (mut out, mut pieces) = (Vec::with_capacity(bytes.len() + 64), Vec::new());
        self.walk(bytes, |piece, becomes| {
            pieces.push(piece);
            out.extend_from_slice(becomes);
        });
        let (mut written, mut taken) = (self.begun.get(), 0);
        written += write(out.get(written..).unwrap_or_default())?;
        for piece in pieces {
            if written < piece.to {
                if !piece.whole {
                    taken += std::mem::take(&mut written);
                }
                break;
            }
            (written, taken) = (written - piece.to, taken + piece.from);
        }
        self.begun.set(written);
        self.at.set(self.walk(&bytes[..taken], |_, _| {}));
        if taken == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Shows `each` piece of `bytes` and what becomes of it; answers where they end.
    fn walk(&self, bytes: &[u8], mut each: impl FnMut(Piece, &[u8])) -> At {
        let (mut at, mut i) = (self.at.get(), 0);
        while i < bytes.len() {
            let rest = &bytes[i..];
            let (from, next) = match at {
                At::Start => match self.head(rest, &mut each) {
                    Some((from, next)) => {
                        (at, i) = (next, i + from);
                        continue;
                    }
                    None => (rest.len(), At::Lost),
                },
                At::Line { len, left } => line(rest, len, left),
                At::Bytes { bytes, left } if bytes > rest.len() => {
                    (rest.len(), At::Bytes { bytes: bytes - rest.len(), left })
                }
                At::Bytes { bytes, left } => (bytes, behind(left)),
                At::Lost => (rest.len(), At::Lost),
            };
            each(Piece { from, to: from, whole: false }, &rest[..from]);
            (at, i) = (next, i + from);
        }
        at
    }

    /// The head of a request, to the end of the command's name; of a name that is longer than any other, to
    /// its beginning.
    fn head(&self, rest: &[u8], each: &mut impl FnMut(Piece, &[u8])) -> Option<(usize, At)> {
        let (count, line) = number(rest, 0, b'*')?;
        let (len, name) = number(rest, line, b'$')?;
        let left = count.checked_sub(1)?;
        if len > self.names.longest() {
            each(Piece { from: name, to: name, whole: true }, &rest[..name]);
            return Some((name, At::Bytes { bytes: len.checked_add(2)?, left }));
        }
        let end = name + len + 2;
        let head = rest.get(..end)?;
        match self.names.translate(&head[name..name + len]) {
            None => each(Piece { from: end, to: end, whole: true }, head),
            Some(other) => {
                let mut becomes = [&head[..line], format!("${}\r\n", other.len()).as_bytes()].concat();
                becomes.extend_from_slice(&other);
                becomes.extend_from_slice(b"\r\n");
                each(Piece { from: end, to: becomes.len(), whole: true }, &becomes);
            }
        }
        Some((end, behind(left)))
    }
}

/// Where the next byte stands behind an argument, if `left` others follow.
fn behind(left: usize) -> At {
    if left == 0 { At::Start } else { At::Line { len: 0, left } }
}

/// Goes on in the line before an argument.
fn line(rest: &[u8], mut len: usize, left: usize) -> (usize, At) {
    for (i, byte) in rest.iter().enumerate() {
        match byte {
            b'0'..=b'9' => len = len.saturating_mul(10).saturating_add(usize::from(byte - b'0')),
            b'$' | b'\r' => {}
            b'\n' => return (i + 1, At::Bytes { bytes: len.saturating_add(2), left: left - 1 }),
            _ => return (rest.len(), At::Lost),
        }
    }
    (rest.len(), At::Line { len, left })
}

/// The number in the line at `at`, which begins with `mark`, and where the next line begins.
fn number(bytes: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?.strip_prefix(&[mark])?;
    let len = line.iter().take(20).position(|byte| *byte == b'\r')?;
    let number = std::str::from_utf8(&line[..len]).ok()?.parse().ok()?;
    Some((number, at + 1 + len + 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::request::encode;

    fn renamed() -> Renamed {
        let pairs = [("CONFIG", "C"), ("PTTL", "A_LONGER_NAME")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let names = Arc::new(Names::outward(&pairs).unwrap());
        Renamed { names, at: Cell::new(At::Start), begun: Cell::new(0) }
    }

    /// Every way of cutting the stream, on both sides, gives the same bytes.
    #[test]
    fn names_are_translated_however_the_bytes_are_cut() {
        let said: &[&[&[u8]]] = &[
            &[b"config", b"GET", b"CONFIG"],
            &[b"GET", b"*1\r\n$4\r\nPTTL\r\n"],
            &[b"PTTL", b"k"],
            &[b"PING"],
            &[b"A_NAME_THAT_IS_LONGER_THAN_ANY", b""],
            &[b"Pttl", b"k"],
        ];
        let bytes: Vec<u8> = said.iter().flat_map(|words| encode(words)).collect();
        let becomes: Vec<u8> = said
            .iter()
            .flat_map(|words| {
                let name = match words[0].to_ascii_uppercase().as_slice() {
                    b"CONFIG" => &b"C"[..],
                    b"PTTL" => b"A_LONGER_NAME",
                    _ => words[0],
                };
                encode(&[&[name], &words[1..]].concat())
            })
            .collect();
        for takes in 1..40 {
            let (renamed, mut wire, mut at) = (renamed(), Vec::new(), 0);
            while at < bytes.len() {
                let took = renamed.write(&bytes[at..], |out| {
                    let n = out.len().min(takes);
                    wire.extend_from_slice(&out[..n]);
                    Ok(n)
                });
                match took {
                    Ok(n) => at += n,
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
            assert_eq!(String::from_utf8_lossy(&wire), String::from_utf8_lossy(&becomes), "{takes}");
        }
    }

    #[test]
    fn an_argument_may_come_in_pieces() {
        let (renamed, mut wire) = (renamed(), Vec::new());
        for piece in [
            &b"*3\r\n$6\r\nCONFIG\r\n$3\r\nS"[..],
            b"ET\r",
            b"\n$1",
            b"0\r\n01234",
            b"56789\r\n*1\r\n$4\r\nPTTL\r\n",
        ] {
            let took = renamed.write(piece, |out| {
                wire.extend_from_slice(out);
                Ok(out.len())
            });
            assert_eq!(took.unwrap(), piece.len());
        }
        let becomes = "*3\r\n$1\r\nC\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n*1\r\n$13\r\nA_LONGER_NAME\r\n";
        assert_eq!(String::from_utf8_lossy(&wire), becomes);
    }

    #[test]
    fn what_is_no_request_goes_as_it_is() {
        let (renamed, mut wire) = (renamed(), Vec::new());
        let bytes = b"*1\r\n$-1\r\n";
        let took = renamed.write(bytes, |out| {
            wire.extend_from_slice(out);
            Ok(out.len())
        });
        assert_eq!((took.unwrap(), &wire[..]), (bytes.len(), &bytes[..]));
    }
}
