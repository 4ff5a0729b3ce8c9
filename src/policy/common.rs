//! The rules that hold for everybody.

use super::rules::{Mine, Rules, Seen};
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
    pub(super) rules: Rules,
}

impl Common {
    pub(super) fn new(config: &Config) -> Self {
        let features = &config.features;
        let refused_keys =
            if features.session_store { Vec::new() } else { features.session_patterns.clone() };
        let rules = Rules::new(config);
        Self { enabled: config.enabled, pubsub: features.pubsub, refused_keys, rules }
    }

    /// Whether whom the rules `mine` concern may run `command` whatever its arguments.
    pub(super) fn is_free(&self, mine: &Mine, command: Option<&'static Command>) -> bool {
        let pubsub = self.pubsub || command.is_none_or(|command| command.family != Family::Pubsub);
        self.enabled && pubsub && self.refused_keys.is_empty() && self.rules.is_free(mine, command)
    }

    /// An error if nothing is served at all.
    pub(super) fn check_enabled(&self) -> Result<(), Denied> {
        if self.enabled { Ok(()) } else { Err(Denied::Off) }
    }

    /// Whether nothing is against `args`, whose row is `command`, of somebody whom the rules `mine` concern.
    pub(super) fn check(
        &self,
        mine: &Mine,
        command: Option<&'static Command>,
        args: &Args<'_>,
        seen: Seen,
    ) -> Result<(), Denied> {
        self.rules.check(mine, command, args, seen)?;
        let Some(command) = command else { return Ok(()) };
        if !self.pubsub && command.family == Family::Pubsub {
            return Err(Denied::Pubsub(command.name));
        }
        let refused = |key: &[u8]| self.refused_keys.iter().any(|pattern| matches(pattern.as_bytes(), key));
        if self.refused_keys.is_empty() {
            return Ok(());
        }
        if command.keys(args).any(refused) {
            return Err(Denied::SessionStore(command.name));
        }
        Rules::check_keys_seen("REDIS_SESSION_STORE_ENABLED", command, args, seen)
    }
}
