//! The operator's rules in front of real servers: what is blocked, renamed, too large, too long.

mod common;

#[path = "rules/blocked.rs"]
mod blocked;
#[path = "rules/inside.rs"]
mod inside;
#[path = "rules/password.rs"]
mod password;
#[path = "rules/renamed.rs"]
mod renamed;
#[path = "rules/sizes.rs"]
mod sizes;

use common::Talk;

/// A reply as text, its line end gone.
fn said<T: AsRef<[u8]>>(talk: &mut Talk, words: &[T]) -> String {
    let reply = talk.ask(words);
    String::from_utf8_lossy(&reply).trim_end().to_owned()
}

/// A line of words.
fn line(talk: &mut Talk, words: &str) -> String {
    said(talk, &words.split(' ').collect::<Vec<_>>())
}

/// A field of the `# Nearside` section.
fn field(talk: &mut Talk, name: &str) -> Option<String> {
    let info = talk.ask_text(&["INFO", "nearside"]);
    info.lines().find_map(|line| line.strip_prefix(&format!("nearside_{name}:")).map(str::to_owned))
}
