//! Taking the reply to somebody else's read.

use super::*;

fn joins(lane: &Lane, text: &str, now: Time) -> bool {
    lane.joinable(&Request::of(text).query(lane), now).is_some()
}

#[test]
fn the_same_read_joins_until_the_reply_is_there() {
    let lane = lane();
    assert!(!joins(&lane, "GET k", 0));
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    fill.sent(42);
    assert_eq!(lane.joinable(&Request::of("GET k").query(&lane), 0), Some(42));
    assert!(!joins(&lane, "GET l", 0) && !joins(&lane, "STRLEN k", 0));
    fill.watched(OK);
    assert!(joins(&lane, "GET k", 0));
    fill.value(V);
    assert!(!joins(&lane, "GET k", 0));
}

#[test]
fn nobody_joins_what_was_sent_before_something_changed() {
    let changes: [fn(&Lane); 7] = [
        |lane| lane.invalidated(Some(b"k")),
        |lane| lane.invalidated(None),
        |lane| lane.near().changed(lane.near().stripe(b"k")),
        |lane| assert!(lane.near().write_begins(lane.near().stripe(b"k"))),
        |lane| lane.near().global_begins(),
        |lane| lane.near().flush(),
        |lane| lane.lost(0),
    ];
    for (index, changes) in changes.iter().enumerate() {
        let lane = lane();
        let _fill = begin(&lane, "GET k", 0).expect("a fill");
        changes(&lane);
        assert!(!joins(&lane, "GET k", 0), "{index}");
    }
}

#[test]
fn nobody_joins_what_has_been_given_up_or_forgotten() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    fill.abandon();
    assert!(!joins(&lane, "GET k", 0));
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    assert!(joins(&lane, "GET k", 0));
    drop(fill);
    assert!(!joins(&lane, "GET k", 0));
}

#[test]
fn a_read_long_under_way_is_not_joined_for_its_key_may_have_expired_and_its_lane_be_dead() {
    let lane = lane();
    let _fill = begin(&lane, "GET k", 0).expect("a fill");
    assert!(joins(&lane, "GET k", 20 * MILLI - 1));
    assert!(!joins(&lane, "GET k", 20 * MILLI));
    let settings = config(|settings| settings.max_staleness = std::time::Duration::from_millis(5));
    let lane = kit::lane_of(&kit::near(settings, 1), 0);
    let _fill = begin(&lane, "GET k", 0).expect("a fill");
    assert!(joins(&lane, "GET k", 5 * MILLI - 1));
    assert!(!joins(&lane, "GET k", 5 * MILLI));
}

#[test]
fn the_later_of_two_is_joined_and_stays_so_when_the_earlier_ends() {
    let lane = lane();
    let first = begin(&lane, "GET k", 1).expect("a fill");
    let second = begin(&lane, "GET k", 2).expect("a fill");
    first.watched(OK);
    first.value(V);
    drop(first);
    assert_eq!(lane.joinable(&Request::of("GET k").query(&lane), 2), Some(2));
    drop(second);
}
