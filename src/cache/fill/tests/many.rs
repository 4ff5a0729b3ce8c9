//! `MGET`: one entry per key.

use super::*;

fn mget(lane: &Rc<Lane>, text: &str) -> Option<Rc<Fill>> {
    let fill = Fill::values(lane, &Request::of(text).args(), 0)?;
    fill.sent(0);
    fill.watched(OK);
    Some(fill)
}

fn hits(lane: &Lane, keys: &[&str]) -> Vec<bool> {
    keys.iter().map(|key| hit(lane, &format!("GET {key}"), 0).is_some()).collect()
}

#[test]
fn each_value_becomes_what_get_would_have_had() {
    let lane = lane();
    let fill = mget(&lane, "MGET a b c d").expect("a fill");
    assert_eq!(fill.ask_ttls().count(), 4);
    fill.value(b"*4\r\n$1\r\nv\r\n_\r\n_\r\n$1\r\nw\r\n");
    for (at, ttl) in [":-1\r\n", ":-2\r\n", ":-1\r\n", ":-2\r\n"].iter().enumerate() {
        fill.ttl(at, ttl.as_bytes(), 0);
    }
    // c is a list, say, and d has expired in between.
    assert_eq!(hits(&lane, &["a", "b", "c", "d"]), [true, true, false, false]);
    assert_eq!(hit(&lane, "GET a", 0).as_deref(), Some(V));
    assert_eq!(hit(&lane, "GET b", 0).as_deref(), Some(NIL));
}

#[test]
fn a_push_for_one_key_spares_the_others() {
    let lane = lane();
    let fill = mget(&lane, "MGET a b").expect("a fill");
    fill.value(b"*2\r\n$1\r\nv\r\n$1\r\nw\r\n");
    fill.ttl(0, b":-1\r\n", 0);
    lane.invalidated(Some(b"a"));
    fill.ttl(1, b":-1\r\n", 0);
    assert_eq!(hits(&lane, &["a", "b"]), [false, true]);
}

#[test]
fn keys_that_are_not_kept_or_being_written_are_left_out_and_the_others_keep_their_places() {
    let settings = config(|settings| settings.exclude = vec!["secret".into()]);
    let lane = kit::lane_of(&kit::near(settings, 1), 0);
    lane.near().write_begins(lane.near().stripe(b"busy"));
    let fill = mget(&lane, "MGET secret a busy b").expect("a fill");
    assert_eq!(fill.ask_ttls().collect::<Vec<_>>(), [encode(&[b"PTTL", b"a"]), encode(&[b"PTTL", b"b"])]);
    fill.value(b"*4\r\n$1\r\ns\r\n$1\r\nv\r\n$1\r\nx\r\n$1\r\nw\r\n");
    fill.ttl(0, b":-1\r\n", 0);
    fill.ttl(1, b":-1\r\n", 0);
    assert_eq!(hits(&lane, &["secret", "a", "busy", "b"]), [false, true, false, true]);
    assert_eq!(hit(&lane, "GET b", 0).as_deref(), Some(&b"$1\r\nw\r\n"[..]));
    assert!(mget(&lane, "MGET secret busy").is_none());
}

#[test]
fn each_value_has_the_size_limit_to_itself() {
    let settings = config(|settings| settings.max_value = 16);
    let lane = kit::lane_of(&kit::near(settings, 1), 0);
    let fill = mget(&lane, "MGET a b c").expect("a fill");
    fill.value(b"*3\r\n$4\r\nvvvv\r\n$14\r\nxxxxxxxxxxxxxx\r\n$4\r\nwwww\r\n");
    (0..3).for_each(|at| fill.ttl(at, b":-1\r\n", 0));
    assert_eq!(hits(&lane, &["a", "b", "c"]), [true, false, true]);
}

#[test]
fn another_number_of_values_than_of_keys_keeps_nothing() {
    let lane = lane();
    let fill = mget(&lane, "MGET a b").expect("a fill");
    fill.value(b"*1\r\n$1\r\nv\r\n");
    (0..2).for_each(|at| fill.ttl(at, b":-1\r\n", 0));
    assert_eq!(hits(&lane, &["a", "b"]), [false, false]);
}

#[test]
fn nobody_joins_an_mget_and_too_many_keys_are_not_kept() {
    let lane = lane();
    let _fill = mget(&lane, "MGET a").expect("a fill");
    assert_eq!(lane.joinable(&Request::of("GET a").query(&lane), 0), None);
    let keys: Vec<String> = (0..MOST).map(|at| at.to_string()).collect();
    assert!(mget(&lane, &format!("MGET {}", keys.join(" "))).is_none());
}
