//! Every conversion compared with what real servers answer: the same commands are said on a RESP2 and
//! on a RESP3 connection, and the converted RESP3 replies must be the RESP2 ones, byte by byte.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

use std::collections::BTreeSet;

use nearside::command::{Command, Resp2, Route, all, lookup};
use nearside::resp::convert::{Conversion, convert};

#[path = "convert/server.rs"]
mod server;
#[path = "convert/spans.rs"]
mod spans;
#[path = "convert/talks.rs"]
mod talks;

use server::{Client, Server, binaries};
use spans::with;
use talks::{CLUSTER, Exactness, TALKS, lines};

/// Rows whose only replies on a lone idle server are errors.
const ONLY_ERRORS: [&str; 6] = [
    "CLUSTER|COUNT-FAILURE-REPORTS",
    "CLUSTER|REPLICAS",
    "CLUSTER|SLAVES",
    "FUNCTION|KILL",
    "SCRIPT|KILL",
    "SHUTDOWN",
];

#[test]
fn converted_replies_are_those_of_resp2() {
    for binary in binaries() {
        let mut answered = BTreeSet::new();
        let server = Server::start(&binary, false);
        for talk in TALKS {
            compare(&binary, &server, talk, &mut answered);
        }
        let cluster = Server::start(&binary, true);
        cluster.connect("2").say(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        compare(&binary, &cluster, CLUSTER, &mut answered);

        let mut client = server.connect("2");
        let silent: Vec<_> = proven()
            .map(|row| row.name)
            .filter(|name| !answered.contains(name) && !ONLY_ERRORS.contains(name))
            .filter(|name| knows(&mut client, name))
            .collect();
        assert!(silent.is_empty(), "{binary}: nothing but errors from {silent:?}");
    }
}

/// So that a new row without proof fails here, whatever servers there are.
#[test]
fn every_conversion_is_talked_about() {
    let mut said = BTreeSet::new();
    for (_, words) in TALKS.iter().chain([&CLUSTER]).flat_map(|talk| lines(talk)) {
        with(&words, |args| said.extend(lookup(&args).map(|row| row.name)));
    }
    let missing: Vec<_> = proven().map(|row| row.name).filter(|name| !said.contains(name)).collect();
    assert!(missing.is_empty(), "rows with a conversion and no conversation: {missing:?}");
}

fn proven() -> impl Iterator<Item = &'static Command> {
    all().filter(|row| row.resp2 != Resp2::Unproven && row.route != Route::Container)
}

/// Whether the server has the command or subcommand of that row.
fn knows(client: &mut Client, name: &str) -> bool {
    client.say(&["COMMAND", "INFO", &name.to_ascii_lowercase()]).starts_with(b"*1\r\n*1")
}

fn compare(binary: &str, server: &Server, talk: &'static str, answered: &mut BTreeSet<&'static str>) {
    let resp2 = hold(&mut server.connect("2"), talk);
    let resp3 = hold(&mut server.connect("3"), talk);
    let mut differences = Vec::new();
    for (((exactness, words), resp2), resp3) in lines(talk).zip(resp2).zip(resp3) {
        let how = with(&words, |args| lookup(&args).and_then(|row| row.conversion(&args)));
        let Some(how) = how else { continue };
        if !resp3.starts_with(b"-") {
            answered.extend(with(&words, |args| lookup(&args).map(|row| row.name)));
        }
        differences.extend(difference(&format!("{words:?}"), how, exactness, &resp2, &resp3));
    }
    assert!(differences.is_empty(), "{binary}:\n{}", differences.join("\n"));
}

/// What is wrong with the conversion of a reply, if anything.
fn difference(
    what: &str,
    how: Conversion,
    exactness: Exactness,
    resp2: &[u8],
    resp3: &[u8],
) -> Option<String> {
    let mut converted = Vec::new();
    convert(how, resp3, &mut converted);
    let show = |reply: &[u8]| {
        let reply = String::from_utf8_lossy(reply).into_owned();
        match exactness {
            Exactness::Whole => reply,
            Exactness::Masked => mask(&reply),
            Exactness::Unordered => sorted(&reply),
            Exactness::Head => mask(&reply.lines().take(2).collect::<Vec<_>>().join("\n")),
        }
    };
    let whole = server::frame_end(&converted) == Some(converted.len());
    (!whole || show(&converted) != show(resp2)).then(|| {
        let [resp2, resp3, converted] = [resp2, resp3, &converted].map(|b| show(&b[..b.len().min(300)]));
        format!("{what} is {resp2:?}\n  not {converted:?}\n  from {resp3:?}")
    })
}

/// Holds a talk; its replies.
fn hold(client: &mut Client, talk: &'static str) -> Vec<Vec<u8>> {
    let busy = |info: &[u8]| {
        let info = String::from_utf8_lossy(info);
        ["rdb_bgsave_in_progress:1", "aof_rewrite_in_progress:1"].iter().any(|state| info.contains(state))
    };
    while busy(&client.say(&["INFO", "persistence"])) {
        std::thread::yield_now(); // the talk before may have left a child of the server's behind
    }
    client.say(&["FLUSHALL"]);
    let mut replies: Vec<Vec<u8>> = Vec::new();
    for (_, words) in lines(talk) {
        let before = replies.last().map_or(&b""[..], |reply| bulk_body(reply));
        let words: Vec<&[u8]> = words.iter().map(|w| if w == "@" { before } else { w.as_bytes() }).collect();
        let reply = client.say(&words);
        replies.push(reply);
    }
    replies
}

/// What a bulk reply holds.
fn bulk_body(reply: &[u8]) -> &[u8] {
    let from = reply.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
    reply.get(from..reply.len() - 2).unwrap_or(&[])
}

fn sorted(reply: &str) -> String {
    let mut lines: Vec<&str> = reply.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Numbers, hexadecimal ones too, as one sign each.
fn mask(reply: &str) -> String {
    let mut out = String::new();
    for c in reply.chars() {
        if c.is_ascii_hexdigit() || c == '.' {
            if !out.ends_with('#') {
                out.push('#');
            }
        } else {
            out.push(c);
        }
    }
    out
}
