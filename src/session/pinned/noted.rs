//! What the cache, and those who look after security, are told of a session on a connection of its own.

use std::rc::Rc;

use super::relay::Relay;
use crate::command::{Command, Local, Pin, Route};
use crate::session::near::Signal;
use crate::session::state::Expect;

impl Relay<'_> {
    /// The request at the front goes to the upstream: the cache is told what it does.
    pub(super) fn note(
        &mut self,
        command: Option<&'static Command>,
        (queues, is_exec, silent): (bool, bool, bool),
    ) {
        let args = self.session.intake.args();
        let owed = self.expect.len() + usize::from(silent);
        match () {
            () if self.held.opaque => self.underway.sent_unmatched(command),
            () if queues => self.underway.queues(command, &args),
            () if is_exec => self.underway.runs(owed),
            () if silent => self.underway.sent_unheard(command, owed),
            () => {
                if command.is_some_and(|c| {
                    matches!(c.route, Route::Pin(Pin::Discard) | Route::Session(Local::Reset))
                }) {
                    self.underway.discards();
                }
                self.underway.sent(command, &args, owed);
            }
        }
    }

    /// The request at the front goes on: those who look after security may hear of it.
    pub(super) fn note_admin(&self, command: Option<&'static Command>) {
        if let Some(command) = command {
            self.session.path.note_admin(command, &self.session.intake.args());
        }
    }

    /// The upstream has looked at a name and a password, if that was asked of it.
    pub(super) fn note_login(&self, expect: &Expect, reply: &[u8], is_error: bool) {
        let credential = match expect {
            Expect::Auth(credential) => Some(&**credential),
            Expect::Hello(hello) => hello.credential.as_ref(),
            _ => None,
        };
        let Some(credential) = credential else { return };
        let wrong = match is_error {
            false => None,
            true if reply.starts_with(b"-ERR AUTH") => Some("no_password_configured"),
            true if [&b"-WRONGPASS"[..], b"-ERR invalid password"]
                .iter()
                .any(|text| reply.starts_with(text)) =>
            {
                Some("wrong_password")
            }
            // It did not come to that.
            true => return,
        };
        self.session.path.note_login(credential.user().as_bytes(), wrong);
    }

    /// What has just been read has to wait, if it may make others act on what lanes have not heard of yet.
    pub(super) fn hold(&self) -> Option<Signal> {
        // A message may come with the confirmation of its subscription, in one read.
        let tells = self.may_hear() || self.underway.tells();
        if tells { self.session.path.worker.keeper.signals.hold(None) } else { None }
    }

    /// The stay has ended, and replies may be missing. What the upstream tells nobody of is under way until
    /// the connection is known to be closed there.
    pub(super) fn forget_underway(&mut self) {
        let unannounced = self.underway.unannounced();
        let id = self.lease.as_ref().map_or(0, |lease| lease.id);
        if unannounced.is_empty() {
            return;
        }
        let pool = Rc::clone(&self.session.path.worker.pool);
        tokio::task::spawn_local(async move {
            pool.see_closed(id).await;
            drop(unannounced);
        });
    }
}
