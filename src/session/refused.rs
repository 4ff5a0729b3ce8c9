//! What is refused here: said to the client, counted, and noted for who looks after the rules.

use super::path::{Path, Verdict};
use crate::command::{Command, Pin, Route};
use crate::policy::Denied;
use crate::resp::reply;

impl Path {
    /// Refuses a request, once nothing is in flight.
    #[cold]
    pub(super) fn refuse(&mut self, command: Option<&Command>, denied: &Denied) -> Verdict {
        let verdict = self.here(|path, out| reply::error(path.words_for(command, denied), out));
        if verdict.consumed() {
            self.note_denied(denied);
        }
        verdict
    }

    /// The words for it. A refused `EXEC` says, and means, that it has ended its transaction.
    #[cold]
    pub(super) fn words_for(&self, command: Option<&Command>, denied: &Denied) -> Vec<u8> {
        let text = denied.text(self.dialect());
        if !is_exec(command) {
            return text;
        }
        let reason = text.strip_prefix(b"ERR ").unwrap_or(&text);
        [b"EXECABORT Transaction discarded because of: ", reason].concat()
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

pub(super) fn is_exec(command: Option<&Command>) -> bool {
    command.is_some_and(|command| command.route == Route::Pin(Pin::Exec))
}
