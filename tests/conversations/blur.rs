//! What of a reply is not compared.

use crate::frame::Frame;
use crate::permitted::PERMITTED;
use crate::varies::VARIES;

/// What `CLIENT LIST` says of a client whoever it is connected to.
const SAME_OF_CLIENT: [&str; 12] =
    ["name", "flags", "db", "sub", "psub", "ssub", "multi", "cmd", "user", "resp", "lib-name", "lib-ver"];

/// What an entry of `ACL LOG` says of time and connection.
pub(crate) const OF_ENTRIES: &[&str] =
    &["client-info", "age-seconds", "entry-id", "timestamp-created", "timestamp-last-updated"];

/// A rule about the replies to one command.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The command's first words.
    pub(crate) command: &'static str,
    /// What is left out of the comparison.
    pub(crate) blur: Blur,
    /// Why.
    pub(crate) reason: &'static str,
}

/// What of a reply is not compared. Errors always are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Blur {
    /// Nothing: all is compared.
    Nothing,
    /// Numbers, alone or as texts.
    Numbers,
    /// What follows one of these texts in a list or map.
    After(&'static [&'static str]),
    /// Numbers anywhere in texts, and lengths of texts.
    Shape,
    /// Everything but the types of all elements, and how many there are.
    Types,
    /// Everything but the type of the whole.
    Type,
    /// Most of what is said of a client, in the last line; the others are left out.
    Client,
    /// Most of what is said of a client in each line.
    Clients,
    /// The order of elements, and of theirs.
    Order,
    /// `INFO`: values, Nearside's section, and sections about what commands had been run.
    Info,
    /// `SLOWLOG GET`: numbers, and whose the entries are.
    Slowlog,
    /// `MONITOR`: the time, and where the client is.
    Monitor,
    /// Nearside refuses what the server does.
    Refused,
}

/// `reply` to the command that starts with `words`, made readable, without what may differ.
pub(crate) fn blurred(words: &str, reply: &[u8], is_direct: bool) -> String {
    match rule(words) {
        None => String::from_utf8(reply.escape_ascii().collect()).expect("ASCII"),
        Some(Rule { blur: Blur::Refused, .. }) => {
            let refused = b"is refused: ";
            let is_refused =
                reply.starts_with(b"-ERR ") && reply.windows(refused.len()).any(|it| it == refused);
            if is_direct || is_refused { "(refused)".into() } else { "(not refused)".into() }
        }
        Some(rule) => Frame::read_all(reply).iter().map(|frame| rule.blur.show(frame)).collect(),
    }
}

/// The rule with the most words.
pub(crate) fn rule(words: &str) -> Option<&'static Rule> {
    let words = words.to_ascii_uppercase();
    let applies = |rule: &&Rule| {
        words.strip_prefix(rule.command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    VARIES.iter().chain(PERMITTED).filter(applies).max_by_key(|rule| rule.command.len())
}

impl Blur {
    /// `frame` made readable, without what is not compared.
    pub(crate) fn show(self, frame: &Frame) -> String {
        match self {
            Self::Type if !frame.is_error() => format!("{} ", char::from(frame.kind())),
            Self::Order => sorted(frame),
            Self::Slowlog => slowlog(frame),
            _ => frame.show(&|before, frame| self.element(before, frame)),
        }
    }

    /// How an element is shown; `before` is the text before it in its list. `None`: in full.
    fn element(self, before: Option<&str>, frame: &Frame) -> Option<String> {
        if frame.is_error() {
            return None;
        }
        if let Self::After(names) = self {
            return names.contains(&before?).then(|| "(...) ".into());
        }
        let text = String::from_utf8_lossy(frame.text()?).into_owned();
        let kept = match self {
            Self::Numbers => text.parse::<f64>().is_ok().then(|| "#".into())?,
            Self::Shape => digits(&text),
            Self::Types => String::new(),
            Self::Client => {
                client(text.trim_start_matches("txt:").trim_end().lines().last().unwrap_or_default())
            }
            Self::Clients => text.trim_end().lines().map(client).collect(),
            Self::Info => info(&text),
            Self::Monitor => monitor(&text),
            _ => return None,
        };
        Some(format!("{}{kept} ", char::from(frame.kind())))
    }

    /// For the list of permitted differences.
    pub(crate) fn says(self) -> String {
        match self {
            Self::Nothing => "nothing".into(),
            Self::Numbers => "the number".into(),
            Self::After(names) => format!("`{}`", names.join("`, `")),
            Self::Shape => "numbers".into(),
            Self::Types => "all but the types and the count of elements".into(),
            Self::Type => "all but the type".into(),
            Self::Client | Self::Clients => {
                format!("all fields' values but those of `{}`", SAME_OF_CLIENT.join("`, `"))
            }
            Self::Order => "the order".into(),
            Self::Info => "values, and the section `# Nearside`".into(),
            Self::Slowlog => "numbers, and the client's address and name".into(),
            Self::Monitor => "the time and the address".into(),
            Self::Refused => "the whole: refused with an error".into(),
        }
    }
}

/// With the elements of all lists sorted.
fn sorted(frame: &Frame) -> String {
    let Frame::Many { kind, items } = frame else { return frame.show(&|_, _| None) };
    let size = if *kind == b'%' { 2 } else { 1 };
    let mut items: Vec<String> = items.chunks(size).map(|some| some.iter().map(sorted).collect()).collect();
    items.sort();
    format!("{}{} {}", char::from(*kind), items.len(), items.concat())
}

/// Entries of six elements, without the last two.
fn slowlog(frame: &Frame) -> String {
    let Frame::Many { items, .. } = frame else { return frame.show(&|_, _| None) };
    let entry = |entry: &Frame| match entry {
        Frame::Many { items, .. } if items.len() == 6 => {
            items[..4].iter().map(|item| Blur::Shape.show(item)).collect()
        }
        other => other.show(&|_, _| None),
    };
    items.iter().map(entry).collect::<Vec<String>>().join("; ")
}

/// `text` with one mark in place of each number.
fn digits(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit() && c != '.') {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if rest.len() < part.len() {
            out.push('#');
        }
        out.push_str(rest);
    }
    out
}

fn until(text: &str, mark: char) -> String {
    let name = text.split(mark).next().unwrap_or_default();
    format!("{name}{mark} ")
}

/// The names of a client's fields, and some of their values.
fn client(line: &str) -> String {
    let field = |field: &str| {
        let is_same = SAME_OF_CLIENT.iter().any(|name| field.split('=').next() == Some(name));
        if is_same { format!("{field} ") } else { until(field, '=') }
    };
    line.split(' ').map(field).collect()
}

fn info(text: &str) -> String {
    let of_past = ["Nearside", "Commandstats", "Latencystats", "Errorstats", "Keysizes"];
    let is_of_past = |section: &&str| of_past.iter().any(|name| section.starts_with(name));
    let sections = text.split("# ").filter(|section| !is_of_past(section));
    sections
        .map(|section| {
            section.lines().filter(|line| !line.is_empty()).map(|line| until(line, ':')).collect::<String>()
        })
        .collect()
}

/// `1700000000.123456 [0 unix:/s] "set" "k" "v"`, from its database on.
fn monitor(text: &str) -> String {
    let (Some((_, rest)), Some((_, said))) = (text.split_once('['), text.split_once(']')) else {
        return text.into();
    };
    let db = rest.split(' ').next().unwrap_or_default();
    format!("[{db}]{said}")
}
