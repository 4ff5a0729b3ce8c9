//! The table of the architecture, and the words that do not belong.

use crate::source::{Blanked, room_of};

/// What is wrong, a line each.
pub(crate) type Findings = Vec<String>;

/// A room and what it may import. `*`: every room. A path of several parts allows only that part.
const LAYERS: &[(&str, &[&str])] = &[
    ("resp", &[]),
    ("command", &["resp"]),
    ("config", &["command"]),
    ("telemetry", &["config"]),
    ("net", &["config", "telemetry"]),
    ("policy", &["resp", "command", "config", "telemetry"]),
    ("cache", &["resp", "command", "config", "telemetry", "policy"]),
    ("upstream", &["resp", "command", "config", "telemetry", "net"]),
    // It words a few requests to its own child.
    ("embedded", &["config", "telemetry", "net", "resp::request"]),
    ("pubsub", &["resp", "command", "telemetry", "upstream"]),
    ("session", &["resp", "command", "config", "telemetry", "net", "policy", "cache", "upstream", "pubsub"]),
    ("admin", &["config", "telemetry", "net"]),
    ("worker", &["*"]),
    ("proxy", &["*"]),
    ("lib", &["*"]),
    // The program knows the crate's public names only, and its own other files.
    ("main", &["wait", "backup", "signals", "systemd", "watched"]),
    ("signals", &["systemd"]),
    ("wait", &[]),
    ("watched", &[]),
    ("backup", &[]),
    ("systemd", &[]),
];

/// The rooms a request passes.
pub(crate) const ON_THE_PATH: &[&str] = &["net", "resp", "session", "policy", "cache", "upstream"];

/// Rooms without a runtime, a clock, input or output.
const PURE: &[&str] = &["resp", "command", "policy"];
const IMPURE: &[&str] = &[
    "tokio",
    "Instant::now",
    "SystemTime",
    "std::net",
    "std::fs",
    "std::io",
    "std::thread",
    "std::env",
    "tracing",
    "socket2",
];
/// The cache is handed the time, and waits for nothing.
const CACHE: &[&str] = &["tokio", "Instant::now", "SystemTime", "std::net", "std::fs", "async fn"];

/// Only `net` names a socket.
const SOCKETS: &[&str] = &[
    "tokio::net",
    "os::unix::net",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "UnixListener",
    "UdpSocket",
    "UnixDatagram",
    "socket2",
];
/// Those that do all the same, and why.
const MAY_NAME_SOCKETS: &[(&str, &str)] = &[
    ("net/", "it is net"),
    ("wait.rs", "the program's own client of a running Nearside; it has no runtime"),
    ("embedded/control.rs", "the private conversation with the child, inline text that net does not know"),
    ("embedded/child.rs", "a last word to the child when there may be no runtime any more"),
];

/// Longest file, lines; beyond it the header must say why.
const LONGEST: usize = 350;
const REASON: &str = "Longer than";

/// Everything wrong with the file at `path` (below `src/`).
pub(crate) fn check(path: &str, text: &str, rooms: &[String]) -> Findings {
    let room = room_of(path);
    let blanked = Blanked::new(text);
    let mut findings = Findings::new();
    match LAYERS.iter().find(|(name, _)| *name == room) {
        None => findings.push(format!("{path}: the room {room} has no row in the table of layers")),
        Some((_, allowed)) => imports(path, room, allowed, &blanked, rooms, &mut findings),
    }
    let mut forbid = |words: &[&str], why: &str| {
        for word in words {
            if let Some(line) = blanked.line_of(word) {
                findings.push(format!("{path}:{line}: {word}: {why}"));
            }
        }
    };
    // Unit tests may read the clock, and files.
    if PURE.contains(&room) && !path.ends_with("/tests.rs") {
        forbid(IMPURE, "this room is pure");
    }
    if room == "cache" {
        forbid(CACHE, "the cache is synchronous and is handed the time");
    }
    if !MAY_NAME_SOCKETS.iter().any(|(start, _)| path.starts_with(start)) {
        forbid(SOCKETS, "only net names a socket");
    }
    let lines = text.lines().count();
    let header = || text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains(REASON));
    if lines > LONGEST && !header() {
        findings
            .push(format!("{path}: {lines} lines, and its header does not say why it is \"{REASON} ...\""));
    }
    findings
}

fn imports(
    path: &str,
    room: &str,
    allowed: &[&str],
    blanked: &Blanked<'_>,
    rooms: &[String],
    findings: &mut Findings,
) {
    for (line, target) in blanked.paths(path) {
        let first = target.split("::").next().unwrap_or_default();
        let is_room = rooms.iter().any(|room| room == first) || LAYERS.iter().any(|(name, _)| *name == first);
        let fine = first == room
            || !is_room && room != "main"
            || allowed
                .iter()
                .any(|may| *may == "*" || target == *may || target.starts_with(&format!("{may}::")));
        if !fine {
            findings.push(format!("{path}:{line}: {room} must not import crate::{target}"));
        }
    }
}
