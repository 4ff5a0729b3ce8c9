//! Reading one table: each option is asked for by its name, and one that nobody asked for is a fault.

use super::{Fault, Item, Table, Written};
use crate::config::nearest::nearest;
use crate::config::words::{Word, either};
use crate::config::written::{MISPLACED, is_secret, quoted};

/// One table that is being read.
pub(in crate::config) struct Options<'a> {
    /// Which of its list it is, from 0.
    at: usize,
    table: &'a Table,
    asked: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl<'a> Options<'a> {
    pub(super) fn new(at: usize, table: &'a Table) -> Self {
        Self { at, table, asked: Vec::new(), faults: Vec::new() }
    }

    /// The text of an option; `None` if it is not there.
    pub(in crate::config) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        match &self.find(name)?.item {
            Item::One(text) => return Some(text),
            Item::Many(_) => self.fault(name, "expects one value, not a list"),
            Item::Other(kind) => {
                self.fault(name, &format!("expects a text, got another kind of value ({kind})"))
            }
        }
        None
    }

    /// The text of an option that must be there and not be empty; else a fault, and nothing.
    pub(in crate::config) fn needed(&mut self, name: &'static str) -> &'a str {
        let is_there = self.is_there(name);
        let text = self.text(name);
        if !is_there {
            self.fault(name, "is missing");
        } else if text.is_some_and(|text| text.trim().is_empty()) {
            self.fault(name, "is empty");
        }
        text.unwrap_or_default().trim()
    }

    /// The same for what is shown again.
    pub(in crate::config) fn shown(&mut self, name: &'static str) -> &'a str {
        let text = self.needed(name);
        if is_secret(text) {
            self.fault(name, MISPLACED);
        }
        text
    }

    /// A name that replies and figures can hold: letters, digits and `_ . : -`.
    pub(in crate::config) fn label(&mut self, name: &'static str) -> String {
        let text = self.needed(name);
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        if text.len() > 64 || !text.chars().all(fits) {
            self.fault(name, "expects at most 64 letters, digits and _ . : -");
            return String::new();
        }
        text.into()
    }

    /// What `read` makes of the text of an option; `None` if it is not there, or a fault.
    pub(in crate::config) fn read<T>(
        &mut self,
        name: &'static str,
        expects: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = read(text.trim());
        if found.is_none() {
            self.fault(name, &format!("expects {expects}, got {}", quoted(text)));
        }
        found
    }

    /// One of a few words; the first is meant if it is not there.
    pub(in crate::config) fn word<T: Word>(&mut self, name: &'static str) -> T {
        let Some(text) = self.text(name) else { return T::ALL[0] };
        T::named(text.trim()).unwrap_or_else(|| {
            let words: Vec<&str> = T::ALL.iter().map(|word| word.name()).collect();
            let near = nearest(text, words.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!(", did you mean {near}?"));
            self.fault(name, &format!("expects {}, got {}{hint}", either(&words), quoted(text)));
            T::ALL[0]
        })
    }

    /// The texts of an option, of which a single one needs no list; none if it is not there.
    pub(in crate::config) fn list(&mut self, name: &'static str) -> Vec<String> {
        self.checked(name, |text| Ok(text.to_string()))
    }

    /// The texts of an option as `check` gives them back.
    pub(in crate::config) fn checked(
        &mut self,
        name: &'static str,
        check: impl Fn(&str) -> Result<String, String>,
    ) -> Vec<String> {
        let items = match self.find(name).map(|written| &written.item) {
            None => return Vec::new(),
            Some(Item::Many(items)) => items.as_slice(),
            Some(Item::One(text)) => std::slice::from_ref(text),
            Some(Item::Other(kind)) => {
                self.fault(name, &format!("expects a list of texts, got another kind of value ({kind})"));
                return Vec::new();
            }
        };
        let mut good = Vec::new();
        for item in items {
            let checked = match item.as_str() {
                "" => Err("has an empty text".into()),
                secret if is_secret(secret) => Err(MISPLACED.into()),
                item => check(item),
            };
            match checked {
                Ok(text) => good.push(text),
                Err(why) => self.fault(name, &why),
            }
        }
        good
    }

    /// Whether an option is there.
    pub(in crate::config) fn is_there(&self, name: &str) -> bool {
        self.table.options.iter().any(|written| written.name == name)
    }

    /// Notes what is wrong with an option, or with its absence.
    pub(in crate::config) fn fault(&mut self, name: &str, why: &str) {
        let found = self.table.options.iter().find(|written| written.name == name);
        let line = found.map_or(self.table.line, |written| written.line);
        self.faults.push(Fault { line, why: format!("table {}: {name} {why}", self.at + 1) });
    }

    /// Everything that is wrong, unknown options included. Their names are not repeated unless one is
    /// almost a known one: a text that has lost its place may be a password.
    pub(super) fn faults(mut self) -> Vec<Fault> {
        let known = self.asked.clone();
        let unknown = self.table.options.iter().filter(|written| !known.contains(&written.name.as_str()));
        for Written { name, line, .. } in unknown {
            let why = match nearest(name, known.iter().copied()) {
                Some(near) => format!("has no such option, did you mean {near}?"),
                None => format!("has an option that is none of {}", known.join(", ")),
            };
            self.faults.push(Fault { line: *line, why: format!("table {}: {why}", self.at + 1) });
        }
        self.faults
    }

    fn find(&mut self, name: &'static str) -> Option<&'a Written> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.table.options.iter().find(|written| written.name == name)
    }
}
