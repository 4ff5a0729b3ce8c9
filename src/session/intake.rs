//! What a client sends: read, cut into requests, kept only where it cannot be used yet.
//!
//! An idle client holds no buffer: reads go to the worker's scratch buffer, and only the beginning
//! of a request whose end has not come is copied out of it.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};

use super::verdict::Verdict;
use crate::net::ReadHalf;
use crate::resp::rename::Names;
use crate::resp::request::Args;
use crate::resp::scan::request::{Limits, Progress, ProtocolError, Remainder, RequestScanner};

/// Least room for a read that continues a request.
const MIN_READ: usize = 16 * 1024;

/// Room for a read of a request that is passed on in pieces.
const PIECE: usize = 64 * 1024;

/// What must have come of a large request before a connection is taken for it.
const EARNEST: usize = 16 * 1024;

/// What one read brought.
#[derive(Debug)]
pub(super) enum Read {
    /// Requests, routed as far as they went.
    Routed(Result<Verdict, ProtocolError>),
    /// The end: the client closed, or its connection failed.
    Ended,
}

/// What stands at the front of what has been read.
#[derive(Debug)]
pub(super) enum Front {
    /// Not enough to say.
    Nothing,
    /// The beginning of a request that will take at least this many bytes.
    Partial(usize),
    /// A whole request.
    Whole,
}

/// What one wants of a look ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The next request.
    On,
    /// This was the one.
    Found,
    /// It will not be found.
    Stop,
}

/// The reading half of a client's connection.
#[derive(Debug)]
pub(super) struct Intake {
    read: ReadHalf,
    /// Bytes read and not consumed; they start with a request's first byte.
    kept: BytesMut,
    scanner: RequestScanner,
    /// All bytes ever read.
    received: u64,
}

/// How much has been taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// All bytes ever read.
    pub(super) received: u64,
    /// Memory that is held for what cannot be used yet.
    pub(super) memory: usize,
}

impl Intake {
    /// For requests that call commands by these names.
    pub(super) fn new(read: ReadHalf, names: Option<Arc<Names>>) -> Self {
        Self { read, kept: BytesMut::new(), scanner: RequestScanner::with_names(names), received: 0 }
    }

    /// From now on requests call commands by these names. One that has been translated stays so.
    pub(super) fn rename(&mut self, names: Option<Arc<Names>>) {
        self.scanner.set_names(names);
    }

    /// Reads once and hands every whole request to `route`, until it wants no more.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &RefCell<BytesMut>,
        limits: &Limits,
        route: impl FnMut(Args<'_>) -> Verdict,
    ) -> Poll<Read> {
        if !self.kept.is_empty() {
            return match ready!(self.poll_more(cx)) {
                false => Poll::Ready(Read::Ended),
                true => Poll::Ready(Read::Routed(self.requests(limits, route))),
            };
        }
        let mut scratch = scratch.borrow_mut();
        scratch.clear();
        match ready!(self.read.poll_into(cx, &mut scratch)) {
            Ok(0) | Err(_) => return Poll::Ready(Read::Ended),
            Ok(n) => self.received += n as u64,
        }
        let (used, result) = consume(&mut self.scanner, &scratch, limits, route);
        if used < scratch.len() {
            self.kept.extend_from_slice(&scratch[used..]);
        }
        Poll::Ready(Read::Routed(result))
    }

    /// Hands every whole request among what is kept to `route`, until it wants no more.
    pub(super) fn requests(
        &mut self,
        limits: &Limits,
        route: impl FnMut(Args<'_>) -> Verdict,
    ) -> Result<Verdict, ProtocolError> {
        let (used, result) = consume(&mut self.scanner, &self.kept, limits, route);
        self.skip(used);
        result
    }

    /// One read to the end of what is kept; `false` at the end of the stream.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.kept.reserve(MIN_READ);
        let read = self.read.poll_into(cx, &mut self.kept);
        if self.kept.is_empty() {
            // Who has nothing to say, maybe for hours, holds no buffer.
            self.kept = BytesMut::new();
        }
        let n = ready!(read).unwrap_or(0);
        self.received += n as u64;
        Poll::Ready(n > 0)
    }

    /// One read of what nobody wants any more; `false` at the end of the stream.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.kept.clear();
        self.poll_more(cx)
    }

    /// How much has been taken in.
    #[inline]
    pub(super) fn taken(&self) -> Taken {
        let memory = if self.kept.is_empty() { 0 } else { self.kept.capacity() + self.scanner.memory() };
        Taken { received: self.received, memory }
    }

    /// Whether the client has left by now.
    pub(super) fn has_ended(&self) -> bool {
        self.read.has_ended()
    }

    /// Bytes read and not consumed.
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Shows `look` the requests that are kept, one after the other, without taking them. Answers how
    /// many bytes those are that end with the one it has found.
    pub(super) fn look_ahead(
        &self,
        limits: &Limits,
        mut look: impl FnMut(Args<'_>) -> Look,
    ) -> Option<usize> {
        let (mut scanner, mut at) = (RequestScanner::with_names(self.scanner.names().cloned()), 0);
        loop {
            match scanner.scan(self.kept.get(at..)?, limits) {
                Ok(Progress::Whole { len }) => {
                    let seen = look(scanner.args(&self.kept[at..]));
                    scanner.reset();
                    at += len;
                    match seen {
                        Look::On => {}
                        Look::Found => return Some(at),
                        Look::Stop => return None,
                    }
                }
                _ => return None,
            }
        }
    }

    /// The first bytes that are kept.
    pub(super) fn ahead(&self, len: usize) -> &[u8] {
        &self.kept[..len]
    }

    /// Done with so many bytes of whole requests.
    pub(super) fn drop_front(&mut self, len: usize) {
        self.scanner.reset();
        self.skip(len);
    }

    /// Looks at the request at the front without taking it. Empty requests are skipped.
    pub(super) fn front(&mut self, limits: &Limits) -> Result<Front, ProtocolError> {
        loop {
            if self.kept.is_empty() {
                return Ok(Front::Nothing);
            }
            match self.scanner.scan(&self.kept, limits)? {
                Progress::Partial { declared } if declared > limits.large => {
                    if !self.scanner.rename_partial(&mut self.kept) {
                        return Ok(Front::Partial(declared));
                    }
                }
                Progress::Partial { declared } => return Ok(Front::Partial(declared)),
                Progress::Whole { .. } => return Ok(Front::Whole),
                Progress::Nothing { len } => {
                    self.scanner.reset();
                    self.skip(len);
                }
            }
        }
    }

    /// Whether the partial request that [`Self::front`] has found is passed on in pieces.
    pub(super) fn is_large(&self, declared: usize, limits: &Limits) -> bool {
        is_large(declared, self.kept.len(), limits)
    }

    /// The arguments of the whole request that [`Self::front`] has found.
    pub(super) fn args(&self) -> Args<'_> {
        self.scanner.args(&self.kept)
    }

    /// The arguments that have arrived of the partial request that [`Self::front`] has found.
    pub(super) fn args_so_far(&self) -> Args<'_> {
        self.scanner.args_so_far(&self.kept)
    }

    /// How many arguments that request will have, and how long the one that is arriving is.
    pub(super) fn announced(&self) -> (usize, usize) {
        self.scanner.announced()
    }

    /// Done with the whole request that [`Self::front`] has found.
    pub(super) fn pop(&mut self) {
        let len = self.scanner.scanned();
        self.scanner.reset();
        self.skip(len);
    }

    /// Starts passing the partial request on in pieces: what was scanned goes to `out` now.
    pub(super) fn stream(&mut self, out: &mut BytesMut) -> Remainder {
        let rest = self.scanner.remainder();
        self.scanner.reset();
        out.extend_from_slice(&self.kept[..rest.from]);
        self.skip(rest.from);
        rest
    }

    /// Passes on what there is of a request passed on in pieces; `true` once it is whole.
    pub(super) fn pass(
        &mut self,
        rest: &mut Remainder,
        limits: &Limits,
        out: &mut BytesMut,
    ) -> Result<bool, ProtocolError> {
        let (n, whole) = rest.advance(&self.kept, limits)?;
        out.extend_from_slice(&self.kept[..n]);
        self.skip(n);
        Ok(whole)
    }

    /// One read of a request passed on in pieces, of which nothing is kept here: straight to where it
    /// goes. `None` at the end of the stream, else whether the request is whole.
    pub(super) fn poll_pass(
        &mut self,
        cx: &mut Context<'_>,
        rest: &mut Remainder,
        limits: &Limits,
        out: &mut BytesMut,
    ) -> Poll<Result<Option<bool>, ProtocolError>> {
        debug_assert!(self.kept.is_empty());
        let before = out.len();
        out.reserve(PIECE);
        match ready!(self.read.poll_into(cx, out)) {
            Ok(0) | Err(_) => return Poll::Ready(Ok(None)),
            Ok(n) => self.received += n as u64,
        }
        let advanced = rest.advance(&out[before..], limits);
        let n = advanced.as_ref().map_or(0, |&(n, _)| n);
        self.kept.extend_from_slice(&out[before + n..]);
        out.truncate(before + n);
        Poll::Ready(advanced.map(|(_, whole)| Some(whole)))
    }

    fn skip(&mut self, n: usize) {
        self.kept.advance(n);
        if self.kept.is_empty() {
            self.kept = BytesMut::new();
        }
    }
}

/// Whether a request of which `here` bytes have come is passed on in pieces. A length is soon declared: who
/// brings nothing to go with it shall not have a connection for it.
fn is_large(declared: usize, here: usize, limits: &Limits) -> bool {
    declared > limits.large && here >= EARNEST.min(limits.large)
}

/// Hands requests of `bytes` to `route`; answers how many bytes are done with, and why it stopped.
#[inline]
fn consume(
    scanner: &mut RequestScanner,
    bytes: &[u8],
    limits: &Limits,
    mut route: impl FnMut(Args<'_>) -> Verdict,
) -> (usize, Result<Verdict, ProtocolError>) {
    let mut at = 0;
    while at < bytes.len() {
        match scanner.scan(&bytes[at..], limits) {
            Err(error) => return (at, Err(error)),
            // A large request is passed on in pieces, on a connection of its own.
            Ok(Progress::Partial { declared }) if is_large(declared, bytes.len() - at, limits) => {
                return (at, Ok(Verdict::Large));
            }
            Ok(Progress::Partial { .. }) => return (at, Ok(Verdict::Done)),
            Ok(Progress::Nothing { len }) => {
                scanner.reset();
                at += len;
            }
            Ok(Progress::Whole { len }) => {
                let verdict = route(scanner.args(&bytes[at..]));
                scanner.reset();
                if !verdict.consumed() {
                    return (at, Ok(verdict));
                }
                at += len;
                if verdict == Verdict::Close {
                    return (at, Ok(verdict));
                }
            }
        }
    }
    (at, Ok(Verdict::Done))
}
