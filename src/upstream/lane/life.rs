//! A lane's life: connect when there is work, serve, and what becomes of its requests when there is no
//! connection.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{Down, End, Lane, OWNERS, WAITING_TICK};
use crate::resp::Proto;
use crate::upstream::backoff::Backoff;
use crate::upstream::handshake::Link;
use crate::upstream::inflight::Done;
use crate::upstream::{Caller, Class, Failure, Permit, Watch};

impl<C: Caller> Lane<C> {
    /// The task: connect when there is work, serve until the connection ends, again.
    pub(super) async fn run(self: Rc<Self>) {
        let settings = self.shared.settings();
        let mut backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max);
        while self.work().await {
            let settings = self.shared.settings();
            backoff.bounds(settings.reconnect_min, settings.reconnect_max);
            let pause = match self.connect().await {
                Ok((link, permit)) => {
                    let greeted = Instant::now();
                    self.up(&link);
                    let end = self.serve(link, permit).await;
                    self.ended(&end);
                    let ours = self.shared.credential();
                    let own = self.shared.current(&self.credential) != ours;
                    let doubted = !end.ours && own && Rc::strong_count(&self) > OWNERS;
                    self.doubted.set(doubted.then(Instant::now));
                    // A server that greets and hangs up is not a reason to hammer it.
                    if greeted.elapsed() > settings.reconnect_max {
                        backoff.reset();
                    }
                    !end.ours
                }
                // It was nobody's turn but others': the place in the queue is taken again at once.
                Err(failure @ Failure::Busy { .. }) => {
                    self.fail_waiting(settings.timeout, &failure);
                    false
                }
                Err(failure) => {
                    self.unreachable(failure);
                    true
                }
            };
            // Requests or not: who asks again at once after an error must not make attempts more.
            if pause {
                self.while_waiting(sleep(backoff.pause())).await;
            }
        }
    }

    /// Waits for a request; `false` when the lane is no longer wanted.
    async fn work(&self) -> bool {
        let wanted = std::future::poll_fn(|cx| {
            self.listen(cx.waker());
            match (self.queue.borrow().is_empty() && self.doubted.get().is_none(), self.retired.get()) {
                (false, _) => Poll::Ready(true),
                (true, true) => Poll::Ready(false),
                (true, false) => Poll::Pending,
            }
        })
        .await;
        // A failure of long ago says nothing of now: this request waits for an attempt of its own.
        let recent = 2 * self.shared.settings().reconnect_max;
        let mut down = self.down.borrow_mut();
        if down.as_ref().is_some_and(|down| down.last.elapsed() > recent) {
            *down = None;
        }
        wanted
    }

    async fn connect(&self) -> Result<(Link, Permit), Failure> {
        // Whoever gives up meanwhile is told by the permit's own timeout that connections are short.
        let permit = self.shared.permit(Class::Lane).await?;
        let track = self.watch.tracks();
        let attempt = self.shared.connect(Proto::Resp3, self.db, &self.credential, track);
        let link = self.while_waiting(attempt).await?;
        Ok((link, permit))
    }

    /// Runs `attempt`; meanwhile requests that have waited too long fail.
    async fn while_waiting<T>(&self, attempt: impl Future<Output = T>) -> T {
        let mut attempt = std::pin::pin!(attempt);
        loop {
            tokio::select! {
                biased;
                done = &mut attempt => return done,
                () = sleep(WAITING_TICK) => self.give_up(),
            }
        }
    }

    /// Requests fail that have waited longer than `upstream.timeout`, and all at once when the
    /// upstream has been away for longer than that: a dead upstream must not cost every request its wait.
    fn give_up(&self) {
        if self.queue.borrow().is_empty() {
            return;
        }
        let limit = self.shared.settings().timeout;
        let (wait, failure) = match &*self.down.borrow() {
            // Waiting does not mend a wrong password.
            Some(down)
                if down.since.elapsed() >= limit
                    || matches!(down.failure, Failure::Refused(_) | Failure::Revoked(_)) =>
            {
                (Duration::ZERO, down.failure.clone())
            }
            Some(down) => (limit, down.failure.clone()),
            None => (
                limit,
                self.shared.unreachable(&format!("no connection within {limit:?} (upstream.timeout)")),
            ),
        };
        self.fail_waiting(wait, &failure);
    }

    /// Requests that have waited for a connection for as long as `wait` fail.
    pub(super) fn fail_waiting(&self, wait: Duration, failure: &Failure) {
        self.queue.borrow_mut().give_up(Instant::now(), wait, failure);
        self.settle();
    }

    fn up(&self, link: &Link) {
        self.shared.lane_events.opened.fetch_add(1, Relaxed);
        self.doubted.set(None);
        self.generation.set(link.generation);
        *self.info.borrow_mut() = Some(Rc::clone(&link.info));
        self.watch.opened(&link.info);
        if let Some(down) = self.down.borrow_mut().take() {
            tracing::info!(peer = %link.peer, db = self.db, after = ?down.since.elapsed(), "upstream lane is back");
        } else {
            tracing::debug!(peer = %link.peer, db = self.db, "upstream lane is open");
        }
        self.clogged.set(false);
        self.queue.borrow_mut().connected(Instant::now());
    }

    fn ended(&self, End { reason, ours }: &End) {
        *self.info.borrow_mut() = None;
        self.watch.lost();
        let waiting = self.queue.borrow().len();
        if !ours {
            self.shared.lane_events.lost.fetch_add(1, Relaxed);
        }
        if waiting > 0 && !ours {
            tracing::warn!(db = self.db, reason, waiting, "upstream lane lost");
        } else {
            tracing::debug!(db = self.db, reason, "upstream lane closed");
        }
        self.queue.borrow_mut().lost(reason, true);
        self.settle();
    }

    fn unreachable(&self, failure: Failure) {
        self.shared.lane_events.failed.fetch_add(1, Relaxed);
        let failure = match failure {
            Failure::Refused(text) if self.doubted.get().is_some() => {
                self.revoked.set(self.doubted.take());
                Failure::Revoked(text)
            }
            other => other,
        };
        let mut down = self.down.borrow_mut();
        if down.is_none() {
            tracing::warn!(db = self.db, %failure, "upstream lane cannot be opened");
        }
        let last = Instant::now();
        let since = down.as_ref().map_or(last, |down| down.since);
        *down = Some(Down { since, last, failure });
        drop(down);
        self.give_up();
    }

    /// Tells the callers at the front of the queue whose requests have failed.
    pub(super) fn settle(&self) {
        let mut touched = Vec::new();
        while let Some((done, failure, request)) = self.next_settled() {
            for (caller, ticket) in done.callers() {
                caller.failed(ticket, &failure, &request);
                if caller.touched() {
                    touched.push(caller);
                }
            }
        }
        touched.iter().for_each(C::flush);
    }

    /// The next failed request at the front.
    fn next_settled(&self) -> Option<(Done<C>, Failure, bytes::Bytes)> {
        self.queue.borrow_mut().settle()
    }
}
