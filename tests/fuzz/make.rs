//! Sessions made from a seed.

use nearside::command::{Command, Family, all};

use crate::phrases::{
    AUTH, BAD, BETWEEN, BLOCKING, CLIENTS, ENDLESS, INLINE, KEPT, NOT_TRIED, PLAIN, PUBSUB, SCRIPTS, STATE,
    STEPWISE, TRANSACTION,
};
use crate::say::{Said, Say};
use crate::words::{unescaped, words};

/// A session, and how it is held.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) seed: u64,
    /// Which of the settings of [`crate::rig`] the proxy has.
    pub(crate) setting: usize,
    /// Whether it keeps what it can, from the first read on.
    pub(crate) cached: bool,
    /// How many connections take part.
    pub(crate) connections: usize,
    pub(crate) sending: Sending,
    pub(crate) says: Vec<Say>,
}

impl Session {
    /// Whether something in it makes it impossible to tell which reply answers what.
    pub(crate) fn is_opaque(&self) -> bool {
        let (mut multi, mut silenced) = ([false; 2], [false; 2]);
        self.says.iter().any(|say| {
            let (multi, silenced) = (&mut multi[say.who], &mut silenced[say.who]);
            let name = say.name();
            let silences = name == "CLIENT" && say.has("REPLY") && (say.has("OFF") || say.has("SKIP"));
            let changes = ["SELECT", "HELLO", "AUTH", "MONITOR"].contains(&&*name);
            match &*name {
                "MULTI" => *multi = true,
                "EXEC" | "DISCARD" | "RESET" => *multi = false,
                _ if say.is_raw("MULTI") => *multi = true,
                _ => {}
            }
            *silenced |= silences;
            let subscribes = name.ends_with("SUBSCRIBE") || say.is_raw("SUBSCRIBE");
            (*multi && (silences || subscribes))
                || (*silenced && (subscribes || changes))
                || (silences && self.says.iter().any(|say| say.name().ends_with("SUBSCRIBE")))
        })
    }
}

/// How the bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// One thing, what it brings, the next.
    Stepwise,
    /// All in one write.
    Whole,
    /// In pieces of up to so many bytes.
    Cut(usize),
    /// The same, now and then after a pause in which what has been said is answered.
    Bursts(usize),
}

/// What things are drawn from, and how often.
type Source = (&'static [&'static str], usize);

/// The session of `seed`, for a proxy with one of `settings` settings.
pub(crate) fn session(seed: u64, settings: usize) -> Session {
    let mut random = fastrand::Rng::with_seed(seed);
    let cached = random.u8(..3) > 0;
    let connections = if random.u8(..4) == 0 { 2 } else { 1 };
    let sending = match random.u8(..6) {
        _ if connections > 1 => Sending::Stepwise,
        0 => Sending::Stepwise,
        1 => Sending::Whole,
        2 => Sending::Cut(30),
        3 => Sending::Cut(3000),
        4 => Sending::Bursts(300),
        _ => Sending::Bursts(3000),
    };
    let sources = sources(&mut random, sending, (connections, cached));
    let mut draw = Draw { sources, connections, random };
    let mut says = Vec::new();
    for who in 0..connections {
        if draw.random.bool() {
            says.push(Say::words(who, &["HELLO", "3"]));
        }
    }
    let length = 1 + draw.random.usize(..8) * draw.random.usize(1..6);
    for _ in 0..length {
        let say = draw.say();
        let again = if cached && say.is_kept() { draw.random.usize(..4) } else { 0 };
        says.extend(std::iter::repeat_n(say, 1 + again));
    }
    // Two may need more upstream connections than the last setting has.
    let setting = draw.random.usize(..settings + 1 - connections);
    Session { seed, setting, cached, connections, sending, says }
}

/// Some kinds of things more than others, differently in each session.
fn sources(
    random: &mut fastrand::Rng,
    sending: Sending,
    (connections, cached): (usize, bool),
) -> Vec<Source> {
    let mut sources: Vec<Source> = [PLAIN, TRANSACTION, STATE, CLIENTS, PUBSUB, BLOCKING, SCRIPTS]
        .into_iter()
        .map(|source| (source, [0, 0, 1, 3, 10][random.usize(..5)]))
        .collect();
    sources.extend([(PLAIN, 1), (INLINE, usize::from(random.u8(..4) == 0))]);
    if cached {
        sources.push((KEPT, [3, 10, 30][random.usize(..3)]));
    }
    if sending == Sending::Stepwise {
        sources
            .extend([(STEPWISE, usize::from(random.u8(..4) == 0)), (AUTH, usize::from(random.u8(..4) == 0))]);
    }
    if connections > 1 {
        sources.extend([(BETWEEN, 6), (ENDLESS, random.usize(..2))]);
    }
    sources
}

struct Draw {
    random: fastrand::Rng,
    sources: Vec<Source>,
    connections: usize,
}

impl Draw {
    fn say(&mut self) -> Say {
        let mut who = self.random.usize(..self.connections);
        let said = match self.random.u8(..) {
            0..4 => Said::Raw(unescaped(self.pick(BAD).as_bytes())),
            4..6 => Said::Words(vec![b"QUIT".to_vec()]),
            6..30 => Said::Words(self.tried()),
            30..33 => Said::Words(self.many()),
            _ => {
                let source = self.source();
                if std::ptr::eq(source, ENDLESS) {
                    who = 0;
                }
                let phrase = self.pick(source);
                if std::ptr::eq(source, INLINE) {
                    Said::Raw(unescaped(phrase.as_bytes()))
                } else {
                    Said::Words(self.fill(phrase))
                }
            }
        };
        Say { who, said }
    }

    fn source(&mut self) -> &'static [&'static str] {
        let total: usize = self.sources.iter().map(|(_, weight)| weight).sum();
        let mut at = self.random.usize(..total);
        for (source, weight) in &self.sources {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return source,
            }
        }
        PLAIN
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())]
    }

    /// A phrase with its gaps filled; now and then in another case, or with a word too many or too few.
    fn fill(&mut self, phrase: &str) -> Vec<Vec<u8>> {
        let mut said: Vec<Vec<u8>> = words(phrase.as_bytes()).iter().map(|word| self.gap(word)).collect();
        match self.random.u8(..100) {
            0..5 => said[0].make_ascii_lowercase(),
            5 => said.push(self.gap(b"$w")),
            6 if said.len() > 1 => _ = said.pop(),
            _ => {}
        }
        said
    }

    fn gap(&mut self, word: &[u8]) -> Vec<u8> {
        let n = self.random.u8(..3);
        match word {
            b"$k" => match self.random.u8(..8) {
                0 => self.pick(&["l0", "h0", "s0", "z0", "x0", "big", "long"]).into(),
                1 => self.pick(&["", "a key", "k\0\r\n"]).into(),
                _ => format!("k{n}").into_bytes(),
            },
            b"$l" | b"$h" | b"$s" | b"$z" | b"$x" if self.random.u8(..16) > 0 => {
                format!("{}{}", char::from(word[1]), n % 2).into_bytes()
            }
            b"$l" | b"$h" | b"$s" | b"$z" | b"$x" => b"k0".to_vec(),
            b"$v" => self.value(),
            b"$n" => {
                self.pick(&["0", "1", "2", "3", "7", "-1", "100", "5000", "x", "99999999999999999999"]).into()
            }
            b"$f" => self.pick(&["f", "g", "h", "", "5", "1.5"]).into(),
            b"$c" => format!("c{n}").into_bytes(),
            b"$p" => self.pick(&["c*", "c?", "*", "c[01]", "none"]).into(),
            b"$w" => self.pick(&["tom", "a b", "", "x", "1", "ON", "OFF", "0", "a\nb"]).into(),
            b"$id" => format!("$id{}", self.random.usize(..self.connections)).into_bytes(),
            _ => word.to_vec(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let size = match self.random.u8(..20) {
            0 => 30_000,
            1..3 => 1500,
            3 => 0,
            _ => 1 + self.random.usize(..20),
        };
        match self.random.u8(..3) {
            0 => self.random.i32(-5..2000).to_string().into_bytes(),
            1 => (0..size).map(|at| b'a' + u8::try_from(at % 26).unwrap_or(0)).collect(),
            _ => (0..size).map(|_| self.random.u8(..)).collect(),
        }
    }

    /// A command of the table with anything for arguments.
    fn tried(&mut self) -> Vec<Vec<u8>> {
        let is_tried = |command: &&'static Command| {
            let container = command.name.split('|').next().unwrap_or_default();
            !NOT_TRIED.contains(&container) && command.family != Family::Cluster
        };
        let rows: Vec<&Command> = all().filter(is_tried).collect();
        let row = self.pick(&rows);
        let mut said: Vec<Vec<u8>> = row.name.split('|').map(|word| word.as_bytes().to_vec()).collect();
        let least = usize::from(row.arity.unsigned_abs()).saturating_sub(said.len());
        let count = (least + self.random.usize(..3)).saturating_sub(usize::from(self.random.u8(..8) == 0));
        for _ in 0..count {
            let gap =
                self.pick(&["$k", "$k", "$l", "$h", "$s", "$z", "$x", "$v", "$n", "$n", "$f", "$c", "$w"]);
            said.push(self.gap(gap.as_bytes()));
        }
        // Nothing here waits for long.
        if row.name.starts_with('B') || row.name == "WAIT" || row.name == "WAITAOF" {
            said.push(b"x".to_vec());
        }
        said
    }

    /// Many arguments.
    fn many(&mut self) -> Vec<Vec<u8>> {
        let name = self.pick(&[
            "DEL",
            "MGET",
            "nosuch",
            "SUBSCRIBE",
            "PING",
            "SADD",
            "MULTI",
            "ECHO",
            "WATCH",
            "RPUSH",
        ]);
        let count = self.pick(&[20, 200, 3000]);
        let mut said = vec![name.as_bytes().to_vec()];
        said.extend((0..count).map(|n| format!("m{}", n % 50).into_bytes()));
        said
    }
}

/// Whether it is no request.
pub(crate) fn is_bad(say: &Say) -> bool {
    matches!(&say.said, Said::Raw(bytes) if BAD.iter().any(|bad| unescaped(bad.as_bytes()) == *bytes))
}
