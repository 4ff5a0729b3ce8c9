//! Who may connect, how many of one kind, and who has guessed too many passwords.

use core::fmt;
use core::hash::Hash;
use core::net::IpAddr;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use super::gcra::Pace;
use super::table::Table;
use crate::config::Admission as Settings;
use crate::policy::Origin;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// An address as limits see it. Who has one IPv6 address has 2^64 of them: the first half counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Unix,
    V4(u32),
    V6(u64),
}

impl Source {
    pub(super) fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unix,
            Some(IpAddr::V4(v4)) => Self::V4(v4.to_bits()),
            Some(IpAddr::V6(v6)) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix => f.write_str("unix"),
            Self::V4(bits) => core::net::Ipv4Addr::from_bits(*bits).fmt(f),
            Self::V6(half) => write!(f, "{}/64", core::net::Ipv6Addr::from_bits(u128::from(*half) << 64)),
        }
    }
}

/// Why a client is not taken in, in words for it: where Redis has any, they begin with Redis's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// `admission.clients_per_address`.
    #[error("ERR max number of clients reached for address {0}")]
    Address(String),
    /// `admission.clients_per_user`.
    #[error("ERR max number of clients reached for user {0}")]
    User(String),
    /// `admission.connection_rate`.
    #[error("ERR too many new connections from address {source}; retry in {} ms", .wait.div_ceil(1_000_000), source = .address)]
    Rate {
        /// The address.
        address: String,
        /// Nanoseconds until one would be taken in.
        wait: u64,
    },
}

impl TurnedAway {
    /// The setting that is against it.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Address(_) => "admission.clients_per_address",
            Self::User(_) => "admission.clients_per_user",
            Self::Rate { .. } => "admission.connection_rate",
        }
    }
}

/// Clients as far as they are limited, on all workers.
#[derive(Debug)]
pub struct Admission {
    /// Taken when a client comes or goes. They are counted whether or not there is a limit: one may be set later.
    addresses: Mutex<HashMap<Source, u32>>,
    /// The same, when one becomes another user.
    users: Mutex<HashMap<String, u32>>,
    limits: RwLock<Limits>,
}

/// What is set.
#[derive(Clone, Debug, Default)]
struct Limits {
    per_address: u32,
    per_user: u32,
    arrivals: Option<(Pace, Arc<Table>)>,
    failures: Option<(Pace, Arc<Table>)>,
}

impl Limits {
    /// As `settings` asks for it. Who was short of something under `old` still is.
    fn new(settings: &Settings, old: &Self) -> Self {
        let paced = |rate: u32, period, old: &Option<(Pace, Arc<Table>)>| {
            let table =
                || old.as_ref().map_or_else(|| Arc::new(Table::new()), |(_, table)| Arc::clone(table));
            let rate = u64::from(rate);
            (rate > 0).then(|| (Pace::new(rate, period, rate), table()))
        };
        Self {
            per_address: settings.clients_per_address,
            per_user: settings.clients_per_user,
            arrivals: paced(settings.connection_rate, SECOND, &old.arrivals),
            failures: paced(settings.auth_failures, MINUTE, &old.failures),
        }
    }
}

impl Admission {
    /// One as `settings` asks for it.
    pub fn new(settings: &Settings) -> Arc<Self> {
        let limits = RwLock::new(Limits::new(settings, &Limits::default()));
        Arc::new(Self { addresses: Mutex::default(), users: Mutex::default(), limits })
    }

    /// From now on `settings` hold, for clients that come. Those that are there stay, and count.
    pub fn renew(&self, settings: &Settings) {
        let mut limits = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        *limits = Limits::new(settings, &limits);
    }

    fn limits(&self) -> RwLockReadGuard<'_, Limits> {
        self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has come from `address`. What is answered is its place: it is free again when dropped.
    ///
    /// # Errors
    /// Why it must go.
    pub fn arrives(self: &Arc<Self>, address: Option<IpAddr>, now: u64) -> Result<Place, TurnedAway> {
        let source = Source::of(address);
        let limits = self.limits();
        if let Some((pace, table)) = &limits.arrivals {
            let allowance = table.of(table.tag(&source), now);
            let taken = allowance.take(pace, pace.cost(1), now, 0);
            taken.map_err(|wait| TurnedAway::Rate { address: source.to_string(), wait })?;
        }
        if !enter(&self.addresses, source, limits.per_address) {
            return Err(TurnedAway::Address(source.to_string()));
        }
        Ok(Place(Arc::clone(self), source))
    }

    /// A client becomes `user`. What is answered is its seat: it is free again when dropped.
    ///
    /// # Errors
    /// Why it must not.
    pub fn seat(self: &Arc<Self>, user: &str) -> Result<Seat, TurnedAway> {
        if !enter(&self.users, user.to_owned(), self.limits().per_user) {
            return Err(TurnedAway::User(user.to_owned()));
        }
        Ok(Seat(Arc::clone(self), user.to_owned()))
    }

    /// Whether too many have failed to authenticate as `user` from `origin`: how long until one may try
    /// again. Clients of another machine are one, whatever users they name; of those on this machine, who
    /// all have one address, a wrong password must not lock out the users of others.
    pub fn locked_out(&self, origin: &Origin, user: &[u8], now: u64) -> Option<Duration> {
        let limits = self.limits();
        let (pace, table) = limits.failures.as_ref()?;
        let wait = table.of(guesser(table, origin, user), now).wait(pace, pace.cost(1), now);
        (wait > 0).then(|| Duration::from_nanos(wait))
    }

    /// Somebody at `origin` has failed to authenticate as `user`.
    pub fn failed(&self, origin: &Origin, user: &[u8], now: u64) {
        if let Some((pace, table)) = &self.limits().failures {
            table.of(guesser(table, origin, user), now).owe(pace.cost(1), now);
        }
    }
}

/// Who is taken for one that guesses.
fn guesser(table: &Table, origin: &Origin, user: &[u8]) -> u64 {
    let source = Source::of(origin.address);
    if origin.is_near() { table.tag(&(source, user)) } else { table.tag(&source) }
}

/// What a client that is locked out is told.
pub fn locked_out_text(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1000);
    format!("ERR too many failed authentications from this address; retry in {seconds} s")
}

/// One of the clients an address may have.
#[derive(Debug)]
pub struct Place(Arc<Admission>, Source);

impl Drop for Place {
    fn drop(&mut self) {
        leave(&self.0.addresses, &self.1);
    }
}

/// One of the clients a user may have.
#[derive(Debug)]
pub struct Seat(Arc<Admission>, String);

impl Drop for Seat {
    fn drop(&mut self) {
        leave(&self.0.users, &self.1);
    }
}

/// One more of `who`, if there are not `most` (0: any number) already.
fn enter<K: Eq + Hash>(counts: &Mutex<HashMap<K, u32>>, who: K, most: u32) -> bool {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(who).or_default();
    let fits = most == 0 || *count < most;
    *count += u32::from(fits);
    fits
}

fn leave<K: Eq + Hash>(counts: &Mutex<HashMap<K, u32>>, who: &K) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let left = counts.get_mut(who).map(|count| {
        *count = count.saturating_sub(1);
        *count
    });
    // Whom nobody is any more takes no memory.
    if left == Some(0) {
        counts.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn admission(change: impl FnOnce(&mut Settings)) -> Arc<Admission> {
        let mut settings = Settings::default();
        change(&mut settings);
        Admission::new(&settings)
    }

    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn an_address_has_so_many_places_and_no_more() {
        let admission = admission(|settings| settings.clients_per_address = 2);
        let come = |address| admission.arrives(at(address), 1);
        let (one, _two) = (come("10.0.0.1").unwrap(), come("::ffff:10.0.0.1").unwrap());
        let full = come("10.0.0.1").unwrap_err();
        assert_eq!(full.to_string(), "ERR max number of clients reached for address 10.0.0.1");
        let _other = come("10.0.0.2").unwrap();
        drop(one);
        let _again = come("10.0.0.1").unwrap();
        // A household has a /64 of them.
        let _v6 = (come("2001:db8::1").unwrap(), come("2001:db8::2").unwrap());
        assert!(come("2001:db8::3").unwrap_err().to_string().ends_with("2001:db8::/64"));
        assert!(come("2001:db8:0:1::3").is_ok());
        assert!(admission.arrives(None, 1).is_ok());
        drop((_two, _again, _other, _v6));
        assert!(admission.addresses.lock().unwrap().is_empty());
    }

    #[test]
    fn connections_come_at_most_so_fast() {
        let admission = admission(|settings| settings.connection_rate = 10);
        let come = |now| admission.arrives(at("10.0.0.1"), now);
        assert!((0..10).all(|_| come(SECOND).is_ok()));
        let text = "ERR too many new connections from address 10.0.0.1; retry in 100 ms";
        assert_eq!(come(SECOND).unwrap_err().to_string(), text);
        assert!(admission.arrives(at("10.0.0.2"), SECOND).is_ok());
        assert!(come(SECOND + SECOND / 10).is_ok());
    }

    #[test]
    fn who_guesses_is_locked_out_and_let_in_again() {
        let admission = admission(|settings| settings.auth_failures = 30);
        let from = |address| Origin { address: at(address), ..Origin::default() };
        let address = from("10.0.0.1");
        for n in 0..30 {
            let user = format!("u{n}");
            assert_eq!(admission.locked_out(&address, user.as_bytes(), SECOND), None);
            admission.failed(&address, user.as_bytes(), SECOND);
        }
        let wait = admission.locked_out(&address, b"x", SECOND).unwrap();
        assert_eq!(wait, Duration::from_secs(2));
        assert!(locked_out_text(wait).ends_with("retry in 2 s"));
        assert_eq!(admission.locked_out(&from("10.0.0.2"), b"x", SECOND), None);
        assert_eq!(admission.locked_out(&address, b"x", 3 * SECOND), None);
    }

    #[test]
    fn on_this_machine_a_wrong_password_locks_out_nobody_elses_user() {
        let admission = admission(|settings| settings.auth_failures = 5);
        for address in [at("127.0.0.1"), None] {
            let near = Origin { address, ..Origin::default() };
            (0..5).for_each(|_| admission.failed(&near, b"wrong", SECOND));
            assert!(admission.locked_out(&near, b"wrong", SECOND).is_some());
            assert_eq!(admission.locked_out(&near, b"right", SECOND), None);
        }
    }

    #[test]
    fn users_have_so_many_clients() {
        let admission = admission(|settings| settings.clients_per_user = 1);
        let seat = admission.seat("app").unwrap();
        let full = admission.seat("app").unwrap_err().to_string();
        assert_eq!(full, "ERR max number of clients reached for user app");
        assert!(admission.seat("other").is_ok());
        drop(seat);
        assert!(admission.seat("app").is_ok());
    }
}
