//! Who we are to the upstream, and on which terms we were let in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Credential, Shared};
use crate::config::Upstream;

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// How often who is let in without a password may have changed.
    changes: AtomicU64,
    /// The latest terms on which one that gave no password was let in, as were all before it.
    open: AtomicU64,
    /// The last connection that gave no password was told to give one.
    wants_password: AtomicBool,
}

impl Shared {
    /// The credential of clients that bring none of their own.
    pub fn credential(&self) -> Credential {
        let Upstream { username, password, .. } = &self.settings;
        let terms = if password.is_none() { self.terms.changes.load(Ordering::Acquire) } else { 0 };
        Credential { username: username.clone(), password: password.clone(), terms }
    }

    /// Who is let in without a password may have changed (`CONFIG SET requirepass`). A connection stays
    /// what it was let in as, so who comes from now on must not be served on one of before.
    pub fn terms_changed(&self) {
        self.terms.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether others were let in without a password later than `credential` was: the one is as good as
    /// the other then, and [`Self::renewed`] is what to go on with.
    #[inline]
    pub fn is_outdated(&self, credential: &Credential) -> bool {
        credential.password.is_none() && credential.terms < self.terms.open.load(Ordering::Relaxed)
    }

    /// `credential` on the latest terms that are known to be as good as its own.
    pub fn renewed(&self, credential: &Credential) -> Credential {
        let latest = if credential.password.is_none() { self.terms.open.load(Ordering::Acquire) } else { 0 };
        Credential { terms: credential.terms.max(latest), ..credential.clone() }
    }

    /// Whether the upstream is known to want a password from who comes now with `credential`. Not if
    /// nothing would notice that it has ceased to: then only an answer to this client tells.
    pub fn wants_password(&self, credential: &Credential) -> bool {
        self.settings.min_idle > 0
            && credential.password.is_none()
            && credential.terms == self.terms.changes.load(Ordering::Acquire)
            && self.terms.wants_password.load(Ordering::Acquire)
    }

    /// A connection was greeted that gave `credential`; whether it has to give another first.
    pub(super) fn note_greeted(&self, credential: &Credential, wants_password: bool) {
        if credential.password.is_some() || credential.terms != self.terms.changes.load(Ordering::Acquire) {
            return;
        }
        self.terms.wants_password.store(wants_password, Ordering::Release);
        if !wants_password {
            self.terms.open.fetch_max(credential.terms, Ordering::AcqRel);
        }
    }
}
