//! The command table: consistent in itself, and in agreement with what real servers say of their commands.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

use std::collections::BTreeMap;

use nearside::command::{Command, Effect, Keys, Pin, Resp2, Route, all, lookup};
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};

#[path = "table/acl.rs"]
mod acl;
#[path = "convert/server.rs"]
mod server;
#[path = "convert/spans.rs"]
mod spans;
#[path = "convert/talks.rs"]
#[allow(dead_code)] // the conversion tests use the rest
mod talks;

use server::{Server, binaries};

#[test]
fn rows_are_unique_and_sorted_within_families() {
    let rows: Vec<_> = all().map(|row| (format!("{:?}", row.family), row.name)).collect();
    assert!(rows.windows(2).all(|two| two[0] < two[1]), "{:?}", rows.windows(2).find(|two| two[0] >= two[1]));
    let mut names: Vec<_> = rows.iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]));
}

#[test]
fn the_columns_of_a_row_fit_together() {
    for row in all() {
        let name = row.name;
        assert_eq!(name, name.to_ascii_uppercase());
        assert_ne!(row.arity, 0, "{name}");
        assert!(!name.contains('|') || row.arity.abs() >= 2, "{name}: its arity counts both words");
        let has_subcommands = all().any(|other| other.name.starts_with(&format!("{name}|")));
        assert!(row.route != Route::Container || has_subcommands, "{name}");
        if row.effect == Effect::Write {
            assert!(!matches!(row.keys, Keys::None | Keys::Channels { .. }), "{name} writes no keys");
        }
        if matches!(row.route, Route::Pin(_) | Route::Session(_) | Route::Refused | Route::Container) {
            assert_eq!(row.resp2, Resp2::Unproven, "{name}: its reply comes in the client's protocol");
        }
    }
}

/// The servers' own key finder, on everything the conversion tests say.
#[test]
fn keys_are_those_the_servers_find() {
    let server = Server::start("redis-server", false);
    let mut client = server.connect("2");
    let mut compared = 0;
    for (_, words) in talks::TALKS.iter().flat_map(|talk| talks::lines(talk)) {
        let ours = spans::with(&words, |args| {
            let row = lookup(&args)?;
            Some(row.keys(&args).map(<[u8]>::to_vec).collect::<Vec<_>>())
        });
        let asked: Vec<&str> =
            ["COMMAND", "GETKEYS"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let reply = client.say(&asked);
        let (Some(mut ours), (OwnedFrame::Array(theirs), _)) = (ours, decode(&reply).unwrap().unwrap())
        else {
            assert!(!reply.starts_with(b"-ERR The command has no key") || ours_is_empty(&words), "{words:?}");
            continue;
        };
        let mut theirs: Vec<_> = theirs.iter().map(|key| text(key).into_bytes()).collect();
        ours.sort();
        theirs.sort();
        if !words[0].starts_with("SPUBLISH") {
            assert_eq!(ours, theirs, "{words:?}");
        }
        compared += 1;
    }
    assert!(compared > 400, "{compared}");
}

fn ours_is_empty(words: &[String]) -> bool {
    spans::with(words, |args| lookup(&args).is_none_or(|row| row.keys(&args).next().is_none()))
}

/// What a server says of one command.
struct Said {
    arity: i64,
    flags: Vec<String>,
    first: i64,
    last: i64,
    step: i64,
    categories: Vec<String>,
}

#[test]
fn rows_agree_with_the_servers() {
    for binary in binaries() {
        let server = Server::start(&binary, false);
        let said = commands(&server);
        assert!(said.len() > 200, "{binary}");
        let complaints: Vec<String> = said.iter().flat_map(|(name, said)| complaints(name, said)).collect();
        assert!(complaints.is_empty(), "{binary}:\n{}", complaints.join("\n"));
    }
}

fn complaints(name: &str, said: &Said) -> Vec<String> {
    let Some(row) = all().find(|row| row.name == name) else { return vec![format!("{name} has no row")] };
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{name}: {what}"));
        }
    };
    let has = |flag: &str| said.flags.iter().any(|f| f == flag);
    let arity = i64::from(row.arity);
    expect(arity == said.arity || LOOSER.contains(&name), &format!("arity {arity}, not {}", said.arity));
    expect(
        keys_agree(row, said),
        &format!("{:?}, not {}..{} by {}", row.keys, said.first, said.last, said.step),
    );
    expect(!has("movablekeys") || movable(row.keys), "the server has a key rule, the row none");
    let blocks = matches!(row.route, Route::Blocking(_) | Route::Pin(Pin::Wait));
    expect(has("blocking") == blocks || name == "WAIT", "blocking flag and route");
    expect(
        row.effect != Effect::Read || has("readonly") || READS.contains(&name),
        "reads, not flagged readonly",
    );
    expect(
        !has("readonly") || row.effect == Effect::Read || MORE_THAN_READS.contains(&name),
        "flagged readonly",
    );
    let writes = matches!(row.effect, Effect::Write | Effect::Global);
    expect(!has("write") || writes || WRITES_NO_DATA.contains(&name), "flagged write, effect not");
    expect(!writes || has("write") || WRITES.contains(&name), "effect write, not flagged");
    let harmless = row.effect == Effect::None;
    expect(!harmless || !(has("write") || has("may_replicate")), "no effect, but flagged");
    let hides = has("admin") || (has("skip_monitor") && !SHOW_THEMSELVES.contains(&name));
    expect(row.is_hidden() == hides, "hidden from MONITOR");
    let uses = has("write") || has("readonly") || MAY_REPLICATE.contains(&name);
    expect(row.uses_keyspace() == uses, "uses the keyspace");
    wrong
}

#[test]
fn only_what_servers_know_is_hidden_from_monitor() {
    let known: Vec<String> =
        binaries().iter().flat_map(|binary| commands(&Server::start(binary, false)).into_keys()).collect();
    // Valkey's only; the others have none of them.
    let elsewhere = |name: &str| name.starts_with("COMMANDLOG|") || name.starts_with("CLUSTER|");
    for row in all().filter(|row| row.is_hidden() && !row.name.starts_with("NEARSIDE")) {
        assert!(known.iter().any(|name| name == row.name) || elsewhere(row.name), "{}", row.name);
    }
}

/// Flagged so inside the servers, which do not tell.
const MAY_REPLICATE: [&str; 5] = ["EVAL", "EVALSHA", "FCALL", "PUBLISH", "SPUBLISH"];

/// `skip_monitor` only keeps the call from being shown after what the script did: they show themselves first.
const SHOW_THEMSELVES: [&str; 6] = ["EVAL", "EVALSHA", "EVALSHA_RO", "EVAL_RO", "FCALL", "FCALL_RO"];

fn keys_agree(row: &Command, said: &Said) -> bool {
    let said_range = (said.first, said.last, said.step);
    match row.keys {
        Keys::Range { first, last, step } => said_range == (first.into(), last.into(), step.into()),
        // The cursor of `CLUSTERSCAN` carries a slot, so it stands where a key would.
        Keys::None => said_range == (0, 0, 0) || row.name == "CLUSTERSCAN",
        Keys::Channels { first, last } => {
            said_range == (0, 0, 0) || said_range == (first.into(), last.into(), 1)
        }
        Keys::Sort | Keys::GeoStore | Keys::StoreCounted => said_range == (1, 1, 1),
        Keys::Migrate => said_range == (3, 3, 1),
        Keys::Counted { .. } | Keys::Declared { .. } | Keys::Streams => said_range == (0, 0, 0),
    }
}

fn movable(keys: Keys) -> bool {
    !matches!(keys, Keys::None | Keys::Range { .. } | Keys::Channels { .. })
}

/// Servers differ, and the row takes what any of them takes.
const LOOSER: [&str; 6] =
    ["ZRANK", "ZREVRANK", "COMMAND|GETKEYS", "COMMAND|GETKEYSANDFLAGS", "CLUSTER|REPLICATE", "SCRIPT|DEBUG"];

/// Depend on the data set although the server does not flag them.
const READS: [&str; 3] = ["CLUSTER|COUNTKEYSINSLOT", "CLUSTER|GETKEYSINSLOT", "CLUSTER|SLOT-STATS"];

/// Flagged `readonly`, but they change a key's access time or its cached cardinality, or read nothing.
const MORE_THAN_READS: [&str; 3] = ["LOLWUT", "PFCOUNT", "TOUCH"];

/// Flagged `write` for replication's sake: what they write is not the data set.
const WRITES_NO_DATA: [&str; 4] = ["FUNCTION|DELETE", "FUNCTION|FLUSH", "FUNCTION|LOAD", "FUNCTION|RESTORE"];

/// Change what reads answer although the server does not flag them so.
const WRITES: [&str; 13] = [
    "CLUSTER|DELSLOTS",
    "CLUSTER|DELSLOTSRANGE",
    "CLUSTER|FAILOVER",
    "CLUSTER|FLUSHSLOTS",
    "CLUSTER|MIGRATESLOTS",
    "CLUSTER|REPLICATE",
    "CLUSTER|RESET",
    "CLUSTER|SETSLOT",
    "DEBUG",
    "FAILOVER",
    "PFCOUNT",
    "REPLICAOF",
    "SLAVEOF",
];

/// What `COMMAND` says, subcommands included, by name in upper case; modules that are not part of the
/// server are left out.
fn commands(server: &Server) -> BTreeMap<String, Said> {
    let reply = server.connect("2").say(&["COMMAND"]);
    let (frame, _) = decode(&reply).unwrap().unwrap();
    let mut said = BTreeMap::new();
    let mut rest = array(frame);
    while let Some(command) = rest.pop() {
        let mut columns = array(command);
        rest.extend(columns.drain(9..).next().map(array).into_iter().flatten());
        let name = text(&columns[0]).to_ascii_uppercase();
        let module = texts(&columns[2]).iter().any(|flag| flag == "module");
        if !module || name.starts_with('V') {
            said.insert(name, said_of(&columns));
        }
    }
    said
}

fn said_of(columns: &[OwnedFrame]) -> Said {
    let number = |i: usize| match columns[i] {
        OwnedFrame::Integer(n) => n,
        _ => panic!("no number: {:?}", columns[i]),
    };
    Said {
        arity: number(1),
        flags: texts(&columns[2]),
        first: number(3),
        last: number(4),
        step: number(5),
        categories: texts(&columns[6]),
    }
}

fn array(frame: OwnedFrame) -> Vec<OwnedFrame> {
    match frame {
        OwnedFrame::Array(frames) => frames,
        other => panic!("no array: {other:?}"),
    }
}

fn texts(frame: &OwnedFrame) -> Vec<String> {
    array(frame.clone()).iter().map(text).collect()
}

fn text(frame: &OwnedFrame) -> String {
    match frame {
        OwnedFrame::SimpleString(bytes) | OwnedFrame::BulkString(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        other => panic!("no text: {other:?}"),
    }
}
