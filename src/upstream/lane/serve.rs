//! A lane while it has a connection.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};

use super::replies::{Replies, is_alike};
use super::{End, Lane};
use crate::config::Upstream;
use crate::resp::Proto;
use crate::upstream::handshake::Link;
use crate::upstream::outgoing::Outgoing;
use crate::upstream::{Caller, Class, Permit};

/// A lane without a request for this long gives its connection back.
const IDLE_CLOSE: Duration = Duration::from_secs(300);
/// How long a busy lane keeps its connection while another waits for one.
const TURN: Duration = Duration::from_millis(50);
/// Asked of an idle connection to see that it is alive, and to keep the server from hanging up.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// How long a connection may be silent before it is checked.
fn check_after(settings: &Upstream, server: Duration) -> Duration {
    settings.health_check_interval.min(server).max(Duration::from_millis(100))
}

/// The connection's own state, for as long as it lasts.
struct Serving {
    write: Outgoing,
    proto: Proto,
    generation: u64,
    /// When it was opened.
    since: Instant,
    /// How long it may be silent before it is checked.
    check_after: Duration,
    /// How long the server bears silence at most, with a margin.
    server: Duration,
    /// The settings it goes by.
    version: u64,
    /// How many requests had been queued when the timer last looked.
    sends: u64,
    /// When it last saw that more had been.
    used: Instant,
    /// When the connection last was known to be asked something.
    spoke: Instant,
}

impl<C: Caller> Lane<C> {
    /// Serves until the connection ends; answers why. The permit is held as long.
    pub(super) async fn serve(&self, link: Link, _permit: Permit) -> End {
        let (version, settings) = (self.shared.version(), self.shared.settings());
        let server = link.info.habits.timeout.map_or(Duration::MAX, |t| t / 2);
        let now = Instant::now();
        let mut serving = Serving {
            write: link.write,
            proto: link.proto,
            generation: link.generation,
            since: now,
            check_after: check_after(&settings, server),
            server,
            version,
            sends: self.sends.get(),
            used: now,
            spoke: now,
        };
        let mut replies = Replies::new(link.read);
        let mut timer = pin!(sleep(settings.socket_timeout.min(serving.check_after)));
        let end = poll_fn(|cx| self.poll_serve(cx, &mut serving, &mut replies, timer.as_mut())).await;
        replies.close(&self.shared);
        end
    }

    fn poll_serve(
        &self,
        cx: &mut Context<'_>,
        serving: &mut Serving,
        replies: &mut Replies<C>,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<End> {
        let lost = |reason| Poll::Ready(End { reason, ours: false });
        self.listen(cx.waker());
        let reading = replies.poll(cx, self);
        replies.touched.drain(..).for_each(|caller| caller.flush());
        if let Poll::Ready(reason) = reading {
            return lost(reason);
        }
        if let Err(error) = self.write(cx, serving) {
            return lost(error.to_string());
        }
        if serving.version != self.shared.version() {
            serving.version = self.shared.version();
            serving.check_after = check_after(&self.shared.settings(), serving.server);
            timer.as_mut().reset(Instant::now().into());
        }
        while timer.as_mut().poll(cx).is_ready() {
            match self.on_timer(serving) {
                Ok(next) => timer.as_mut().reset((Instant::now() + next).into()),
                Err(end) => return Poll::Ready(end),
            }
            if let Err(error) = self.write(cx, serving) {
                return lost(error.to_string());
            }
        }
        match self.may_leave(serving, replies) {
            Some(reason) => Poll::Ready(End { reason: reason.to_owned(), ours: true }),
            None => Poll::Pending,
        }
    }

    /// Writes everything queued, or as much as the socket takes.
    fn write(&self, cx: &mut Context<'_>, serving: &Serving) -> io::Result<()> {
        // What is to go elsewhere is held back until the lane has moved, but not in the middle of a request.
        let whole = self.is_called_away(serving).is_none();
        let mut queue = self.queue.borrow_mut();
        // One look at the clock for all that is written in this turn.
        let mut now = 0;
        loop {
            let next = if whole { queue.unwritten() } else { queue.begun() };
            if next.is_empty() {
                // Over TLS what was written may not be out yet.
                return match serving.write.poll_flush(cx) {
                    Poll::Ready(Err(error)) => Err(error),
                    _ => Ok(()),
                };
            }
            match serving.write.try_write(next) {
                Ok(n) => {
                    now = if now == 0 { self.tally.now() } else { now };
                    self.tally.meters().upstream_out.plus(n as u64);
                    queue.wrote(n, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if serving.write.poll_ready(cx)?.is_pending() {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Why nothing more should be sent on this connection, if so.
    #[inline]
    fn is_called_away(&self, serving: &Serving) -> Option<&'static str> {
        if serving.generation != self.shared.epoch() {
            return Some("the upstream has moved");
        }
        if self.clogged.get() {
            return Some("a reply is too large to wait for");
        }
        // However busy it is: others wait for a turn, and this one has had its own.
        let over = self.shared.contended(Class::Lane) && serving.since.elapsed() >= TURN;
        over.then_some("its turn is over")
    }

    /// Tells those who have waited too long, checks an idle connection, closes an unused one.
    /// Answers when to look again.
    fn on_timer(&self, serving: &mut Serving) -> Result<Duration, End> {
        let now = Instant::now();
        let limit = self.shared.settings().socket_timeout;
        let unsent = || {
            self.shared
                .unreachable(&format!("it has taken no request for {limit:?} (upstream.socket_timeout)"))
        };
        let late = self.queue.borrow_mut().time_out(now, limit, unsent);
        for (done, failure, request) in late {
            for (caller, ticket) in done.callers() {
                caller.failed(ticket, &failure, &request);
                caller.touched();
                caller.flush();
            }
        }
        let sends = self.sends.get();
        if std::mem::replace(&mut serving.sends, sends) != sends {
            (serving.used, serving.spoke) = (now, now);
        }
        let mut queue = self.queue.borrow_mut();
        // Its host may have lost its power: the system would notice only after a quarter of an hour.
        let silent = 2 * limit + serving.check_after;
        if queue.front_since().is_some_and(|since| now.duration_since(since) > silent) {
            return Err(End { reason: format!("it has answered nothing for {silent:?}"), ours: false });
        }
        if let Some(oldest) = queue.oldest() {
            let due = (oldest + limit).saturating_duration_since(now);
            return Ok(due.min(serving.check_after).max(Duration::from_millis(1)));
        }
        if now.duration_since(serving.used) >= IDLE_CLOSE {
            return Err(End { reason: "idle".into(), ours: true });
        }
        if now.duration_since(serving.spoke) >= serving.check_after / 2 {
            if !queue.is_empty() {
                // The last check is still unanswered, or so is what has timed out: leave it at that.
                return Ok((limit / 2).min(serving.check_after));
            }
            queue.push(None, C::Mark::default(), PING, true, now);
            serving.spoke = now;
        }
        // Whatever is queued from now on is looked at when it is due, not when the next check is.
        Ok((serving.check_after / 2).min(limit).max(Duration::from_millis(50)))
    }

    /// Why the connection should be given up now that nothing waits on it, if it should.
    fn may_leave(&self, serving: &Serving, replies: &Replies<C>) -> Option<&'static str> {
        if self.clogged.get() && !self.queue.borrow().must_stay() {
            let front = self.queue.borrow().front_request().to_vec();
            self.queue.borrow_mut().too_large(|request| is_alike(&front, request));
            return Some("a reply is too large to wait for");
        }
        let queue = self.queue.borrow();
        if let Some(why) = self.is_called_away(serving).filter(|_| !queue.any_written()) {
            return Some(why);
        }
        if !queue.is_empty() {
            return None;
        }
        match () {
            () if self.retired.get() => Some("unused"),
            () if self.shared.contended(Class::Lane) => Some("given up for another"),
            // It was greeted before it had a password, and now needs none: greet it again.
            () if serving.proto == Proto::Resp2 && replies.any_success => Some("its password was lifted"),
            () => None,
        }
    }
}
