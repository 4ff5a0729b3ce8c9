//! The upstream's nod. What is about the client itself is answered here, but whether it may be asked
//! at all, and in which words it is refused, is the upstream's business: its ACL, its version, its
//! wish for a password. So it is asked first, in a form that does no harm; an error is the client's
//! reply, anything else is dropped for ours, and only then the change is made. That the question
//! travels on the lane keeps its answer in its place without waiting for all others.

use std::time::Instant;

use bytes::Bytes;

use super::client::Client;
use super::local::{self, integer, is_plain};
use super::roster::{Asker, Dialect, Filter, Flag, Options, render};
use crate::command::{Command, Local, Route};
use crate::resp::convert::{Conversion, convert};
use crate::resp::request::{Args, encode};
use crate::resp::{Proto, reply};

/// An id that no client of the upstream ever has.
pub(super) const NOBODY: &[u8] = b"9223372036854775807";
/// A connection's name, or library, that no server takes.
const BAD: &[u8] = b" ";

/// What to ask the upstream, and what to do once it has answered.
#[derive(Debug)]
pub(super) struct Asked {
    /// The harmless form, in place of the client's request. It may be sent twice.
    pub(super) request: Vec<u8>,
    pub(super) nod: Nod,
}

/// What a nod is waited for.
#[derive(Debug)]
pub(super) struct Nod {
    what: What,
    asker: Asker,
    /// Keys that were watched when it was asked; `None`: the client held no connection, or `EXEC` asks.
    pub(super) watched: Option<usize>,
}

#[derive(Debug)]
enum What {
    /// The upstream's answer, an error, is the answer.
    Pass,
    Id,
    Info,
    List(Options),
    Kill {
        whom: Options,
        /// `CLIENT KILL addr`, which is answered otherwise.
        old: bool,
    },
    Getname,
    Setname(Bytes),
    /// Library's name, or else its version.
    Setinfo {
        name: bool,
        value: Bytes,
    },
    /// A switch. What is asked is neither `ON` nor `OFF`: that it is wrong in just this way is the nod.
    Set(Flag, bool),
}

/// Whether a line of `CLIENT INFO` has the flag of a client one of whose watched keys has changed.
fn is_dirty(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    words.find_map(|word| word.strip_prefix(b"flags=")).is_some_and(|flags| flags.contains(&b'd'))
}

/// What comes of an answer.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// It was the client's last reply, after which it must be closed.
    pub(super) last: bool,
    /// Upstream connections of clients that were killed: to be closed there before the answer is given.
    pub(super) orphans: Vec<i64>,
}

/// What `args` needs a nod for; `None`: it is no such command.
pub(super) fn prepare(command: &'static Command, args: &Args<'_>, id: u64) -> Option<Asked> {
    let which = match command.route {
        Route::Session(which) => Some(which),
        Route::Control if command.name == "CLIENT|KILL" => None,
        _ => return None,
    };
    let (what, request) = match which {
        Some(Local::ClientId) => (What::Id, args.bytes().to_vec()),
        Some(Local::ClientInfo) => (What::Info, args.bytes().to_vec()),
        Some(Local::ClientList) => list(args),
        Some(Local::ClientGetname) => (What::Getname, args.bytes().to_vec()),
        Some(Local::ClientSetname) => set_name(args),
        Some(Local::ClientSetinfo) => set_info(args),
        Some(Local::ClientNoEvict) => switch(args, Flag::NoEvict),
        None => kill(args),
        _ => return None,
    };
    let (what, request) =
        if command.arity_ok(args.len()) { (what, request) } else { (What::Pass, args.bytes().to_vec()) };
    let arguments = args.iter().map(<[u8]>::len).sum();
    let asker = Asker { id, command: command.name, bytes: args.bytes().len(), arguments };
    Some(Asked { request, nod: Nod { what, asker, watched: None } })
}

fn list(args: &Args<'_>) -> (What, Vec<u8>) {
    // All its connections to us need not be listed to be thrown away.
    let request = match args.len() {
        2 => encode(&[b"CLIENT", b"LIST", b"TYPE", b"master"]),
        _ => args.bytes().to_vec(),
    };
    (What::List(Filter::parse(args)), request)
}

fn set_name(args: &Args<'_>) -> (What, Vec<u8>) {
    let name = args.get(2);
    if !is_plain(name) {
        return (What::Pass, encode(&[b"CLIENT", b"SETNAME", BAD]));
    }
    (What::Setname(Bytes::copy_from_slice(name)), encode(&[b"CLIENT", b"SETNAME", b"nearside"]))
}

fn set_info(args: &Args<'_>) -> (What, Vec<u8>) {
    let (option, value) = (args.get(2), args.get(3));
    let name = args.is(2, "LIB-NAME");
    if !name && !args.is(2, "LIB-VER") {
        return (What::Pass, args.bytes().to_vec());
    }
    if !is_plain(value) {
        return (What::Pass, encode(&[b"CLIENT", b"SETINFO", option, BAD]));
    }
    let value = Bytes::copy_from_slice(value);
    (What::Setinfo { name, value }, encode(&[b"CLIENT", b"SETINFO", option, b""]))
}

/// `ON` or `OFF` of something that would change the connection it is asked on.
fn switch(args: &Args<'_>, flag: Flag) -> (What, Vec<u8>) {
    if !args.is(2, "ON") && !args.is(2, "OFF") {
        return (What::Pass, args.bytes().to_vec());
    }
    (What::Set(flag, args.is(2, "ON")), encode(&[b"CLIENT", args.get(1), b"?"]))
}

/// `CLIENT KILL` is asked with every option the client gave, so that the upstream judges them, but
/// about nobody: its own clients are not the ones that are meant.
fn kill(args: &Args<'_>) -> (What, Vec<u8>) {
    if args.len() == 3 {
        let whom = Options::All(Filter::address(args.get(2)));
        return (What::Kill { whom, old: true }, encode(&[b"CLIENT", b"KILL", b"ID", NOBODY]));
    }
    let whom = Filter::parse(args);
    // `SKIPME` ends the list of ids, to which what follows must not be added.
    let mut words: Vec<&[u8]> = vec![b"CLIENT", b"KILL", b"ID", NOBODY, b"SKIPME", b"YES"];
    let known = if let Options::Until(at) = whom { at } else { args.len() };
    let mut in_ids = false;
    for at in 2..known {
        let word = args.get(at);
        let number = integer(word).filter(|_| in_ids);
        in_ids = args.is(at, "ID") || number.is_some();
        words.push(match number {
            Some(1..) => NOBODY,
            // Old servers take 0 for everybody.
            Some(_) => b"-1",
            None => word,
        });
    }
    // An option of which nothing is known here goes on with its value, for its error.
    if known < args.len() {
        let word = args.get(known);
        words.push(if word.first().is_some_and(u8::is_ascii_alphabetic) { word } else { b"?" });
        words.extend(args.iter().nth(known + 1));
    }
    (What::Kill { whom, old: false }, encode(&words))
}

impl Nod {
    /// Whether the client's words are wrong, so that the upstream has to say so.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.what, What::Pass)
    }

    /// It is `EXEC` that runs the command.
    pub(super) fn run_by_exec(&mut self) {
        self.watched = None;
        (self.asker.command, self.asker.bytes, self.asker.arguments) = ("EXEC", 14, 4);
    }

    /// The upstream has answered `frame`: appends what the client gets, and does what was granted.
    pub(super) fn finish(self, client: &Client, frame: &[u8], out: &mut Vec<u8>) -> Settled {
        let wrong = frame.starts_with(b"-ERR syntax error") && matches!(self.what, What::Set(..));
        let refused = matches!(frame.first(), Some(b'-' | b'!')) && !wrong;
        if !refused && !matches!(self.what, What::Pass) {
            if matches!(self.what, What::Info) {
                // Only the upstream knows whether a watched key has changed.
                client.card.set(Flag::Dirty, is_dirty(frame));
            }
            return self.granted(client, out);
        }
        match client.card.proto() {
            Proto::Resp2 => convert(Conversion::Generic, frame, out),
            Proto::Resp3 => out.extend_from_slice(frame),
        }
        Settled::default()
    }

    /// The upstream has nothing against it.
    pub(super) fn granted(self, client: &Client, out: &mut Vec<u8>) -> Settled {
        let card = &client.card;
        let ok = |out: &mut Vec<u8>| out.extend_from_slice(local::OK);
        match self.what {
            What::Pass => reply::error("ERR syntax error", out),
            What::Id => out.extend_from_slice(format!(":{}\r\n", card.id).as_bytes()),
            What::Info => {
                let mut text = String::new();
                render(card, &client.shared.habits().line, &self.asker, Instant::now(), &mut text);
                reply::text(card.proto(), &text, out);
            }
            What::List(Options::All(ref filter)) => self.list(filter, client, out),
            What::Kill { whom: Options::All(ref filter), old } => return self.kill(filter, old, client, out),
            // It knows an option that is not known here: nobody is guessed at.
            What::List(Options::Until(_)) | What::Kill { .. } => reply::error("ERR syntax error", out),
            What::Getname => match &card.names().name {
                none if none.is_empty() => out.extend_from_slice(reply::null(card.proto())),
                name => reply::bulk(name, out),
            },
            What::Setname(name) => {
                card.names().name = name;
                ok(out);
            }
            What::Setinfo { name, value } => {
                let mut names = card.names();
                *(if name { &mut names.lib_name } else { &mut names.lib_ver }) = value;
                ok(out);
            }
            What::Set(flag, on) => {
                card.set(flag, on);
                ok(out);
            }
        }
        Settled::default()
    }

    fn list(&self, filter: &Filter, client: &Client, out: &mut Vec<u8>) {
        let (habits, now) = (client.shared.habits(), Instant::now());
        let line = &habits.line;
        let listed = filter.pick(client.roster.cards(), Dialect::of(line), client.id, now);
        let mut text = String::with_capacity(listed.len() * 384);
        listed.iter().for_each(|card| render(card, line, &self.asker, now, &mut text));
        reply::text(client.card.proto(), &text, out);
    }

    fn kill(&self, filter: &Filter, old: bool, client: &Client, out: &mut Vec<u8>) -> Settled {
        let (habits, now) = (client.shared.habits(), Instant::now());
        let line = &habits.line;
        let spared = filter.skip_me.unwrap_or(true);
        let (mut killed, mut settled) = (0_u64, Settled::default());
        for card in filter.pick(client.roster.cards(), Dialect::of(line), client.id, now) {
            match card.id == client.id {
                true if spared => continue,
                true => settled.last = true,
                false if client.roster.kill(card.id) => settled.orphans.push(card.upstream_id()),
                false => continue,
            }
            killed += 1;
        }
        match (old, killed) {
            (true, 0) => reply::error("ERR No such client", out),
            (true, _) => out.extend_from_slice(local::OK),
            (false, _) => out.extend_from_slice(format!(":{killed}\r\n").as_bytes()),
        }
        settled.orphans.retain(|id| *id > 0);
        settled
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::command::lookup;
    use crate::resp::scan::request::{Limits, RequestScanner};

    /// `line` as the arguments of a request, to look at.
    pub(in crate::session) fn with_args<T>(line: &str, look: impl FnOnce(&Args<'_>) -> T) -> T {
        let bytes = encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        let limits = Limits { max_bulk: 1024, max_multibulk: 64, large: 1024, unauthenticated: false };
        let mut scanner = RequestScanner::default();
        scanner.scan(&bytes, &limits).unwrap();
        look(&scanner.args(&bytes))
    }

    /// The words that are asked for `line`; empty if it needs no nod.
    fn asked(line: &str) -> String {
        let asked = with_args(line, |args| prepare(lookup(args)?, args, 1));
        let request = String::from_utf8(asked.map(|asked| asked.request).unwrap_or_default()).unwrap();
        request.lines().skip(2).step_by(2).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_asked_changes_nothing_that_matters() {
        for (line, expected) in [
            ("GET k", ""),
            ("SELECT 1", ""),
            ("CLIENT UNPAUSE", ""),
            ("CLIENT ID", "CLIENT ID"),
            ("client list", "CLIENT LIST TYPE master"),
            ("CLIENT LIST ID 5", "CLIENT LIST ID 5"),
            ("CLIENT SETNAME me", "CLIENT SETNAME nearside"),
            ("CLIENT SETNAME \u{e9}", "CLIENT SETNAME  "),
            ("CLIENT SETNAME a b", "CLIENT SETNAME a b"),
            ("CLIENT SETINFO lib-name me", "CLIENT SETINFO lib-name "),
            ("CLIENT SETINFO LIB-ver \t", "CLIENT SETINFO LIB-ver  "),
            ("CLIENT SETINFO foo me", "CLIENT SETINFO foo me"),
            ("CLIENT NO-EVICT off", "CLIENT NO-EVICT ?"),
            ("CLIENT NO-EVICT maybe", "CLIENT NO-EVICT maybe"),
            ("CLIENT NO-TOUCH ON", ""),
        ] {
            assert_eq!(asked(line), expected, "{line}");
        }
    }

    /// Whatever is asked, it is about nobody: ids first, closed by an option, and no other id.
    #[test]
    fn no_kill_that_is_asked_can_kill() {
        let nobody = format!("CLIENT KILL ID {} SKIPME YES", String::from_utf8_lossy(NOBODY));
        let id = String::from_utf8_lossy(NOBODY);
        for (line, rest) in [
            ("CLIENT KILL ID 5", format!(" ID {id}")),
            ("CLIENT KILL id 5 6 TYPE normal", format!(" id {id} {id} TYPE normal")),
            ("CLIENT KILL ID 0", " ID -1".into()),
            ("CLIENT KILL ID -7 6", format!(" ID -1 {id}")),
            ("CLIENT KILL ID x", " ID x".into()),
            ("CLIENT KILL 5 6", " ? 6".into()),
            ("CLIENT KILL ID 5 99999999999999999999 6", format!(" ID {id} ? 6")),
            ("CLIENT KILL FOO 5 6 7", " FOO 5".into()),
            ("CLIENT KILL USER u MAXAGE 5 SKIPME no", " USER u MAXAGE 5 SKIPME no".into()),
            ("CLIENT KILL ADDR ID ID 5", format!(" ADDR ID ID {id}")),
            ("CLIENT KILL NOT-ID 5 6", " NOT-ID 5 6".into()),
            ("CLIENT KILL ID 5 ADDR", format!(" ID {id} ADDR")),
        ] {
            assert_eq!(asked(line), format!("{nobody}{rest}"), "{line}");
        }
        assert_eq!(asked("CLIENT KILL 1.2.3.4:5"), format!("CLIENT KILL ID {id}"));
        assert_eq!(asked("CLIENT KILL"), "CLIENT KILL");
    }
}
