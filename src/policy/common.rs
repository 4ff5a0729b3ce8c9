//! The rules that hold for everybody.

use super::{Denied, matches};
use crate::command::{Command, Family};
use crate::config::Config;
use crate::resp::request::Args;

/// What nobody may do.
#[derive(Debug)]
pub(super) struct Common {
    enabled: bool,
    pubsub: bool,
    /// Patterns of keys that are refused; empty when the session store is on.
    refused_keys: Vec<String>,
}

impl Common {
    pub(super) fn new(config: &Config) -> Self {
        let features = &config.features;
        let refused_keys =
            if features.session_store { Vec::new() } else { features.session_patterns.clone() };
        Self { enabled: config.enabled, pubsub: features.pubsub, refused_keys }
    }

    /// Whether `command` may run whatever its arguments.
    pub(super) fn is_free(&self, command: Option<&Command>) -> bool {
        let pubsub = self.pubsub || command.is_none_or(|command| command.family != Family::Pubsub);
        self.enabled && pubsub && self.refused_keys.is_empty()
    }

    /// An error if nothing is served at all.
    pub(super) fn check_enabled(&self) -> Result<(), Denied> {
        if self.enabled { Ok(()) } else { Err(Denied::Off) }
    }

    /// Whether nothing is against `args`, whose row is `command`.
    pub(super) fn check(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<(), Denied> {
        let Some(command) = command else { return Ok(()) };
        if !self.pubsub && command.family == Family::Pubsub {
            return Err(Denied::Pubsub(command.name));
        }
        let refused = |key: &[u8]| self.refused_keys.iter().any(|pattern| matches(pattern.as_bytes(), key));
        if !self.refused_keys.is_empty() && command.keys(args).any(refused) {
            return Err(Denied::SessionStore(command.name));
        }
        Ok(())
    }
}
