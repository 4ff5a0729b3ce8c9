//! The operator's rules (`rules` in the configuration), compiled. Pure.
//!
//! Each refusal names its rule. Which rules concern a user on a listener at all is found out once
//! ([`Rules::of`]), and which commands none of those concerns is a bit per command: who runs such a command
//! pays nothing for the rules there are.

mod kinds;
mod names;
mod rule;
mod sizes;
mod unknown;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use kinds::may_touch_any_key;
use names::shown;
use rule::Rule;
use sizes::Sizes;
pub use unknown::unknown_command;

use super::{Denied, Inside};
use crate::command::{Command, all, named};
use crate::config::Config;
use crate::resp::rename::Names as Renames;
use crate::resp::request::Args;

/// The rules in force for everybody, and for some.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    sizes: Sizes,
    /// What commands are called; `None`: what Redis calls them.
    renames: Option<Arc<Renames>>,
    /// What the upstream calls them.
    theirs: Option<Renames>,
    /// Whether scripts may run that write.
    scripts: bool,
}

/// Which of the rules concern somebody.
#[derive(Clone, Debug, Default)]
pub(super) struct Mine(Box<[usize]>);

/// How much of a request there is to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// All of it.
    Whole,
    /// The arguments that have arrived; it says that there will be so many, and that the next one is so long.
    Partly {
        /// How many arguments it will have.
        count: usize,
        /// Bytes of the argument that is arriving.
        arriving: usize,
    },
}

/// No word that means something to a command is longer, bytes.
const LONGEST_OPTION: usize = 64;

impl Seen {
    /// How many arguments the request has, of which `args` is there.
    pub(super) fn count(self, args: &Args<'_>) -> usize {
        match self {
            Self::Whole => args.len(),
            Self::Partly { count, .. } => count,
        }
    }

    /// Whether options may follow that are not among `args`.
    pub(super) fn may_bring_options(self, args: &Args<'_>) -> bool {
        match self {
            Self::Whole => false,
            Self::Partly { count, arriving } => {
                count > args.len() + 1 || (count > args.len() && arriving <= LONGEST_OPTION)
            }
        }
    }

    /// Whether `args` has everything that stands before position `end`.
    pub(super) fn has(self, args: &Args<'_>, end: usize) -> bool {
        match self {
            Self::Whole => true,
            Self::Partly { count, .. } => args.len() >= end.min(count),
        }
    }
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        let listeners: Vec<String> =
            config.listen.iter().chain(&config.tls.listen).map(ToString::to_string).collect();
        let rules = Rule::all(&config.rules, &listeners);
        let is_blocked =
            |name| named(name).is_some_and(|command| rules.iter().any(|rule| rule.blocks(command)));
        let scripts = config.rules.scripts && !config.rules.read_only;
        Self {
            scripts: scripts && !["EVAL", "EVALSHA", "FCALL"].into_iter().all(is_blocked),
            theirs: Renames::outward(&config.upstream.rename),
            rules,
            sizes: Sizes::new(&config.rules),
            renames: Renames::new(&config.rules.rename, &config.upstream.rename).map(Arc::new),
        }
    }

    /// What commands are called; `None`: what Redis calls them.
    pub(super) fn renames(&self) -> Option<&Arc<Renames>> {
        self.renames.as_ref()
    }

    /// Whether some rules are for some listeners only.
    pub(super) fn tell_listeners_apart(&self) -> bool {
        self.rules.iter().any(|rule| rule.listeners.is_some())
    }

    /// What is odd about them, a line each.
    pub(super) fn doubts(&self) -> Vec<String> {
        self.rules.iter().filter_map(Rule::doubt).collect()
    }

    /// The rules that concern `user` on a listener.
    pub(super) fn of(&self, user: &str, listener: usize) -> Mine {
        let concerns = |rule: &Rule| rule.concerns(user, listener);
        Mine((0..self.rules.len()).filter(|at| concerns(&self.rules[*at])).collect())
    }

    /// Whether none of `mine` can refuse `command`, whatever its arguments.
    pub(super) fn is_free(&self, mine: &Mine, command: Option<&'static Command>) -> bool {
        let hides = self.renames.is_some() && command.is_none();
        !hides && self.sizes.are_free(command) && !self.mine(mine).any(|rule| rule.may_hit(command))
    }

    /// An error if a rename has taken away the name that `args` starts with. Redis looks at this first.
    pub(super) fn check_name(&self, command: Option<&Command>, args: &Args<'_>) -> Result<(), Denied> {
        if command.is_none() && self.renames.is_some() && Renames::is_hidden(args.get(0)) {
            return Err(Denied::Unknown(unknown_command(args)));
        }
        Ok(())
    }

    /// Whether `mine` have nothing against `args`, of which there is so much.
    pub(super) fn check(
        &self,
        mine: &Mine,
        command: Option<&'static Command>,
        args: &Args<'_>,
        seen: Seen,
    ) -> Result<(), Denied> {
        for rule in self.mine(mine) {
            rule.check(command, args, seen)?;
        }
        self.sizes.check(command, args, seen)
    }

    /// A refusal of a command by which `user`, who may not touch all keys, could touch any of them: to the
    /// upstream a script is its own user's.
    pub(super) fn beyond_keys(user: &str, command: &Command, args: &Args<'_>) -> Denied {
        let why = format!("is refused by Nearside: it could touch keys that user '{user}' may not");
        denied("users", Some(command), args, &why)
    }

    /// An error if a key of `args` may not have arrived, which `rule` would look at.
    pub(super) fn check_keys_seen(
        rule: &str,
        command: &Command,
        args: &Args<'_>,
        seen: Seen,
    ) -> Result<(), Denied> {
        if seen.has(args, rule::keys_end(command)) { Ok(()) } else { Err(unseen(rule, Some(command), args)) }
    }

    /// What to ask the upstream about whether scripts of its `user` can run what everybody is refused here.
    pub(super) fn inside(&self, user: &str) -> Option<Inside> {
        let blocked = all().filter(|command| self.rules.iter().any(|rule| rule.blocks(command)));
        Inside::new(user, blocked, self.theirs.as_ref()).filter(|_| self.scripts)
    }

    fn mine<'a>(&'a self, mine: &'a Mine) -> impl Iterator<Item = &'a Rule> {
        mine.0.iter().filter_map(|at| self.rules.get(*at))
    }
}

/// A refusal of `args` for `rule`; `why` goes on from the command's name.
fn denied(rule: &str, command: Option<&Command>, args: &Args<'_>, why: &str) -> Denied {
    let command = shown(command, args);
    Denied::Rule {
        text: format!("NOPERM {command} {why} ({rule})"),
        command,
        rule: rule.to_owned(),
        key: None,
    }
}

/// A refusal of a request that is too large to be gathered, for what `rule` looks at has not arrived.
fn unseen(rule: &str, command: Option<&Command>, args: &Args<'_>) -> Denied {
    let why = "is refused by Nearside: the request is passed on in pieces (limits.large), and what \
               a rule looks at has not arrived";
    denied(rule, command, args, why)
}
