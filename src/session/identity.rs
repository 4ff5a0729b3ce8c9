//! Who the client is, and who it becomes.

use std::rc::Rc;
use std::sync::Arc;

use super::path::Path;
use crate::policy::{Proof, Rights};
use crate::resp::Proto;
use crate::upstream::Credential;

impl Path {
    /// Back to what a client is when it connects (`RESET`).
    pub(super) fn reset(&mut self) {
        self.worker.monitors.remove(&self.client);
        self.unsubscribe_all();
        self.speak(Proto::Resp2);
        // Redis 7.2 forgets it, which is also the first to print this field.
        self.client.card.reset(self.worker.shared.habits().line.has("lib-name"));
        self.become_user(self.worker.shared.credential());
        let rights = self.force.gate.newcomer(&self.origin, self.credential.user());
        if self.take_seat_unasked(&rights).is_err() {
            self.client.end();
        }
        self.have(rights);
        self.proof = Proof::Unasked;
        self.select(self.force.config.upstream.database);
    }

    /// From now on the client has these rights, and the name that goes with them.
    pub(super) fn have(&mut self, rights: Arc<Rights>) {
        rights.user().clone_into(&mut self.client.card.names().user);
        self.limited.become_user(rights.user());
        self.rights = rights;
    }

    /// From now on the client acts as `credential`, which the upstream has let in.
    pub(super) fn become_user(&mut self, credential: Credential) {
        self.have(self.force.gate.admitted(&self.origin, credential.user()));
        self.proof = Proof::Upstream;
        self.credential = Rc::new(credential);
        self.client.act_as(Rc::clone(&self.credential));
        self.leave_lane();
    }

    /// The client is who it was, on the terms of now, if those are as good.
    pub(super) fn renew_terms(&mut self) {
        if self.worker.shared.is_outdated(&self.credential) {
            self.credential = Rc::new(self.worker.shared.renewed(&self.credential));
            self.client.act_as(Rc::clone(&self.credential));
        }
    }
}
