//! `NEARSIDE`: what this proxy says of itself, and of its cache.

mod ask;
mod explain;
mod keys;
mod right;
mod shape;
mod walk;

use super::local;
use super::near::now;
use super::path::Path;
use crate::cache::Value;
use crate::resp::reply;
use crate::resp::request::Args;
use ask::Ask;
use shape::Shape;
pub(super) use walk::run;

/// What a client is told that has to say who it is first.
pub(super) const NOAUTH: &[u8] = b"-NOAUTH Authentication required.\r\n";
/// What is answered to anybody who may send commands at all, as `INFO` is.
const HELP: &[&str] = &[
    "NEARSIDE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "INFO",
    "    What this proxy says of itself.",
    "CACHE STATS",
    "    The near cache: its mode and why, its size, and what it has counted.",
    "CACHE KEYS <pattern> [COUNT <count>]",
    "    Entries of keys that match, at most so many (100).",
    "CACHE EXPLAIN <key>",
    "    Which rules hold for a key, which entries it has and why each is current or not, and what would",
    "    become of this client's next GET of it.",
    "CACHE FLUSH",
    "    Make every entry void.",
    "HOTKEYS [<count>]",
    "    The keys read most lately (10): reads per second, the share of them answered from memory, and their",
    "    share of all reads.",
    "MONITOR UPSTREAM",
    "    What the upstream's MONITOR shows; MONITOR shows what clients send to this proxy.",
    "HELP",
    "    Print this help.",
];

/// Whether it tells of other clients' keys: whoever is not known to have been let in must not ask.
pub(super) fn is_private(args: &Args<'_>) -> bool {
    args.is(1, "CACHE") || args.is(1, "HOTKEYS")
}

/// What a client is told that would have to be asked about where it cannot be.
pub(super) const NOT_NOW: &[u8] =
    b"-ERR NEARSIDE CACHE and HOTKEYS are answered to this user only outside transactions and subscriptions\r\n";

/// Whether its answer takes a walk over the cache, which is to be done a little at a time ([`run`]).
pub(super) fn takes_a_walk(args: &Args<'_>) -> bool {
    matches!(ask::parse(args), Ok(Ask::Keys { .. } | Ask::Explain(_)))
}

/// The answer; `None`: the upstream has to be asked. A walk goes as far as it does in one turn.
pub(super) fn answer(path: &mut Path, args: &Args<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match ask::parse(args) {
        // A proxy that hears its own question has itself for an upstream.
        Ok(Ask::Probe) if args.get(2) == path.worker.nonce.as_bytes() => {
            out.extend_from_slice(b"+LOOP\r\n");
        }
        // Somebody else's question is passed on: the loop may be longer than one.
        Ok(Ask::Probe) => return None,
        Ok(Ask::Info) => reply::text(path.proto, &path.worker.desk.info(), &mut out),
        Ok(Ask::Help) => help(&mut out),
        Ok(Ask::Stats) => out = stats(path),
        Ok(Ask::Flush) => {
            path.worker.keeper.worker.near.flush();
            path.note_flush();
            out.extend_from_slice(local::OK);
        }
        Ok(Ask::Keys { pattern, count }) => out = keys::at_once(path, pattern, count),
        Ok(Ask::Explain(name)) => out = explain::at_once(path, name),
        Ok(Ask::Hotkeys(count)) => out = hot_keys(path, count),
        Err(text) => reply::error(text, &mut out),
    }
    Some(out)
}

fn help(out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", HELP.len()).as_bytes());
    HELP.iter().for_each(|line| out.extend_from_slice(format!("+{line}\r\n").as_bytes()));
}

fn stats(path: &Path) -> Vec<u8> {
    let all = path.worker.keeper.worker.near.summary();
    let mut shape = Shape::new(path.proto);
    shape.map(all.len());
    for (name, value) in all {
        shape.text(name);
        match value {
            Value::Text(text) => shape.text(&text),
            Value::Count(count) => shape.count(count),
            Value::Share(share) => shape.number(share),
        }
    }
    shape.done()
}

fn hot_keys(path: &Path, count: usize) -> Vec<u8> {
    let keys = path.worker.keeper.worker.near.hot_keys(now(), count);
    let mut shape = Shape::new(path.proto);
    shape.array(keys.len());
    for key in keys {
        shape.map(4);
        shape.text("key");
        shape.bytes(&key.name);
        for (name, number) in
            [("reads_per_second", key.rate), ("hit_share", key.hits), ("traffic_share", key.share)]
        {
            shape.text(name);
            shape.number(number);
        }
    }
    shape.done()
}
