//! The boundaries and arguments of requests, as Redis's `processMultibulkBuffer` and
//! `processInlineBuffer` accept them, with Redis's error texts.

mod named;
mod remainder;

use std::sync::Arc;

pub use remainder::Remainder;

use super::{Line, number};
use crate::resp::rename::Names;
use crate::resp::request::{Args, Span, encode};

/// Redis's limit on an inline request and on a header line (`PROTO_INLINE_MAX_SIZE`), bytes.
const MAX_LINE: usize = 64 * 1024;
/// Arguments Redis takes from a client that must still authenticate.
const MAX_ARGS_UNAUTHENTICATED: i64 = 10;
/// Bytes of one argument Redis takes from a client that must still authenticate.
const MAX_BULK_UNAUTHENTICATED: i64 = 16 * 1024;

/// What a request may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one argument (`proto-max-bulk-len`).
    pub max_bulk: usize,
    /// Arguments of one request.
    pub max_multibulk: usize,
    /// A request longer than this is passed on in pieces; the scanner itself does not mind.
    pub large: usize,
    /// The client must still authenticate: Redis's small limits apply.
    pub unauthenticated: bool,
}

/// A request Redis would refuse and close the connection for. The text is Redis's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A line longer than Redis takes.
    #[error("Protocol error: too big inline request")]
    BigInline,
    /// `*` and no end of line in sight.
    #[error("Protocol error: too big mbulk count string")]
    BigMultibulkLine,
    /// `$` and no end of line in sight.
    #[error("Protocol error: too big bulk count string")]
    BigBulkLine,
    /// Not a number of arguments, or too many.
    #[error("Protocol error: invalid multibulk length")]
    MultibulkLength,
    /// More arguments than a client may send before it authenticates.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulk,
    /// Not a length, or too long.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// An argument longer than a client may send before it authenticates.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulk,
    /// An argument that does not start with `$`.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedBulk(u8),
    /// An inline request whose quotes do not close.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial {
        /// The least the whole request will take, in bytes.
        declared: usize,
    },
    /// Bytes that ask for nothing (an empty line, `*0`).
    Nothing {
        /// How many to skip.
        len: usize,
    },
    /// A whole request; [`RequestScanner::args`] has its arguments.
    Whole {
        /// Its bytes as received.
        len: usize,
    },
}

/// Finds one request after another. Give it a buffer that starts with the request's first byte;
/// after [`Progress::Partial`] give it the same bytes and more; after [`Progress::Whole`] it answers
/// the same again until [`RequestScanner::reset`], which is also due after anything else. Its span list is kept between requests: no allocation per request.
#[derive(Debug, Default)]
pub struct RequestScanner {
    at: usize,
    missing: i64,
    bulk: Option<usize>,
    begun: bool,
    irregular: bool,
    spans: Vec<Span>,
    rewritten: Vec<u8>,
    /// What commands are called here; `None`: what Redis calls them.
    names: Option<Arc<Names>>,
    /// The request begins with the command's own name by now.
    named: bool,
}

impl RequestScanner {
    /// Ready for the next request. Memory for very many arguments is given back.
    pub fn reset(&mut self) {
        (self.at, self.missing, self.bulk) = (0, 0, None);
        (self.begun, self.irregular, self.named) = (false, false, false);
        self.spans.clear();
        if self.spans.capacity() > 4096 {
            self.spans = Vec::new();
        }
        if !self.rewritten.is_empty() {
            self.rewritten = Vec::new();
        }
    }

    /// Looks for the end of the request at the front of `buf`.
    #[inline]
    pub fn scan(&mut self, buf: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        if !self.begun {
            match buf.first() {
                None => return Ok(Progress::Partial { declared: 1 }),
                Some(b'*') => {}
                Some(_) => return self.inline(buf, limits),
            }
            match self.header(buf, limits)? {
                Some(progress) => return Ok(progress),
                None => self.begun = true,
            }
        }
        while self.missing > 0 {
            if let Some(progress) = self.argument(buf, limits)? {
                return Ok(progress);
            }
        }
        if self.irregular && self.rewritten.is_empty() {
            self.rewrite(buf);
        }
        if self.names.is_some() && !self.named {
            self.rename(buf);
        }
        Ok(Progress::Whole { len: self.at })
    }

    /// The arguments of the whole request that `buf` starts with.
    #[inline]
    pub fn args<'a>(&'a self, buf: &'a [u8]) -> Args<'a> {
        if self.rewritten.is_empty() {
            Args::new(&buf[..self.at], &self.spans)
        } else {
            Args::new(&self.rewritten, &self.spans)
        }
    }

    /// The arguments that have arrived whole, of a request that has not; valid until more is scanned.
    pub fn args_so_far<'a>(&'a self, buf: &'a [u8]) -> Args<'a> {
        Args::new(&buf[..self.at.min(buf.len())], &self.spans)
    }

    /// Bytes of memory it holds for a request with very many arguments; 0 for others.
    pub fn memory(&self) -> usize {
        let spans = self.spans.capacity() * size_of::<Span>();
        if self.spans.capacity() > 4096 {
            spans + self.rewritten.capacity()
        } else {
            self.rewritten.capacity()
        }
    }

    /// How many bytes of the buffer belong to what was scanned.
    pub fn scanned(&self) -> usize {
        self.at
    }

    /// What is still to come of a request that has begun, for passing it on in pieces: everything
    /// of `buf` before [`Remainder::from`] was scanned.
    pub fn remainder(&self) -> Remainder {
        Remainder { from: self.at, missing: self.missing, bulk: self.bulk.map(|n| n + 2) }
    }

    fn header(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<Progress>, ProtocolError> {
        let (count, next) = match number(buf, 1) {
            Line::Number(count, next) => (count, next),
            Line::Partial => return Ok(Some(Progress::Partial { declared: buf.len() + 1 })),
            Line::Invalid => {
                return partial_or(buf, 0, ProtocolError::MultibulkLength, ProtocolError::BigMultibulkLine);
            }
        };
        if usize::try_from(count).is_ok_and(|c| c > limits.max_multibulk) {
            return Err(ProtocolError::MultibulkLength);
        }
        if limits.unauthenticated && count > MAX_ARGS_UNAUTHENTICATED {
            return Err(ProtocolError::UnauthenticatedMultibulk);
        }
        if count <= 0 {
            return Ok(Some(Progress::Nothing { len: next }));
        }
        self.irregular = buf[next - 1] != b'\n';
        (self.missing, self.at) = (count, next);
        Ok(None)
    }

    #[inline]
    fn argument(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<Progress>, ProtocolError> {
        let len = match self.bulk {
            Some(len) => len,
            None => match self.bulk_header(buf, limits)? {
                Ok(len) => len,
                Err(progress) => return Ok(Some(progress)),
            },
        };
        let end = self.at + len;
        if buf.len() < end + 2 {
            self.bulk = Some(len);
            return Ok(Some(Progress::Partial { declared: end + 2 }));
        }
        self.irregular |= buf[end..end + 2] != *b"\r\n";
        self.spans.push(Span { start: self.at, end });
        (self.at, self.bulk, self.missing) = (end + 2, None, self.missing - 1);
        Ok(None)
    }

    #[inline]
    fn bulk_header(&mut self, buf: &[u8], limits: &Limits) -> Result<Result<usize, Progress>, ProtocolError> {
        let partial = Ok(Err(Progress::Partial { declared: buf.len() + 1 }));
        match buf.get(self.at) {
            None => return partial,
            Some(b'$') => {}
            // Redis looks for the end of the line before it looks at its first byte.
            Some(&other) => {
                return partial_or(
                    buf,
                    self.at,
                    ProtocolError::ExpectedBulk(other),
                    ProtocolError::BigBulkLine,
                )
                .map(|p| Err(p.unwrap_or(Progress::Partial { declared: buf.len() + 1 })));
            }
        }
        let (len, next) = match number(buf, self.at + 1) {
            Line::Number(len, next) => (len, next),
            Line::Partial => return partial,
            Line::Invalid => {
                return partial_or(buf, self.at, ProtocolError::BulkLength, ProtocolError::BigBulkLine)
                    .map(|p| Err(p.unwrap_or(Progress::Partial { declared: buf.len() + 1 })));
            }
        };
        let size = usize::try_from(len).map_err(|_| ProtocolError::BulkLength)?;
        if size > limits.max_bulk {
            return Err(ProtocolError::BulkLength);
        }
        if limits.unauthenticated && len > MAX_BULK_UNAUTHENTICATED {
            return Err(ProtocolError::UnauthenticatedBulk);
        }
        self.irregular |= buf[next - 1] != b'\n';
        self.at = next;
        Ok(Ok(size))
    }

    fn inline(&mut self, buf: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        // Found before, and looked at again: what follows it is another request.
        if !self.rewritten.is_empty() {
            return Ok(Progress::Whole { len: self.at });
        }
        let Some(newline) = buf[self.at..].iter().position(|&b| b == b'\n') else {
            if buf.len() > MAX_LINE {
                return Err(ProtocolError::BigInline);
            }
            self.at = buf.len();
            return Ok(Progress::Partial { declared: buf.len() + 1 });
        };
        let len = self.at + newline + 1;
        let line = &buf[..len - 1];
        let words = super::inline::split(line.strip_suffix(b"\r").unwrap_or(line))
            .ok_or(ProtocolError::UnbalancedQuotes)?;
        if words.is_empty() {
            return Ok(Progress::Nothing { len });
        }
        if words.len() > limits.max_multibulk {
            return Err(ProtocolError::MultibulkLength);
        }
        self.respell(&words);
        self.at = len;
        if self.names.is_some() {
            self.rename(&[]);
        }
        Ok(Progress::Whole { len })
    }

    /// Redis skips the two bytes after an argument unread, and the one after a line's CR. Other servers
    /// may not, and a shared connection must not be lost to one client's bytes: write the request out
    /// properly.
    fn rewrite(&mut self, buf: &[u8]) {
        let words: Vec<Vec<u8>> = self.spans.iter().map(|s| buf[s.start..s.end].to_vec()).collect();
        self.respell(&words);
    }

    fn respell(&mut self, words: &[Vec<u8>]) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.rewritten = encode(&words);
        self.spans.clear();
        let mut end = self.rewritten.iter().position(|&b| b == b'\n').map_or(0, |i| i + 1);
        for word in words {
            let start = end + 1 + decimal_len(word.len()) + 2;
            self.spans.push(Span { start, end: start + word.len() });
            end = start + word.len() + 2;
        }
    }
}

/// A malformed line is only known to be malformed once it has ended.
fn partial_or(
    buf: &[u8],
    from: usize,
    whole: ProtocolError,
    endless: ProtocolError,
) -> Result<Option<Progress>, ProtocolError> {
    let line = &buf[from..];
    match line.iter().take(MAX_LINE + 1).position(|&b| b == b'\r') {
        Some(cr) if line.len() > cr + 1 => Err(whole),
        None if line.len() > MAX_LINE => Err(endless),
        _ => Ok(Some(Progress::Partial { declared: buf.len() + 1 })),
    }
}

fn decimal_len(n: usize) -> usize {
    n.checked_ilog10().map_or(1, |d| d as usize + 1)
}

#[cfg(test)]
mod tests;
