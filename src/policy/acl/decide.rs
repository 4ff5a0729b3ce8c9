//! Whether a user may run a request.

use super::User;
use super::selector::{Selector, subcommands};
use crate::command::{Channels, Command, Family, Keys, Local, Need, Pin, Route, all};
use crate::resp::request::Args;

/// Why a request is refused. In rising order of what Redis would rather report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The command itself.
    Command {
        /// As Redis names it: `get`, `config|set`.
        name: String,
    },
    /// A key.
    Key {
        /// Which argument.
        index: usize,
    },
    /// A channel.
    Channel {
        /// Which argument.
        index: usize,
    },
    /// An option of `SORT` that reads keys by a pattern, while the user may not read all keys.
    Sort {
        /// `BY` or `GET`.
        option: &'static str,
    },
}

impl User {
    /// Whether it may run `args`, whose row is `command`, as Redis decides. A command without a row
    /// (`None`: a module's, or a newer server's) and a subcommand without one do what nobody here knows:
    /// such a command takes all keys and `+@all` with no category taken from it since (its categories are
    /// not known either); such a subcommand takes its container with all known subcommands, and all keys
    /// if one of them names any.
    ///
    /// # Errors
    /// Of the reasons of the selectors the one that Redis reports.
    #[inline]
    pub fn decide(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<(), Refusal> {
        if self.unrestricted { Ok(()) } else { self.look(command, args) }
    }

    /// The same for a request that is passed on in pieces: what has not arrived may ask for more of the keys
    /// that have (`SET … GET`), so all rights are wanted that it could need.
    pub fn decide_so_far(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<(), Refusal> {
        self.decide(command, args)?;
        let Some(command) = command.filter(|command| command.access().depends()) else { return Ok(()) };
        let both = Need { read: true, write: true };
        let closed = |selector: &Selector| {
            command.keys(args).positions().find(|at| !selector.opens(args.get(*at), both))
        };
        let fits = |selector: &&Selector| selector.judge(command, args).is_ok();
        let mut refused = None;
        for selector in self.selectors().filter(fits) {
            match closed(selector) {
                None => return Ok(()),
                index => refused = index,
            }
        }
        refused.map_or(Ok(()), |index| Err(Refusal::Key { index }))
    }

    /// Whether it may run `command` with any keys.
    pub fn runs_on_all_keys(&self, command: &'static Command) -> bool {
        self.selectors().any(|selector| selector.all_keys && selector.runs(command, None))
    }

    /// Whether [`Self::decide`] says yes to `command` whatever its arguments.
    pub fn may_freely(&self, command: Option<&'static Command>) -> bool {
        let Some(command) = command else {
            return self.selectors().any(|selector| selector.all_keys && selector.runs_unknown());
        };
        let by_pattern = matches!(command.keys, Keys::Sort);
        needs_no_auth(command)
            || self.selectors().any(|selector| {
                selector.runs(command, None)
                    && !command.has_subcommands()
                    && (selector.all_keys || command.keys == Keys::None)
                    && (selector.all_channels || !matches!(command.keys, Keys::Channels { .. }))
                    && (!by_pattern || selector.reads_all_keys())
            })
    }

    fn look(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<(), Refusal> {
        let Some(command) = command else { return self.look_unknown(args) };
        if needs_no_auth(command) {
            return Ok(());
        }
        let mut refusal: Option<Why> = None;
        for selector in self.selectors() {
            match selector.judge(command, args) {
                Ok(()) => return self.sorts(command, args),
                Err(why) => refusal = refusal.max(Some(why)),
            }
        }
        Err(match refusal {
            Some(Why::Channel(index)) => Refusal::Channel { index },
            Some(Why::Key(index)) => Refusal::Key { index },
            Some(Why::Command) | None => Refusal::Command { name: full_name(command) },
        })
    }

    fn look_unknown(&self, args: &Args<'_>) -> Result<(), Refusal> {
        let judged = |selector: &Selector| selector.all_keys && selector.runs_unknown();
        if self.selectors().any(judged) {
            return Ok(());
        }
        let name = args.get(0);
        let shown = String::from_utf8_lossy(&name[..name.len().min(LONGEST)]);
        Err(Refusal::Command { name: shown.to_ascii_lowercase().replace(char::is_control, "?") })
    }

    /// What Redis asks when `SORT` runs: a selector that allows it and the reading of every key.
    fn sorts(&self, command: &'static Command, args: &Args<'_>) -> Result<(), Refusal> {
        let Some(option) = command.reads_by_pattern(args) else { return Ok(()) };
        let reads = |selector: &Selector| selector.reads_all_keys() && selector.judge(command, args).is_ok();
        if self.selectors().any(reads) { Ok(()) } else { Err(Refusal::Sort { option }) }
    }
}

/// Why a selector does not allow a request; the greater one is reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Command,
    Key(usize),
    Channel(usize),
}

impl Selector {
    fn judge(&self, command: &'static Command, args: &Args<'_>) -> Result<(), Why> {
        let first_arg = (args.len() > 1).then(|| args.get(1));
        if !self.runs(command, first_arg) {
            return Err(Why::Command);
        }
        if command.has_subcommands() && first_arg.is_some() {
            self.judge_unknown(command)?;
        }
        if !self.all_keys && command.keys != Keys::None {
            self.judge_keys(command, args)?;
        }
        if !self.all_channels {
            self.judge_channels(command, args)?;
        }
        Ok(())
    }

    /// A subcommand of `command` that has no row.
    fn judge_unknown(&self, command: &'static Command) -> Result<(), Why> {
        if subcommands(command).any(|sub| !self.commands.has(sub)) {
            return Err(Why::Command);
        }
        if !self.all_keys && subcommands(command).any(|sub| sub.keys != Keys::None) {
            return Err(Why::Command);
        }
        Ok(())
    }

    fn judge_keys(&self, command: &'static Command, args: &Args<'_>) -> Result<(), Why> {
        let (mut need, others) = command.access().needs(args);
        for at in command.keys(args).positions() {
            if !self.opens(args.get(at), std::mem::replace(&mut need, others)) {
                return Err(Why::Key(at));
            }
        }
        Ok(())
    }

    fn judge_channels(&self, command: &'static Command, args: &Args<'_>) -> Result<(), Why> {
        let is_pattern = match command.route {
            // Nobody is kept from hearing less.
            Route::Pin(Pin::Unsubscribe(_)) => return Ok(()),
            Route::Pin(Pin::Subscribe(what)) => what == Channels::Pattern,
            _ => false,
        };
        match command.channels(args).positions().find(|at| !self.hears(args.get(*at), is_pattern)) {
            Some(at) => Err(Why::Channel(at)),
            None => Ok(()),
        }
    }

    /// Commands without a row. They may be in any category that was taken away.
    fn runs_unknown(&self) -> bool {
        self.unknown_commands && !self.rules.iter().any(|rule| rule.starts_with("-@"))
    }

    /// Every command, those without a row included.
    pub(super) fn runs_everything(&self) -> bool {
        self.runs_unknown() && all().all(|row| self.commands.has(row))
    }

    /// Every command on every key and channel.
    pub(super) fn allows_everything(&self) -> bool {
        self.all_keys && self.all_channels && self.runs_everything()
    }
}

/// Redis's flag `no_auth`: what every connection may say.
fn needs_no_auth(command: &Command) -> bool {
    matches!(command.route, Route::Session(Local::Auth | Local::Hello | Local::Quit | Local::Reset))
}

/// As Redis 8 shows it: what came as a module kept its capitals.
fn full_name(command: &Command) -> String {
    if command.family == Family::Vector { command.name.to_owned() } else { command.name.to_ascii_lowercase() }
}

/// Longest name of an unknown command that is repeated, as in Redis.
const LONGEST: usize = 128;
