//! Limits on a session's own connection.

use std::time::Instant;

use bytes::Bytes;
use tokio::time::sleep;

use super::relay::{HIGH_WATER, Relay};
use super::requests::words;
use super::taken::named_user;
use crate::command::{Command, lookup};
use crate::session::Session;
use crate::session::intake::Taken;
use crate::session::state::{Expect, Replies};
use crate::telemetry::meters::Cause;
use crate::upstream::Credential;

impl Relay<'_> {
    /// Whether limits keep the request at the front from going on now. `None`: they do not; else whether it
    /// has been dealt with, or waits.
    pub(super) fn limits(&mut self, command: Option<&'static Command>) -> Option<bool> {
        if let Some(user) = self.logs_in(command) {
            if let Some(text) = self.session.path.locked_out(&user) {
                return Some(self.deny(&text));
            }
            // Nobody will tell here whether it was right.
            if self.held.opaque || self.held.replies != Replies::On {
                self.session.path.failed_to_log_in(&user);
            }
        }
        if !self.session.path.limited.is_metered() {
            return None;
        }
        let Session { intake, path, .. } = &mut *self.session;
        path.arrived = Instant::now();
        if let Err(refusal) = path.pays(0, command, &intake.args()) {
            path.was_refused(&refusal);
            return Some(self.deny_for(Cause::RateLimited, refusal.to_string()));
        }
        let wait = path.is_early()?;
        // Who is free to leave waits without a connection.
        if self.held.any() && self.look_again.is_none() {
            self.look_again = Some(Box::pin(sleep(wait)));
        }
        Some(false)
    }

    /// The same for a large request that is not whole.
    pub(super) fn limits_in_pieces(&mut self, declared: usize) -> Option<bool> {
        if !self.session.path.limited.is_metered() {
            return None;
        }
        let Session { intake, path, .. } = &mut *self.session;
        path.arrived = Instant::now();
        let args = intake.args_so_far();
        if let Err(refusal) = path.pays_in_pieces(lookup(&args), &args, declared) {
            path.was_refused(&refusal);
            self.count_error(Cause::RateLimited);
            self.expect.push_back(Expect::Ours(words(refusal.to_string())));
            self.closing = true;
            return Some(false);
        }
        let wait = path.is_early()?;
        if self.look_again.is_none() {
            self.look_again = Some(Box::pin(sleep(wait)));
        }
        Some(false)
    }

    /// Whom the client says it is, if the request at the front has the upstream look at its password.
    fn logs_in(&self, command: Option<&'static Command>) -> Option<Vec<u8>> {
        let user = named_user(command, &self.session.intake.args())?;
        (!self.session.path.has_own_users()).then(|| user.to_vec())
    }

    /// The upstream has refused an `AUTH`, or a `HELLO` that may have been one.
    pub(super) fn login_failed(&self, credential: Option<&Credential>, reply: &[u8]) {
        let is_wrong = reply.starts_with(b"-WRONGPASS") || reply.starts_with(b"-ERR invalid password");
        if let Some(credential) = credential.filter(|_| is_wrong) {
            self.session.path.failed_to_log_in(credential.user().as_bytes());
        }
    }

    /// What the client is told whom the upstream has let in, but whose user has too many clients. It has to
    /// go: upstream it is that user already.
    pub(super) fn is_full(&mut self, credential: &Credential) -> Option<Bytes> {
        let path = &mut self.session.path;
        let rights = path.force.gate.admitted(&path.origin, credential.user());
        let full = path.take_seat(&rights).err()?;
        self.taint();
        self.closing = true;
        Some(words(full.to_string()))
    }

    /// What is held for the client's requests, whether it is its turn to go on with one, and whether it waits
    /// for somebody else.
    pub(super) fn watched(&mut self) {
        let monitors = &self.session.path.worker.monitors;
        self.client.patient.set(self.blocked() || self.held.listens() || monitors.has(&self.client));
        let taken = self.session.intake.taken();
        let passes = self.streaming.is_some() && self.to_upstream.len() < HIGH_WATER;
        let waits = !self.expect.is_empty() || self.look_again.is_some();
        let begun = passes || (self.session.intake.kept() > 0 && !waits);
        self.client.took(Taken { memory: taken.memory + self.to_upstream.capacity(), ..taken }, begun);
    }
}
