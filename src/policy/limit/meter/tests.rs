//! Rates from configurations, and requests against them.

use std::time::Duration;

use super::*;
use crate::command::lookup;
use crate::config::{self, Config, Listen, RateUnit};
use crate::resp::request::encode;
use crate::resp::scan::request::{Limits, RequestScanner};

const SECOND: u64 = 1_000_000_000;

/// Two per second, three at once, of everything.
fn rate(per: Per) -> config::Rate {
    config::Rate {
        name: "r".into(),
        per,
        commands: Vec::new(),
        keys: Vec::new(),
        users: Vec::new(),
        listeners: Vec::new(),
        unit: RateUnit::Commands,
        rate: 2,
        period: Duration::from_secs(1),
        burst: 3,
        enforce: true,
        delay: None,
    }
}

fn rates(rates: Vec<config::Rate>) -> Arc<Rates> {
    let listen = vec![Listen::Tcp("127.0.0.1".into(), 6380), Listen::Unix("/run/n".into())];
    Rates::new(&Config { rates, listen, ..Config::default() }).unwrap().unwrap()
}

fn origin(address: &str) -> Origin {
    Origin { listener: 0, address: Some(address.parse().unwrap()), names: Vec::new() }
}

/// Pays for one request, which then goes on.
fn pay(meter: &mut Meter, words: &str, now: u64) -> Pass {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let (request, mut scanner) = (encode(&words), RequestScanner::default());
    let limits = Limits { max_bulk: 1 << 20, max_multibulk: 64, large: 1 << 20, unauthenticated: false };
    scanner.scan(&request, &limits).unwrap();
    let args = scanner.args(&request);
    let pass = meter.pay(lookup(&args), &args, request.len(), now);
    meter.settle(1);
    pass
}

/// How many of ten such requests pass at once.
fn passed(meter: &mut Meter, words: &str, now: u64) -> usize {
    (0..10).filter(|_| pay(meter, words, now) == Pass::Paid).count()
}

#[test]
fn each_has_an_allowance_of_its_own() {
    let client = |rates: &Arc<Rates>, user, address| Meter::new(rates, user, &origin(address));
    for (per, shared) in [
        (Per::All, [true, true, true]),
        (Per::User, [true, false, false]),
        (Per::Address, [false, true, false]),
        (Per::Listener, [true, true, true]),
        (Per::Client, [false, false, false]),
    ] {
        let rates = rates(vec![rate(per)]);
        assert_eq!(passed(&mut client(&rates, "app", "10.0.0.1"), "GET k", SECOND), 3, "{per:?}");
        let others = [("app", "10.0.0.2"), ("other", "10.0.0.1"), ("third", "10.0.0.3")];
        for ((user, address), shares) in others.into_iter().zip(shared) {
            let mut other = client(&rates, user, address);
            let expected = if shares { 0 } else { 3 };
            assert_eq!(passed(&mut other, "GET k", SECOND), expected, "{per:?} {user} {address}");
        }
    }
}

#[test]
fn a_refusal_names_the_rate_who_and_when() {
    for (per, who) in [
        (Per::All, "all clients"),
        (Per::User, "user app"),
        (Per::Address, "address 2001:db8::/64"),
        (Per::Listener, "listener 127.0.0.1:6380"),
        (Per::Client, "this client"),
        (Per::Key, "one key"),
    ] {
        let mut meter = Meter::new(&rates(vec![rate(per)]), "app", &origin("2001:db8::1"));
        passed(&mut meter, "GET k", SECOND);
        let Pass::Refused(refusal) = pay(&mut meter, "GET k", SECOND) else { panic!("it passes") };
        let text = format!("RATELIMITED r: more than 2 commands/s for {who}; retry in 500 ms");
        assert_eq!(refusal.to_string(), text);
        meter.refused(&refusal, SECOND);
        assert!(meter.news().is_some_and(|news| news.starts_with("r: more than 2 commands/s for")));
        assert_eq!(meter.rates.section(), "nearside_rate_r:refused=1,delayed=0,observed=0\r\n");
    }
}

#[test]
fn keys_are_counted_each_and_all_or_none() {
    let only = config::Rate { keys: vec!["hot:*".into()], ..rate(Per::Key) };
    let mut meter = Meter::new(&rates(vec![only]), "app", &origin("10.0.0.1"));
    assert_eq!(passed(&mut meter, "GET cold:1", SECOND), 10);
    assert_eq!(passed(&mut meter, "GET hot:1", SECOND), 3);
    // The second key refuses: the first is not charged.
    assert_eq!(passed(&mut meter, "MGET hot:2 hot:1", SECOND), 0);
    assert_eq!(passed(&mut meter, "GET hot:2", SECOND), 3);
    assert_eq!(passed(&mut meter, "PING", SECOND), 10);
}

#[test]
fn only_what_it_is_for_is_counted() {
    for (commands, keys, counted, free) in [
        (vec!["get"], vec![], "GET k", "SET k v"),
        (vec!["@write"], vec![], "SET k v", "GET k"),
        (vec!["CONFIG"], vec![], "CONFIG GET x", "INFO"),
        (vec!["CONFIG|SET"], vec![], "CONFIG SET a b", "CONFIG GET x"),
        (vec![], vec!["s:*"], "MGET a s:1", "GET t:1"),
        (vec![], vec![], "NOSUCH x", "EXEC"),
    ] {
        let strings = |words: Vec<&str>| words.into_iter().map(String::from).collect();
        let one = config::Rate { commands: strings(commands), keys: strings(keys), ..rate(Per::All) };
        let mut meter = Meter::new(&rates(vec![one]), "app", &origin("10.0.0.1"));
        assert_eq!(passed(&mut meter, counted, SECOND), 3, "{counted}");
        assert_eq!(passed(&mut meter, free, SECOND), 10, "{free}");
    }
    let wrong = config::Rate { commands: vec!["@nonsense".into()], ..rate(Per::All) };
    let error = Rates::new(&Config { rates: vec![wrong], ..Config::default() }).unwrap_err().to_string();
    assert!(error.starts_with("limits.rate r: @nonsense is neither"), "{error}");
}

#[test]
fn users_and_listeners_it_is_not_for_are_free_and_who_becomes_one_is_not() {
    let one = config::Rate {
        users: vec!["app".into()],
        listeners: vec!["127.0.0.1:6380".into()],
        ..rate(Per::User)
    };
    let rates = rates(vec![one]);
    let mut meter = Meter::new(&rates, "default", &origin("10.0.0.1"));
    assert_eq!(passed(&mut meter, "GET k", SECOND), 10);
    meter.become_user("app");
    assert_eq!(passed(&mut meter, "GET k", SECOND), 3);
    let elsewhere = Origin { listener: 1, ..origin("10.0.0.1") };
    assert_eq!(passed(&mut Meter::new(&rates, "app", &elsewhere), "GET k", SECOND), 10);
}

#[test]
fn bytes_are_counted_and_owed() {
    let bytes = config::Rate { unit: RateUnit::Bytes, rate: 1000, burst: 1000, ..rate(Per::Client) };
    let mut meter = Meter::new(&rates(vec![bytes]), "app", &origin("10.0.0.1"));
    // "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" is 20 bytes long.
    assert_eq!((0..100).filter(|_| pay(&mut meter, "GET k", SECOND) == Pass::Paid).count(), 50);
    assert_eq!(pay(&mut meter, "GET k", 2 * SECOND), Pass::Paid);
    meter.pay_in_pieces(None, &Args::new(b"", &[]), 400, 2 * SECOND);
    meter.settle(1);
    meter.owe(10_000, 2 * SECOND);
    let Pass::Refused(refusal) = pay(&mut meter, "GET k", 2 * SECOND) else { panic!("it passes") };
    assert!(
        refusal.to_string().ends_with("more than 1000 bytes/s for this client; retry in 9440 ms"),
        "{refusal}"
    );
}

#[test]
fn what_is_held_back_waits_and_what_would_wait_too_long_is_refused() {
    let slow = config::Rate { delay: Some(Duration::from_secs(1)), ..rate(Per::All) };
    let mut meter = Meter::new(&rates(vec![slow]), "app", &origin("10.0.0.1"));
    // Three at once, and two more within the second they may be held back.
    assert_eq!(passed(&mut meter, "GET k", SECOND), 5);
    assert_eq!(meter.not_before(), 2 * SECOND);
    assert!(meter.rates.section().contains("refused=0,delayed=2"));
}

#[test]
fn what_another_rate_refuses_costs_nothing() {
    let two = vec![config::Rate { burst: 9, ..rate(Per::All) }, rate(Per::Client)];
    let rates = rates(two);
    let mut meter = Meter::new(&rates, "app", &origin("10.0.0.1"));
    assert_eq!(passed(&mut meter, "GET k", SECOND), 3);
    assert_eq!(passed(&mut Meter::new(&rates, "b", &origin("10.0.0.1")), "GET k", SECOND), 3);
    assert_eq!(passed(&mut Meter::new(&rates, "c", &origin("10.0.0.1")), "GET k", SECOND), 3);
    assert_eq!(passed(&mut Meter::new(&rates, "d", &origin("10.0.0.1")), "GET k", SECOND), 0);
}

#[test]
fn what_is_only_observed_passes_and_is_counted() {
    let seen = config::Rate { enforce: false, ..rate(Per::All) };
    let mut meter = Meter::new(&rates(vec![seen]), "app", &origin("10.0.0.1"));
    assert_eq!(passed(&mut meter, "GET k", SECOND), 10);
    assert!(meter.rates.section().contains("observed=7"));
    assert!(meter.news().is_some_and(|news| news.ends_with("over (only observed)")));
}

#[test]
fn switched_off_there_are_none() {
    let mut config = Config { rates: vec![rate(Per::All)], ..Config::default() };
    config.features.rate_limiting = false;
    assert!(Rates::new(&config).unwrap().is_none());
}
