//! Blocked clients that must not wait on: those that have gone, and those of a proxy that drains.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::relay::Relay;
use crate::resp::request::encode;
use crate::session::state::{Expect, Replies};

/// How long a server has to say what it had popped for a client that has gone.
const LAST_WORDS: Duration = Duration::from_millis(100);

impl Relay<'_> {
    /// Whether it waits for somebody else's write.
    pub(super) fn blocked(&self) -> bool {
        matches!(self.expect.front(), Some(Expect::Blocking { .. }))
    }

    /// The proxy drains: what the client is blocked on is to be let go of, by the upstream itself, so
    /// that nothing is popped for it any more. What was popped before still goes to it.
    pub(super) fn let_go(&mut self) {
        let Some(Expect::Blocking { pops }) = self.expect.front() else { return };
        let pops = *pops;
        self.expect[0] = Expect::LetGo { pops };
        let id = self.lease.as_ref().map_or(0, |lease| lease.id);
        let (pool, client) = (Rc::clone(&self.session.path.worker.pool), Rc::clone(&self.client));
        let stuck = Rc::clone(&self.stuck);
        tokio::task::spawn_local(async move {
            if !pool.unblock(id).await {
                stuck.set(true);
                client.wake();
            }
        });
    }

    /// The proxy drains, and there is nothing to read from the client. Who holds the connection for what may
    /// come some day would keep the drain waiting: that ends now, for a subscriber once everything has come
    /// that was published before. Answers whether anything has changed.
    pub(super) fn leaves(&mut self) -> bool {
        let silent = self.held.replies != Replies::On;
        let waits_for_some_day = self.held.listens() || self.held.kept || silent;
        let quiet = self.expect.is_empty() && self.to_upstream.is_empty() && self.streaming.is_none();
        let draining = self.session.path.worker.draining.get() && !self.closing;
        if !draining || self.held.multi || !waits_for_some_day || !(quiet || self.held.opaque) {
            return false;
        }
        if self.held.listens() && !self.held.opaque && !self.farewell {
            self.farewell = true;
            self.to_upstream.extend(encode(&[b"PING"]));
            self.expect.push_back(Expect::Nothing);
            return true;
        }
        self.closing = self.replies.at_start();
        self.closing
    }

    /// The client has gone while it was blocked, or before it took what its command brought. An element
    /// the upstream has popped for it by now is lost: that is counted and logged. The connection is closed
    /// right after, and with it the window.
    pub(super) async fn look_for_lost(&mut self) {
        if self.blocked() {
            if let Some(lease) = &self.lease {
                lease.end_of_writing();
            }
            let drain = poll_fn(|cx| {
                loop {
                    match self.read_upstream(cx) {
                        Ok(true) if self.popped => return Poll::Ready(()),
                        Ok(true) => {}
                        Ok(false) => return Poll::Pending,
                        Err(_) => return Poll::Ready(()),
                    }
                }
            });
            let _ = tokio::time::timeout(LAST_WORDS, drain).await;
        }
        if !self.popped {
            return;
        }
        self.session.path.worker.shared.note_lost_pop();
        tracing::warn!(client = self.client.id, peer = %self.client.peer, "an element was popped for a client that has gone: it is lost");
    }
}
