//! Who may ask about the cache, which holds what other users have read.
//!
//! Users of Nearside's own have rights for it, and whoever comes without a credential is the operator's
//! own user. Of any other user of the upstream only the upstream knows what he is trusted with: who may
//! look at its slow log sees other clients' keys there too.

use crate::resp::Proto;
use crate::resp::request::encode;
use crate::session::Session;
use crate::session::path::Path;
use crate::upstream::{Class, Wanted};

/// What somebody is told who has no right to it.
pub(super) const NONE: &[u8] =
    b"-NOPERM NEARSIDE tells of others here: only users who may SLOWLOG LEN are answered\r\n";

impl Path {
    /// Whether it is a user of the upstream other than the one this proxy itself is.
    pub(in crate::session) fn is_somebody_else(&self) -> bool {
        let base = self.worker.shared.credential();
        let own = &*self.credential;
        !self.has_own_users() && (&own.username, &own.password) != (&base.username, &base.password)
    }
}

impl Path {
    /// Whether it may stop what serves others. A user of Nearside's own has the right to, or it would not have
    /// come here; where users are the upstream's, it takes what it takes to do so over HTTP: being here.
    pub(super) fn may_act(&self) -> bool {
        self.has_own_users() || (!self.is_somebody_else() && self.origin.is_near())
    }
}

/// Whether the upstream lets the client in, which is asked where nobody knows.
pub(super) async fn is_let_in(path: &mut Path) -> bool {
    if path.is_let_in() {
        return true;
    }
    let wanted = Wanted { proto: Proto::Resp2, db: 0, credential: (*path.credential).clone() };
    let Ok(lease) = path.worker.pool.take(Class::Control, &wanted).await else { return false };
    let greeted = lease.is_greeted();
    path.worker.pool.give_back(lease.clean());
    greeted
}

/// Whether the client may ask, by the upstream's account of now.
pub(super) async fn is_proven(session: &Session) -> bool {
    let path = &session.path;
    if !path.is_somebody_else() {
        return true;
    }
    let wanted = Wanted { proto: Proto::Resp2, db: 0, credential: (*path.credential).clone() };
    let Ok(mut lease) = path.worker.pool.take(Class::Control, &wanted).await else { return false };
    let Ok(reply) = lease.hear(&encode(&[b"SLOWLOG", b"LEN"])).await else { return false };
    path.worker.pool.give_back(lease.clean());
    reply.starts_with(b":")
}
