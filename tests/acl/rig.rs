//! A server, and what it says of users.

use std::collections::BTreeSet;
use std::rc::Rc;

use nearside::policy::acl::{Dialect, RuleError, User};
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};

use crate::server::{Client, Server};
use crate::talks;

pub(crate) struct Rig {
    client: Client,
    /// The commands it has, as ACL rules name them.
    pub(crate) known: Rc<[String]>,
    /// What the conversion tests say, without the command whose categories differ.
    pub(crate) said: Rc<[Vec<String>]>,
    pub(crate) dialect: Dialect,
    pub(crate) refused: u64,
    pub(crate) allowed: u64,
    pub(crate) tried: u64,
    _server: Server,
}

/// The answer to `ACL DRYRUN`.
pub(crate) enum Answer {
    /// Not a question: no such command, wrong number of arguments.
    Refused,
    /// `OK`, or why not.
    Said(Vec<u8>),
}

impl Rig {
    pub(crate) fn start(binary: &str) -> Self {
        let server = Server::start(binary, false);
        let mut client = server.connect("2");
        let (list, _) = decode(&client.say(&["COMMAND", "LIST"])).unwrap().unwrap();
        let mut known: BTreeSet<String> = texts(&list).into_iter().collect();
        let containers: Vec<String> = known.iter().cloned().collect();
        for name in containers {
            let (info, _) = decode(&client.say(&["COMMAND", "INFO", &name])).unwrap().unwrap();
            known.extend(subcommands(&info));
        }
        let is_old = String::from_utf8_lossy(&client.say(&["INFO", "SERVER"])).contains("redis_version:7.0");
        let said = talks::TALKS.iter().flat_map(|talk| talks::lines(talk));
        // The one whose categories differ.
        known.retain(|name| name != "wait");
        Self {
            client,
            known: known.into_iter().collect(),
            said: said.map(|(_, words)| words).filter(|words| words[0] != "WAIT").collect(),
            dialect: if is_old { Dialect::Redis70 } else { Dialect::Newer },
            refused: 0,
            allowed: 0,
            tried: 0,
            _server: server,
        }
    }

    /// Makes the user anew; the error, if it is refused.
    pub(crate) fn set_user(&mut self, name: &str, rules: &str) -> Option<String> {
        self.client.say(&["ACL", "DELUSER", name]);
        let words: Vec<&str> = ["ACL", "SETUSER", name].into_iter().chain(rules.split_whitespace()).collect();
        let reply = String::from_utf8(self.client.say(&words)).unwrap();
        (reply != "+OK\r\n").then_some(reply)
    }

    pub(crate) fn dry_run(&mut self, name: &str, words: &[String]) -> Answer {
        let words: Vec<&str> =
            ["ACL", "DRYRUN", name].into_iter().chain(words.iter().map(String::as_str)).collect();
        match decode(&self.client.say(&words)).unwrap().unwrap().0 {
            OwnedFrame::SimpleString(said) | OwnedFrame::BulkString(said) => Answer::Said(said),
            OwnedFrame::Error(_) => Answer::Refused,
            other => panic!("{other:?}"),
        }
    }

    /// How the server's line of `user`, whose rules `said` are, is not the one `user` gives. Redis 7.0 words the commands anew, so
    /// what our words make of a second user must be the same as the first.
    pub(crate) fn described(&mut self, said: &str, user: &User) -> Option<String> {
        let ours = user.describe();
        let theirs = self.line("app");
        if ["w~*", "wr~*"].iter().any(|rule| said.to_ascii_lowercase().contains(rule)) {
            // `%RW~*` is not `~*` but is shown as such.
            return None;
        }
        let (_, rules) = ours.split_once("app ").unwrap();
        if let Some(error) = self.set_user("again", rules) {
            return Some(format!("{ours}: {error}"));
        }
        let again = self.line("again").replace("user again", "user app");
        // First arguments keep their capitals in Redis 7.0 only.
        if !again.eq_ignore_ascii_case(&theirs) {
            return Some(format!("{again}, not {theirs}, after {ours}"));
        }
        let again = User::parse("app", rules).map(|user| user.describe());
        if again.as_ref() != Ok(&ours) {
            return Some(format!("{again:?}, not {ours}"));
        }
        let comparable = |line: &str| {
            // Redis 8 says what is the default, Valkey neither word.
            let line = line.replace(" sanitize-payload", "").replace(" skip-sanitize-payload", "");
            match self.dialect {
                Dialect::Newer => line,
                Dialect::Redis70 => line.split(['+', '-']).next().unwrap_or_default().to_owned(),
            }
        };
        (comparable(&ours) != comparable(&theirs)).then(|| format!("{ours}, not {theirs}"))
    }

    fn line(&mut self, name: &str) -> String {
        let (list, _) = decode(&self.client.say(&["ACL", "LIST"])).unwrap().unwrap();
        texts(&list).into_iter().find(|line| line.starts_with(&format!("user {name} "))).unwrap()
    }
}

/// Whether both errors give the same reason; ours may say more, and show less of the rule.
pub(crate) fn same_reason(ours: &RuleError, theirs: &str) -> bool {
    match ours {
        RuleError::Modifier { why, .. } => theirs.trim_end().ends_with(&format!("': {why}")),
        other => theirs.trim_end() == format!("-ERR {other}"),
    }
}

fn subcommands(info: &OwnedFrame) -> Vec<String> {
    let OwnedFrame::Array(commands) = info else { return Vec::new() };
    let Some(OwnedFrame::Array(columns)) = commands.first() else { return Vec::new() };
    let Some(OwnedFrame::Array(subs)) = columns.get(9) else { return Vec::new() };
    subs.iter()
        .filter_map(|sub| match sub {
            OwnedFrame::Array(columns) => Some(text(&columns[0])),
            _ => None,
        })
        .collect()
}

fn texts(frame: &OwnedFrame) -> Vec<String> {
    match frame {
        OwnedFrame::Array(frames) => frames.iter().map(text).collect(),
        other => panic!("no array: {other:?}"),
    }
}

fn text(frame: &OwnedFrame) -> String {
    match frame {
        OwnedFrame::SimpleString(bytes) | OwnedFrame::BulkString(bytes) => {
            String::from_utf8(bytes.clone()).unwrap()
        }
        other => panic!("no text: {other:?}"),
    }
}
