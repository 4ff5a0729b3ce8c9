//! Who may know whom: the dependency rule of the architecture, held against the sources.
//!
//! A test of text, not of types: comments and literals are blanked, then every path that starts at
//! the crate's root, in a `use` or in the middle of an expression, must lead to a lower layer.

#[path = "layers/rules.rs"]
mod rules;
#[path = "layers/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use rules::Findings;

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// Every source with its path below `src/`.
fn tree() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    found.sort();
    assert!(found.len() > 30, "where are the sources? {found:?}");
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&src).expect("below src").to_string_lossy().into_owned();
        (name, fs::read_to_string(path).expect("a source"))
    };
    found.iter().map(read).collect()
}

#[test]
fn the_layers_hold() {
    let files = tree();
    let rooms = source::rooms(files.iter().map(|(path, _)| path.as_str()));
    let mut findings = Findings::new();
    for (path, text) in &files {
        findings.extend(rules::check(path, text, &rooms));
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn the_picture_shows_every_room_of_the_path() {
    let files = tree();
    let (_, lib) = files.iter().find(|(path, _)| path == "lib.rs").expect("lib.rs");
    let picture: String = lib.lines().filter(|line| line.starts_with("//!")).collect();
    for room in source::rooms(files.iter().map(|(path, _)| path.as_str())) {
        let drawn = picture.contains(room.as_str()) || !rules::ON_THE_PATH.contains(&room.as_str());
        assert!(drawn, "the picture in lib.rs does not show {room}");
        assert!(lib.contains(&format!("mod {room};")), "lib.rs does not declare {room}");
    }
}

/// What is found in one made-up file.
fn found(path: &str, text: &str) -> Findings {
    let rooms = [
        "resp",
        "command",
        "config",
        "telemetry",
        "net",
        "policy",
        "cache",
        "upstream",
        "embedded",
        "session",
    ];
    rules::check(path, text, &rooms.map(String::from))
}

#[test]
fn it_can_fail() {
    for (path, text) in [
        ("resp/x.rs", "use crate::command::Command;"),
        ("resp/scan/x.rs", "fn f() { crate::telemetry::log(); }"),
        ("resp/mod.rs", "use super::command::Command;"),
        ("resp/scan/x.rs", "use super::super::super::command::Command;"),
        ("resp/scan/mod.rs", "mod tests { use super::super::super::command::Command; }"),
        ("cache/mod.rs", "use crate::{config::Config, upstream::Lane};"),
        ("cache/mod.rs", "pub use crate :: upstream :: Lane;"),
        ("upstream/lane/mod.rs", "use crate::session::Client;"),
        ("upstream/lane/mod.rs", "use crate::{\n    config::{Config, Limits},\n    policy,\n};"),
        ("embedded/mod.rs", "use crate::resp::Proto;"),
        ("session/mod.rs", "use crate::proxy::Proxy;"),
        ("main.rs", "use crate::proxy::Proxy;"),
        ("nowhere/mod.rs", ""),
        ("resp/x.rs", "use tokio::time;"),
        ("policy/x.rs", "fn f() { let now = std::time::Instant::now(); }"),
        ("command/x.rs", "use std::net::IpAddr;"),
        ("resp/x.rs", "fn f() { tracing::debug!(); }"),
        ("session/x.rs", "use tokio::net::TcpStream;"),
        ("upstream/x.rs", "use std::os::unix::net::UnixStream;"),
        ("worker.rs", "fn f() { std::net::TcpListener::bind(\"x\"); }"),
        ("cache/x.rs", "use tokio::sync::mpsc;"),
        ("session/x.rs", &"fn f() {}\n".repeat(351)),
        ("session/x.rs", &("//! A long file, for no reason.\n".to_owned() + &"fn f() {}\n".repeat(351))),
    ] {
        assert!(!found(path, text).is_empty(), "nothing is found in {path}: {text}");
    }
}

#[test]
fn what_is_allowed_passes() {
    for (path, text) in [
        ("command/x.rs", "use crate::resp::request::Args; use super::row;"),
        (
            "resp/x.rs",
            "//! Not crate::upstream.\n/* use tokio; /* nested */ */ const T: &str = \"use crate::session;\";",
        ),
        (
            "resp/x.rs",
            "const R: &str = r#\"crate::session \" tokio::net\"#; const C: char = '\"'; fn f<'a>(x: &'a str) {}",
        ),
        ("config/upstream.rs", "mod tests { use super::super::uri; use super::super::upstream; }"),
        ("config/listen.rs", "use std::net::IpAddr;"),
        ("net/x.rs", "use tokio::net::UnixStream; use crate::config::Listen;"),
        ("upstream/x.rs", "use std::time::Instant; fn f() { Instant::now(); }"),
        ("session/x.rs", "use crate::{config::Config, upstream::{Lane, Pool}};"),
        ("worker.rs", "use crate::session::Session;"),
        ("proxy/mod.rs", "use crate::worker::Common;"),
        ("main.rs", "use nearside::Proxy; mod wait;"),
        ("embedded/x.rs", "use crate::resp::request::encode;"),
        (
            "session/x.rs",
            &("//! Longer than 350 lines because it is one table.\n".to_owned() + &"fn f() {}\n".repeat(351)),
        ),
    ] {
        let findings = found(path, text);
        assert!(findings.is_empty(), "{path}: {text}: {findings:?}");
    }
}
