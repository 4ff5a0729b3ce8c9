//! Do the rules hold inside scripts? Nobody here sees what a script calls: only the upstream can refuse it
//! there, by its ACL. It is asked what it would refuse (`ACL DRYRUN`), and what is left open is said, with the
//! line that closes it.

use crate::command::{Command, Route};
use crate::resp::rename::Names;
use crate::resp::request::encode;
use crate::resp::scan::reply::{Fed, ReplyScanner};

/// A script cannot call a command with this flag, whatever the ACL says.
const NOT_FROM_SCRIPTS: &[u8] = b"+noscript\r\n";

/// What to ask the upstream about its user.
#[derive(Debug)]
pub struct Inside {
    user: String,
    /// Commands that are blocked here, each with the words it is asked by.
    asked: Vec<(&'static Command, Vec<String>)>,
}

/// What the upstream has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// No script can run what is blocked.
    Closed,
    /// Scripts can run these.
    Open {
        /// Their names.
        commands: Vec<&'static str>,
        /// What to say to the upstream so that they cannot.
        line: String,
    },
    /// It cannot be known, for this reason.
    Unknown(String),
}

impl Inside {
    /// About `commands`, which the upstream knows by its own `names`. `None`: there is nothing to ask.
    pub(super) fn new(
        user: &str,
        commands: impl Iterator<Item = &'static Command>,
        names: Option<&Names>,
    ) -> Option<Self> {
        // Of a container only its subcommands do anything, and nobody can call what is ours or handshakes.
        let leads = |command: &&Command| !matches!(command.route, Route::Container | Route::Refused);
        let asked: Vec<_> = commands.filter(leads).map(|command| (command, words(command, names))).collect();
        (!asked.is_empty()).then(|| Self { user: user.to_owned(), asked })
    }

    /// The questions, in order.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        let mut info = vec!["COMMAND".to_owned(), "INFO".to_owned()];
        info.extend(self.asked.iter().map(|(command, words)| full_name(command, words)));
        let dryrun = |(_, words): &(_, Vec<String>)| {
            let asks = ["ACL", "DRYRUN", &self.user].into_iter();
            request(&asks.chain(words.iter().map(String::as_str)).collect::<Vec<_>>())
        };
        let info = request(&info.iter().map(String::as_str).collect::<Vec<_>>());
        std::iter::once(info).chain(self.asked.iter().map(dryrun)).collect()
    }

    /// What the `answers` to them say.
    pub fn judge<T: AsRef<[u8]>>(&self, answers: &[T]) -> Hold {
        let Some((info, rest)) = answers.split_first() else { return Hold::Unknown("no answer".into()) };
        let known = elements(info.as_ref());
        let mut open = Vec::new();
        for (at, (command, _)) in self.asked.iter().enumerate() {
            let answer = rest.get(at).map(AsRef::as_ref).unwrap_or_default();
            match judge_one(answer) {
                Ok(true) if may_be_called(known.get(at).copied()) => open.push(command.name),
                Ok(_) => {}
                Err(why) => return Hold::Unknown(why),
            }
        }
        if open.is_empty() {
            return Hold::Closed;
        }
        let less: String = open.iter().map(|name| format!(" -{}", name.to_ascii_lowercase())).collect();
        Hold::Open { commands: open, line: format!("ACL SETUSER {}{less}", self.user) }
    }
}

/// Whether a command with this entry of `COMMAND INFO` can be called from a script, as far as is known.
fn may_be_called(entry: Option<&[u8]>) -> bool {
    entry.is_none_or(|entry| {
        !entry.starts_with(b"*-1")
            && !entry.starts_with(b"_")
            && !entry.windows(NOT_FROM_SCRIPTS.len()).any(|window| window == NOT_FROM_SCRIPTS)
    })
}

/// Whether the answer to an `ACL DRYRUN` says that the user could run it, on some key or another.
fn judge_one(answer: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(answer);
    match answer.first() {
        Some(b'+') => Ok(true),
        Some(b'$' | b'=') => Ok(!text.contains(" to run the ")),
        Some(b'-') if text.contains("not found") && !text.contains("User") => Ok(false),
        Some(b'-') if text.starts_with("-ERR wrong number of arguments for") => Ok(true),
        Some(b'-') => Err(text.trim_start_matches('-').trim_end().to_owned()),
        _ => Err("no answer".into()),
    }
}

/// A request of as many words as `command` takes.
fn words(command: &Command, names: Option<&Names>) -> Vec<String> {
    let mut words: Vec<String> = command.name.split('|').map(str::to_owned).collect();
    if let Some(theirs) = names.and_then(|names| names.translate(words.first()?.as_bytes())) {
        words[0] = String::from_utf8_lossy(&theirs).into_owned();
    }
    words.resize(usize::from(command.arity.unsigned_abs()).max(words.len()), "0".into());
    words
}

/// Its name as `COMMAND INFO` takes it.
fn full_name(command: &Command, words: &[String]) -> String {
    words[..=command.name.matches('|').count()].join("|")
}

fn request(words: &[&str]) -> Vec<u8> {
    encode(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
}

/// The elements of an array.
fn elements(reply: &[u8]) -> Vec<&[u8]> {
    let start = reply.iter().position(|byte| *byte == b'\n').filter(|_| reply.starts_with(b"*"));
    let (mut found, mut at) = (Vec::new(), start.map_or(reply.len(), |line| line + 1));
    while let Ok(Fed::Whole(len)) = ReplyScanner::default().feed(&reply[at..]) {
        found.push(&reply[at..at + len]);
        at += len;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::named;

    fn inside(names: &[&str]) -> Inside {
        Inside::new("app", names.iter().filter_map(|name| named(name)), None).unwrap()
    }

    const INFO: &[u8] = b"*2\r\n*2\r\n$8\r\nflushall\r\n*1\r\n+write\r\n*2\r\n$8\r\nshutdown\r\n*2\r\n+admin\r\n+noscript\r\n";

    #[test]
    fn each_is_asked_with_as_many_words_as_it_takes() {
        let requests = inside(&["MODULE|LOAD", "SWAPDB"]).requests();
        let lines: Vec<String> = requests
            .iter()
            .map(|bytes| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                text.lines().skip(2).step_by(2).collect::<Vec<_>>().join(" ")
            })
            .collect();
        let asked =
            ["COMMAND INFO MODULE|LOAD SWAPDB", "ACL DRYRUN app MODULE LOAD 0", "ACL DRYRUN app SWAPDB 0 0"];
        assert_eq!(lines, asked);
        assert!(Inside::new("app", named("CONFIG").into_iter(), None).is_none());
    }

    #[test]
    fn what_a_script_could_run_is_open() {
        let (all, inside) = (b"+OK\r\n", inside(&["FLUSHALL", "SHUTDOWN"]));
        let open = Hold::Open { commands: vec!["FLUSHALL"], line: "ACL SETUSER app -flushall".into() };
        assert_eq!(inside.judge(&[INFO, all, all]), open);
        let denied = b"$58\r\nUser app has no permissions to run the 'flushall' command\r\n";
        assert_eq!(inside.judge(&[INFO, denied, all]), Hold::Closed);
        let other_keys = b"$58\r\nUser app has no permissions to access the '0' key\r\n";
        assert_eq!(inside.judge(&[INFO, other_keys, all]), open);
        assert_eq!(inside.judge(&[INFO, b"-ERR Command 'flushall' not found\r\n", all]), Hold::Closed);
        for unknown in [
            &b"-NOPERM no\r\n"[..],
            b"-ERR unknown subcommand 'DRYRUN'\r\n",
            b"-ERR User 'app' not found\r\n",
        ] {
            assert!(matches!(inside.judge(&[INFO, unknown, all]), Hold::Unknown(_)));
        }
    }
}
