use super::*;
use crate::command::{Channels, lookup};
use crate::resp::request::encode;
use crate::resp::scan::request::{Limits, RequestScanner};

fn with<T>(line: &str, act: impl FnOnce(Option<&Command>, &Args<'_>) -> T) -> T {
    let bytes = encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    let limits = Limits { max_bulk: 1024, max_multibulk: 64, large: 1024, unauthenticated: false };
    let mut scanner = RequestScanner::default();
    scanner.scan(&bytes, &limits).unwrap();
    let args = scanner.args(&bytes);
    act(lookup(&args), &args)
}

fn turn(held: &mut Held, line: &str) -> Turn {
    with(line, |command, args| held.forward(command, args))
}

fn forward(held: &mut Held, line: &str) -> Expect {
    match turn(held, line) {
        Turn::Expect(expect) => expect,
        other => panic!("{line}: {other:?}"),
    }
}

fn partial(line: &str) -> (Held, Turn) {
    let mut held = Held::default();
    let turn = with(line, |command, args| held.forward_partial(command, args));
    (held, turn)
}

#[test]
fn a_transaction_holds_until_it_ends() {
    let mut held = Held::default();
    forward(&mut held, "WATCH k");
    assert_eq!(held.watched, 1);
    forward(&mut held, "MULTI");
    forward(&mut held, "SET k v");
    assert!(held.multi);
    forward(&mut held, "EXEC");
    assert!(!held.any());
}

#[test]
fn a_refused_multi_holds_nothing_but_a_nested_one_changes_nothing() {
    let mut held = Held::default();
    let expect = forward(&mut held, "MULTI");
    held.refused(&expect);
    assert!(!held.any());
    forward(&mut held, "MULTI");
    let nested = forward(&mut held, "MULTI");
    held.refused(&nested);
    assert!(held.multi);
}

#[test]
fn a_refused_watch_leaves_earlier_ones() {
    let mut held = Held::default();
    forward(&mut held, "WATCH k");
    let second = forward(&mut held, "WATCH l");
    held.refused(&second);
    assert_eq!(held.watched, 1);
    forward(&mut held, "MULTI x"); // wrong arity: the upstream says so, nothing begins
    assert!(!held.multi);
}

#[test]
fn what_goes_on_before_it_is_whole_holds_what_it_may_change() {
    let (held, turn) = partial("WATCH");
    assert!(matches!(turn, Turn::Expect(Expect::Watch { before: 0 })));
    assert_eq!(held.watched, 1);
    for name in ["SUBSCRIBE", "AUTH", "EXEC"] {
        let (held, turn) = partial(name);
        assert!(matches!(turn, Turn::Opaque), "{name}");
        assert!(!held.any(), "{name}: it may have to wait");
    }
}

#[test]
fn reset_lets_go_of_watched_keys() {
    let mut held = Held::default();
    forward(&mut held, "WATCH k");
    assert!(matches!(forward(&mut held, "RESET"), Expect::Reset));
    assert!(!held.any());
}

#[test]
fn modes_hold_unless_they_are_refused() {
    for line in ["CLIENT TRACKING ON", "READONLY", "ASKING"] {
        let mut held = Held::default();
        let expect = forward(&mut held, line);
        assert!(held.kept, "{line}");
        held.refused(&expect);
        assert!(!held.any(), "{line}");
    }
    let mut held = Held::default();
    forward(&mut held, "CLIENT TRACKING OFF");
    forward(&mut held, "CLIENT GETREDIR");
    assert!(!held.any());
}

#[test]
fn a_command_of_the_connection_in_a_transaction_is_remembered_by_its_place() {
    let mut held = Held::default();
    forward(&mut held, "MULTI");
    forward(&mut held, "SET k v");
    forward(&mut held, "WATCH k"); // refused, so not queued
    forward(&mut held, "SELECT 3");
    let Expect::Exec(telling) = forward(&mut held, "EXEC") else { panic!() };
    assert_eq!(telling.len(), 1);
    assert_eq!(telling[0].index, 1);
    assert!(matches!(telling[0].expect, Expect::Select(3)));
    forward(&mut held, "MULTI");
    forward(&mut held, "SELECT 4");
    forward(&mut held, "DISCARD");
    forward(&mut held, "MULTI");
    assert!(matches!(forward(&mut held, "EXEC"), Expect::Exec(telling) if telling.is_empty()));
}

#[test]
fn silenced_replies_are_not_expected() {
    let mut held = Held::default();
    assert!(matches!(turn(&mut held, "CLIENT REPLY SKIP"), Turn::Silent));
    assert!(matches!(turn(&mut held, "SET k v"), Turn::SilentOnce));
    assert!(matches!(turn(&mut held, "GET k"), Turn::Expect(Expect::Reply)));
    assert!(matches!(turn(&mut held, "CLIENT REPLY OFF"), Turn::Silent));
    assert!(matches!(turn(&mut held, "CLIENT REPLY SKIP"), Turn::Silent));
    assert!(matches!(turn(&mut held, "SET k v"), Turn::Silent));
    assert!(matches!(turn(&mut held, "SELECT 3"), Turn::Opaque));
    assert!(matches!(turn(&mut held, "SUBSCRIBE c"), Turn::Opaque));
    assert!(held.any());
    assert!(matches!(turn(&mut held, "CLIENT REPLY ON"), Turn::Expect(Expect::Reply)));
    assert!(!held.any());
    assert!(matches!(turn(&mut held, "CLIENT REPLY MAYBE"), Turn::Expect(Expect::Reply)));
}

#[test]
fn subscriptions_are_counted_by_their_confirmations() {
    let mut held = Held::default();
    let of = Channels::Exact;
    assert!(matches!(
        forward(&mut held, "SUBSCRIBE a b"),
        Expect::Subscription { of: Channels::Exact, left: Some(2) }
    ));
    assert!(!held.any(), "not before it is confirmed");
    held.subscribed.confirmed(of, 1);
    assert!(held.any() && held.listens());
    assert!(matches!(turn(&mut held, "CLIENT REPLY OFF"), Turn::Opaque));
    assert!(matches!(
        forward(&mut held, "PUNSUBSCRIBE"),
        Expect::Subscription { of: Channels::Pattern, left: None }
    ));
}

#[test]
fn a_transaction_with_a_subscription_is_followed_until_it_runs() {
    let mut held = Held::default();
    forward(&mut held, "MULTI");
    assert!(matches!(forward(&mut held, "SUBSCRIBE c"), Expect::Blurring));
    assert!(matches!(turn(&mut held, "EXEC"), Turn::Opaque));
    assert!(held.multi, "EXEC may have to wait");
    assert!(matches!(turn(&mut held, "CLIENT REPLY OFF"), Turn::Opaque));
    assert!(matches!(forward(&mut held, "CLIENT REPLY ON"), Expect::Queued));
    forward(&mut held, "DISCARD");
    assert!(!held.any());
}

#[test]
fn a_subscription_refused_inside_a_transaction_blurs_nothing() {
    let mut held = Held::default();
    forward(&mut held, "MULTI");
    let refused = forward(&mut held, "SUBSCRIBE forbidden");
    held.refused(&refused);
    assert!(matches!(forward(&mut held, "EXEC"), Expect::Exec(_)));
    assert!(!held.any());
}
