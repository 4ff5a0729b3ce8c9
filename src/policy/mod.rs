//! May this client do this? Pure: commands in, a permit or a denial out.
//!
//! Owns: the rules and the only way to make a [`Permit`]. Never: talks, waits, or looks at a clock.

pub mod acl;
mod glob;

use crate::command::{Command, Family};
use crate::config::Features;
use crate::resp::request::Args;

pub use glob::matches;

/// Proof that a command was permitted; only [`Rules::check`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Permit(());

/// Why a command is refused, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nearside is switched off.
    #[error("ERR Nearside is off (ENABLE_REDIS=false): no command is served")]
    Off,
    /// Publish and subscribe are switched off.
    #[error("ERR {0} is refused: publish/subscribe is off (REDIS_PUBSUB_ENABLED=false)")]
    Pubsub(&'static str),
    /// Keys of sessions are switched off.
    #[error(
        "ERR {0} is refused: the session store is off (REDIS_SESSION_STORE_ENABLED=false) and its key is a session's"
    )]
    SessionStore(&'static str),
}

/// The rules in force.
#[derive(Clone, Debug)]
pub struct Rules {
    enabled: bool,
    pubsub: bool,
    /// Patterns of keys that are refused; empty when the session store is on.
    refused_keys: Vec<String>,
    /// Nothing is refused at all: the common case, decided once.
    open: bool,
}

impl Rules {
    /// The rules a configuration asks for.
    pub fn new(enabled: bool, features: &Features) -> Self {
        let refused_keys =
            if features.session_store { Vec::new() } else { features.session_patterns.clone() };
        let open = enabled && features.pubsub && refused_keys.is_empty();
        Self { enabled, pubsub: features.pubsub, refused_keys, open }
    }

    /// Whether `args`, whose row is `command` (`None`: unknown), is permitted.
    #[inline]
    pub fn check(&self, command: Option<&Command>, args: &Args<'_>) -> Result<Permit, Denied> {
        if self.open { Ok(Permit(())) } else { self.check_all(command, args) }
    }

    fn check_all(&self, command: Option<&Command>, args: &Args<'_>) -> Result<Permit, Denied> {
        if !self.enabled {
            return Err(Denied::Off);
        }
        let Some(command) = command else { return Ok(Permit(())) };
        if !self.pubsub && command.family == Family::Pubsub {
            return Err(Denied::Pubsub(command.name));
        }
        let refused = |key: &[u8]| self.refused_keys.iter().any(|pattern| matches(pattern.as_bytes(), key));
        if !self.refused_keys.is_empty() && command.keys(args).any(refused) {
            return Err(Denied::SessionStore(command.name));
        }
        Ok(Permit(()))
    }
}
