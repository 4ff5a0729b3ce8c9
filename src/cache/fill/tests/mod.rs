mod absent;
mod fields;
mod join;
mod many;

use super::*;
use crate::cache::kit::{self, MILLI, Request, SECOND, hit, lane};

const OK: &[u8] = b"+OK\r\n";
const NIL: &[u8] = b"_\r\n";
const V: &[u8] = b"$1\r\nv\r\n";

/// Begins the fill of a read at `now`.
fn begin(lane: &Rc<Lane>, text: &str, now: Time) -> Option<Rc<Fill>> {
    let request = Request::of(text);
    let fill = Fill::one(lane, &request.query(lane), request.command(), &request.args(), now)?;
    fill.sent(now);
    Some(fill)
}

/// A whole fill, begun at `now`: the reply, and what `PTTL` says.
fn fill(lane: &Rc<Lane>, text: &str, reply: &[u8], ttl: i64, now: Time) {
    let fill = begin(lane, text, now).expect("a fill");
    fill.watched(OK);
    assert_eq!(fill.value(reply), Heard::Enough);
    fill.ttl(0, format!(":{ttl}\r\n").as_bytes(), now);
}

fn kept(text: &str, reply: &[u8], ttl: i64) -> bool {
    let lane = lane();
    fill(&lane, text, reply, ttl, 0);
    hit(&lane, text, 0).is_some()
}

#[test]
fn what_is_sent_is_the_caching_the_read_and_the_ttl() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    assert_eq!(fill.before(), Some(CACHING));
    assert_eq!(fill.ask_fields(), None);
    assert_eq!(fill.ask_ttls().collect::<Vec<_>>(), [encode(&[b"PTTL", b"k"])]);
}

#[test]
fn a_reply_is_kept_with_the_last_of_the_answers() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    fill.watched(OK);
    fill.value(V);
    assert_eq!(hit(&lane, "GET k", 0), None);
    fill.ttl(0, b":-1\r\n", 0);
    assert_eq!(hit(&lane, "GET k", 0).as_deref(), Some(V));
    assert_eq!(hit(&lane, "GET l", 0), None);
    assert_eq!(hit(&lane, "STRLEN k", 0), None);
}

#[test]
fn nothing_is_kept_that_the_server_does_not_watch() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    fill.watched(b"-NOPERM no client|caching\r\n");
    fill.value(V);
    fill.ttl(0, b":-1\r\n", 0);
    assert_eq!(hit(&lane, "GET k", 0), None);
}

#[test]
fn errors_and_what_is_too_large_are_not_kept() {
    assert!(!kept("GET k", b"-WRONGTYPE no\r\n", -1));
    assert!(!kept("GET k", b"!5\r\nERR x\r\n", -1));
    let large = |len: usize| [format!("${len}\r\n").as_bytes(), &vec![b'x'; len], b"\r\n"].concat();
    let most = kit::settings().max_value as usize;
    assert!(kept("GET k", &large(most - 10), -1));
    assert!(!kept("GET k", &large(most), -1));
}

#[test]
fn a_value_and_its_ttl_must_agree() {
    assert!(kept("GET k", NIL, -2));
    assert!(!kept("GET k", NIL, -1), "a key of another type, or one that came after");
    assert!(!kept("GET k", NIL, 100));
    assert!(!kept("GET k", V, -2), "it has expired in between");
    assert!(kept("GET k", V, -1));
    assert!(kept("GET k", V, 100));
    assert!(!kept("GET k", V, 0));
}

#[test]
fn a_ttl_that_is_no_number_or_that_fails_keeps_nothing() {
    for reply in [&b"-ERR\r\n"[..], NIL, b":x\r\n"] {
        let lane = lane();
        let fill = begin(&lane, "GET k", 0).expect("a fill");
        fill.watched(OK);
        fill.value(V);
        fill.ttl(0, reply, 0);
        assert_eq!(hit(&lane, "GET k", 0), None);
    }
}

#[test]
fn an_entry_ends_a_millisecond_before_its_key_counted_from_before_it_was_asked_for() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 5 * MILLI).expect("a fill");
    fill.watched(OK);
    fill.value(V);
    fill.ttl(0, b":100\r\n", 60 * MILLI);
    assert!(hit(&lane, "GET k", 104 * MILLI - 1).is_some());
    assert!(hit(&lane, "GET k", 104 * MILLI).is_none());
}

#[test]
fn a_reply_that_took_longer_than_the_key_lives_is_not_kept() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    fill.watched(OK);
    fill.value(V);
    fill.ttl(0, b":100\r\n", 100 * MILLI);
    assert_eq!(hit(&lane, "GET k", 0), None);
}

#[test]
fn no_entry_is_older_than_its_pattern_allows() {
    let settings = config(|settings| settings.max_age = std::time::Duration::from_millis(300));
    let lane = kit::lane_of(&kit::near(settings, 1), 0);
    fill(&lane, "GET k", V, -1, 0);
    assert!(hit(&lane, "GET k", 299 * MILLI - 1).is_some());
    assert!(hit(&lane, "GET k", 299 * MILLI).is_none());
}

fn config(change: impl FnOnce(&mut crate::config::Cache)) -> crate::config::Cache {
    let mut settings = kit::settings();
    change(&mut settings);
    settings
}

#[test]
fn a_key_that_is_not_kept_has_no_fill() {
    let settings = config(|settings| settings.exclude = vec!["secret:*".into()]);
    let lane = kit::lane_of(&kit::near(settings, 1), 0);
    assert!(begin(&lane, "GET secret:1", 0).is_none());
    assert!(begin(&lane, "GET k", 0).is_some());
}

#[test]
fn a_push_between_the_replies_keeps_the_entry_from_being_made() {
    for after in 0..3 {
        let lane = lane();
        let fill = begin(&lane, "GET k", 0).expect("a fill");
        for step in 0..3 {
            if step == after {
                lane.invalidated(Some(b"k"));
            }
            match step {
                0 => fill.watched(OK),
                1 => assert_eq!(fill.value(V), Heard::Enough),
                _ => fill.ttl(0, b":-1\r\n", 0),
            }
        }
        assert_eq!(hit(&lane, "GET k", 0), None, "pushed after {after} replies");
    }
}

#[test]
fn what_was_begun_before_an_epoch_a_global_command_or_a_loss_is_not_kept() {
    let happen: [fn(&Lane); 5] = [
        |lane| lane.invalidated(None),
        |lane: &Lane| lane.doubted("a test"),
        |lane| lane.near().flush(),
        |lane| lane.near().global_begins(),
        |lane| {
            lane.lost(0);
            lane.opened(Trust::Tracked, true, "again".into());
            lane.beaten(0, true);
        },
    ];
    for (index, happens) in happen.iter().enumerate() {
        let lane = lane();
        let fill = begin(&lane, "GET k", 0).expect("a fill");
        fill.watched(OK);
        fill.value(V);
        happens(&lane);
        fill.ttl(0, b":-1\r\n", 0);
        assert_eq!(hit(&lane, "GET k", 0), None, "{index}");
    }
}

#[test]
fn while_a_write_or_a_global_command_is_in_flight_there_is_no_fill() {
    let lane = lane();
    let near = lane.near();
    let stripe = near.stripe(b"k");
    assert!(near.write_begins(stripe));
    assert!(begin(&lane, "GET k", 0).is_none());
    near.write_ends(stripe);
    assert!(begin(&lane, "GET k", 0).is_some());
    near.global_begins();
    assert!(begin(&lane, "GET k", 0).is_none());
    near.global_ends();
    assert!(begin(&lane, "GET k", 0).is_some());
}

#[test]
fn a_write_that_is_in_flight_when_the_last_reply_comes_keeps_nothing() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    fill.watched(OK);
    fill.value(V);
    lane.near().write_begins(lane.near().stripe(b"k"));
    fill.ttl(0, b":-1\r\n", 0);
    lane.near().write_ends(lane.near().stripe(b"k"));
    assert_eq!(hit(&lane, "GET k", 0), None);
}

#[test]
fn a_lane_without_a_connection_has_no_fill_and_one_that_is_told_nothing_asks_for_no_watch() {
    let lane = lane();
    lane.lost(0);
    assert!(begin(&lane, "GET k", 0).is_none());
    lane.opened(Trust::Ttl, false, "no tracking".into());
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    assert_eq!(fill.before(), None);
    fill.value(V);
    fill.ttl(0, b":-1\r\n", 0);
    assert_eq!(hit(&lane, "GET k", 0).as_deref(), Some(V));
}

#[test]
fn a_fill_that_is_dropped_leaves_neither_entry_nor_anything_to_join_or_to_fence() {
    let lane = lane();
    let fill = begin(&lane, "GET k", 0).expect("a fill");
    assert!(!lane.near().fence(&[], 0).is_passed());
    fill.watched(OK);
    drop(fill);
    assert!(lane.near().fence(&[], 0).is_passed());
    assert!(lane.fills.borrow().is_empty());
    assert_eq!(hit(&lane, "GET k", 0), None);
}

#[test]
fn a_fence_takes_over_from_the_fill_to_its_entry_without_a_gap() {
    let lane = lane();
    let begun = begin(&lane, "GET k", 0).expect("a fill");
    begun.watched(OK);
    begun.value(V);
    begun.ttl(0, b":50\r\n", 0);
    drop(begun);
    assert!(!lane.near().fence(&[], 48 * MILLI).is_passed());
    assert!(lane.near().fence(&[], 49 * MILLI).is_passed());
}

#[test]
fn the_fill_of_a_lost_connection_is_not_counted_against_the_next() {
    let lane = lane();
    let old = begin(&lane, "GET k", 0).expect("a fill");
    lane.lost(0);
    lane.opened(Trust::Tracked, true, "again".into());
    let new = begin(&lane, "GET k", 0).expect("a fill");
    drop(old);
    assert!(!lane.near().fence(&[], 0).is_passed(), "the new one is still under way");
    drop(new);
    assert!(lane.near().fence(&[], 0).is_passed());
}

#[test]
fn every_end_of_a_fill_is_counted_once() {
    let lane = lane();
    fill(&lane, "GET k", V, -1, 0);
    fill(&lane, "GET k", V, -2, 0);
    fill(&lane, "GET k", b"-ERR\r\n", -1, 0);
    let late = begin(&lane, "GET k", SECOND).expect("a fill");
    late.watched(OK);
    late.value(V);
    lane.invalidated(Some(b"k"));
    late.ttl(0, b":-1\r\n", SECOND);
    let figures = lane.worker.figures();
    let ends = [&figures.installs, &figures.killed_by_ttl, &figures.unfit, &figures.killed_by_stamp];
    assert_eq!(figures.fills.get(), 4);
    assert!(ends.iter().all(|end| end.get() == 1));
}
