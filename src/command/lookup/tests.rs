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
        &"G".repeat(25),
    ] {
        assert_eq!(named(&[name]), None, "{name:?}");
    }
    assert_eq!(named(&[]), None);
}

/// Case is folded eight bytes at a time: every byte must fare as alone, whatever its neighbours.
#[test]
fn only_ascii_letters_have_a_case() {
    for byte in 0..=255u8 {
        for at in 0..8 {
            for filler in [0, b'a', b'Z', 0x7f, 0x80, 0xff] {
                let mut bytes = [filler; 8];
                bytes[at] = byte;
                let expected = u64::from_le_bytes(bytes.map(|b| b.to_ascii_uppercase()));
                assert_eq!(upper(u64::from_le_bytes(bytes)), expected, "{bytes:?}");
            }
        }
    }
}

#[test]
fn keys_tell_all_names_apart() {
    let mut keys = INDEX.keys;
    keys.sort_unstable();
    assert!(keys.windows(2).all(|two| two[0] != two[1]));
    let name = b"abcdefghijklmnopqrstuvwx";
    for len in 0..=name.len() {
        let mut padded = [0; 24];
        padded[..len].copy_from_slice(&name[..len].to_ascii_uppercase());
        let words: Vec<u64> = key(&name[..len], 0).unwrap()[..3].to_vec();
        assert_eq!(words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>(), padded, "{len}");
    }
}

/// A generous bound, for a debug build on a busy machine; a release build takes 10 to 20 ns each.
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

#[test]
fn a_row_is_found_again_by_its_number() {
    for command in all() {
        assert_eq!(numbered(number(command)).unwrap().name, command.name);
    }
    assert!(numbered(u16::MAX).is_none());
}
