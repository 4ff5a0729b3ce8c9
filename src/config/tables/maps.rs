//! `rules.rename` and `upstream.rename`: commands and their other names.

use super::{Fault, Item, Shown, TableField, Tables, Written, of_value, toml_text};
use crate::config::Config;
use crate::config::commands;
use crate::config::field::Place;
use crate::config::written::{MISPLACED, Value, is_secret, quoted};

/// Whose names they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Side {
    /// What clients must write.
    Clients,
    /// What the upstream was given.
    Upstream,
}

/// Commands with their other names, and their place.
pub(in crate::config) struct Renames(
    pub(in crate::config) Place<Vec<(String, String)>>,
    pub(in crate::config) Side,
);

const EXAMPLE: &str = "{CONFIG = \"CONFIG_9a8b7c6d\", KEYS = \"\"}";

impl TableField for Renames {
    fn set(&self, config: &mut Config, value: &Value) -> Result<(), Vec<Fault>> {
        let Tables { map, tables } = of_value(value, &self.expects()).map_err(|why| vec![why.into()])?;
        if !map && !tables.is_empty() {
            return Err(vec!["is one table: write [ ] around its name, once".to_string().into()]);
        }
        let (mut read, mut faults): (Vec<(String, String)>, Vec<Fault>) = (Vec::new(), Vec::new());
        for written in tables.iter().flat_map(|table| &table.options) {
            match self.one(written, &read) {
                Ok(pair) => read.push(pair),
                Err(why) => faults.push(Fault { line: written.line, why }),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        *(self.0)(config) = read;
        Ok(())
    }

    fn show(&self, config: &mut Config) -> String {
        let mut shown = Shown::default();
        for (command, name) in (self.0)(config) {
            // A module's command has a dot, which is TOML's for a table in a table.
            let bare = command.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            shown.text(&if bare { command.clone() } else { toml_text(command) }, name);
        }
        shown.inline()
    }

    fn expects(&self) -> String {
        format!("a table such as {EXAMPLE}")
    }

    fn carry(&self, from: &mut Config, to: &mut Config) {
        (self.0)(from).clone_into((self.0)(to));
    }
}

impl Renames {
    fn one(&self, written: &Written, read: &[(String, String)]) -> Result<(String, String), String> {
        let command = commands::whole(&written.name)?;
        let Item::One(name) = &written.item else {
            return Err(format!("of {command} expects a name, or \"\" to disable it"));
        };
        let upper = name.to_ascii_uppercase();
        if read.iter().any(|(earlier, _)| *earlier == command) {
            return Err(format!("has {command} twice"));
        }
        if let Some((other, _)) =
            read.iter().find(|(_, other)| !upper.is_empty() && other.to_ascii_uppercase() == upper)
        {
            return Err(format!("gives {command} the name of {other}"));
        }
        if name.len() > 128 || !name.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!("of {command} expects a name without blanks, of at most 128 bytes"));
        }
        if is_secret(name) {
            return Err(MISPLACED.into());
        }
        if commands::is_known(&upper) {
            return Err(format!("of {command} is the name of a command already, {}", quoted(name)));
        }
        self.lock_out(&command, name)?;
        Ok((command, name.clone()))
    }

    /// Nobody could come in any more.
    fn lock_out(&self, command: &str, name: &str) -> Result<(), String> {
        if !matches!(command, "AUTH" | "HELLO") {
            return Ok(());
        }
        match self.1 {
            Side::Clients => {
                Err(format!("of {command} would lock every client out: it is how one says who it is"))
            }
            Side::Upstream if name.is_empty() => {
                Err(format!("of {command} is how Nearside itself comes in there: it cannot be done without"))
            }
            Side::Upstream => Ok(()),
        }
    }
}
