//! Values as written, where each came from, and what can be wrong with one.

use super::{Profile, Tables};
use std::fmt;
use std::path::PathBuf;

/// Where a value came from. `Display` is what `check` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// No source named it.
    #[default]
    Default,
    /// A preset.
    Profile(Profile),
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// An environment variable.
    Env(String),
    /// A command-line flag, with its dashes.
    Flag(String),
    /// The program that embeds the proxy.
    Program,
}

impl Origin {
    /// Which source it is, lowest precedence first.
    pub(super) fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Profile(_) => 1,
            Self::File(..) => 2,
            Self::Env(_) => 3,
            Self::Flag(_) => 4,
            Self::Program => 5,
        }
    }

    /// The same file at another line, if it is a file and there is one.
    pub(super) fn at(&self, line: Option<usize>) -> Self {
        match (self, line) {
            (Self::File(path, _), Some(line)) => Self::File(path.clone(), line),
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(profile) => write!(f, "profile {profile}"),
            Self::File(path, line) => write!(f, "file {}:{line}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Program => f.write_str("program"),
        }
    }
}

/// The text of a value. A list keeps its items apart where the source does.
/// `Debug` shows no text, because any may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// One text; a list is written in it with commas.
    One(String),
    /// The items of a list.
    Many(Vec<String>),
    /// Tables of a file.
    Tables(Tables),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

impl Value {
    /// The text of a single value; an error for a list where one value is expected.
    pub(super) fn one(&self) -> Result<&str, String> {
        match self {
            Self::One(text) => Ok(text.trim()),
            Self::Many(items) => match items.as_slice() {
                [only] => Ok(only.trim()),
                _ => Err("expects one value, not a list".into()),
            },
            Self::Tables(_) => Err("expects one value, not a table".into()),
        }
    }

    /// Every text in it; none for tables, whose options are looked at one by one.
    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(items) => items,
            Self::Tables(_) => &[],
        }
    }

    /// The text as it was written, blanks included; nothing for a list.
    pub(super) fn verbatim(&self) -> &str {
        match self {
            Self::One(text) => text,
            Self::Many(_) | Self::Tables(_) => "",
        }
    }

    /// The items of a list; a single text is split at its commas, empty items are dropped. `none` alone
    /// is an empty list: an empty variable would not be set at all.
    pub(super) fn items(&self) -> Vec<&str> {
        let all: Vec<&str> = match self {
            Self::One(text) => text.split(',').collect(),
            Self::Many(items) => items.iter().map(String::as_str).collect(),
            Self::Tables(_) => Vec::new(),
        };
        let all: Vec<&str> = all.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect();
        if all == ["none"] { Vec::new() } else { all }
    }
}

/// One value as written, for a key of the table.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) key: &'static str,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// One thing wrong with a configuration. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message}")]
pub struct Problem {
    /// The source to correct; [`Origin::Default`] when no source named the key.
    pub origin: Origin,
    /// The key concerned; the name as written if it is unknown, empty for a syntax error.
    pub key: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Problem {
    pub(super) fn new(origin: &Origin, key: &str, message: impl Into<String>) -> Self {
        Self { origin: origin.clone(), key: key.into(), message: message.into() }
    }
}

/// Whether `text` holds what only rules of users (`>password`, `#hash`) or a file of a key have. Taken as
/// a value of anything else, `check` would show it.
pub(super) fn is_secret(text: &str) -> bool {
    let hash = |word: &str| word.strip_prefix('#').is_some_and(|hex| hex.len() == 64);
    // `>` alone is an argument of XREADGROUP.
    let is_password = |word: &str| word.len() > 1 && word.starts_with('>') || hash(word);
    text.contains("-----BEGIN") || text.split([' ', '\t', '\n', '"', '\'', ',']).any(is_password)
}

/// What is said of such a text.
pub(super) const MISPLACED: &str = "holds a password or a key that does not belong there (not shown): the first \
    goes into acl of [[users]], the second into the file that tls.key_file names";

/// `text` for an error message: shortened, and withheld where it looks like it carries a password.
pub(super) fn quoted(text: &str) -> String {
    // `>` marks a password in the rules of a user, and dashes the key in a PEM file.
    if text.contains(['@', '>', '<', '#']) || text.contains("://") || text.contains("-----") {
        return "the given text (not shown: it may hold a password)".into();
    }
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("{short:?}{more}")
}
