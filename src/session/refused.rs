//! What is refused here: said to the client.

use super::path::Path;
use super::traced::Outcome;
use super::verdict::Verdict;
use crate::command::{Command, Pin, Route};
use crate::policy::Denied;
use crate::resp::reply;
use crate::resp::request::Args;
use crate::telemetry::meters::Cause;

impl Path {
    /// Refuses a request, once nothing is in flight.
    #[cold]
    pub(super) fn refuse(&mut self, denied: &Denied, command: Option<&Command>, args: &Args<'_>) -> Verdict {
        let verdict = self
            .here_for(Some(Cause::Denied), |path, out| reply::error(path.words_for(command, denied), out));
        if verdict.consumed() {
            self.outcome = Some(Outcome::Denied);
            self.note_denied(denied, command, args);
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
}

pub(super) fn is_exec(command: Option<&Command>) -> bool {
    command.is_some_and(|command| command.route == Route::Pin(Pin::Exec))
}
