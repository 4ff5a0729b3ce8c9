use super::*;
use crate::resp::request::Span;

fn named(words: &[&str]) -> Option<&'static str> {
    let (bytes, spans) = joined(words);
    lookup(&Args::new(&bytes, &spans)).map(|row| row.name)
}

fn joined(words: &[&str]) -> (Vec<u8>, Vec<Span>) {
    let mut bytes = Vec::new();
    let spans = words
        .iter()
        .map(|word| {
            let start = bytes.len();
            bytes.extend_from_slice(word.as_bytes());
            Span { start, end: bytes.len() }
        })
        .collect();
    (bytes, spans)
}

#[test]
fn every_row_is_found_by_its_name() {
    for row in all() {
        let words: Vec<&str> = row.name.split('|').collect();
        assert_eq!(named(&words), Some(row.name));
        let lower = row.name.to_ascii_lowercase();
        let words: Vec<&str> = lower.split('|').collect();
        assert_eq!(named(&words), Some(row.name));
    }
}

#[test]
fn a_container_answers_for_what_it_does_not_have() {
    assert_eq!(named(&["client", "setNAME", "x"]), Some("CLIENT|SETNAME"));
    assert_eq!(named(&["client", "nosuch"]), Some("CLIENT"));
    assert_eq!(named(&["client", ""]), Some("CLIENT"));
    assert_eq!(named(&["client", &"x".repeat(100)]), Some("CLIENT"));
    assert_eq!(named(&["client"]), Some("CLIENT"));
    assert_eq!(named(&["client", "id\0"]), Some("CLIENT"));
    assert_eq!(named(&["get", "set"]), Some("GET"));
}

#[test]
fn other_names_are_nobodys() {
    for name in [
        "",
        "\0",
        "GE",
        "GETT",
        "GET\0",
        "CLIENT|ID",
        "CLIENT|SETNAME|",
        "client|",
        "JSON.GET",
        &"G".repeat(33),
    ] {
        assert_eq!(named(&[name]), None, "{name:?}");
    }
    assert_eq!(named(&[]), None);
}

/// A rough figure, printed by `cargo test --release -- --nocapture lookup`: it must not allocate
/// nor grow with the table, and a debug build on a busy machine says little more than that.
#[test]
fn a_lookup_is_quick() {
    for words in [&["get", "key"][..], &["ZREVRANGEBYSCORE", "key"], &["client", "setinfo", "x"]] {
        let (bytes, spans) = joined(words);
        let started = std::time::Instant::now();
        for _ in 0..1_000_000 {
            let args = std::hint::black_box(Args::new(&bytes, &spans));
            std::hint::black_box(lookup(&args));
        }
        assert!(started.elapsed().as_secs() < 10, "{words:?}: {:?} for a million", started.elapsed());
    }
}
