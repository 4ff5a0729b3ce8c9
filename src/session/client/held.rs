//! What a client's replies on the lane will be answers to, and those that wait for other lanes.

use super::{Client, Later};
use crate::cache::Sent;
use crate::session::nod::Nod;
use crate::session::whole::Transaction;

impl Client {
    /// Replies on the lane will be the answers to this.
    pub(in crate::session) fn await_transaction(&self, transaction: Transaction) {
        self.transactions.borrow_mut().push_back(transaction);
    }

    /// A reply on the lane will be the answer to a request of unknown effect; behind it this fence was sent.
    pub(in crate::session) fn await_unknown(&self, sent: Option<Sent>) {
        self.unknowns.borrow_mut().push_back(sent);
    }

    /// A reply on the lane will be the answer to this.
    pub(in crate::session) fn await_nod(&self, nod: Nod) {
        self.nods.borrow_mut().push_back(nod);
    }

    /// A reply has come that tells of what nobody knows, or of what was sent behind `sent`: it and what
    /// follows wait until every lane has heard of it, if there is any that could be behind.
    #[cold]
    pub(in crate::session) fn hold(&self, sent: Option<Sent>) {
        let Some(signal) = self.signals.hold(sent) else { return };
        self.untold.borrow_mut().push(signal.clone());
        self.out.borrow_mut().later.push_back(Later::Held(signal));
        self.again.set(true);
    }

    /// The fence that was sent behind the request of unknown effect that is answered next.
    pub(in crate::session) fn next_unknown(&self) -> Option<Sent> {
        self.unknowns.borrow_mut().pop_front().flatten()
    }

    /// What has waited for lanes may go out, if it is at the front.
    pub(in crate::session) fn release_held(&self) {
        let out = &mut *self.out.borrow_mut();
        // Anything else at the front has its own time.
        if matches!(out.later.front(), Some(Later::Held(signal)) if signal.is_passed()) {
            self.pass_later(out);
            self.again.set(!out.later.is_empty());
        }
    }

    /// Whether it waits for lanes to be heard.
    pub(in crate::session) fn waits_for_lanes(&self) -> bool {
        matches!(self.out.borrow().later.front(), Some(Later::Held(signal)) if !signal.is_passed())
    }
}
