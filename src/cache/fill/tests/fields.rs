//! Fields of hashes with a TTL of their own.

use super::*;

fn hash(lane: &Rc<Lane>, text: &str, reply: &[u8], ttls: &[u8]) {
    let fill = begin(lane, text, 0).expect("a fill");
    fill.watched(OK);
    let asked_before = fill.ask_fields().is_some();
    let heard = fill.value(reply);
    assert_ne!(asked_before, matches!(heard, Heard::Ask(_)));
    if asked_before {
        fill.fields(ttls);
    }
    fill.ttl(0, b":-1\r\n", 0);
    if !asked_before {
        fill.fields(ttls);
    }
}

fn until(text: &str, reply: &[u8], ttls: &[u8]) -> Option<Time> {
    let lane = lane();
    hash(&lane, text, reply, ttls);
    let ends = |ms: &u64| hit(&lane, text, ms * MILLI).is_none();
    (0..900).find(ends).filter(|ms| *ms > 0).or_else(|| hit(&lane, text, 0).map(|_| Time::MAX))
}

const TWO: &[u8] = b"%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n";

#[test]
fn the_fields_that_are_read_are_asked_about_with_the_read() {
    let lane = lane();
    let fill = begin(&lane, "HMGET h a b", 0).expect("a fill");
    assert_eq!(fill.ask_fields(), Some(encode(&[b"HPTTL", b"h", b"FIELDS", b"2", b"a", b"b"])));
    assert_eq!(begin(&lane, "LRANGE l 0 1", 0).expect("a fill").ask_fields(), None);
}

#[test]
fn an_entry_ends_with_the_first_of_its_fields() {
    assert_eq!(until("HGET h a", V, b"*1\r\n:100\r\n"), Some(99));
    assert_eq!(until("HGET h a", V, b"*1\r\n:-1\r\n"), Some(Time::MAX));
    let values = b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n";
    assert_eq!(until("HMGET h a b", values, b"*2\r\n:200\r\n:100\r\n"), Some(99));
    assert_eq!(until("HGETALL h", TWO, b"*2\r\n:-1\r\n:100\r\n"), Some(99));
    assert_eq!(until("HGET h a", V, b"*1\r\n:0\r\n"), None);
}

#[test]
fn the_fields_a_whole_hash_names_are_asked_about_once_they_are_known() {
    let lane = lane();
    let ask = |text: &str, reply: &[u8]| {
        let fill = begin(&lane, text, 0).expect("a fill");
        fill.watched(OK);
        fill.value(reply)
    };
    let both = encode(&[b"HPTTL", b"h", b"FIELDS", b"2", b"a", b"b"]);
    assert_eq!(ask("HGETALL h", TWO), Heard::Ask(both.clone()));
    assert_eq!(ask("HKEYS h", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"), Heard::Ask(both));
    for empty in [&b"%0\r\n"[..], b"*0\r\n", b"~0\r\n"] {
        assert_eq!(ask("HGETALL h", empty), Heard::Enough);
    }
}

#[test]
fn a_whole_hash_is_kept_only_with_the_ttls_of_its_fields_and_no_push_before_them() {
    let lane = lane();
    let fill = begin(&lane, "HGETALL h", 0).expect("a fill");
    fill.watched(OK);
    fill.value(TWO);
    fill.ttl(0, b":-1\r\n", 0);
    assert_eq!(hit(&lane, "HGETALL h", 0), None);
    lane.invalidated(Some(b"h"));
    fill.fields(b"*2\r\n:-1\r\n:-1\r\n");
    assert_eq!(hit(&lane, "HGETALL h", 0), None);
}

#[test]
fn a_field_that_went_in_between_keeps_the_entry_from_being_made() {
    assert_eq!(until("HGETALL h", TWO, b"*2\r\n:-1\r\n:-2\r\n"), None);
    assert_eq!(until("HGET h a", V, b"*1\r\n:-2\r\n"), None);
    assert_eq!(until("HGET h a", NIL, b"*1\r\n:-2\r\n"), Some(Time::MAX));
    assert_eq!(until("HEXISTS h a", b":1\r\n", b"*1\r\n:-2\r\n"), None);
    assert_eq!(until("HEXISTS h a", b":0\r\n", b"*1\r\n:-2\r\n"), Some(Time::MAX));
    let half = b"*2\r\n$1\r\n1\r\n_\r\n";
    assert_eq!(until("HMGET h a b", half, b"*2\r\n:-1\r\n:-2\r\n"), Some(Time::MAX));
    assert_eq!(until("HMGET h a b", half, b"*2\r\n:-2\r\n:-1\r\n"), None);
}

#[test]
fn a_field_that_held_an_empty_string_was_there() {
    assert_eq!(until("HGET h a", b"$0\r\n\r\n", b"*1\r\n:-2\r\n"), None);
    assert_eq!(until("HMGET h a", b"*1\r\n$0\r\n\r\n", b"*1\r\n:-2\r\n"), None);
}

#[test]
fn a_hash_that_is_gone_by_then_has_lost_all_fields() {
    assert_eq!(until("HGET h a", V, b"_\r\n"), None);
    assert_eq!(until("HGETALL h", TWO, b"_\r\n"), None);
    assert_eq!(until("HGET h a", NIL, b"_\r\n"), Some(Time::MAX));
}

#[test]
fn another_number_of_ttls_than_was_asked_for_keeps_nothing() {
    assert_eq!(until("HMGET h a b", b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", b"*1\r\n:-1\r\n"), None);
    assert_eq!(until("HGETALL h", TWO, b"-ERR unknown command\r\n"), None);
}

#[test]
fn what_depends_on_all_fields_and_names_none_is_kept_only_where_fields_have_no_ttl() {
    let lane = lane();
    assert!(begin(&lane, "HVALS h", 0).is_none() && begin(&lane, "HLEN h", 0).is_none());
    lane.lost(0);
    lane.opened(Trust::Tracked, false, "an older server".into());
    lane.beaten(0, true);
    fill(&lane, "HVALS h", b"*1\r\n$1\r\n1\r\n", -1, 0);
    fill(&lane, "HGETALL h", TWO, -1, 0);
    fill(&lane, "HGET h a", V, -1, 0);
    assert!(["HVALS h", "HGETALL h", "HGET h a"].iter().all(|text| hit(&lane, text, 0).is_some()));
}

#[test]
fn more_fields_than_are_worth_it_are_not_asked_about() {
    let fields: Vec<String> = (0..=MOST).map(|at| format!("f{at}")).collect();
    assert!(begin(&lane(), &format!("HMGET h {}", fields.join(" ")), 0).is_none());
    let lane = lane();
    let fill = begin(&lane, "HKEYS h", 0).expect("a fill");
    fill.watched(OK);
    let names: String = fields.iter().map(|name| format!("${}\r\n{name}\r\n", name.len())).collect();
    assert_eq!(fill.value(format!("*{}\r\n{names}", fields.len()).as_bytes()), Heard::Enough);
    fill.ttl(0, b":-1\r\n", 0);
    assert_eq!(hit(&lane, "HKEYS h", 0), None);
}
