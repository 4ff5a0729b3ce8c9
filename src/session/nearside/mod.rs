//! `NEARSIDE`: what this proxy says of itself, and of its cache, and what it may be told to do.

mod ask;
mod explain;
mod keys;
mod right;
mod shape;
mod walk;

use std::sync::Arc;

use serde::Serialize;

use super::local;
use super::near::now;
use super::path::Path;
use crate::command::lookup;
use crate::policy::matches;
use crate::resp::reply;
use crate::resp::request::Args;
use crate::telemetry::desk::{Asked, Question};
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
    "HEALTH",
    "    How it is, with reasons.",
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
    "CLIENTS [<count>]",
    "    Who is connected (100): address, name, user, worker, database, last command, age, bytes.",
    "CONFIG [<pattern>]",
    "    The settings in force whose keys match, where each came from, and whether it needs a restart.",
    "EXPLAIN [USER <name>] <command> [<arg> ...]",
    "    What would become of a command: the rule that decides, the rates that count it, which connection it",
    "    takes, and whether its reply is kept.",
    "SLOWLOG [<count> | RESET]",
    "    Requests that took long (10), the newest first: how long they waited here, at the upstream and for the",
    "    client, in microseconds. RESET forgets them.",
    "RELOAD",
    "    Read the settings again and put what has changed into force: which were, and which need a restart.",
    "DRAIN",
    "    Take no new clients, finish what has begun, and end.",
    "MONITOR UPSTREAM",
    "    What the upstream's MONITOR shows; MONITOR shows what clients send to this proxy.",
    "HELP",
    "    Print this help.",
];

/// Subcommands that tell nobody anything he could not have from `INFO`.
const OPEN: [&str; 4] = ["INFO", "HELP", "PROBE", "HEALTH"];

/// Whether it tells of others, or does something to them: whoever is not known to have been let in must not
/// ask. What is none of the subcommands tells nothing.
pub(super) fn is_private(args: &Args<'_>) -> bool {
    args.len() > 1 && !OPEN.iter().any(|open| args.is(1, open)) && is_one(args)
}

/// Whether there is such a subcommand.
fn is_one(args: &Args<'_>) -> bool {
    lookup(args).is_some_and(|command| command.name != "NEARSIDE")
}

/// What a client is told that would have to be asked about where it cannot be.
pub(super) const NOT_NOW: &[u8] =
    b"-ERR this NEARSIDE is answered to this user only outside transactions and subscriptions\r\n";
/// What a client is told that may not stop what serves others.
const NOT_YOU: &str = "NOPERM NEARSIDE DRAIN and RELOAD are for clients on this machine without a user of their own, and \
    for users of Nearside's own that have a right to them: else send the process SIGTERM or SIGHUP";

/// Whether its answer takes a walk over the cache, which is to be done a little at a time ([`run`]).
pub(super) fn takes_a_walk(args: &Args<'_>) -> bool {
    matches!(ask::parse(args), Ok(Ask::Keys { .. } | Ask::Explain(_) | Ask::Reload))
}

/// Whether it is answered only where others can be waited for, this worker too.
pub(super) fn waits_for_others(args: &Args<'_>) -> bool {
    matches!(ask::parse(args), Ok(Ask::Reload))
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
        Ok(Ask::Health) => out = told(path, &path.worker.desk.health()),
        Ok(Ask::Help) => help(&mut out),
        Ok(Ask::Stats) => out = told(path, &path.worker.desk.cache()),
        Ok(Ask::Flush) => {
            path.worker.desk.flush_cache();
            path.note_of("NEARSIDE|CACHE|FLUSH");
            out.extend_from_slice(local::OK);
        }
        Ok(Ask::Keys { pattern, count }) => out = keys::at_once(path, pattern, count),
        Ok(Ask::Explain(name)) => out = explain::at_once(path, name),
        Ok(Ask::Hotkeys(count)) => out = hot_keys(path, count),
        Ok(Ask::Clients(most)) => out = told(path, &path.worker.desk.clients(most)),
        Ok(Ask::Slowlog(most)) => out = told(path, &path.worker.desk.slow_log(most)),
        Ok(Ask::SlowlogReset) => {
            path.worker.desk.slow_log_reset();
            path.note_of("NEARSIDE|SLOWLOG|RESET");
            out.extend_from_slice(local::OK);
        }
        Ok(Ask::Config(pattern)) => out = settings(path, pattern),
        Ok(Ask::Command { user, from }) => out = command(path, args, user, from),
        // It waits for the workers, this one too.
        Ok(Ask::Reload) => out.extend_from_slice(NOT_NOW),
        Ok(Ask::Drain) => out = drain(path),
        Err(text) => reply::error(text, &mut out),
    }
    Some(out)
}

fn help(out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", HELP.len()).as_bytes());
    HELP.iter().for_each(|line| out.extend_from_slice(format!("+{line}\r\n").as_bytes()));
}

/// Has the settings read again, on a thread that may wait.
pub(super) async fn reload(path: &Path) -> Vec<u8> {
    if !path.may_act() {
        let mut out = Vec::new();
        reply::error(NOT_YOU, &mut out);
        return out;
    }
    path.note_of("NEARSIDE|RELOAD");
    let desk = Arc::clone(&path.worker.desk);
    match tokio::task::spawn_blocking(move || desk.reload()).await {
        Ok(Ok(reloaded)) => told(path, &reloaded),
        Ok(Err(error)) => failed(&error.to_string()),
        Err(error) => failed(&error.to_string()),
    }
}

/// What the desk has answered, for this client.
fn told(path: &Path, answer: &impl Serialize) -> Vec<u8> {
    let mut shape = Shape::new(path.proto);
    match serde_json::to_value(answer) {
        Ok(value) => shape.value(&value),
        Err(error) => return failed(&error.to_string()),
    }
    shape.done()
}

fn failed(why: &str) -> Vec<u8> {
    let mut out = Vec::new();
    reply::error(format!("ERR {why}"), &mut out);
    out
}

fn settings(path: &Path, pattern: &[u8]) -> Vec<u8> {
    let mut settings = path.worker.desk.settings();
    settings.retain(|setting| matches(pattern, setting.key.as_bytes()));
    told(path, &settings)
}

fn command(path: &Path, args: &Args<'_>, user: Option<&[u8]>, from: usize) -> Vec<u8> {
    let user =
        user.map_or_else(|| path.rights.user().into(), |name| String::from_utf8_lossy(name).into_owned());
    let config = &path.force.config;
    let mut listeners = config.listen.iter().chain(&config.tls.listen);
    let listener = listeners.nth(path.origin.listener).map(ToString::to_string);
    let words = (from..args.len()).map(|at| args.get(at).to_vec()).collect();
    match path.worker.desk.explain(&Question { user: Some(user), listener, command: Asked::Words(words) }) {
        Ok(explained) => told(path, &explained),
        Err(why) => failed(&why),
    }
}

/// The answer is on its way before anything is closed: sessions end once they have said what they have to.
fn drain(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    if path.may_act() {
        path.note_of("NEARSIDE|DRAIN");
        path.worker.desk.drain();
        out.extend_from_slice(local::OK);
    } else {
        reply::error(NOT_YOU, &mut out);
    }
    out
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
