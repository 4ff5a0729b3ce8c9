//! What was popped for a client that has gone.

use std::future::poll_fn;
use std::task::Poll;

use super::relay::Relay;

impl Relay<'_> {
    /// The client has gone while it was blocked, or before it took what its command brought. An element
    /// the upstream has popped for it by now is lost: that is counted and logged. The connection is closed
    /// right after, and with it the window.
    pub(super) async fn look_for_lost(&mut self) {
        if self.blocked() {
            let _ = poll_fn(|cx| Poll::Ready(self.read_upstream(cx).is_ok())).await;
        }
        if !self.popped {
            return;
        }
        self.session.path.worker.shared.note_lost_pop();
        tracing::warn!(client = self.client.id, peer = %self.client.peer, "an element was popped for a client that has gone: it is lost");
    }
}
