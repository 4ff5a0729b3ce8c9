//! The end of a session that its client has not asked for: the proxy drains.
//!
//! The client sees a clean end of the stream between two replies. What it had sent by then is answered;
//! what was on its way is read and not done, so that no reset takes from it what it has not read yet.

use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::{Next, Session};

/// How long a client that has just connected may take for its first request: it is probably on its way.
const FIRST_WORDS: Duration = Duration::from_millis(500);

/// How long what still comes from a client is read after the end was sent to it.
const LINGER: Duration = Duration::from_millis(500);

impl Session {
    /// There is nothing to read: a session that drains ends, if nothing keeps it.
    pub(super) fn leave_or_wait(&mut self) -> Poll<Next> {
        if !self.path.worker.draining.get() {
            return Poll::Pending;
        }
        if self.finished() && !self.awaits_first_words() && self.path.says_farewell() {
            return Poll::Ready(Next::Close);
        }
        self.client().wake_when_drained();
        Poll::Pending
    }

    /// Nothing is owed to the client any more.
    pub(super) fn finished(&self) -> bool {
        let client = self.client();
        let idle = client.outstanding() == 0 && client.is_flushed() && !client.has_later();
        idle && (self.ended || self.exhausted)
    }

    /// Whether it was accepted so lately that its first request is probably on its way.
    fn awaits_first_words(&self) -> bool {
        let client = self.client();
        client.requests() == 0 && client.card.since.elapsed() < FIRST_WORDS
    }

    /// Says goodbye to a client that is still there. Closing at once would answer a request that crosses
    /// with the end by a reset, which may take with it replies that the client has not read.
    pub(super) async fn part(&mut self) {
        if !self.path.worker.draining.get() || self.client().is_cut() {
            return;
        }
        self.client().end_of_stream();
        let intake = &mut self.intake;
        let rest = async { while std::future::poll_fn(|cx| intake.poll_discard(cx)).await {} };
        let _ = timeout(LINGER, rest).await;
    }
}
