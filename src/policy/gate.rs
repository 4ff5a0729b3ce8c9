//! The rules in force, and who has which rights under them.

use core::net::IpAddr;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::common::Common;
use super::rights::{Rights, Who};
use crate::command::Command;
use crate::config::Config;
use crate::resp::rename::Names;

/// Where a client comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    common: Arc<Common>,
    protected: bool,
    /// We have a password for the upstream, so that who comes without one must not use ours unasked.
    has_password: bool,
    /// Rights that somebody has had, so that all like him share them.
    kept: Mutex<HashMap<(String, usize), Arc<Rights>>>,
    nobody: Arc<Rights>,
    stranger: Arc<Rights>,
}

impl Gate {
    /// The rules that `config` asks for.
    pub fn new(config: &Config) -> Self {
        let common = Arc::new(Common::new(config));
        Self {
            protected: config.protected_mode,
            has_password: config.upstream.password.is_some(),
            kept: Mutex::default(),
            nobody: Arc::new(Rights::new(Who::Nobody, 0, &common)),
            stranger: Arc::new(Rights::new(Who::Stranger, 0, &common)),
            common,
        }
    }

    /// The rights of a client that has just connected from `origin`, and would be `user` upstream.
    pub fn newcomer(&self, origin: &Origin, user: &str) -> Arc<Rights> {
        if !self.protected || origin.is_near() || !origin.names.is_empty() {
            return self.admitted(origin, user);
        }
        Arc::clone(if self.has_password { &self.nobody } else { &self.stranger })
    }

    /// The rights of a client from `origin` that the upstream has let in as `user`.
    pub fn admitted(&self, origin: &Origin, user: &str) -> Arc<Rights> {
        self.kept(origin, user, || Who::Upstream(user.to_owned()))
    }

    /// What clients call commands; `None`: what Redis calls them.
    pub fn renames(&self) -> Option<&Arc<Names>> {
        self.common.rules.renames()
    }

    /// The commands that are refused to everybody, whatever their arguments.
    pub fn blocked(&self) -> impl Iterator<Item = &'static Command> + '_ {
        self.common.rules.blocked()
    }

    fn kept(&self, origin: &Origin, name: &str, who: impl FnOnce() -> Who) -> Arc<Rights> {
        let listener = if self.common.rules.tell_listeners_apart() { origin.listener } else { 0 };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), listener);
        if let Some(rights) = kept.get(&key) {
            return Arc::clone(rights);
        }
        // Whom nobody uses any more need not be kept.
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
        Gate::new(&config)
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
    fn nothing_is_served_when_it_is_off() {
        let gate = gate(|config| config.enabled = false);
        let rights = gate.newcomer(&origin("127.0.0.1"), "default");
        assert_eq!(check(&rights, "GET k"), Err(Denied::Off));
    }
}
