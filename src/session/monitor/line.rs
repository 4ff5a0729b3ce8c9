//! The line that `MONITOR` shows of a request, as Redis writes it. Pure.

use std::io::Write;
use std::time::Duration;

use crate::resp::request::Args;

/// Bytes of one argument that are shown; the rest is counted.
const ARGUMENT: usize = 64 * 1024;
/// Bytes of arguments after which no further one is shown.
const ARGUMENTS: usize = 256 * 1024;

/// Who sent the request, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    /// Since 1970.
    pub(super) at: Duration,
    /// The database it works on.
    pub(super) db: u32,
    /// The client's address.
    pub(super) by: &'a str,
}

/// Writes the line for `args` to `out`. Arguments numbered in `secrets` (rising) are withheld. What is
/// beyond the bounds is marked `...(n more bytes)` or `...(n more arguments)`, and a request of
/// which there is `more` to come that has not arrived ends in `...`: marks stand outside quotes.
pub(super) fn write(out: &mut Vec<u8>, sent: Sent<'_>, args: &Args<'_>, secrets: &[usize], more: bool) {
    let (seconds, micros) = (sent.at.as_secs(), sent.at.subsec_micros());
    // Writing to memory does not fail.
    let _ = write!(out, "+{seconds}.{micros:06} [{} {}]", sent.db, sent.by);
    let mut shown = 0;
    for (i, arg) in args.iter().enumerate() {
        if shown > ARGUMENTS {
            let _ = write!(out, " ...({} more arguments)", args.len() - i);
            break;
        }
        out.push(b' ');
        if secrets.binary_search(&i).is_ok() {
            out.extend_from_slice(b"\"(redacted)\"");
        } else {
            argument(arg, out);
            shown += arg.len().min(ARGUMENT);
        }
    }
    out.extend_from_slice(if more { b" ...\r\n" } else { b"\r\n" });
}

fn argument(arg: &[u8], out: &mut Vec<u8>) {
    quote(&arg[..arg.len().min(ARGUMENT)], out);
    if arg.len() > ARGUMENT {
        let _ = write!(out, "...({} more bytes)", arg.len() - ARGUMENT);
    }
}

/// Quotes as Redis does for people's eyes: what does not print is escaped.
fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            _ => out.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte & 15)]),
        }
    }
    out.push(b'"');
}

fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::request::Span;

    fn line(words: &[&[u8]], secrets: &[usize], more: bool) -> String {
        let bytes = words.concat();
        let mut start = 0;
        let span = |word: &&[u8]| {
            start += word.len();
            Span { start: start - word.len(), end: start }
        };
        let spans: Vec<Span> = words.iter().map(span).collect();
        let mut out = Vec::new();
        let sent = Sent { at: Duration::from_micros(1_000_042), db: 3, by: "1.2.3.4:5" };
        write(&mut out, sent, &Args::new(&bytes, &spans), secrets, more);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_redis_own() {
        assert_eq!(line(&[b"get", b"a b"], &[], false), "+1.000042 [3 1.2.3.4:5] \"get\" \"a b\"\r\n");
        // Taken from redis-server 7.0, 8.2 and valkey-server 9.1.
        let odd = b"\x00\xff\"\\\n\r\t\x07\x08\x7f ~\xc3\xa9\x1b\x0b\x0c";
        let shown = r#""\x00\xff\"\\\n\r\t\a\b\x7f ~\xc3\xa9\x1b\x0b\x0c""#;
        assert_eq!(
            line(&[b"SET", odd, b""], &[], false),
            format!("+1.000042 [3 1.2.3.4:5] \"SET\" {shown} \"\"\r\n")
        );
    }

    #[test]
    fn secrets_and_what_has_not_come_are_marked() {
        assert_eq!(
            line(&[b"AUTH", b"u", b"p"], &[1, 2], true),
            "+1.000042 [3 1.2.3.4:5] \"AUTH\" \"(redacted)\" \"(redacted)\" ...\r\n"
        );
    }

    #[test]
    fn a_line_has_an_end() {
        let huge = vec![b'x'; 10 * ARGUMENT];
        let one = line(&[b"SET", b"k", &huge], &[], false);
        assert!(one.ends_with(&format!("x\"...({} more bytes)\r\n", 9 * ARGUMENT)));
        assert!(one.len() < ARGUMENT + 100);
        let many = line(&[&huge[..]; 100], &[], false);
        assert!(many.ends_with(" ...(95 more arguments)\r\n"), "{}", &many[many.len() - 40..]);
    }
}
