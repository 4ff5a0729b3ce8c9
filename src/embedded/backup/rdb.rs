//! Whether a file is a snapshot that a server will load.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::error::BackupError;

/// As much of a file says what it is.
pub(super) const HEAD: usize = 9;
/// Redis and Valkey programs are their own checker when called so.
const CHECKER: &str = "redis-check-rdb";
/// How its output begins, and what it says at a good end.
const BEGAN: &str = "Checking RDB file";
const GOOD: &str = "RDB looks OK";

/// What was made sure of about a snapshot, besides that it begins as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// This server has read all of it: its version, every value, the checksum.
    By(PathBuf),
    /// No server was at hand to read it, and why.
    Not(String),
}

/// The format as the first bytes name it, such as `REDIS0010` or `VALKEY080`.
pub(super) fn format(name: &str, head: &[u8]) -> Result<String, BackupError> {
    let digits = |from: usize| head.len() == HEAD && head[from..].iter().all(u8::is_ascii_digit);
    if head.starts_with(b"REDIS") && digits(5) || head.starts_with(b"VALKEY") && digits(6) {
        return Ok(String::from_utf8_lossy(head).into_owned());
    }
    let why = match head {
        [] => "it is empty",
        [0x1f, 0x8b, ..] => "it is compressed; try `gunzip -c FILE | nearside restore -`",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is compressed; try `zstd -dc FILE | nearside restore -`",
        [b'*', b'0'..=b'9', ..] => "it looks like an append-only file, which restore does not take",
        _ => "it does not begin with REDIS or VALKEY and a version",
    };
    Err(BackupError::NotRdb { name: name.to_owned(), why })
}

/// Has `server` read the whole file, as `redis-check-rdb` does; `name` is for messages.
///
/// # Errors
/// [`BackupError::Refused`] if it would not load. That it could not be asked is no error.
pub(super) async fn check(server: &Path, file: &Path, name: &str) -> Result<Checked, BackupError> {
    let run = Command::new(server).arg0(CHECKER).arg(file).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = match run.await {
        Ok(output) => output,
        Err(error) => return Ok(not_run(server, &error)),
    };
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !said.contains(BEGAN) {
        return Ok(Checked::Not(format!("{} does not know how to check one", server.display())));
    }
    if output.status.success() && said.contains(GOOD) {
        return Ok(Checked::By(server.to_owned()));
    }
    let (name, server) = (name.to_owned(), server.to_owned());
    Err(BackupError::Refused { name, server, said: finding(&said) })
}

fn not_run(server: &Path, error: &io::Error) -> Checked {
    Checked::Not(format!("{} does not run: {error}", server.display()))
}

/// The checker's own words: what follows its mark, or its last line.
fn finding(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mark = lines.iter().position(|line| line.contains("ERROR DETECTED"));
    let found = mark.and_then(|at| lines.get(at + 1)).or_else(|| lines.last());
    found.map_or_else(|| String::from("it said nothing"), |line| (*line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_snapshot_is_told_apart() {
        assert_eq!(format("f", b"REDIS0011").ok().as_deref(), Some("REDIS0011"));
        assert_eq!(format("f", b"VALKEY080").ok().as_deref(), Some("VALKEY080"));
        for (head, word) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08 more ", "gunzip"),
            (b"*2\r\n$6\r\nS", "append-only"),
            (b"REDIS001", "does not begin"),
            (b"REDIS00x1", "does not begin"),
            (b"VALKEYx80", "does not begin"),
        ] {
            let said = format("f", head).expect_err("it is none").to_string();
            assert!(said.starts_with("f is not an RDB file") && said.contains(word), "{said}");
        }
    }

    #[test]
    fn the_finding_is_what_the_checker_marks() {
        let said = "[offset 0] Checking RDB file x\n--- RDB ERROR DETECTED ---\n[offset 9] Bad\n[info] 0\n";
        assert_eq!(finding(said), "[offset 9] Bad");
        assert_eq!(finding("[offset 0] Checking RDB file x\ncut\n"), "cut");
    }
}
