//! Who we are to the upstream, and on which terms we were let in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::{Credential, Failure, Shared};
use crate::config::Secret;
use crate::resp::Proto;

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// How often who is let in without a password may have changed.
    changes: AtomicU64,
    /// The latest terms on which one that gave no password was let in, as were all before it.
    open: AtomicU64,
    /// The last connection that gave no password was told to give one.
    wants_password: AtomicBool,
    /// We are somebody else than we were: with another password than the configured one, or by other settings.
    superseded: AtomicBool,
    adopted: RwLock<Adopted>,
}

/// A password of our own that came through us.
#[derive(Debug, Default)]
struct Adopted {
    password: Option<Secret>,
    /// Who we were before.
    former: Vec<Credential>,
}

/// Whether the upstream still lets us in as who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Holds,
    /// Not with the configured password, but with one that a client has set.
    Adopted,
    /// It wants a password, and there is none.
    WantsPassword,
    /// It does not.
    Refused(String),
    /// It could not be asked.
    Unknown,
}

impl Shared {
    /// The credential of clients that bring none of their own.
    pub fn credential(&self) -> Credential {
        let settings = self.settings();
        let (username, mut password) = (&settings.username, settings.password.clone());
        if self.terms.superseded.load(Ordering::Acquire) {
            let adopted = self.terms.adopted.read().unwrap_or_else(PoisonError::into_inner);
            password = adopted.password.clone().or(password);
        }
        let terms = if password.is_none() { self.terms.changes.load(Ordering::Acquire) } else { 0 };
        Credential { username: username.clone(), password, terms }
    }

    /// Whether our password is another than the configured one.
    pub fn has_adopted(&self) -> bool {
        let adopted = self.terms.adopted.read().unwrap_or_else(PoisonError::into_inner);
        adopted.password.is_some()
    }

    /// The upstream's user that we are to it.
    pub fn own_user(&self) -> String {
        self.settings().username.clone().unwrap_or_else(|| "default".into())
    }

    /// We were `before` until the settings changed, and are what they say from now on: whatever has been adopted.
    pub(super) fn supersede(&self, before: Credential) {
        let mut adopted = self.terms.adopted.write().unwrap_or_else(PoisonError::into_inner);
        adopted.password = None;
        let settings = self.settings();
        adopted.former.push(before);
        adopted
            .former
            .retain(|former| former.username != settings.username || former.password != settings.password);
        self.terms.superseded.store(true, Ordering::Release);
    }

    /// Who is let in without a password may have changed (`CONFIG SET requirepass`). A connection stays
    /// what it was let in as, so who comes from now on must not be served on one of before.
    pub fn terms_changed(&self) {
        self.terms.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether `credential` is one of before: others were let in without a password later than it was, and
    /// the one is as good as the other then, or our own password is another by now. [`Self::renewed`] is what
    /// to go on with.
    #[inline]
    pub fn is_outdated(&self, credential: &Credential) -> bool {
        let open = || credential.terms < self.terms.open.load(Ordering::Relaxed);
        (credential.password.is_none() && open())
            || (self.terms.superseded.load(Ordering::Relaxed) && self.is_former(credential))
    }

    /// `credential` on the latest terms that are known to be as good as its own.
    pub fn renewed(&self, credential: &Credential) -> Credential {
        let latest = if credential.password.is_none() { self.terms.open.load(Ordering::Acquire) } else { 0 };
        let current = self.current(credential);
        if current.password.is_some() {
            return current;
        }
        Credential { terms: current.terms.max(latest), ..current }
    }

    /// `credential`, or who we are now if it is who we were.
    pub fn current(&self, credential: &Credential) -> Credential {
        let is_former = self.terms.superseded.load(Ordering::Acquire) && self.is_former(credential);
        if is_former { self.credential() } else { credential.clone() }
    }

    #[cold]
    fn is_former(&self, credential: &Credential) -> bool {
        let adopted = self.terms.adopted.read().unwrap_or_else(PoisonError::into_inner);
        let is = |former: &Credential| {
            former.username == credential.username && former.password == credential.password
        };
        adopted.former.iter().any(is)
    }

    /// Looks whether the upstream still lets us in. If not, and we have a password, each of `candidates` is
    /// tried, the last one first: passwords that clients have just set for our user. One that it takes is ours
    /// from now on, in memory only.
    pub async fn look_at_own_credential(&self, candidates: &[Secret]) -> Standing {
        let own = self.credential();
        let text = match self.connect(Proto::Resp2, 0, &own, false).await {
            Ok(link) if link.info.hello.is_empty() => return Standing::WantsPassword,
            Ok(_) => return Standing::Holds,
            Err(Failure::Refused(text)) => text,
            Err(_) => return Standing::Unknown,
        };
        for candidate in candidates.iter().rev().filter(|_| own.password.is_some()) {
            let other = Credential { password: Some(candidate.clone()), ..own.clone() };
            if self.connect(Proto::Resp2, 0, &other, false).await.is_ok() {
                self.adopt(own, candidate);
                return Standing::Adopted;
            }
        }
        Standing::Refused(text)
    }

    fn adopt(&self, before: Credential, password: &Secret) {
        let mut adopted = self.terms.adopted.write().unwrap_or_else(PoisonError::into_inner);
        adopted.former.retain(|former| former.password.as_ref() != Some(password));
        adopted.former.push(before);
        adopted.password = Some(password.clone());
        self.terms.superseded.store(true, Ordering::Release);
    }

    /// Whether the upstream is known to want a password from who comes now with `credential`. Not if
    /// nothing would notice that it has ceased to: then only an answer to this client tells.
    pub fn wants_password(&self, credential: &Credential) -> bool {
        self.settings().min_idle > 0
            && credential.password.is_none()
            && credential.terms == self.terms.changes.load(Ordering::Acquire)
            && self.terms.wants_password.load(Ordering::Acquire)
    }

    /// Whether the last connection that gave no password was told to give one.
    pub fn last_wanted_password(&self) -> bool {
        self.terms.wants_password.load(Ordering::Acquire)
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
