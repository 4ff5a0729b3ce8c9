use crate::command::{Command, all, lookup};
use crate::resp::request::{Args, Span};

fn with<T>(words: &[&str], then: impl FnOnce(Args<'_>) -> T) -> T {
    let bytes = words.concat().into_bytes();
    let mut start = 0;
    let spans: Vec<Span> = words
        .iter()
        .map(|word| {
            let span = Span { start, end: start + word.len() };
            start = span.end;
            span
        })
        .collect();
    then(Args::new(&bytes, &spans))
}

fn row(line: &str) -> &'static Command {
    with(&line.split(' ').collect::<Vec<_>>(), |args| lookup(&args)).unwrap()
}

/// The keys of a line of words; `''` is an empty argument.
fn keys(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').map(|w| if w == "''" { "" } else { w }).collect();
    let found = with(&words, |args| row(line).keys(&args).map(<[u8]>::to_vec).collect::<Vec<_>>());
    String::from_utf8(found.join(&b' ')).unwrap()
}

#[test]
fn each_rule_names_its_keys() {
    for (line, expected) in [
        ("GET a", "a"),
        ("GET", ""),
        ("DEL a b c", "a b c"),
        ("MSET a 1 b 2", "a b"),
        ("MSET a 1 b", "a b"),
        ("BLPOP a b 0", "a b"),
        ("BLPOP", ""),
        ("OBJECT ENCODING a", "a"),
        ("BITOP AND d a b", "d a b"),
        ("LMPOP 2 a b LEFT", "a b"),
        ("LMPOP 99 a b LEFT", "a b LEFT"),
        ("LMPOP -1 a", ""),
        ("LMPOP 99999999999999999999 a", ""),
        ("BLMPOP 0 2 a b LEFT", "a b"),
        ("MSETEX 2 a 1 b 2 EX 5", "a b"),
        ("EVAL s 2 a b c", "a b"),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d a b"),
        ("XREAD COUNT 1 BLOCK 0 STREAMS a b 1 2", "a b"),
        ("XREADGROUP GROUP STREAMS c STREAMS a >", "a"),
        ("XREAD COUNT", ""),
        ("XREAD STREAMS", ""),
        ("SORT a BY STORE GET STORE STORE d", "a d"),
        ("SORT a STORE d STORE e", "a e"),
        ("SORT a STORE", "a"),
        ("GEORADIUS a 1 2 3 m STOREDIST d", "a d"),
        ("GEORADIUSBYMEMBER a b 1 m STORE d", "a d"),
        ("MIGRATE h 1 a 0 1", "a"),
        ("MIGRATE h 1 '' 0 1 AUTH KEYS KEYS a b", "a b"),
        ("MIGRATE h 1 '' 0 1 AUTH2 KEYS p COPY KEYS a", "a"),
        ("SPUBLISH c m", ""),
        ("CLUSTERSCAN 0", ""),
    ] {
        assert_eq!(keys(line), expected, "{line}");
    }
}

#[test]
fn channels_are_not_keys() {
    for (line, expected) in
        [("SPUBLISH c m", "c"), ("SUBSCRIBE a b", "a b"), ("UNSUBSCRIBE", ""), ("GET a", "")]
    {
        let words: Vec<&str> = line.split(' ').collect();
        let found = with(&words, |args| row(line).channels(&args).map(<[u8]>::to_vec).collect::<Vec<_>>());
        assert_eq!(String::from_utf8(found.join(&b' ')).unwrap(), expected, "{line}");
    }
}

#[test]
fn what_may_touch_more_says_so() {
    for (line, complete) in [
        ("SET a 1", true),
        ("SORT a", true),
        ("SORT a BY nosort GET # STORE d", true),
        ("SORT a BY w_*", false),
        ("SORT_RO a GET w_*", false),
        ("EVAL s 1 a", false),
        ("EVAL_RO s 1 a", false),
        ("FLUSHALL", false),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(with(&words, |args| row(line).keys_complete(&args)), complete, "{line}");
    }
}

#[test]
fn blocking_depends_on_the_option() {
    for (line, blocks) in [
        ("BLPOP a 0", true),
        ("XREAD STREAMS a $", false),
        ("XREAD block 0 STREAMS a $", true),
        ("XREAD STREAMS block block", false),
        ("XREADGROUP GROUP BLOCK c STREAMS a >", false),
        ("XREADGROUP GROUP g BLOCK BLOCK 1 STREAMS a >", true),
        ("GET a", false),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(with(&words, |args| row(line).blocks(&args)), blocks, "{line}");
    }
}

#[test]
fn no_arguments_lead_out_of_range() {
    const WORDS: [&str; 16] = [
        "",
        "0",
        "1",
        "2",
        "-1",
        "999999999",
        "STREAMS",
        "GROUP",
        "BLOCK",
        "STORE",
        "STOREDIST",
        "KEYS",
        "AUTH2",
        "LIMIT",
        "GET",
        "k",
    ];
    let mut seed = 1u64;
    for row in all() {
        for _ in 0..300 {
            let mut words: Vec<&str> = row.name.split('|').collect();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut bits = seed;
            for _ in 0..(seed >> 60) {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11);
                words.push(WORDS[(bits >> 60) as usize]);
            }
            let cut = (seed >> 56) as usize % (words.len() + 1);
            with(&words[..words.len().min(cut + 1)], |args| {
                let found = row.keys(&args).positions().chain(row.channels(&args).positions());
                let found: Vec<usize> = found.collect();
                assert!(found.iter().all(|&i| 0 < i && i < args.len()), "{words:?}: {found:?}");
                assert!(found.windows(2).all(|w| w[0] < w[1]), "{words:?}: {found:?}");
                let _ = (row.keys_complete(&args), row.conversion(&args), row.blocks(&args));
            });
        }
    }
}
