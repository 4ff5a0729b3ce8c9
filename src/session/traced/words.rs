//! A request as it is written down: its first key, its name and its arguments, cut as Redis cuts them for its
//! slow log and without what may be secret. Kept as bytes, so that a connection can keep many without an
//! allocation for each.

use crate::command::{Command, Pin, Route, lookup, withheld};
use crate::resp::rename::Names;
use crate::resp::request::Args;
use crate::resp::scan::request::{Limits, Progress, RequestScanner};
use crate::telemetry::desk::shown;

/// Arguments of a request that are kept, its name included; the last of more says how many there were.
const ARGUMENTS: usize = 32;
/// Bytes of an argument that are kept.
const BYTES: usize = 128;

/// Adds the words of a request to `out`; `more` arguments were announced and are not there. Answers how many
/// bytes that are.
pub(in crate::session) fn note(
    out: &mut Vec<u8>,
    command: Option<&Command>,
    args: &Args<'_>,
    more: usize,
) -> usize {
    let (before, count) = (out.len(), args.len() + more);
    let secrets = withheld(command, args);
    put(out, command.and_then(|command| command.keys(args).next()).unwrap_or_default());
    let kept = if count > ARGUMENTS { ARGUMENTS - 1 } else { count };
    for (at, arg) in args.iter().take(kept).enumerate() {
        let arg = if at == 0 { Names::written(arg) } else { arg };
        if secrets.binary_search(&at).is_ok() { put(out, b"(redacted)") } else { put(out, arg) }
    }
    let left = count - kept.min(args.len());
    if left > 0 {
        put(out, format!("... ({left} more arguments)").as_bytes());
    }
    out.len() - before
}

/// The words of the request that `bytes` are, or of the transaction they are.
pub(in crate::session) fn noted(bytes: &[u8]) -> Vec<u8> {
    let limits = Limits {
        max_bulk: usize::MAX / 2,
        max_multibulk: usize::MAX / 2,
        large: usize::MAX,
        unauthenticated: false,
    };
    let (mut out, mut scanner, mut names, mut at) = (Vec::new(), RequestScanner::default(), Vec::new(), 0);
    while let Ok(Progress::Whole { len }) = scanner.scan(&bytes[at..], &limits) {
        let args = scanner.args(&bytes[at..]);
        let command = lookup(&args);
        if at == 0 && command.is_none_or(|command| command.route != Route::Pin(Pin::Multi)) {
            note(&mut out, command, &args, 0);
            return out;
        }
        names.push(command.map_or("?", |command| command.name));
        scanner.reset();
        at += len;
    }
    let names: Vec<u8> =
        crate::resp::request::encode(&names.iter().map(|n| n.as_bytes()).collect::<Vec<_>>());
    if scanner.scan(&names, &limits).is_ok() {
        let args = scanner.args(&names);
        note(&mut out, lookup(&args), &args, 0);
    }
    out
}

/// The first key, if there is one, and the words.
pub(super) fn read(mut noted: &[u8]) -> (Option<String>, Vec<String>) {
    let mut words = Vec::new();
    while let Some((head, rest)) = noted.split_at_checked(2) {
        let len = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let Some((word, rest)) = rest.split_at_checked(len) else { break };
        words.push(shown(word));
        noted = rest;
    }
    let key = if words.is_empty() { String::new() } else { words.remove(0) };
    ((!key.is_empty()).then_some(key), words)
}

fn put(out: &mut Vec<u8>, word: &[u8]) {
    let more = word.len().saturating_sub(BYTES);
    let kept = &word[..word.len() - more];
    let tail = if more > 0 { format!("... ({more} more bytes)") } else { String::new() };
    // 128 and a few words: it fits.
    out.extend_from_slice(&u16::try_from(kept.len() + tail.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(kept);
    out.extend_from_slice(tail.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::request::encode;

    fn words(requests: &[&[&[u8]]]) -> (Option<String>, Vec<String>) {
        let bytes: Vec<u8> = requests.iter().flat_map(|words| encode(words)).collect();
        read(&noted(&bytes))
    }

    #[test]
    fn a_request_is_cut_as_redis_cuts_it() {
        let (key, all) = words(&[&[b"set", b"k\n", &[b'x'; 130]]]);
        assert_eq!(key.as_deref(), Some("k\\n"));
        assert_eq!(all, ["set", "k\\n", &format!("{}... (2 more bytes)", "x".repeat(128))]);
        let many: Vec<&[u8]> = [&[&b"DEL"[..]][..], &[&b"k"[..]; 40]].concat();
        let (_, all) = words(&[&many]);
        assert_eq!((all.len(), &all[31][..]), (32, "... (10 more arguments)"));
        let (_, all) = words(&[&many[..32]]);
        assert_eq!((all.len(), &all[31][..]), (32, "k"));
    }

    #[test]
    fn secrets_are_not_in_it() {
        assert_eq!(
            words(&[&[b"AUTH", b"u", b"p"]]),
            (None, ["AUTH", "(redacted)", "(redacted)"].map(String::from).to_vec())
        );
        assert_eq!(words(&[&[b"ACL", b"SETUSER", b"u", b">p"]]).1[3], "(redacted)");
    }

    #[test]
    fn a_transaction_has_the_names_of_its_commands() {
        let (_, all) = words(&[&[b"MULTI"], &[b"set", b"k", b"v"], &[b"EXEC"]]);
        assert_eq!(all, ["MULTI", "SET", "EXEC"]);
    }
}
