//! Users and their rights, in Redis's ACL language and as Redis decides.
//!
//! [`User::parse`] reads rules, [`User::decide`] judges requests. Facts of commands (categories, what is
//! done to which key) are the table's. `tests/acl.rs` holds all of it against real servers.

mod decide;
mod error;
mod password;
mod rows;
mod selector;
mod text;

use std::fmt;

pub use decide::Refusal;
pub use error::{RuleError, Why};
pub use text::{Details, Dialect, Rights, dryrun_text, refusal_text};

pub use password::Password;
use selector::Selector;

/// One user: who may be it, and what it may do. Immutable; changed rules make a new one.
#[derive(Clone)]
pub struct User {
    name: String,
    on: bool,
    nopass: bool,
    /// `skip-sanitize-payload` or `sanitize-payload`, when one was said; for [`Self::describe`] only.
    payload: Option<&'static str>,
    passwords: Vec<Password>,
    root: Selector,
    selectors: Vec<Selector>,
    /// One selector allows everything: nothing need be looked at.
    unrestricted: bool,
}

impl User {
    /// The user `name` with `rules`, which white space separates. It starts as in Redis 7: off, without
    /// a password, a command, a key or a channel. Later rules win over earlier ones.
    ///
    /// # Errors
    /// The first rule that Redis would refuse, in its words.
    pub fn parse(name: &str, rules: &str) -> Result<Self, RuleError> {
        selector::check(name).map_err(|_| RuleError::Name)?;
        let mut user = Self {
            name: name.to_owned(),
            on: false,
            nopass: false,
            payload: None,
            passwords: Vec::new(),
            root: Selector::new(),
            selectors: Vec::new(),
            unrestricted: false,
        };
        for (i, rule) in split(rules)?.iter().enumerate() {
            user.apply(rule, i + 1)?;
        }
        let unrestricted = user.selectors().any(Selector::allows_everything);
        user.unrestricted = unrestricted;
        Ok(user)
    }

    fn apply(&mut self, rule: &str, nth: usize) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_str() {
            "on" => self.on = true,
            "off" => self.on = false,
            "sanitize-payload" => self.payload = Some("sanitize-payload"),
            "skip-sanitize-payload" => self.payload = Some("skip-sanitize-payload"),
            "nopass" => (self.nopass, self.passwords) = (true, Vec::new()),
            "resetpass" => (self.nopass, self.passwords) = (false, Vec::new()),
            "clearselectors" => self.selectors.clear(),
            "reset" => *self = Self::parse(&self.name, "sanitize-payload")?,
            _ => return self.apply_prefixed(rule, nth),
        }
        Ok(())
    }

    fn apply_prefixed(&mut self, rule: &str, nth: usize) -> Result<(), RuleError> {
        if let Some(inner) = rule.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            self.selectors.push(selector(inner, nth)?);
            return Ok(());
        }
        let (sign, rest) = rule.split_at_checked(1).unwrap_or_default();
        let done = match sign {
            ">" => {
                self.add_password(Password::of(rest.as_bytes()));
                Ok(())
            }
            "#" => Password::from_hex(rest).ok_or(Why::NoHash).map(|new| self.add_password(new)),
            "<" => self.remove_password(&Password::of(rest.as_bytes())),
            "!" => Password::from_hex(rest).ok_or(Why::NoHash).and_then(|old| self.remove_password(&old)),
            _ => self.root.apply(rule),
        };
        done.map_err(|why| RuleError::new(rule, nth, why))
    }

    fn add_password(&mut self, new: Password) {
        self.nopass = false;
        if !self.passwords.contains(&new) {
            self.passwords.push(new);
        }
    }

    fn remove_password(&mut self, old: &Password) -> Result<(), Why> {
        let at = self.passwords.iter().position(|known| known == old).ok_or(Why::NoSuchPassword)?;
        self.passwords.remove(at);
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a connection may become it.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Whether it takes a password to become it; without one (`nopass`) any will do.
    pub fn needs_password(&self) -> bool {
        !self.nopass
    }

    /// Whether a connection that says `password` may become it; never if it is off. The time this takes
    /// depends on the length of `password` and on how many passwords the user has, on nothing else.
    pub fn check_password(&self, password: &[u8]) -> bool {
        let right = Password::of(password).is_among(&self.passwords);
        self.on && (right | self.nopass)
    }

    /// Whether a connection that became it with `password` would still become it.
    pub fn still_takes(&self, password: &Password) -> bool {
        self.on && (self.nopass || password.is_among(&self.passwords))
    }

    /// Whether it may hear all that `other` may: no pattern of channels is missing.
    pub fn hears_all_of(&self, other: &Self) -> bool {
        let all = |user: &Self| user.selectors().any(|selector| selector.all_channels);
        let has = |pattern: &String| self.selectors().any(|mine| mine.channels.contains(pattern));
        all(self) || (!all(other) && other.selectors().flat_map(|theirs| &theirs.channels).all(has))
    }

    /// Whether there is no key it may not read and write.
    pub fn has_all_keys(&self) -> bool {
        self.selectors().any(|selector| selector.all_keys)
    }

    /// Whether there is no command it may not run, unknown ones included.
    pub fn may_all_commands(&self) -> bool {
        self.selectors().any(Selector::runs_everything)
    }

    /// The root selector, then the others.
    fn selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("on", &self.on).finish_non_exhaustive()
    }
}

/// The selector of the rules in `inner`, which stands in parentheses.
fn selector(inner: &str, nth: usize) -> Result<Selector, RuleError> {
    let mut selector = Selector::new();
    for part in inner.split_ascii_whitespace() {
        // Redis unquotes here, and nowhere else; nobody shall have to know that.
        let done = if part.contains(['"', '\'']) { Err(Why::Syntax) } else { selector.apply(part) };
        done.map_err(|why| RuleError::new(part, nth, why))?;
    }
    Ok(selector)
}

/// The rules in `text`; what stands between parentheses is one.
fn split(text: &str) -> Result<Vec<String>, RuleError> {
    let mut rules: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    for word in text.split_ascii_whitespace() {
        let rule = match open.take() {
            Some(begun) => format!("{begun} {word}"),
            None => word.to_owned(),
        };
        if rule.starts_with('(') && !(rule.ends_with(')')) {
            open = Some(rule);
        } else {
            rules.push(rule);
        }
    }
    match open {
        Some(begun) => {
            let first = begun.split(' ').next().unwrap_or_default();
            Err(RuleError::unmatched(first))
        }
        None => Ok(rules),
    }
}

#[cfg(test)]
mod tests;
