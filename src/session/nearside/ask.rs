//! What a `NEARSIDE` asks for, in Redis's words where it asks for nothing.

use crate::resp::request::Args;
use crate::session::local::integer;

/// Entries that `KEYS` shows unless it is told otherwise, and the most it shows.
const COUNT: usize = 100;
const MOST: usize = 10_000;
/// Hot keys and slow requests that are shown unless it is told otherwise, and clients.
const HOT: usize = 10;
const CLIENTS: usize = 100;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    Probe,
    Info,
    Health,
    Help,
    Stats,
    Flush,
    Keys {
        pattern: &'a [u8],
        count: usize,
    },
    Explain(&'a [u8]),
    Hotkeys(usize),
    Clients(usize),
    /// Settings whose keys match.
    Config(&'a [u8]),
    /// What would become of the command that begins at this argument; as that user, where one is named.
    Command {
        user: Option<&'a [u8]>,
        from: usize,
    },
    Slowlog(usize),
    SlowlogReset,
    Reload,
    Drain,
}

/// What `args` asks for, or the error for it.
pub(super) fn parse<'a>(args: &Args<'a>) -> Result<Ask<'a>, String> {
    // The last is one only with UPSTREAM, and then it does not come here.
    let all: [(&str, usize, Ask<'a>); 12] = [
        ("PROBE", 3, Ask::Probe),
        ("INFO", 2, Ask::Info),
        ("HEALTH", 2, Ask::Health),
        ("HELP", 2, Ask::Help),
        ("HOTKEYS", 2, Ask::Help),
        ("CLIENTS", 2, Ask::Clients(CLIENTS)),
        ("CONFIG", 2, Ask::Config(b"*")),
        ("EXPLAIN", 0, Ask::Help),
        ("SLOWLOG", 2, Ask::Slowlog(HOT)),
        ("RELOAD", 2, Ask::Reload),
        ("DRAIN", 2, Ask::Drain),
        ("MONITOR", 0, Ask::Help),
    ];
    match args.len() {
        0 | 1 => Err(wrong_number("nearside")),
        _ if args.is(1, "CACHE") => cache(args),
        2 if args.is(1, "HOTKEYS") => Ok(Ask::Hotkeys(HOT)),
        3 if args.is(1, "CLIENTS") => positive(args.get(2)).map(Ask::Clients),
        3 if args.is(1, "SLOWLOG") && args.is(2, "RESET") => Ok(Ask::SlowlogReset),
        3 if args.is(1, "SLOWLOG") => positive(args.get(2)).map(Ask::Slowlog),
        3 if args.is(1, "CONFIG") => Ok(Ask::Config(args.get(2))),
        5.. if args.is(1, "EXPLAIN") && args.is(2, "USER") => {
            Ok(Ask::Command { user: Some(args.get(3)), from: 4 })
        }
        3.. if args.is(1, "EXPLAIN") => Ok(Ask::Command { user: None, from: 2 }),
        3 if args.is(1, "HOTKEYS") => positive(args.get(2)).map(Ask::Hotkeys),
        _ => one_of(args, 1, "nearside", &all),
    }
}

fn cache<'a>(args: &Args<'a>) -> Result<Ask<'a>, String> {
    match args.len() {
        2 => Err(wrong_number("nearside|cache")),
        4 | 6 if args.is(2, "KEYS") => Ok(Ask::Keys { pattern: args.get(3), count: count(args)? }),
        _ => {
            let all = [
                ("STATS", 3, Ask::Stats),
                ("FLUSH", 3, Ask::Flush),
                ("EXPLAIN", 4, Ask::Explain(args.get(3))),
                ("HELP", 3, Ask::Help),
                ("KEYS", 4, Ask::Help),
            ];
            one_of(args, 2, "nearside|cache", &all)
        }
    }
}

fn one_of<'a>(
    args: &Args<'_>,
    at: usize,
    of: &str,
    all: &[(&str, usize, Ask<'a>)],
) -> Result<Ask<'a>, String> {
    match all.iter().find(|(name, ..)| args.is(at, name)) {
        Some((_, len, ask)) if args.len() == *len => Ok(*ask),
        Some((name, ..)) => Err(wrong_number(&format!("{of}|{}", name.to_lowercase()))),
        None => {
            let word = args.get(at);
            let word = String::from_utf8_lossy(&word[..word.len().min(128)]);
            Err(format!("ERR unknown subcommand '{word}'. Try NEARSIDE HELP."))
        }
    }
}

fn count(args: &Args<'_>) -> Result<usize, String> {
    match args.len() {
        4 => Ok(COUNT),
        _ if args.is(4, "COUNT") => positive(args.get(5)),
        _ => Err("ERR syntax error".into()),
    }
}

fn positive(bytes: &[u8]) -> Result<usize, String> {
    match integer(bytes) {
        None => Err("ERR value is not an integer or out of range".into()),
        Some(count) if count < 1 => Err("ERR syntax error".into()),
        Some(count) => Ok(usize::try_from(count).unwrap_or(MOST).min(MOST)),
    }
}

fn wrong_number(of: &str) -> String {
    format!("ERR wrong number of arguments for '{of}' command")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::request::{Span, encode};

    fn asked(line: &str) -> Result<String, String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (bytes, mut spans, mut at) = (encode(&words), Vec::new(), format!("*{}\r\n", words.len()).len());
        for word in &words {
            let start = at + format!("${}\r\n", word.len()).len();
            spans.push(Span { start, end: start + word.len() });
            at = start + word.len() + 2;
        }
        parse(&Args::new(&bytes, &spans)).map(|ask| format!("{ask:?}"))
    }

    #[test]
    fn what_is_asked_for_is_found_in_any_case() {
        for line in
            ["NEARSIDE INFO", "nearside cache stats", "NEARSIDE CACHE FLUSH", "NEARSIDE CACHE EXPLAIN k"]
        {
            asked(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        for (line, count) in [("KEYS *", 100), ("KEYS * COUNT 7", 7), ("KEYS * COUNT 99999999", 10_000)] {
            let asked = asked(&format!("NEARSIDE CACHE {line}")).expect("it is one");
            assert!(asked.ends_with(&format!("count: {count} }}")), "{asked}");
        }
    }

    #[test]
    fn mistakes_are_worded_as_redis_words_them() {
        let unknown = |word: &str| format!("ERR unknown subcommand '{word}'. Try NEARSIDE HELP.");
        let number = |of: &str| format!("ERR wrong number of arguments for '{of}' command");
        for (line, error) in [
            ("NEARSIDE", number("nearside")),
            ("NEARSIDE NOSUCH", unknown("NOSUCH")),
            ("NEARSIDE INFO all", number("nearside|info")),
            ("NEARSIDE CACHE", number("nearside|cache")),
            ("NEARSIDE CACHE NOSUCH x", unknown("NOSUCH")),
            ("NEARSIDE CACHE STATS x", number("nearside|cache|stats")),
            ("NEARSIDE CACHE KEYS", number("nearside|cache|keys")),
            ("NEARSIDE CACHE KEYS * COUNT", number("nearside|cache|keys")),
            ("NEARSIDE CACHE KEYS * LIMIT 3", "ERR syntax error".into()),
            ("NEARSIDE CACHE KEYS * COUNT 0", "ERR syntax error".into()),
            ("NEARSIDE CACHE KEYS * COUNT x", "ERR value is not an integer or out of range".into()),
            ("NEARSIDE CACHE EXPLAIN", number("nearside|cache|explain")),
            ("NEARSIDE HOTKEYS 0", "ERR syntax error".into()),
            ("NEARSIDE HOTKEYS 1 2", number("nearside|hotkeys")),
        ] {
            assert_eq!(asked(line), Err(error), "{line}");
        }
    }
}
