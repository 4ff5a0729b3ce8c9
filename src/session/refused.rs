//! What is refused here: said to the client.

use super::path::{Path, Verdict};
use crate::command::Command;
use crate::policy::Denied;
use crate::resp::reply;
use crate::resp::request::Args;

impl Path {
    /// Refuses a request, once nothing is in flight.
    #[cold]
    pub(super) fn refuse(&mut self, denied: &Denied, command: Option<&Command>, args: &Args<'_>) -> Verdict {
        let verdict = self.here(|path, out| reply::error(denied.text(path.dialect()), out));
        if verdict.consumed() {
            self.note_denied(denied, command, args);
        }
        verdict
    }
}
