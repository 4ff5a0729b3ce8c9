//! How large a request, a key, a value may be.

use super::rule::{keys_end, may_have_keys};
use super::{Seen, denied, unseen};
use crate::command::{Command, Keys};
use crate::config::Rules;
use crate::policy::Denied;
use crate::resp::request::Args;

/// The limits; `usize::MAX` is none.
#[derive(Debug)]
pub(super) struct Sizes {
    key: usize,
    value: usize,
    args: usize,
}

impl Sizes {
    pub(super) fn new(rules: &Rules) -> Self {
        let limit = |n: u64| if n == 0 { usize::MAX } else { usize::try_from(n).unwrap_or(usize::MAX) };
        Self { key: limit(rules.max_key), value: limit(rules.max_value), args: limit(rules.max_args) }
    }

    /// Whether none of them can concern `command`.
    pub(super) fn are_free(&self, command: Option<&Command>) -> bool {
        let keys = self.key == usize::MAX || command.is_some() && !may_have_keys(command);
        keys && self.value == usize::MAX && self.args == usize::MAX
    }

    pub(super) fn check(&self, command: Option<&Command>, args: &Args<'_>, seen: Seen) -> Result<(), Denied> {
        let (count, arriving) =
            (seen.count(args), if let Seen::Partly { arriving, .. } = seen { arriving } else { 0 });
        if count > self.args {
            let why = format!("has more than {} arguments", self.args);
            return Err(denied("rules.max_args", command, args, &why));
        }
        let limit = self.key.min(self.value);
        for at in (1..args.len()).filter(|at| args.get(*at).len() > limit) {
            let is_key = command.is_some_and(|c| c.keys(args).positions().any(|key| key == at));
            self.check_one(is_key, args.get(at).len(), command, args)?;
        }
        let is_key = key_at(command, args.len());
        match is_key {
            Some(is_key) => self.check_one(is_key, arriving, command, args)?,
            None if arriving > limit => return Err(unseen("rules.max_value", command, args)),
            None => {}
        }
        // The one that is arriving has been looked at.
        let end = command.map_or(usize::MAX, keys_end).saturating_sub(1);
        if self.key != usize::MAX
            && may_have_keys(command)
            && !seen.has(args, end.min(count.saturating_sub(1)))
        {
            return Err(unseen("rules.max_key", command, args));
        }
        if self.value != usize::MAX && !seen.has(args, count.saturating_sub(1)) {
            return Err(unseen("rules.max_value", command, args));
        }
        Ok(())
    }

    fn check_one(
        &self,
        is_key: bool,
        len: usize,
        command: Option<&Command>,
        args: &Args<'_>,
    ) -> Result<(), Denied> {
        let (limit, what, rule) = match is_key {
            true => (self.key, "a key", "rules.max_key"),
            false => (self.value, "an argument", "rules.max_value"),
        };
        if len <= limit {
            return Ok(());
        }
        Err(denied(rule, command, args, &format!("has {what} of more than {limit} bytes")))
    }
}

/// Whether a key stands at `at`; `None`: nobody can tell before all is there.
fn key_at(command: Option<&Command>, at: usize) -> Option<bool> {
    match command.map_or(Keys::None, |command| command.keys) {
        Keys::None | Keys::Channels { .. } => Some(false),
        Keys::Range { first, last, step } => {
            let (first, step) = (usize::from(first), usize::from(step).max(1));
            let inside = at >= first && usize::try_from(last).map_or(true, |last| at <= last);
            Some(inside && (at - first).is_multiple_of(step))
        }
        _ => None,
    }
}
