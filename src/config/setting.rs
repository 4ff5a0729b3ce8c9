//! One row of the table: what there is to know about a setting.

use super::field::{Field, Part};

/// One setting: its key, what it holds, where else it can be set, and what it means.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Its name in the file, the section before the dot.
    pub key: &'static str,
    /// What it means, its unit, and what its extremes do.
    pub doc: &'static str,
    /// Environment variables besides `NEARSIDE_<KEY>`, the first beats the later.
    pub env: &'static [&'static str],
    /// Its own command-line flag, if it has one; every key can be given with `--set`.
    pub flag: Option<&'static str>,
    /// Whether a change needs a restart to take effect.
    pub restart: bool,
    pub(super) field: Field,
    /// For a default that depends on the machine or on other settings: what it is, in words, and an
    /// example as TOML.
    pub(super) unset: Option<(&'static str, &'static str)>,
}

impl Setting {
    /// The environment variables that set it, the first beats the later.
    pub fn env_names(&self) -> Vec<String> {
        let own = format!("NEARSIDE_{}", self.key.replace('.', "_").to_ascii_uppercase());
        // The short name of the upstream is the one people write; the systematic one stands behind it.
        let short = (self.key == "upstream.uri").then(|| "NEARSIDE_UPSTREAM".to_string());
        short.into_iter().chain([own]).chain(self.env.iter().map(ToString::to_string)).collect()
    }

    /// What a value must be.
    pub fn expects(&self) -> String {
        self.field.expects()
    }

    /// Whether its value is masked wherever it would be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self.field, Field::Upstream(Part::Password) | Field::Secret(_))
    }

    pub(super) const fn env(self, env: &'static [&'static str]) -> Self {
        Self { env, ..self }
    }

    pub(super) const fn flag(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    /// Explained as `words` when not set.
    pub(super) const fn unset(self, words: &'static str, example: &'static str) -> Self {
        Self { unset: Some((words, example)), ..self }
    }
}

/// A setting whose change applies at a reload.
pub(super) const fn live(key: &'static str, field: Field, doc: &'static str) -> Setting {
    Setting { key, doc, env: &[], flag: None, restart: false, field, unset: None }
}

/// A setting whose change needs a restart.
pub(super) const fn fixed(key: &'static str, field: Field, doc: &'static str) -> Setting {
    Setting { restart: true, ..live(key, field, doc) }
}
