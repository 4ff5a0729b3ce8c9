//! Reading a lane: whole replies to their callers, in order.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;

use super::Lane;
use crate::net::{self, ReadHalf};
use crate::resp::request::Args;
use crate::resp::scan::reply::{Fed, ReplyScanner};
use crate::resp::scan::request::{Limits, RequestScanner};
use crate::upstream::{Caller, Failure, Heard, Mark, Shared, Watch};

/// Reads per turn before others get theirs.
const READS_PER_TURN: usize = 8;
/// Least room for a read that continues a reply.
const MIN_READ: usize = 16 * 1024;
/// Most room asked for at once, however much a reply declares.
const MAX_READ: usize = 256 * 1024;

/// A reply from this size on is given only to a caller that has memory for it.
const WEIGHTY: usize = 16 * 1024;

/// Bytes of a push that is still not whole at which the connection is given up. The longest are names of
/// keys, and what they say is said by the loss of the connection as well.
const MOST_PUSH: usize = 16 * 1024 * 1024;

/// What happens to the reply that is arriving.
#[derive(Debug, Default)]
enum Fate {
    /// It is gathered in memory.
    #[default]
    Gather,
    /// It is too large: thrown away, and its caller is told this at its end.
    Drain(Failure),
}

/// The reading half of a lane's connection.
#[derive(Debug)]
pub(super) struct Replies<C: Caller> {
    read: ReadHalf,
    /// The beginning of a reply whose end has not come.
    partial: BytesMut,
    /// How much of `partial` the scanner has seen.
    seen: usize,
    scanner: ReplyScanner,
    fate: Fate,
    /// Memory for buffers taken for a large reply, bytes.
    reserved: usize,
    /// When it last read.
    now: u64,
    /// Whom this turn's replies went to.
    pub(super) touched: Vec<Rc<C>>,
    /// A reply other than an error has come.
    pub(super) any_success: bool,
}

impl<C: Caller> Replies<C> {
    pub(super) fn new(read: ReadHalf) -> Self {
        Self {
            read,
            partial: BytesMut::new(),
            seen: 0,
            scanner: ReplyScanner::strict(),
            fate: Fate::Gather,
            reserved: 0,
            now: 0,
            touched: Vec::new(),
            any_success: false,
        }
    }

    /// Reads what there is. Ready only when the connection has ended, with the reason.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, lane: &Lane<C>) -> Poll<String> {
        for _ in 0..READS_PER_TURN {
            let result = if self.partial.is_empty() {
                let mut scratch = lane.scratch.borrow_mut();
                scratch.clear();
                let read = ready!(self.read.poll_into(cx, &mut scratch));
                self.looked_up(&read, lane);
                read.map(|n| (n, self.take(&scratch, lane)))
            } else {
                let room =
                    usize::try_from(self.scanner.still_needs()).unwrap_or(MAX_READ).clamp(MIN_READ, MAX_READ);
                self.partial.reserve(room);
                let read = ready!(self.read.poll_into(cx, &mut self.partial));
                let whole = std::mem::take(&mut self.partial);
                self.looked_up(&read, lane);
                read.map(|n| (n, self.take_more(whole, lane)))
            };
            match result {
                Err(error) => return Poll::Ready(error.to_string()),
                Ok((0, _)) => return Poll::Ready("closed by the upstream".into()),
                Ok((_, Err(reason))) => return Poll::Ready(reason),
                Ok((_, Ok(()))) => lane.heard.set(lane.heard.get() + 1),
            }
        }
        net::give_way(cx);
        Poll::Pending
    }

    /// A read has brought this: one look at the clock serves all its replies.
    #[inline]
    fn looked_up(&mut self, read: &io::Result<usize>, lane: &Lane<C>) {
        if let Ok(n) = read {
            self.now = lane.tally.now();
            lane.tally.meters().upstream_in.plus(*n as u64);
        }
    }

    /// `bytes` start where a reply starts, or go on with one that is drained.
    fn take(&mut self, bytes: &[u8], lane: &Lane<C>) -> Result<(), String> {
        let rest = self.replies(bytes, 0, lane)?;
        if rest < bytes.len() && matches!(self.fate, Fate::Gather) {
            self.partial = BytesMut::from(&bytes[rest..]);
            self.seen = self.partial.len();
        }
        Ok(())
    }

    /// `bytes` start with a reply of which `seen` bytes are scanned.
    fn take_more(&mut self, mut bytes: BytesMut, lane: &Lane<C>) -> Result<(), String> {
        let seen = std::mem::take(&mut self.seen);
        let rest = self.replies(&bytes, seen, lane)?;
        if rest < bytes.len() && matches!(self.fate, Fate::Gather) {
            self.seen = bytes.len() - rest;
            if rest > 0 {
                bytes = BytesMut::from(&bytes[rest..]);
            }
            self.partial = bytes;
        }
        Ok(())
    }

    /// Hands out every whole reply; answers where the one that is not whole starts.
    fn replies(&mut self, bytes: &[u8], mut seen: usize, lane: &Lane<C>) -> Result<usize, String> {
        let mut start = 0;
        while seen < bytes.len() {
            match self.scanner.feed(&bytes[seen..]).map_err(|e| e.to_string())? {
                Fed::Partial => {
                    let is_push = bytes[start] == b'>' && matches!(self.fate, Fate::Gather);
                    if is_push && bytes.len() - start > MOST_PUSH {
                        return Err("the upstream sent a push without an end".into());
                    }
                    if !is_push {
                        self.judge(bytes[start], bytes.len() - start, lane);
                    }
                    return Ok(start);
                }
                Fed::Whole(n) => {
                    seen += n;
                    self.reply(&bytes[start..seen], lane)?;
                    start = seen;
                }
            }
        }
        Ok(start)
    }

    #[inline]
    fn reply(&mut self, reply: &[u8], lane: &Lane<C>) -> Result<(), String> {
        if reply.first() == Some(&b'>') && matches!(self.fate, Fate::Gather) {
            lane.watch.pushed(reply);
            return Ok(());
        }
        let fate = std::mem::take(&mut self.fate);
        self.release(&lane.shared);
        self.any_success |= reply.first() != Some(&b'-');
        let mut queue = lane.queue.borrow_mut();
        let fate = match fate {
            Fate::Gather if reply.len() >= WEIGHTY && queue.front_refuses(reply.len()) => {
                Fate::Drain(Failure::TooLarge)
            }
            Fate::Gather if lane.shared.is_too_long(reply.first(), reply.len()) => {
                Fate::Drain(lane.shared.too_long())
            }
            fate => fate,
        };
        let request = match &fate {
            Fate::Gather if !queue.front_is_wanted(self.now) => Vec::new(),
            _ => queue.front_request().to_vec(),
        };
        let mut done = queue.answer().ok_or("the upstream sent a reply nobody asked for")?;
        drop(queue);
        let mark = std::mem::take(&mut done.mark);
        match fate {
            Fate::Gather => mark.replied(reply, lane),
            Fate::Drain(_) => drop(mark),
        }
        let heard = Heard { written: done.written, read: self.now, request: &request };
        for (caller, ticket) in done.callers() {
            match &fate {
                Fate::Gather => caller.answered(ticket, reply, &heard),
                Fate::Drain(failure) => caller.failed(ticket, failure, &request),
            }
            if caller.touched() {
                self.touched.push(caller);
            }
        }
        lane.settle();
        Ok(())
    }

    /// Decides what becomes of a reply that is not whole yet, of which `have` bytes are here.
    fn judge(&mut self, first: u8, have: usize, lane: &Lane<C>) {
        let reply_buffer = lane.shared.reply_buffer();
        let size = have as u64 + self.scanner.still_needs();
        let withheld = lane.shared.is_too_long(Some(&first), usize::try_from(size).unwrap_or(usize::MAX));
        if withheld && matches!(self.fate, Fate::Gather) {
            lane.clogged
                .set(lane.queue.borrow().front_repeatable() && self.scanner.still_needs() > reply_buffer);
            return self.drain(lane.shared.too_long(), lane);
        }
        if size <= lane.shared.large_from() || !matches!(self.fate, Fate::Gather) {
            return;
        }
        let queue = lane.queue.borrow();
        note_large(&lane.shared, queue.front_request());
        if queue.front_repeatable() {
            if size > reply_buffer {
                // So much more would keep everybody else waiting: better another connection.
                lane.clogged.set(self.scanner.still_needs() > reply_buffer);
                drop(queue);
                self.drain(Failure::TooLarge, lane);
            }
            return;
        }
        // It has had its effect: its reply is worth memory, as long as there is any.
        let more = usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(self.reserved);
        if lane.shared.reserve(more) {
            self.reserved += more;
        } else {
            self.drain(Failure::Dropped, lane);
        }
    }

    fn drain(&mut self, why: Failure, lane: &Lane<C>) {
        self.fate = Fate::Drain(why);
        self.release(&lane.shared);
        self.partial = BytesMut::new();
    }

    fn release(&mut self, shared: &Shared) {
        if self.reserved > 0 {
            shared.release(std::mem::take(&mut self.reserved));
        }
    }

    /// The connection is gone.
    pub(super) fn close(mut self, shared: &Shared) {
        self.release(shared);
    }
}

/// Has requests like this one go to connections of their own from now on.
fn note_large(shared: &Shared, request: &[u8]) {
    with_args(request, |args| shared.note_large(args));
}

/// Whether `request` is the same command as `large`, whose reply was too large: what came in one
/// burst with it is asked for one by one, lest the next connection clogs as well.
pub(super) fn is_alike(large: &[u8], request: &[u8]) -> bool {
    let name = |request| with_args(request, |args| args.get(0).to_ascii_uppercase());
    name(large) == name(request)
}

fn with_args<T>(request: &[u8], look: impl FnOnce(&Args<'_>) -> T) -> Option<T> {
    let limits = Limits {
        max_bulk: usize::MAX / 2,
        max_multibulk: usize::MAX / 2,
        large: usize::MAX,
        unauthenticated: false,
    };
    let mut scanner = RequestScanner::default();
    scanner.scan(request, &limits).ok()?;
    Some(look(&scanner.args(request)))
}
