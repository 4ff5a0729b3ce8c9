//! Random rules, and random requests for every row of the table.

use std::rc::Rc;

use fastrand::Rng;
use nearside::command::{Category, Command, Keys, Route, named};

pub(crate) struct Maker {
    rng: Rng,
    /// Commands the server has too.
    known: Rc<[String]>,
    /// Commands the rules speak of; most requests are for these.
    named: Vec<String>,
    /// What the conversion tests say.
    said: Rc<[Vec<String>]>,
}

const PATTERNS: [&str; 20] = [
    "*", "a*", "b*", "ab", "a", "?", "a?", "[ab]", "[^a]*", "[a-c]b", "*b", "**", "\\*", "a\\", "[", "[a",
    "", "*a*b", "k", "d",
];
const KEYS: [&str; 14] = ["a", "b", "ab", "aab", "abb", "c", "", "*", "[", "k", "d", "cb", "a\\", "\\"];
/// Of these, any text may be made.
const LETTERS: [char; 11] = ['a', 'b', 'c', '*', '?', '[', ']', '^', '-', '\\', 'a'];
const PASSWORDS: [&str; 3] = ["one", "two", ""];
const HASH: &str = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";

impl Maker {
    pub(crate) fn new(seed: u64, known: Rc<[String]>, said: Rc<[Vec<String>]>) -> Self {
        Self { rng: Rng::with_seed(seed), known, named: Vec::new(), said }
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.rng.usize(..from.len())]
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    fn glob(&mut self) -> String {
        if self.one_in(3) { self.letters() } else { self.pick(&PATTERNS).to_owned() }
    }

    fn key(&mut self) -> String {
        if self.one_in(5) { self.letters() } else { self.pick(&KEYS).to_owned() }
    }

    fn letters(&mut self) -> String {
        (0..self.rng.usize(..6)).map(|_| LETTERS[self.rng.usize(..LETTERS.len())]).collect()
    }

    /// The rules of a user.
    pub(crate) fn rules(&mut self) -> String {
        let mut rules: Vec<String> = Vec::new();
        // Or else most requests would be decided by their command.
        if self.one_in(2) {
            rules.push("+@all".to_owned());
        }
        for _ in 0..self.rng.usize(..10) {
            let rule = if self.one_in(4) { self.rule_of_user() } else { self.rule() };
            rules.push(rule);
        }
        // Redis 7.0 forgets one that opens inside another, so there is nothing after it.
        if self.one_in(30) {
            rules.push(self.pick(&["(", "(~a", "(+get"]).to_owned());
        }
        rules.join(" ")
    }

    fn rule_of_user(&mut self) -> String {
        match self.rng.u32(..15) {
            0 | 1 => self.pick(&["on", "ON", "off"]).to_owned(),
            2 => self.pick(&["nopass", "resetpass", "sanitize-payload", "skip-sanitize-payload"]).to_owned(),
            3 | 4 => format!(">{}", self.pick(&PASSWORDS)),
            5 => format!("#{HASH}"),
            6 if self.one_in(3) => format!("<{}", self.pick(&PASSWORDS)),
            7 if self.one_in(3) => format!("!{HASH}"),
            8 if self.one_in(3) => {
                self.pick(&["#12", "!x", "foo", ")", "()", "+", "-", "%", "&", "~"]).to_owned()
            }
            9 if self.one_in(2) => self.pick(&["clearselectors", "reset", "RESET"]).to_owned(),
            _ => {
                let inner: Vec<String> = (0..self.rng.usize(1..6)).map(|_| self.rule()).collect();
                format!("({})", inner.join(" "))
            }
        }
    }

    /// A rule that a selector may hold.
    fn rule(&mut self) -> String {
        match self.rng.u32(..24) {
            0 | 1 => format!("~{}", self.glob()),
            2 => format!("{}{}", self.pick(&["%R~", "%r~", "%W~", "%RW~", "%wR~"]), self.glob()),
            3 => format!("%R~{}", self.pick(&["*", "a*"])),
            4 if self.one_in(12) => self.pick(&["%~a", "%RR~a", "%X~a", "%R", "%R~", "%RWR~a"]).to_owned(),
            5 | 6 => format!("&{}", self.glob()),
            7 if self.one_in(4) => {
                self.pick(&["allkeys", "resetkeys", "allchannels", "resetchannels", "AllKeys"]).to_owned()
            }
            8 | 9 => self.pick(&["+@all", "-@all", "allcommands", "nocommands", "+@ALL"]).to_owned(),
            10..=14 => {
                let category = Category::ALL[self.rng.usize(..Category::ALL.len())].name();
                format!("{}@{category}", self.pick(&["+", "+", "-"]))
            }
            15 if self.one_in(10) => {
                self.pick(&["+nosuch", "-nosuch|x", "+@nosuch", "-@", "+|", "+get|"]).to_owned()
            }
            16 if self.one_in(3) => {
                let name = self.command();
                self.pick(&["+N|a", "-N|a", "+N|0", "+N|get|x", "+N|A", "+N|"]).replace('N', &name)
            }
            _ => format!("{}{}", self.pick(&["+", "+", "-"]), self.command()),
        }
    }

    /// The name of a command in a rule.
    fn command(&mut self) -> String {
        let favourites =
            ["get", "set", "config|get", "config", "subscribe", "psubscribe", "select", "sort", "publish"];
        let name = match self.one_in(3) {
            true => self.pick(&favourites).to_owned(),
            false => self.known[self.rng.usize(..self.known.len())].clone(),
        };
        self.named.push(name.clone());
        if self.one_in(8) { name.to_ascii_uppercase() } else { name }
    }

    /// A request, for any command that both sides know.
    pub(crate) fn request(&mut self) -> Vec<String> {
        if self.one_in(10) {
            let said = self.said.clone();
            return said[self.rng.usize(..said.len())].clone();
        }
        loop {
            let name = match self.named.is_empty() || self.one_in(2) {
                true => self.known[self.rng.usize(..self.known.len())].clone(),
                false => self.named[self.rng.usize(..self.named.len())].clone(),
            };
            match named(&name) {
                Some(row) if row.route != Route::Container => return self.request_for(row),
                _ => {}
            }
        }
    }

    fn request_for(&mut self, row: &'static Command) -> Vec<String> {
        let mut words: Vec<String> = row.name.split('|').map(str::to_ascii_lowercase).collect();
        let least = usize::from(row.arity.unsigned_abs());
        let most = if row.arity < 0 { least + 4 } else { least };
        match row.keys {
            Keys::None | Keys::Range { .. } | Keys::Channels { .. } => {
                // Every argument may be a key; those that are none do not matter, or are options.
                let many = self.rng.usize(least..=most);
                while words.len() < many {
                    let option = self.pick(&["get", "GET", "store", "overflow", "u8", "0", "incrby", "keys"]);
                    let word = if words.len() > 1 && self.one_in(3) { option.to_owned() } else { self.key() };
                    words.push(word);
                }
            }
            Keys::Counted { at, step } => self.counted(&mut words, at.into(), step.into()),
            Keys::Declared { at } => self.counted(&mut words, at.into(), 1),
            Keys::StoreCounted => {
                words.push(self.key());
                self.counted(&mut words, 2, 1);
            }
            Keys::Streams => {
                if row.name == "XREADGROUP" {
                    words.extend(["GROUP", "g", "c"].map(str::to_owned));
                }
                if self.one_in(2) {
                    words.extend(["COUNT", "1"].map(str::to_owned));
                }
                words.push("STREAMS".to_owned());
                let keys = self.rng.usize(1..4);
                words.extend((0..keys).map(|_| self.key()));
                words.extend((0..keys).map(|_| "0".to_owned()));
            }
            Keys::Sort => {
                words.push(self.key());
                for _ in 0..self.rng.usize(..3) {
                    let options = ["BY w*", "GET #", "ASC", "LIMIT 0 1", "BY store", "GET get"];
                    words.extend(self.pick(&options).split(' ').map(str::to_owned));
                }
                if row.name == "SORT" && self.one_in(2) {
                    words.extend(["STORE".to_owned(), self.key()]);
                }
            }
            Keys::GeoStore => {
                words.push(self.key());
                let place = if row.name == "GEORADIUS" { "1 2 3 km" } else { "m 3 km" };
                words.extend(place.split(' ').map(str::to_owned));
                if self.one_in(2) {
                    words.extend([self.pick(&["STORE", "storedist"]).to_owned(), self.key()]);
                }
            }
            Keys::Migrate => {
                let many = self.one_in(2);
                let key = if many { String::new() } else { format!("a{}", self.key()) };
                words.extend(["h".to_owned(), "1".to_owned(), key, "0".to_owned(), "5".to_owned()]);
                if self.one_in(2) {
                    words.extend(["COPY", "AUTH", "keys"].map(str::to_owned));
                }
                if many {
                    words.push("KEYS".to_owned());
                    words.extend((0..self.rng.usize(1..3)).map(|_| self.key()));
                }
            }
        }
        while words.len() < least {
            words.push("0".to_owned());
        }
        words
    }

    /// Filler up to `at`, a number there, and as many keys.
    fn counted(&mut self, words: &mut Vec<String>, at: usize, step: usize) {
        while words.len() < at {
            words.push("0".to_owned());
        }
        let keys = self.rng.usize(1..4);
        words.push(keys.to_string());
        words.extend((0..keys * step).map(|_| self.key()));
        words.extend((0..self.rng.usize(..3)).map(|_| "x".to_owned()));
    }
}
