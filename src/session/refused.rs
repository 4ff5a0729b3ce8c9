//! What is refused here: said to the client, counted, and noted for who looks after the rules.

use super::path::{Path, Verdict};
use crate::policy::Denied;
use crate::resp::reply;

impl Path {
    /// Refuses a request, once nothing is in flight.
    #[cold]
    pub(super) fn refuse(&mut self, denied: &Denied) -> Verdict {
        let verdict = self.here(|path, out| reply::error(denied.text(path.dialect()), out));
        if verdict.consumed() {
            self.note_denied(denied);
        }
        verdict
    }

    /// A request has been refused: its rule is counted, and there is an entry in the log.
    #[cold]
    pub(super) fn note_denied(&self, denied: &Denied) {
        let Some(rule) = denied.rule() else { return };
        self.worker.denials.count(rule);
        let command = if let Denied::Rule { command, .. } = denied { command } else { "" };
        let user = self.client.card.names().user.clone();
        let (client, peer) = (self.client.id, self.client.peer);
        tracing::info!(target: "audit", client, %peer, %user, rule, command, "denied");
    }
}
