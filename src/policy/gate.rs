//! The rules in force, and who has which rights under them.

use core::net::IpAddr;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::acl::{Password, RuleError, User};
use super::common::Common;
use super::rights::{Rights, Who};
use super::{Inside, matches};
use crate::config::{CertificateUser, Config};
use crate::resp::rename::Names;

/// A user whose rights cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("users: {name}: {source}")]
pub struct UserError {
    name: String,
    source: RuleError,
}

/// What comes of a name and a password.
#[derive(Clone, Debug)]
pub enum Login {
    /// The client has these rights from now on, by this proof.
    Granted(Arc<Rights>, Proof),
    /// They are wrong, or the user is off.
    Wrong,
    /// No user was named, and the default one has no password to compare with.
    Open,
    /// The user needs no password, and the client is not on this machine.
    Stranger,
}

/// By what a client is who it is.
#[derive(Clone, Debug, Default)]
pub enum Proof {
    /// By where it comes from, or by its certificate: it was asked nothing.
    #[default]
    Unasked,
    /// By a password of one of Nearside's own users.
    Password(Password),
    /// The upstream has let it in.
    Upstream,
}

/// Where a client comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Which listener it came in by, counted over `listen` and then `tls.listen`.
    pub listener: usize,
    /// Its address; `None` for a Unix socket.
    pub address: Option<IpAddr>,
    /// The names in the certificate it has shown; empty if it has shown none.
    pub names: Vec<String>,
}

impl Origin {
    /// Whether it is on this machine.
    pub fn is_near(&self) -> bool {
        self.address.is_none_or(|address| address.to_canonical().is_loopback())
    }
}

/// The rules in force: made from a configuration, never changed, replaced as a whole.
#[derive(Debug)]
pub struct Gate {
    pub(super) common: Arc<Common>,
    protected: bool,
    /// We have a password for the upstream, so that who comes without one must not use ours unasked.
    has_password: bool,
    /// Nearside's own users; empty: clients are the upstream's.
    pub(super) users: BTreeMap<String, Arc<User>>,
    certificates: Vec<CertificateUser>,
    /// Rights that somebody has had, so that all like him share them.
    kept: Mutex<HashMap<(String, usize), Arc<Rights>>>,
    nobody: Arc<Rights>,
    stranger: Arc<Rights>,
}

impl Gate {
    /// The rules that `config` asks for.
    ///
    /// # Errors
    /// What Redis would say of the first user whose rights it could not read.
    pub fn new(config: &Config) -> Result<Self, UserError> {
        let common = Arc::new(Common::new(config));
        let mut users = BTreeMap::new();
        for user in &config.users {
            let read = User::parse(&user.name, user.acl.expose());
            let read = read.map_err(|source| UserError { name: user.name.clone(), source })?;
            users.insert(user.name.clone(), Arc::new(read));
        }
        Ok(Self {
            protected: config.protected_mode,
            has_password: config.upstream.password.is_some(),
            users,
            certificates: config.tls.users.clone(),
            kept: Mutex::default(),
            nobody: Arc::new(Rights::new(Who::Nobody, 0, &common)),
            stranger: Arc::new(Rights::new(Who::Stranger, 0, &common)),
            common,
        })
    }

    /// Whether users are Nearside's own.
    pub fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Nearside's own users, by name.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values().map(|user| &**user)
    }

    /// Nearside's own user of that name.
    pub fn user(&self, name: &[u8]) -> Option<&User> {
        self.users.get(std::str::from_utf8(name).ok()?).map(|user| &**user)
    }

    /// Whether there is a user of that name: one of ours, or one somebody has lately been.
    pub fn knows(&self, name: &[u8]) -> bool {
        let lately = |name: &str| {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.keys().any(|(known, _)| known == name)
        };
        std::str::from_utf8(name)
            .is_ok_and(|name| name == "default" || self.users.contains_key(name) || lately(name))
    }

    /// The rights of a client that has just connected from `origin`, and would be `user` upstream.
    pub fn newcomer(&self, origin: &Origin, user: &str) -> Arc<Rights> {
        if self.has_users() {
            return self.certified(origin).unwrap_or_else(|| Arc::clone(&self.nobody));
        }
        if !self.is_strange(origin) {
            return self.admitted(origin, user);
        }
        Arc::clone(if self.has_password { &self.nobody } else { &self.stranger })
    }

    /// What is odd about the rules, a line each.
    pub fn doubts(&self) -> Vec<String> {
        self.common.rules.doubts()
    }

    /// What clients call commands; `None`: what Redis calls them.
    pub fn renames(&self) -> Option<&Arc<Names>> {
        self.common.rules.renames()
    }

    /// What to ask the upstream about whether scripts of its `user` can run what everybody is refused here;
    /// `None`: nothing.
    pub fn inside(&self, user: &str) -> Option<Inside> {
        self.common.rules.inside(user)
    }

    /// The rights of a client from `origin` that the upstream has let in as `user`. None where users are
    /// Nearside's own: a user of the upstream may have the name of one of those.
    pub fn admitted(&self, origin: &Origin, user: &str) -> Arc<Rights> {
        if self.has_users() {
            return Arc::clone(&self.nobody);
        }
        self.kept(origin, user, || Who::Upstream(user.to_owned()))
    }

    /// Who a client is that says it is `user`, of Nearside's own (`None`: the default one), and gives
    /// `password`.
    pub fn login(&self, origin: &Origin, user: Option<&[u8]>, password: &[u8]) -> Login {
        let name = std::str::from_utf8(user.unwrap_or(b"default")).ok();
        let Some(found) = name.and_then(|name| self.users.get(name)) else {
            // Takes as long as it would for a user there is.
            self.users.values().next().map(|any| any.check_password(password));
            return Login::Wrong;
        };
        if user.is_none() && found.is_on() && !found.needs_password() {
            return Login::Open;
        }
        if !found.check_password(password) {
            return Login::Wrong;
        }
        if !found.needs_password() && self.is_strange(origin) {
            return Login::Stranger;
        }
        Login::Granted(self.local(origin, found), Proof::Password(Password::of(password)))
    }

    /// The rights that a client has under these rules who had `old` under those before, by `proof`; upstream it
    /// is `user`. `None`: it would not be let in any more as who it is, and has to go. One that has said nothing
    /// yet stays, and may be let in by now.
    pub fn renewed(&self, old: &Rights, proof: &Proof, origin: &Origin, user: &str) -> Option<Arc<Rights>> {
        let rights = match proof {
            Proof::Unasked => {
                let new = self.newcomer(origin, user);
                let stays = match (old.who(), new.who()) {
                    (Who::Nobody | Who::Stranger, _) | (Who::Upstream(_), Who::Upstream(_)) => true,
                    (Who::Local(old), Who::Local(new)) => old.name() == new.name(),
                    _ => false,
                };
                return stays.then_some(new);
            }
            Proof::Upstream if self.has_users() => return None,
            Proof::Upstream => self.admitted(origin, user),
            Proof::Password(password) => {
                let user = self.users.get(old.user()).filter(|user| user.still_takes(password))?;
                let is_stranger = !user.needs_password() && self.is_strange(origin);
                if is_stranger {
                    return None;
                }
                self.local(origin, user)
            }
        };
        Some(rights)
    }

    /// Whether clients from `origin` must not be the upstream's default user where that needs no password.
    pub fn is_wary_of(&self, origin: &Origin) -> bool {
        !self.has_password && !self.has_users() && self.is_strange(origin)
    }

    /// Whom nobody knows to be on this machine or to have shown who he is, where that matters.
    fn is_strange(&self, origin: &Origin) -> bool {
        self.protected && !origin.is_near() && origin.names.is_empty()
    }

    /// The rights of who need not say more: by a certificate, or because the default user is open.
    fn certified(&self, origin: &Origin) -> Option<Arc<Rights>> {
        let fits = |rule: &&CertificateUser| {
            origin.names.iter().any(|name| matches(rule.cert.as_bytes(), name.as_bytes()))
        };
        if let Some(rule) = self.certificates.iter().find(fits) {
            return self
                .users
                .get(&rule.user)
                .filter(|user| user.is_on())
                .map(|user| self.local(origin, user));
        }
        let default = self.users.get("default").filter(|user| user.is_on() && !user.needs_password())?;
        (!self.is_strange(origin)).then(|| self.local(origin, default))
    }

    pub(super) fn local(&self, origin: &Origin, user: &Arc<User>) -> Arc<Rights> {
        self.kept(origin, user.name(), || Who::Local(Arc::clone(user)))
    }

    fn kept(&self, origin: &Origin, name: &str, who: impl FnOnce() -> Who) -> Arc<Rights> {
        let listener = if self.common.rules.tell_listeners_apart() { origin.listener } else { 0 };
        let key = (name.to_owned(), listener);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rights) = kept.get(&key) {
            return Arc::clone(rights);
        }
        // Those of users that nobody is any more need not be kept.
        kept.retain(|_, rights| Arc::strong_count(rights) > 1);
        let rights = Arc::new(Rights::new(who(), listener, &self.common));
        kept.insert(key, Arc::clone(&rights));
        rights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::lookup;
    use crate::policy::Denied;
    use crate::resp::request::encode;
    use crate::resp::scan::request::{Limits, RequestScanner};

    fn origin(address: &str) -> Origin {
        Origin { listener: 0, address: Some(address.parse().unwrap()), names: Vec::new() }
    }

    fn check(rights: &Rights, words: &str) -> Result<(), Denied> {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let (request, mut scanner) = (encode(&words), RequestScanner::default());
        let limits = Limits { max_bulk: 1 << 20, max_multibulk: 64, large: 1 << 20, unauthenticated: false };
        scanner.scan(&request, &limits).unwrap();
        let args = scanner.args(&request);
        rights.check(lookup(&args), &args).map(drop)
    }

    fn gate(change: impl FnOnce(&mut Config)) -> Gate {
        let mut config = Config::default();
        change(&mut config);
        Gate::new(&config).unwrap()
    }

    #[test]
    fn who_is_on_this_machine_needs_nothing() {
        let gate = gate(|_| {});
        for near in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(check(&gate.newcomer(&origin(near), "default"), "GET k"), Ok(()), "{near}");
        }
        let socket = Origin { listener: 0, address: None, names: Vec::new() };
        assert_eq!(check(&gate.newcomer(&socket, "default"), "GET k"), Ok(()));
    }

    #[test]
    fn a_stranger_is_told_of_protected_mode() {
        let rights = gate(|_| {}).newcomer(&origin("10.0.0.7"), "default");
        for refused in ["GET k", "NOSUCH", "HELLO 3", "CLIENT LIST", "NEARSIDE INFO", "MULTI", "EVAL x 0"] {
            assert_eq!(check(&rights, refused), Err(Denied::Protected), "{refused}");
        }
        // Users with passwords that the upstream may have.
        for asked in ["AUTH app pw", "HELLO 3 AUTH app pw", "QUIT", "RESET", "HELLO 9"] {
            assert_eq!(check(&rights, asked), Ok(()), "{asked}");
        }
        assert_eq!(check(&rights, "GET"), Err(Denied::Arity("get".into())));
        let open = gate(|config| config.protected_mode = false);
        assert_eq!(check(&open.newcomer(&origin("10.0.0.7"), "default"), "GET k"), Ok(()));
    }

    #[test]
    fn our_own_password_is_not_lent_to_a_stranger() {
        let gate = gate(|config| config.upstream.password = Some(crate::config::Secret::new("s")));
        let rights = gate.newcomer(&origin("10.0.0.7"), "default");
        assert_eq!(check(&rights, "GET k"), Err(Denied::Nobody));
        assert_eq!(check(&rights, "HELLO 3"), Err(Denied::HelloOfNobody));
        assert_eq!(check(&rights, "AUTH pw"), Ok(()));
        assert_eq!(check(&gate.newcomer(&origin("127.0.0.1"), "default"), "GET k"), Ok(()));
        assert_eq!(check(&gate.admitted(&origin("10.0.0.7"), "app"), "GET k"), Ok(()));
        let certified = Origin { names: vec!["app".into()], ..origin("10.0.0.7") };
        assert_eq!(check(&gate.newcomer(&certified, "default"), "GET k"), Ok(()));
    }

    #[test]
    fn a_user_of_the_upstream_lends_no_rights_to_our_own_of_that_name() {
        let acl = crate::config::Secret::new("on nopass ~pub:* +get");
        let user = crate::config::LocalUser { name: "default".into(), acl };
        let gate = gate(|config| config.users = vec![user]);
        let upstream = gate.admitted(&origin("127.0.0.1"), "default");
        assert_eq!(check(&upstream, "GET pub:1"), Err(Denied::Nobody));
        let ours = gate.newcomer(&origin("127.0.0.1"), "default");
        assert_eq!(check(&ours, "GET pub:1"), Ok(()));
        assert!(matches!(check(&ours, "GET other"), Err(Denied::Acl { .. })));
    }

    #[test]
    fn nothing_is_served_when_it_is_off() {
        let gate = gate(|config| config.enabled = false);
        let rights = gate.newcomer(&origin("127.0.0.1"), "default");
        assert_eq!(check(&rights, "GET k"), Err(Denied::Off));
    }
}
