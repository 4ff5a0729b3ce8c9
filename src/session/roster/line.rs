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
        "multi" if line.has("capa") && card.has_transacted() => write(&card.multi().max(0)),
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

#[cfg(test)]
mod tests {
    use super::super::card::{Flag, Place};
    use super::*;
    use crate::command::{Local, Route, all};

    fn line_of(card: &Card, line: &ClientLine, asker: u64) -> String {
        let asker = Asker { id: asker, command: "CLIENT|INFO", bytes: 26, arguments: 10 };
        let mut out = String::new();
        render(card, line, &asker, card.since, &mut out);
        out
    }

    #[test]
    fn a_line_is_redis_own() {
        let place = Place {
            tcp: Some((([127, 0, 0, 1], 5).into(), ([127, 0, 0, 1], 6).into())),
            path: String::new(),
            fd: 9,
        };
        let card = Card::new(3, 0, place, 0, "u");
        let mem = size_of::<Card>();
        let expected = |argv: &str, mem: usize, cmd: &str| {
            format!(
                "id=3 addr=127.0.0.1:5 laddr=127.0.0.1:6 fd=9 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 \
                 multi=-1 {argv} multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem={mem} events=r cmd={cmd} user=u \
                 redir=-1 resp=2\n"
            )
        };
        let seven = ClientLine::default();
        let busy = expected("qbuf=26 qbuf-free=0 argv-mem=10", mem + 26, "client|info");
        assert_eq!(line_of(&card, &seven, 3), busy);
        assert_eq!(line_of(&card, &seven, 4), expected("qbuf=0 qbuf-free=0 argv-mem=0", mem, "NULL"));
    }

    #[test]
    fn a_card_tells_what_its_client_does() {
        let place = Place { tcp: None, path: "/tmp/s".into(), fd: 9 };
        let card = Card::new(3, 0, place, 2, "default");
        card.set_subscriptions(1, 2, 3);
        card.set_multi(4);
        card.set_watched(5);
        card.count(all().find(|command| command.route == Route::Session(Local::Select)), 30);
        card.wrote(7, 8);
        let line = line_of(&card, &ClientLine::default(), 1);
        for part in [
            " addr=/tmp/s:0 laddr=/tmp/s:0 ",
            " flags=PxU db=2 sub=1 psub=2 ssub=3 multi=4 ",
            " oll=1 omem=8 ",
            " events=rw cmd=select ",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        card.reset(true);
        assert_eq!(card.flags(), "U");
        card.set(Flag::NoEvict, true);
        card.reset(false);
        assert_eq!(card.flags(), "Ue");
    }
}
