//! What the cache is told of a session on a connection of its own.

use std::rc::Rc;

use super::relay::Relay;
use crate::command::{Command, Local, Pin, Route};
use crate::session::near::Signal;

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
