use super::*;
use crate::cache::kit::{self, MILLI, Request, SECOND, hit, lane, lane_of, permit};
use crate::cache::{Fence, Fill};

const V: &[u8] = b"$1\r\nv\r\n";

/// Keeps `v` for `GET k`.
fn warm(lane: &Rc<Lane>, text: &str, ttl: i64, now: Time) {
    let request = Request::of(text);
    let fill =
        Fill::one(lane, &request.query(lane), request.command(), &request.args(), now).expect("a fill");
    fill.watched(b"+OK\r\n");
    fill.value(V);
    fill.ttl(0, format!(":{ttl}\r\n").as_bytes(), now);
}

fn stale(lane: &Lane, text: &str, now: Time) -> bool {
    lane.look_stale(permit(), &Request::of(text).query(lane), now, |_| {})
}

#[test]
fn a_hit_is_no_more_once_anything_it_rests_on_has_changed() {
    let changes: [fn(&Lane); 9] = [
        |lane| lane.invalidated(Some(b"k")),
        |lane| lane.invalidated(None),
        |lane| lane.near().changed(lane.near().stripe(b"k")),
        |lane| assert!(lane.near().write_begins(lane.near().stripe(b"k"))),
        |lane| lane.near().global_begins(),
        |lane| lane.near().flush(),
        |lane: &Lane| lane.doubted("a test"),
        |lane| lane.lost(0),
        |lane| assert_eq!(lane.near().fence_late(&lane.near().fence(&[], 0)), 1),
    ];
    for (index, changes) in changes.iter().enumerate() {
        let lane = lane();
        warm(&lane, "GET k", -1, 0);
        assert_eq!(hit(&lane, "GET k", 0).as_deref(), Some(V));
        changes(&lane);
        assert_eq!(hit(&lane, "GET k", 0), None, "{index}");
    }
}

#[test]
fn an_invalidation_on_one_lane_is_heard_by_all_and_a_flush_by_its_own() {
    let near = kit::near(kit::settings(), 2);
    let lanes = [lane_of(&near, 0), lane_of(&near, 1)];
    lanes.iter().for_each(|lane| warm(lane, "GET k", -1, 0));
    lanes[0].invalidated(None);
    assert_eq!(lanes.iter().map(|lane| hit(lane, "GET k", 0).is_some()).collect::<Vec<_>>(), [false, true]);
    lanes[0].invalidated(Some(b"k"));
    assert_eq!(hit(&lanes[1], "GET k", 0), None);
}

#[test]
fn one_lanes_entries_answer_no_other_lane() {
    let near = kit::near(kit::settings(), 1);
    let lanes = [lane_of(&near, 0), lane_of(&near, 0)];
    warm(&lanes[0], "GET k", -1, 0);
    assert_eq!(lanes.iter().map(|lane| hit(lane, "GET k", 0).is_some()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_lane_answers_for_as_long_as_a_heartbeat_vouches_counted_from_when_it_was_sent() {
    let lane = lane();
    warm(&lane, "GET k", -1, 0);
    assert!(hit(&lane, "GET k", SECOND - 1).is_some());
    assert!(hit(&lane, "GET k", SECOND).is_none());
    lane.beats(SECOND);
    lane.beaten(SECOND, true);
    assert!(hit(&lane, "GET k", 2 * SECOND - 1).is_some());
    lane.beats(SECOND + 1);
    lane.beaten(SECOND + 1, false);
    assert!(hit(&lane, "GET k", 2 * SECOND).is_none());
}

#[test]
fn an_older_heartbeats_late_answer_shortens_nothing() {
    let lane = lane();
    warm(&lane, "GET k", -1, 0);
    lane.beaten(500 * MILLI, true);
    lane.beaten(100 * MILLI, true);
    assert!(hit(&lane, "GET k", 1400 * MILLI).is_some());
}

#[test]
fn heartbeats_are_sent_one_at_a_time_and_only_while_somebody_asks() {
    let lane = lane();
    assert!(lane.should_beat(0));
    lane.beats(0);
    assert!(!lane.should_beat(0));
    lane.beaten(0, true);
    assert!(lane.should_beat(2 * SECOND));
    assert!(!lane.should_beat(2 * SECOND + 1));
    hit(&lane, "GET k", 9 * SECOND);
    assert!(lane.should_beat(9 * SECOND));
    lane.lost(9 * SECOND);
    assert!(!lane.should_beat(9 * SECOND));
}

#[test]
fn a_lane_that_is_back_revives_nothing_and_vouches_only_after_a_heartbeat() {
    let lane = lane();
    warm(&lane, "GET k", -1, 0);
    lane.lost(0);
    lane.opened(Trust::Tracked, true, "again".into());
    warm(&lane, "GET l", -1, 0);
    assert_eq!(hit(&lane, "GET l", 0), None);
    lane.beaten(0, true);
    assert_eq!(hit(&lane, "GET k", 0), None);
    assert!(hit(&lane, "GET l", 0).is_some());
}

#[test]
fn fences_that_others_ask_for_are_sent_once_and_cover_those_before() {
    let lane = lane();
    warm(&lane, "GET k", -1, 0);
    assert_eq!(lane.fence_due(), None);
    let fences = [lane.near().fence(&[], 0), lane.near().fence(&[], 0)];
    assert_eq!(lane.fence_due(), Some(2));
    assert_eq!(lane.fence_due(), None);
    lane.fence_passed(2);
    assert!(fences.iter().all(Fence::is_passed));
}

#[test]
fn a_fence_that_is_on_its_way_already_is_not_asked_for_again() {
    let lane = lane();
    warm(&lane, "GET k", -1, 0);
    let (state, number) = lane.fence_here();
    let fence = lane.near().fence(&[(state, number)], 0);
    assert_eq!(lane.fence_due(), None);
    assert!(!fence.is_passed());
    lane.fence_passed(number);
    assert!(fence.is_passed());
}

#[test]
fn a_lane_that_is_lost_or_dropped_holds_up_no_fence() {
    let lane = lane();
    warm(&lane, "GET k", -1, 0);
    let near = Arc::clone(lane.near());
    let fence = near.fence(&[], 0);
    lane.lost(0);
    assert!(fence.is_passed() && near.fence(&[], 0).is_passed());
    lane.opened(Trust::Tracked, true, "again".into());
    warm(&lane, "GET k", -1, 0);
    let fence = near.fence(&[], 0);
    drop(lane);
    assert!(fence.is_passed() && near.fence(&[], 0).is_passed());
}

#[test]
fn what_was_current_at_the_loss_is_served_stale_only_where_allowed_and_never_beyond_its_ttl() {
    let mut settings = kit::settings();
    settings.include = ["s:*", "n:*"].map(|glob| config_pattern(glob, glob.starts_with('s'))).into();
    let lane = lane_of(&kit::near(settings, 1), 0);
    warm(&lane, "GET s:k", -1, 0);
    warm(&lane, "GET s:ttl", 2000, 0);
    warm(&lane, "GET n:k", -1, 0);
    warm(&lane, "GET s:changed", -1, 0);
    assert!(!stale(&lane, "GET s:k", 0), "the lane is there");
    lane.invalidated(Some(b"s:changed"));
    lane.lost(SECOND);
    assert!(stale(&lane, "GET s:k", 11 * SECOND - 1) && !stale(&lane, "GET s:k", 11 * SECOND));
    assert!(stale(&lane, "GET s:ttl", 1998 * MILLI) && !stale(&lane, "GET s:ttl", 1999 * MILLI));
    assert!(!stale(&lane, "GET n:k", SECOND) && !stale(&lane, "GET s:changed", SECOND));
    lane.opened(Trust::Tracked, true, "again".into());
    assert!(!stale(&lane, "GET s:k", SECOND));
}

fn config_pattern(glob: &str, stale: bool) -> crate::config::CachePattern {
    let serve_stale = stale.then(|| std::time::Duration::from_secs(10));
    crate::config::CachePattern { glob: glob.into(), max_age: None, serve_stale }
}
