//! What sessions ask for, and what an answer says about the server.

use super::server::{Moment, Reg, field, string};

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On the lane, or from memory.
    Read,
    /// On the lane; writes what it names.
    Write,
    /// On the lane; writes anything.
    Script,
    /// On a connection of the session's own: a transaction that writes what it names.
    Exec,
    /// There: a read inside of `WATCH`.
    Peek,
    /// There: waits for a list, or writes anything. Tells others that something has happened.
    Signal,
    /// There: changes everything.
    Global,
    /// The session goes to the other database.
    Select,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) kind: Kind,
    pub(super) db: usize,
    pub(super) text: String,
}

/// What a reply says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) values: Vec<(Reg, Option<Moment>)>,
    /// How many of these are there, each string as often as it is named.
    pub(super) count: Option<(Vec<Reg>, usize)>,
}

impl Op {
    pub(super) fn on_lane(&self) -> bool {
        matches!(self.kind, Kind::Read | Kind::Write | Kind::Script)
    }

    fn words(&self) -> Vec<&str> {
        self.text.split(' ').collect()
    }

    /// The keys it says it writes.
    pub(super) fn writes(&self) -> Vec<&str> {
        let words = self.words();
        match words[..] {
            ["MSET", ..] => words[1..].to_vec(),
            ["EXEC", _, ..] => words[2..].to_vec(),
            _ => words[1..2].to_vec(),
        }
    }

    /// What `reply` to this read says.
    pub(super) fn seen(&self, reply: &[u8]) -> Seen {
        let text = String::from_utf8_lossy(reply);
        let mut lines = text.split("\r\n");
        let mut value = move || match lines.next()? {
            "_" => Some(None),
            line if line.starts_with('$') => Some(Some(lines.next()?.to_owned())),
            line => Some(Some(line.to_owned())),
        };
        let moment = |value: Option<Option<String>>| value.flatten().and_then(|text| text.parse().ok());
        let mut seen = Seen::default();
        match self.words()[..] {
            ["GET", name] => seen.values.push((string(self.db, name), moment(value()))),
            ["HGET", _, name] => seen.values.push((field(self.db, name), moment(value()))),
            ["MGET", ref names @ ..] => {
                value();
                seen.values.extend(names.iter().map(|name| (string(self.db, name), moment(value()))));
            }
            ["EXISTS", ref names @ ..] => {
                let count = value().flatten().and_then(|text| text[1..].parse().ok()).unwrap_or(0);
                seen.count = Some((names.iter().map(|name| string(self.db, name)).collect(), count));
            }
            ["HGETALL", _] => {
                value();
                let mut all = vec![(field(self.db, "f"), None), (field(self.db, "g"), None)];
                while let Some(Some(name)) = value().filter(|name| name.as_deref() != Some("")) {
                    let reg = field(self.db, &name);
                    let found = moment(value());
                    all.iter_mut().filter(|(other, _)| *other == reg).for_each(|(_, value)| *value = found);
                }
                seen.values = all;
            }
            _ => {}
        }
        seen
    }
}
