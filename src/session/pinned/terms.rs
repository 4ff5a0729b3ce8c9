//! What a client changes about who is let in by the upstream, ourselves among them.

use std::rc::Rc;

use super::relay::Relay;
use crate::command::Command;
use crate::config::Secret;
use crate::resp::request::Args;
use crate::session::Worker;
use crate::session::local;
use crate::upstream::Standing;

/// The line of `INFO` that tells of it.
const NOTICE: &str = "upstream_password";

impl Relay<'_> {
    /// The request at the front goes to the upstream: it may change who is let in.
    pub(super) fn note_terms(&mut self, command: Option<&'static Command>) {
        let args = self.session.intake.args();
        let shared = &self.session.path.worker.shared;
        let Some(command) = command.filter(|command| local::changes_terms(command, &args, shared)) else {
            return;
        };
        self.terms = true;
        self.passwords.extend(passwords(command, &args, &shared.own_user()));
    }

    /// A reply has come since, or none will.
    pub(super) fn terms_may_have_changed(&mut self, is_last: bool) {
        if !self.terms {
            return;
        }
        let worker = Rc::clone(&self.session.path.worker);
        worker.shared.terms_changed();
        if is_last {
            self.terms = false;
            tokio::task::spawn_local(look(worker, std::mem::take(&mut self.passwords)));
        }
    }
}

/// The passwords that this would give to the user `own`.
fn passwords(command: &Command, args: &Args<'_>, own: &str) -> Vec<Secret> {
    let secret = |bytes: &[u8]| Secret::new(String::from_utf8_lossy(bytes).into_owned());
    match command.name {
        "CONFIG|SET" if own == "default" => {
            let pairs = (2..args.len()).step_by(2).filter(|at| args.is(*at, "requirepass"));
            pairs.map(|at| secret(args.get(at + 1))).collect()
        }
        "ACL|SETUSER" if args.get(2) == own.as_bytes() => {
            args.iter().skip(3).filter_map(|rule| rule.strip_prefix(b">")).map(secret).collect()
        }
        _ => Vec::new(),
    }
}

/// Looks whether the upstream still lets us in, and tells whoever looks after it.
async fn look(worker: Rc<Worker>, candidates: Vec<Secret>) {
    let user = worker.shared.own_user();
    let (line, told) = match worker.shared.look_at_own_credential(&candidates).await {
        Standing::Holds if !worker.shared.has_adopted() => return worker.notices.clear(NOTICE),
        Standing::Holds | Standing::Unknown => return,
        Standing::Adopted => (
            "changed through Nearside: set REDIS_PASSWORD (upstream.password) before the next start",
            "a client has changed the password of Nearside's own user at the upstream: the new one is used from \
             now on, but is kept in memory only; set REDIS_PASSWORD (upstream.password) to it"
                .to_owned(),
        ),
        Standing::WantsPassword => (
            "wanted: clients have to authenticate; REDIS_PASSWORD (upstream.password) is not set",
            "the upstream wants a password since a client has set one, and Nearside has none: every client has \
             to authenticate; set REDIS_PASSWORD (upstream.password) if it should serve those that do not"
                .to_owned(),
        ),
        Standing::Refused(text) => (
            "refused: set REDIS_PASSWORD (upstream.password)",
            format!(
                "the upstream does not let Nearside in any more since a client has changed its users: set \
                 REDIS_PASSWORD and REDIS_USERNAME (upstream.password, upstream.username): {text}"
            ),
        ),
    };
    if worker.notices.set(NOTICE, line) {
        tracing::warn!(user, "{told}");
    }
}
