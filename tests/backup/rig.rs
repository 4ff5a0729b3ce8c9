//! A Nearside with a server of its own, data of every kind in it, and the two commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{Dir, Place, Run, Talk, binary, signal};

/// A data directory, and how Nearside is run on it.
pub(crate) struct Home {
    pub(crate) dir: Dir,
    pub(crate) server: String,
    pub(crate) appendonly: bool,
}

/// A Nearside that runs there.
pub(crate) struct Near {
    pub(crate) run: Run,
    place: Place,
}

impl Home {
    pub(crate) fn new(server: &str, appendonly: bool) -> Self {
        Self { dir: Dir::new(), server: server.to_owned(), appendonly }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The program with the settings of this place.
    pub(crate) fn nearside(&self) -> Command {
        self.nearside_in(&self.data())
    }

    pub(crate) fn nearside_in(&self, data: &Path) -> Command {
        let mut command = binary();
        let appendonly = if self.appendonly { "yes" } else { "no" };
        command.args(["--server", &self.server, "--set", &format!("embedded.appendonly={appendonly}")]);
        command.arg("--data-dir").arg(data);
        command
    }

    pub(crate) fn start(&self) -> Near {
        let socket = self.dir.join("n");
        let listen = format!("unix:{}", socket.display());
        let mut run = Run::start(self.nearside().args(["--listen", &listen, "--admin-listen", "none"]));
        run.says("listening on");
        Near { run, place: Place::Unix(socket) }
    }

    pub(crate) fn backup(&self, to: &Path) -> Output {
        self.nearside().arg("backup").arg(to).output().expect("it runs")
    }

    pub(crate) fn restore(&self, from: &Path) -> Output {
        self.nearside().arg("restore").arg(from).output().expect("it runs")
    }

    /// Where the data is that restores replaced, the oldest first.
    pub(crate) fn replaced(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = names(&self.data())
            .iter()
            .filter(|name| name.starts_with("replaced-"))
            .map(|name| self.data().join(name))
            .collect();
        found.sort();
        found
    }
}

impl Near {
    pub(crate) fn connect(&self) -> Talk {
        Talk::connect(&self.place)
    }

    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    pub(crate) fn stop(mut self) {
        signal(self.run.pid(), "TERM");
        assert!(self.run.end().success(), "{:#?}", self.run.said);
    }
}

/// The names in a directory.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Says what it did, and ended well.
#[track_caller]
pub(crate) fn good(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// Says why not, and ended with `code`.
#[track_caller]
pub(crate) fn bad(output: &Output, code: i32) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert!(err.starts_with("nearside: "), "{err}");
    err.into_owned()
}

/// Puts values of every type there, in two databases, some with a time to live; `mark` is in all of them.
pub(crate) fn fill(talk: &mut Talk, mark: &str) {
    let big = format!("{mark}{}", "x".repeat(100_000));
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut say = |line: &str| all.push(line.split(' ').map(str::to_owned).collect());
    say("DEL list set hash zset stream long:hash");
    say(&format!("SET text {mark}"));
    say(&format!("SET big {big}"));
    say(&format!("SET fleeting {mark} PXAT 4102444800000"));
    say(&format!("RPUSH list a b {mark}"));
    say(&format!("SADD set 1 2 {mark}"));
    say(&format!("HSET hash f 1 g {mark}"));
    say(&format!("ZADD zset 1 a 2.5 {mark}"));
    say(&format!("XADD stream 1-1 f {mark}"));
    say("PEXPIREAT hash 4102444800001");
    for n in 0..300 {
        say(&format!("HSET long:hash {n} {mark}"));
        say(&format!("SET key:{n} {mark}"));
    }
    say("SELECT 5");
    say(&format!("SET elsewhere {mark}"));
    say("SELECT 0");
    for words in &all {
        talk.say(words);
    }
    for words in &all {
        let reply = talk.reply();
        assert!(!reply.starts_with(b"-"), "{words:?}: {}", reply.escape_ascii());
    }
}

/// Everything there is, in a form to compare; without the keys that `load` writes.
pub(crate) fn contents(talk: &mut Talk) -> Vec<String> {
    let mut all = Vec::new();
    for db in ["0", "5"] {
        talk.ask(&["SELECT", db]);
        for key in strings(&talk.ask(&["KEYS", "*"])) {
            if key.starts_with("load:") {
                continue;
            }
            let kind = talk.ask_text(&["TYPE", &key]);
            let words: &[&str] = match kind.trim_end() {
                "+string" => &["GET", &key],
                "+list" => &["LRANGE", &key, "0", "-1"],
                "+set" => &["SMEMBERS", &key],
                "+hash" => &["HGETALL", &key],
                "+zset" => &["ZRANGE", &key, "0", "-1", "WITHSCORES"],
                "+stream" => &["XRANGE", &key, "-", "+"],
                other => panic!("{key} is of type {other}"),
            };
            let mut values = strings(&talk.ask(words));
            // The order of hash tables is not kept.
            if matches!(kind.trim_end(), "+set" | "+hash") {
                values.sort();
            }
            let ends = talk.ask_text(&["PEXPIRETIME", &key]);
            all.push(format!("{db} {key} {} {} {values:?}", kind.trim_end(), ends.trim_end()));
        }
    }
    talk.ask(&["SELECT", "0"]);
    all.sort();
    all
}

/// The texts in a reply, whatever their arrangement.
fn strings(reply: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(reply);
    let lines = text.split("\r\n").filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with('*') && !line.starts_with('$')).map(str::to_owned).collect()
}

/// The number a key holds.
pub(crate) fn number(talk: &mut Talk, key: &str) -> u64 {
    let text = talk.ask_text(&["GET", key]);
    text.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0)
}
