//! A feed's connection while it lasts.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::time::{Sleep, sleep};

use super::Feed;
use crate::pubsub::{Pass, Subscriber};
use crate::resp::scan::reply::{Fed, ReplyScanner};
use crate::upstream::{Failure, Lease, Shared, give_way};

/// Room for a read.
const READ: usize = 64 * 1024;
/// Rounds of work before others get theirs.
const ROUNDS_PER_TURN: usize = 8;
/// How often waiting and silence are looked at.
const TICK: Duration = Duration::from_millis(250);
/// A connection that nobody has needed for so long is closed.
const UNUSED_CLOSE: Duration = Duration::from_secs(10);

/// What one connection brings.
struct Intake {
    buf: BytesMut,
    /// Bytes of the first frame that have been scanned.
    seen: usize,
    scanner: ReplyScanner,
    /// A turn ended before everything read was handed over.
    left_over: bool,
    /// What has been read waits for this.
    waits: Option<Pass>,
    heard: Instant,
    checked: bool,
    used: Instant,
    generation: u64,
    memory: Memory,
}

/// Bytes taken from the memory for buffers; given back on drop.
struct Memory {
    shared: Arc<Shared>,
    taken: usize,
}

impl Memory {
    /// Holds `bytes` beyond the first read; `false` if there is not so much.
    fn hold(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(4 * READ);
        if wanted > self.taken && !self.shared.reserve(wanted - self.taken) {
            return false;
        }
        if wanted < self.taken {
            self.shared.release(self.taken - wanted);
        }
        self.taken = wanted;
        true
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.shared.release(self.taken);
    }
}

impl<S: Subscriber> Feed<S> {
    /// Serves until the connection is lost, for the reason given, or nobody has needed it for a while.
    pub(super) async fn serve(&self, mut lease: Lease) -> Option<String> {
        let now = Instant::now();
        self.book.borrow_mut().connect(now);
        self.common.shares.feed_opened();
        let _open = Open(self);
        let shared = Arc::clone(&self.common.shared);
        let mut intake = Intake {
            buf: BytesMut::new(),
            seen: 0,
            scanner: ReplyScanner::default(),
            left_over: false,
            waits: None,
            heard: now,
            checked: false,
            used: now,
            generation: shared.generation(),
            memory: Memory { shared, taken: 0 },
        };
        let mut timer = pin!(sleep(TICK));
        poll_fn(|cx| self.poll(cx, &mut lease, &mut intake, timer.as_mut())).await
    }

    fn poll(
        &self,
        cx: &mut Context<'_>,
        lease: &mut Lease,
        intake: &mut Intake,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<Option<String>> {
        self.listen(cx.waker());
        for _ in 0..ROUNDS_PER_TURN {
            let moved = self.round(cx, lease, intake);
            let enough = self.book.borrow().is_enough();
            self.book.borrow_mut().flush();
            match moved {
                Err(reason) => return Poll::Ready(Some(reason)),
                Ok(true) if enough => break,
                Ok(true) => continue,
                Ok(false) => {}
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            timer.as_mut().reset((Instant::now() + TICK).into());
            match self.look(intake) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(None),
                Err(reason) => return Poll::Ready(Some(reason)),
            }
        }
        give_way(cx);
        Poll::Pending
    }

    /// Writes, reads and hands over what there is, once. Answers whether anything moved.
    fn round(&self, cx: &mut Context<'_>, lease: &mut Lease, intake: &mut Intake) -> Result<bool, String> {
        let mut moved = self.write(cx, lease)?;
        if let Some(pass) = &intake.waits {
            if pass(cx).is_pending() {
                return Ok(moved);
            }
            intake.waits = None;
        } else if !intake.left_over {
            // What the last turn left comes before more.
            let read = self.read(cx, lease, intake)?;
            intake.waits = if read { (self.common.settings.barrier.0)() } else { None };
            if intake.waits.is_some() {
                return Ok(true);
            }
            moved |= read;
        }
        moved |= self.hand_over(intake)?;
        Ok(moved)
    }

    fn write(&self, cx: &mut Context<'_>, lease: &mut Lease) -> Result<bool, String> {
        let out = &mut self.book.borrow_mut().out;
        let mut moved = false;
        while !out.is_empty() {
            match lease.poll_write(cx, out) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Ok(n)) => out.advance(n),
                Poll::Ready(Err(error)) => return Err(error.to_string()),
            }
            moved = true;
        }
        if let Poll::Ready(Err(error)) = lease.poll_flush(cx) {
            return Err(error.to_string());
        }
        if out.capacity() > READ {
            *out = BytesMut::new();
        }
        Ok(moved)
    }

    fn read(&self, cx: &mut Context<'_>, lease: &mut Lease, intake: &mut Intake) -> Result<bool, String> {
        intake.buf.reserve(READ);
        match lease.poll_read(cx, &mut intake.buf) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0)) => return Err("closed by the upstream".into()),
            Poll::Ready(Err(error)) => return Err(error.to_string()),
            Poll::Ready(Ok(_)) => {}
        }
        (intake.heard, intake.checked) = (Instant::now(), false);
        if !intake.memory.hold(intake.buf.len()) {
            return Err("a message exceeds the memory for buffers (limits.memory)".into());
        }
        Ok(true)
    }

    /// Hands over the whole frames that have been read, as many as a turn allows.
    fn hand_over(&self, intake: &mut Intake) -> Result<bool, String> {
        let mut at = 0;
        intake.left_over = false;
        while at + intake.seen < intake.buf.len() {
            if self.book.borrow().is_enough() {
                intake.left_over = true;
                break;
            }
            let fed = intake.scanner.feed(&intake.buf[at + intake.seen..]).map_err(|e| e.to_string())?;
            let Fed::Whole(n) = fed else {
                intake.seen = intake.buf.len() - at;
                break;
            };
            let end = at + intake.seen + n;
            let heard = self.book.borrow_mut().heard(&mut intake.buf[at..end], intake.heard);
            heard.map_err(|error| error.to_string())?;
            (at, intake.seen) = (end, 0);
        }
        intake.buf.advance(at);
        if intake.buf.is_empty() {
            // Who waits, maybe for hours, holds no buffer.
            intake.buf = BytesMut::new();
            intake.memory.hold(0);
        }
        Ok(at > 0)
    }

    /// Looks at the clock; `false`: nobody needs the connection any more.
    fn look(&self, intake: &mut Intake) -> Result<bool, String> {
        let now = Instant::now();
        let shared = &self.common.shared;
        let settings = shared.settings();
        let (answer, check) = (settings.socket_timeout, settings.health_check_interval);
        let mut book = self.book.borrow_mut();
        if intake.generation != shared.generation() {
            return Err("the upstream has moved".into());
        }
        book.give_up(now, answer, &Failure::TimedOut { after: answer });
        book.flush();
        let silent = now.duration_since(intake.heard);
        // A server may be busy with a script for long; one that is gone does not come back.
        if book.expects() && silent >= check.max(answer) * 2 {
            return Err(format!("silent for {silent:?}"));
        }
        if silent >= check && !intake.checked && !book.expects() {
            intake.checked = true;
            book.check(now);
        }
        if book.has_listeners() || (book.expects() && !intake.checked) {
            intake.used = now;
        }
        Ok(now.duration_since(intake.used) < UNUSED_CLOSE)
    }
}

/// Counts an open connection.
struct Open<'a, S: Subscriber>(&'a Feed<S>);

impl<S: Subscriber> Drop for Open<'_, S> {
    fn drop(&mut self) {
        self.0.common.shares.feed_closed();
    }
}
