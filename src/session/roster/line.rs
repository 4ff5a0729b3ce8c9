//! A client as `CLIENT LIST` and `CLIENT INFO` print it.

use std::fmt::Write;
use std::time::Instant;

use super::Card;
use crate::upstream::ClientLine;

/// Whose habits the upstream has, where they differ and the client can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Redis, and Valkey before it went its own way.
    Redis,
    /// Valkey 9.
    Valkey,
}

impl Dialect {
    /// As the fields it prints give it away.
    pub(crate) fn of(line: &ClientLine) -> Self {
        if line.has("capa") { Self::Valkey } else { Self::Redis }
    }

    /// Addresses of a client, its own and ours.
    pub(super) fn addresses(self, card: &Card) -> (String, String) {
        if let Some((peer, local)) = card.place.tcp {
            return (peer.to_string(), local.to_string());
        }
        // Valkey takes the colon of `path:0` for an IPv6 address's.
        let path = &card.place.path;
        let shown = if self == Self::Valkey { format!("[{path}:0]:0") } else { format!("{path}:0") };
        (shown.clone(), shown)
    }
}

/// The client that asks: the request it is busy with is known, and is the one it asks with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) id: u64,
    /// The command, as the table names it.
    pub(crate) command: &'static str,
    /// Bytes of the request, and of its arguments alone.
    pub(crate) bytes: usize,
    pub(crate) arguments: usize,
}

/// Appends a client's line and its end.
pub(crate) fn render(card: &Card, line: &ClientLine, asker: &Asker, now: Instant, out: &mut String) {
    for (at, (name, theirs)) in line.fields().enumerate() {
        let space = if at == 0 { "" } else { " " };
        let _ = write!(out, "{space}{name}=");
        field(card, name, theirs, line, asker, now, out);
    }
    out.push('\n');
}

/// Appends the value of one field. What only the upstream could know is as for our connection to it.
fn field(
    card: &Card,
    name: &str,
    theirs: &str,
    line: &ClientLine,
    asker: &Asker,
    now: Instant,
    out: &mut String,
) {
    let asks = card.id == asker.id;
    let busy = |bytes: usize| if asks { bytes } else { 0 };
    let [sub, psub, ssub] = card.subscriptions();
    let unread = card.unread();
    let write = &mut |value: &dyn std::fmt::Display| {
        let _ = write!(out, "{value}");
    };
    match name {
        "id" => write(&card.id),
        "addr" => write(&Dialect::of(line).addresses(card).0),
        "laddr" => write(&Dialect::of(line).addresses(card).1),
        "fd" => write(&card.place.fd),
        "name" => write(&text(&card.names().name)),
        "age" => write(&card.age(now)),
        "idle" => write(&if asks { 0 } else { card.idle(now) }),
        "flags" => write(&card.flags()),
        "db" => write(&card.db()),
        "sub" => write(&sub),
        "psub" => write(&psub),
        "ssub" => write(&ssub),
        "multi" => write(&card.multi()),
        "watch" => write(&card.watched()),
        // A server that shares one buffer among its clients shows none.
        "qbuf" => write(&if theirs == "0" && line.has("watch") { 0 } else { busy(asker.bytes) }),
        "argv-mem" => write(&busy(asker.arguments)),
        "qbuf-free" | "multi-mem" | "rbs" | "rbp" | "obl" => write(&0),
        "oll" => write(&u8::from(unread > 0)),
        "omem" => write(&unread),
        "tot-mem" => write(&(unread + size_of::<Card>() as u64 + busy(asker.bytes) as u64)),
        "events" => write(&if unread > 0 { "rw" } else { "r" }),
        "cmd" if asks => write(&asker.command.to_ascii_lowercase()),
        "cmd" => write(&card.command().map_or_else(|| "NULL".into(), |c| c.name.to_ascii_lowercase())),
        "user" => write(&card.names().user),
        "redir" => write(&card.redirect()),
        "resp" => write(&card.proto().number()),
        "lib-name" => write(&text(&card.names().lib_name)),
        "lib-ver" => write(&text(&card.names().lib_ver)),
        "tot-net-in" => write(&card.net_in()),
        "tot-net-out" => write(&card.net_out()),
        "tot-cmds" => write(&card.requests()),
        "capa" => {}
        _ => write(&theirs),
    }
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
