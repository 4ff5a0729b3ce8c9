//! One set of rights: commands, keys and channels. A user has a root one and any number of others.

use super::error::Why;
use super::rows::Rows;
use crate::command::{Category, Command, Need, all, named, number};
use crate::policy::matches;

/// What one list of rules allows; a request is allowed if one selector allows all of it.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    pub(super) commands: Rows,
    /// `+@all`, and not `-@all` since: commands nobody here knows, too.
    pub(super) unknown_commands: bool,
    /// Rows that are not allowed as such, but with this first argument.
    first_args: Vec<(u16, String)>,
    /// The command rules since the last `+@all` or `-@all`, without those that later ones undid.
    pub(super) rules: Vec<String>,
    pub(super) all_keys: bool,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) all_channels: bool,
    pub(super) channels: Vec<String>,
}

/// Keys, and what may be done to them.
#[derive(Clone, Debug)]
pub(super) struct KeyPattern {
    pub(super) pattern: String,
    pub(super) rights: Need,
}

impl Selector {
    /// One that allows nothing.
    pub(super) fn new() -> Self {
        Self {
            commands: Rows::NONE,
            unknown_commands: false,
            first_args: Vec::new(),
            rules: Vec::new(),
            all_keys: false,
            keys: Vec::new(),
            all_channels: false,
            channels: Vec::new(),
        }
    }

    /// Applies one rule.
    pub(super) fn apply(&mut self, rule: &str) -> Result<(), Why> {
        match rule.to_ascii_lowercase().as_str() {
            "allkeys" | "~*" => (self.all_keys, self.keys) = (true, Vec::new()),
            "resetkeys" => (self.all_keys, self.keys) = (false, Vec::new()),
            "allchannels" | "&*" => (self.all_channels, self.channels) = (true, Vec::new()),
            "resetchannels" => (self.all_channels, self.channels) = (false, Vec::new()),
            "allcommands" | "+@all" => self.every_command(true),
            "nocommands" | "-@all" => self.every_command(false),
            lower => return self.apply_prefixed(rule, lower),
        }
        Ok(())
    }

    fn apply_prefixed(&mut self, rule: &str, lower: &str) -> Result<(), Why> {
        match (rule.split_at_checked(1), lower.split_at_checked(1)) {
            (Some(("~", pattern)), _) => self.add_key("rw", pattern),
            (Some(("%", rest)), _) => {
                // Without `~` it is about the empty key, in Redis too.
                let (letters, pattern) = rest.split_once('~').unwrap_or((rest, ""));
                self.add_key(letters, pattern)
            }
            (Some(("&", pattern)), _) => self.add_channel(pattern),
            (_, Some((sign @ ("+" | "-"), rule))) => match rule.strip_prefix('@') {
                Some(category) => self.category(category, sign == "+"),
                None if sign == "+" => self.allow(rule),
                None => self.deny(rule),
            },
            _ => Err(Why::NoSuchRule),
        }
    }

    fn every_command(&mut self, allow: bool) {
        self.commands = if allow { Rows::ALL } else { Rows::NONE };
        self.unknown_commands = allow;
        self.first_args.clear();
        self.rules.clear();
    }

    fn add_key(&mut self, letters: &str, pattern: &str) -> Result<(), Why> {
        if self.all_keys {
            return Err(Why::KeyAfterAll);
        }
        let rights = rights(letters)?;
        check(pattern)?;
        match self.keys.iter_mut().find(|known| known.pattern == pattern) {
            Some(known) => {
                known.rights.read |= rights.read;
                known.rights.write |= rights.write;
            }
            None => self.keys.push(KeyPattern { pattern: pattern.to_owned(), rights }),
        }
        Ok(())
    }

    fn add_channel(&mut self, pattern: &str) -> Result<(), Why> {
        if self.all_channels {
            return Err(Why::ChannelAfterAll);
        }
        check(pattern)?;
        if !self.channels.iter().any(|known| known == pattern) {
            self.channels.push(pattern.to_owned());
        }
        Ok(())
    }

    fn category(&mut self, name: &str, allow: bool) -> Result<(), Why> {
        let category = Category::named(name).ok_or(Why::Unknown)?;
        self.note(&format!("@{name}"), allow);
        for row in all().filter(|row| row.categories().has(category)) {
            self.permit(row, allow);
        }
        Ok(())
    }

    fn allow(&mut self, rule: &str) -> Result<(), Why> {
        let Some((name, sub)) = rule.rsplit_once('|') else { return self.command(rule, true) };
        let command = named(name).ok_or(Why::Unknown)?;
        match () {
            () if name.contains('|') => Err(Why::FirstArgOfSubcommand),
            () if sub.is_empty() => Err(Why::Syntax),
            () if command.has_subcommands() => self.command(rule, true),
            () => {
                self.note(rule, true);
                let first_arg = (number(command), sub.to_owned());
                if !self.first_args.contains(&first_arg) {
                    self.first_args.push(first_arg);
                }
                Ok(())
            }
        }
    }

    fn deny(&mut self, rule: &str) -> Result<(), Why> {
        self.command(rule, false)
    }

    fn command(&mut self, name: &str, allow: bool) -> Result<(), Why> {
        let command = named(name).ok_or(Why::Unknown)?;
        self.permit(command, allow);
        self.note(name, allow);
        Ok(())
    }

    /// A command with its subcommands; what was said of its first arguments is void.
    fn permit(&mut self, command: &'static Command, allow: bool) {
        self.commands.set(command, allow);
        self.first_args.retain(|(row, _)| *row != number(command));
        for sub in subcommands(command) {
            self.commands.set(sub, allow);
        }
    }

    /// Keeps a rule on commands for [`super::User::describe`], instead of those of the same command or
    /// category, or of its subcommands.
    fn note(&mut self, rule: &str, allow: bool) {
        self.rules.retain(|old| {
            !old[1..].strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        });
        self.rules.push(format!("{}{rule}", if allow { '+' } else { '-' }));
    }

    /// Whether the command may be run with `first_arg`, keys and channels apart.
    #[inline]
    pub(super) fn runs(&self, command: &'static Command, first_arg: Option<&[u8]>) -> bool {
        self.commands.has(command) || self.runs_with(command, first_arg)
    }

    fn runs_with(&self, command: &'static Command, first_arg: Option<&[u8]>) -> bool {
        let is = |known: &str, arg: &[u8]| known.as_bytes().eq_ignore_ascii_case(arg);
        first_arg.is_some_and(|arg| {
            self.first_args.iter().any(|(row, known)| *row == number(command) && is(known, arg))
        })
    }

    /// Whether all rights in `need` to `key` are given, by one pattern.
    pub(super) fn opens(&self, key: &[u8], need: Need) -> bool {
        self.all_keys
            || self.keys.iter().any(|known| known.rights.covers(need) && fits(known.pattern.as_bytes(), key))
    }

    /// Whether every key may be read.
    pub(super) fn reads_all_keys(&self) -> bool {
        self.all_keys || self.keys.iter().any(|known| known.rights.read && known.pattern == "*")
    }

    /// Whether `channel` may be used; a pattern of channels must be literally the rule's.
    pub(super) fn hears(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_channels
            || self
                .channels
                .iter()
                .map(String::as_bytes)
                .any(|known| if is_pattern { known == channel } else { fits(known, channel) })
    }
}

/// As Redis matches here: even `*` does not stand for an empty key or channel (the flag that `~*` sets
/// does, and is not asked here).
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() { pattern.is_empty() } else { matches(pattern, text) }
}

/// The subcommands of `command`.
pub(super) fn subcommands(command: &'static Command) -> impl Iterator<Item = &'static Command> {
    let of = move |sub: &str| sub.strip_prefix(command.name).is_some_and(|rest| rest.starts_with('|'));
    // Asked of every command by every rule on a category, and few have any.
    let rows = command.has_subcommands().then(all);
    rows.into_iter().flatten().filter(move |row| of(row.name))
}

/// `R`, `W`, or both in either order.
fn rights(letters: &str) -> Result<Need, Why> {
    match letters.to_ascii_lowercase().as_str() {
        "r" => Ok(Need { read: true, write: false }),
        "w" => Ok(Need { read: false, write: true }),
        "rw" | "wr" => Ok(Need { read: true, write: true }),
        _ => Err(Why::Syntax),
    }
}

/// Patterns hold no white space and no NUL: they are written with spaces between them.
pub(super) fn check(text: &str) -> Result<(), Why> {
    let wrong = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0b);
    if text.as_bytes().iter().any(wrong) { Err(Why::Syntax) } else { Ok(()) }
}
