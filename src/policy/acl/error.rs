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

/// What passwords and their hashes begin with.
const SECRET_SIGNS: [char; 4] = ['>', '<', '#', '!'];

impl RuleError {
    /// A selector that begins with `word` and does not end.
    pub(super) fn unmatched(word: &str) -> Self {
        Self::Unmatched(shown(word, None))
    }

    /// `rule`, the `nth` of the user's (from 1), is wrong; `part` is what of it is: itself, or a rule of
    /// the selector it is.
    pub(super) fn new(rule: &str, part: &str, nth: usize, why: Why) -> Self {
        let secret = part.starts_with(SECRET_SIGNS);
        let near = if secret { None } else { meant(part, why) };
        // It may be what follows a space in a password.
        let hidden = secret || why == Why::NoSuchRule && near.is_none() && !part.starts_with('(');
        // A selector may hold what belongs outside of it: none of its words is shown unseen.
        let known = near.is_some().then_some(part);
        let shown = rule.split(' ').map(|word| shown(word, known)).collect::<Vec<_>>().join(" ");
        let hint = match near {
            Some(near) => format!(", did you mean {near}?"),
            None if hidden => format!(" (rule {nth}, which may be a part of a password and is not shown)"),
            None => String::new(),
        };
        Self::Modifier { shown, why, hint }
    }
}

/// What may be shown of a word among rules: what is `known` to be none of a password, or looks like a
/// rule without one.
fn shown(word: &str, known: Option<&str>) -> String {
    let body = word.trim_start_matches('(');
    let rule = body.trim_end_matches(')');
    let (open, close) = (&word[..word.len() - body.len()], &body[rule.len()..]);
    let is_word = || WORDS.iter().any(|known| known.eq_ignore_ascii_case(rule));
    if rule.is_empty() || known == Some(rule) || rule.starts_with(['~', '%', '&', '+', '-']) || is_word() {
        return word.to_owned();
    }
    let sign = rule.chars().next().filter(|sign| SECRET_SIGNS.contains(sign));
    format!("{open}{}***{close}", sign.map_or_else(String::new, String::from))
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

#[cfg(test)]
mod tests {
    use super::super::User;

    fn error(rules: &str) -> String {
        let error = User::parse("app", rules).expect_err("a wrong rule");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        error.to_string()
    }

    #[test]
    fn a_password_in_a_selector_is_not_shown_with_what_is_wrong_beside_it() {
        let cases = [
            (
                "(+gett ~a >secret)",
                "'(+gett ~a >***)': Unknown command or category name in ACL, did you mean +get?",
            ),
            ("(~a (~b >secret)", "'(~a (~b >***)': Syntax error"),
            ("(~a +read|x >my secret)", "'(~a +read|x >*** ***)': Unknown command or category name in ACL"),
            ("(allkey #secret)", "'(allkey #***)': Syntax error, did you mean allkeys?"),
        ];
        for (rules, text) in cases {
            assert_eq!(error(rules), format!("Error in ACL SETUSER modifier {text}"), "{rules}");
        }
        assert!(!error("on (~a >secret +get)").contains("secret"));
    }

    #[test]
    fn a_password_that_seems_to_open_a_selector_is_not_shown() {
        let text = |shown| format!("Unmatched parenthesis in acl selector starting at '{shown}'.");
        assert_eq!(error("on (>secret ~a"), text("(>***"));
        assert_eq!(error("on >my (secret"), text("(***"));
        assert_eq!(error("on (~a +get"), text("(~a"));
    }
}
