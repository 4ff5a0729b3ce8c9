//! What is wrong with a rule, in Redis's words and a few more.

use crate::command::{Category, all};
use crate::config::nearest::nearest;

/// A rule that is refused. Never shows a password, nor a word that may be a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The user's name.
    #[error("Usernames can't contain spaces or null characters")]
    Name,
    /// A selector that does not end.
    #[error("Unmatched parenthesis in acl selector starting at '{0}'.")]
    Unmatched(String),
    /// Any other.
    #[error("Error in ACL SETUSER modifier '{shown}': {why}{hint}")]
    Modifier {
        /// The rule, or what of it may be shown.
        shown: String,
        /// What is wrong.
        why: Why,
        /// What may have been meant, or which rule it is; empty or a part of the sentence.
        hint: String,
    },
}

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// A command or category that nobody here knows.
    #[error("Unknown command or category name in ACL")]
    Unknown,
    /// A rule of a known kind, badly formed.
    #[error("Syntax error")]
    Syntax,
    /// A word that is no rule at all.
    #[error("Syntax error")]
    NoSuchRule,
    /// `+config|get|x`.
    #[error("Allowing first-arg of a subcommand is not supported")]
    FirstArgOfSubcommand,
    /// A key pattern that changes nothing.
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any \
         effect. Try 'resetkeys' to start with an empty list of patterns"
    )]
    KeyAfterAll,
    /// A channel pattern that changes nothing.
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
         effect. Try 'resetchannels' to start with an empty list of channels"
    )]
    ChannelAfterAll,
    /// `<` or `!` of a password the user does not have.
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
    /// `#` or `!` with something else.
    #[error(
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    )]
    NoHash,
}

/// Rules that are words.
const WORDS: [&str; 16] = [
    "on",
    "off",
    "nopass",
    "resetpass",
    "reset",
    "clearselectors",
    "sanitize-payload",
    "skip-sanitize-payload",
    "allkeys",
    "resetkeys",
    "allchannels",
    "resetchannels",
    "allcommands",
    "nocommands",
    "+@all",
    "-@all",
];

impl RuleError {
    /// A selector that begins with `word` and does not end.
    pub(super) fn unmatched(word: &str) -> Self {
        let rule = word.trim_start_matches('(');
        let (open, _) = word.split_at(word.len() - rule.len());
        Self::Unmatched(format!("{open}{}", shown(rule, rule.is_empty())))
    }

    /// `rule` is wrong; it is the `nth` of the user's (from 1) or part of it.
    pub(super) fn new(rule: &str, nth: usize, why: Why) -> Self {
        let near = meant(rule, why);
        let shown = shown(rule, near.is_some());
        let hint = match near {
            Some(near) => format!(", did you mean {near}?"),
            None if shown != rule => format!(" (rule {nth}, not shown: it may be a part of a password)"),
            None => String::new(),
        };
        Self::Modifier { shown, why, hint }
    }
}

/// A rule, if it cannot be a password, or what follows a space in one; `is_known` says that it is none.
fn shown(rule: &str, is_known: bool) -> String {
    match rule.chars().next() {
        Some('+' | '-' | '~' | '%' | '&') => rule.to_owned(),
        Some(sign @ ('>' | '<' | '#' | '!')) => format!("{sign}***"),
        _ if is_known => rule.to_owned(),
        _ => "***".to_owned(),
    }
}

/// The rule that was probably meant.
fn meant(rule: &str, why: Why) -> Option<String> {
    let sign = rule.get(..1)?;
    let name = rule.get(1..)?.to_ascii_lowercase();
    match (why, name.strip_prefix('@')) {
        (Why::Unknown, Some(category)) => {
            let near = nearest(category, Category::ALL.iter().map(|known| known.name()))?;
            Some(format!("{sign}@{near}"))
        }
        (Why::Unknown, None) => {
            let near = nearest(&name.to_ascii_uppercase(), all().map(|row| row.name))?;
            Some(format!("{sign}{}", near.to_ascii_lowercase()))
        }
        (Why::NoSuchRule, _) => nearest(&rule.to_ascii_lowercase(), WORDS.into_iter()).map(str::to_owned),
        _ => None,
    }
}
