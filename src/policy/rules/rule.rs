//! One rule: whom it concerns, what it refuses, and in which words.

use super::kinds::{is_about_scripts, is_script, writes};
use super::names::Names;
use super::{Seen, denied, unseen};
use crate::command::{Command, Keys};
use crate::config::{self, DenyRule};
use crate::policy::{Denied, matches};
use crate::resp::request::Args;

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// What refusals, the log and the figures call it.
    name: String,
    what: What,
    /// Whom it concerns; empty: everybody.
    users: Vec<String>,
    /// By which listeners it concerns them; `None`: by any.
    pub(super) listeners: Option<Vec<usize>>,
}

/// What it refuses.
#[derive(Debug)]
enum What {
    /// These commands.
    Blocked(Names),
    /// What writes.
    Writing,
    /// Scripts.
    Scripts,
    /// These commands with such arguments and keys.
    Some { commands: Option<Names>, args: Vec<Vec<u8>>, keys: Vec<Vec<u8>> },
}

impl Rule {
    /// The rules of a configuration, in the order in which they are looked at.
    pub(super) fn all(rules: &config::Rules, listeners: &[String]) -> Vec<Self> {
        let everybody =
            |name: &str, what| Self { name: name.into(), what, users: Vec::new(), listeners: None };
        let mut all = Vec::new();
        if !rules.block.is_empty() {
            all.push(everybody("rules.block", What::Blocked(Names::new(&rules.block))));
        }
        if !rules.scripts {
            all.push(everybody("rules.scripts", What::Scripts));
        }
        if rules.read_only {
            all.push(everybody("rules.read_only", What::Writing));
        }
        all.extend(rules.deny.iter().map(|rule| Self::deny(rule, listeners)));
        all
    }

    fn deny(rule: &DenyRule, listeners: &[String]) -> Self {
        let commands = (!rule.commands.is_empty()).then(|| Names::new(&rule.commands));
        let globs = |texts: &[String]| texts.iter().map(|text| text.clone().into_bytes()).collect();
        let what = match (commands, rule.args.is_empty() && rule.keys.is_empty()) {
            (Some(commands), true) => What::Blocked(commands),
            (None, true) => What::Blocked(Names::all()),
            // Options and settings are the same however they are written.
            (commands, false) => What::Some {
                commands,
                args: rule.args.iter().map(|arg| arg.to_ascii_lowercase().into_bytes()).collect(),
                keys: globs(&rule.keys),
            },
        };
        let is_meant = |at: &usize| {
            rule.listeners.iter().any(|glob| matches(glob.as_bytes(), listeners[*at].as_bytes()))
        };
        let here = (!rule.listeners.is_empty()).then(|| (0..listeners.len()).filter(is_meant).collect());
        Self { name: format!("rules.deny: {}", rule.name), what, users: rule.users.clone(), listeners: here }
    }

    /// What is odd about it: it holds nowhere.
    pub(super) fn doubt(&self) -> Option<String> {
        let nowhere = self.listeners.as_ref().is_some_and(Vec::is_empty);
        nowhere.then(|| format!("{} concerns no listener that there is: it refuses nothing", self.name))
    }

    /// Whether it concerns `user` on a listener at all.
    pub(super) fn concerns(&self, user: &str, listener: usize) -> bool {
        let here = self.listeners.as_ref().is_none_or(|listeners| listeners.contains(&listener));
        here && (self.users.is_empty() || self.users.iter().any(|name| name == user))
    }

    /// Whether it may refuse `command`, depending on the arguments.
    pub(super) fn may_hit(&self, command: Option<&'static Command>) -> bool {
        match &self.what {
            What::Blocked(names) => names.may_have(command),
            What::Writing => writes(command),
            What::Scripts => command.is_some_and(is_about_scripts),
            What::Some { commands, keys, .. } => {
                let named = commands.as_ref().is_none_or(|names| names.may_have(command));
                named && (keys.is_empty() || may_have_keys(command))
            }
        }
    }

    /// Whether it refuses `command` to everybody, whatever the arguments.
    pub(super) fn blocks(&self, command: &'static Command) -> bool {
        let everybody = self.users.is_empty() && self.listeners.is_none();
        everybody && matches!(&self.what, What::Blocked(names) if names.has_row(command))
    }

    /// An error if it refuses `args`, of which there is so much.
    pub(super) fn check(
        &self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        seen: Seen,
    ) -> Result<(), Denied> {
        if !self.may_hit(command) {
            return Ok(());
        }
        let refuse = |why: &str| Err(denied(&self.name, command, args, why));
        match &self.what {
            What::Blocked(names) => match names.behind(command, args) {
                Some(_) => refuse("is blocked by Nearside"),
                None if seen.has(args, 2) => Ok(()),
                None => Err(unseen(&self.name, command, args)),
            },
            What::Writing => refuse("is refused: Nearside is read-only"),
            What::Scripts => refuse("is refused by Nearside: scripts are off"),
            What::Some { commands, args: globs, keys } => {
                let behind = match commands {
                    None => Some(1 + command.map_or(0, |command| command.name.matches('|').count())),
                    Some(names) => names.behind(command, args),
                };
                let Some(behind) = behind else { return Ok(()) };
                match fits(command, args, behind, globs, seen) {
                    Some(false) => return Ok(()),
                    Some(true) if keys.is_empty() => {
                        return refuse("with these arguments is refused by Nearside");
                    }
                    None if keys.is_empty() => return Err(unseen(&self.name, command, args)),
                    Some(true) | None => {}
                }
                match has_key(command, args, keys, seen) {
                    Some(true) => {
                        let why = "with this key is refused by Nearside";
                        let key = command.and_then(|command| first_of(command, args, keys));
                        Err(denied(&self.name, command, args, why).because_of(key))
                    }
                    Some(false) => Ok(()),
                    None if seen == Seen::Whole => {
                        refuse("is refused by Nearside: nobody can tell which keys it touches")
                    }
                    None => Err(unseen(&self.name, command, args)),
                }
            }
        }
    }
}

/// Whether the arguments from `behind` on fit `globs`, one by one; `None`: they have not all arrived.
/// Settings stand side by side in `CONFIG SET` and `CONFIG GET`: any of them may be the one.
fn fits(
    command: Option<&Command>,
    args: &Args<'_>,
    behind: usize,
    globs: &[Vec<u8>],
    seen: Seen,
) -> Option<bool> {
    let step = match command.map(|command| command.name) {
        Some("CONFIG|SET") if behind == 2 => 2,
        Some("CONFIG|GET") if behind == 2 => 1,
        _ => 0,
    };
    if globs.is_empty() {
        return Some(true);
    }
    let mut from = behind;
    loop {
        let fits_here = globs.iter().enumerate().all(|(nth, glob)| {
            let at = from + nth;
            at < args.len() && matches(glob, &args.get(at).to_ascii_lowercase())
        });
        if fits_here {
            return Some(true);
        }
        if step == 0 || from >= args.len() {
            break;
        }
        from += step;
    }
    let end = if step == 0 { behind + globs.len() } else { usize::MAX };
    // What has arrived may rule it out already.
    let ruled_out = step == 0
        && globs.iter().enumerate().any(|(nth, glob)| {
            behind + nth < args.len() && !matches(glob, &args.get(behind + nth).to_ascii_lowercase())
        });
    (ruled_out || seen.has(args, end)).then_some(false)
}

/// Whether some key is one of `globs`; `None`: nobody can tell (yet).
fn has_key(command: Option<&Command>, args: &Args<'_>, globs: &[Vec<u8>], seen: Seen) -> Option<bool> {
    let command = command?;
    if first_of(command, args, globs).is_some() {
        return Some(true);
    }
    let named = !is_script(command) && command.reads_by_pattern(args).is_none();
    (named && seen.has(args, keys_end(command))).then_some(false)
}

/// The first key that is one of `globs`.
fn first_of<'a>(command: &Command, args: &Args<'a>, globs: &[Vec<u8>]) -> Option<&'a [u8]> {
    command.keys(args).find(|key| globs.iter().any(|glob| matches(glob, key)))
}

/// Whether `command` can have keys at all. What is not known here may.
pub(super) fn may_have_keys(command: Option<&Command>) -> bool {
    command.is_none_or(|command| !matches!(command.keys, Keys::None | Keys::Channels { .. }))
}

/// The position behind the last one where a key, or a channel, of `command` may stand.
pub(super) fn keys_end(command: &Command) -> usize {
    match command.keys {
        Keys::None => 0,
        Keys::Range { last, .. } | Keys::Channels { last, .. } => {
            usize::try_from(last).map_or(usize::MAX, |last| last + 1)
        }
        _ => usize::MAX,
    }
}
