//! Commands as rules name them: `FLUSHALL`, `CONFIG|SET`, a whole container, a category.

use crate::command::{COUNT, Category, Command, all, number};
use crate::resp::request::Args;

/// Most bytes of an unknown name that a refusal repeats.
const REPEATED: usize = 64;

/// A set of commands.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Names {
    /// By a command's number: where the arguments behind its name begin, as the rule wrote the name; 0: it
    /// is not in the set.
    rows: Box<[u8]>,
    /// Names no row has, in capitals.
    others: Vec<(String, Option<String>)>,
}

impl Names {
    /// The commands that `written` names. A container brings its subcommands.
    pub(super) fn new<T: AsRef<str>>(written: &[T]) -> Self {
        let mut names = Self { rows: vec![0; COUNT].into(), others: Vec::new() };
        written.iter().for_each(|name| names.add(name.as_ref()));
        names
    }

    /// Every command.
    pub(super) fn all() -> Self {
        let mut names = Self::new::<&str>(&[]);
        all().for_each(|command| names.insert(command, 1 + command.name.matches('|').count()));
        names
    }

    fn add(&mut self, name: &str) {
        let name = name.to_ascii_uppercase();
        if let Some(category) = name.strip_prefix('@') {
            let category = Category::named(category);
            let inside = |command: &&'static Command| category.is_some_and(|c| command.categories().has(c));
            for command in all().filter(inside) {
                self.insert(command, 1 + command.name.matches('|').count());
            }
            return;
        }
        let is_sub = |command: &Command| {
            command.name.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        };
        let behind = 1 + name.matches('|').count();
        let mut found = false;
        for command in all().filter(|command| is_sub(command)) {
            self.insert(command, behind);
            found = true;
        }
        if !found {
            self.others.push(match name.split_once('|') {
                Some((name, sub)) => (name.to_owned(), Some(sub.to_owned())),
                None => (name, None),
            });
        }
    }

    fn insert(&mut self, command: &'static Command, behind: usize) {
        if let (Some(at), Ok(behind)) =
            (self.rows.get_mut(usize::from(number(command))), u8::try_from(behind))
        {
            *at = behind;
        }
    }

    /// Whether `command`, or for `None` some command that has no row, may be in the set.
    pub(super) fn may_have(&self, command: Option<&'static Command>) -> bool {
        match command {
            Some(command) if self.behind_row(command) > 0 => true,
            // An unknown subcommand has its container's row.
            Some(command) => self.others.iter().any(|(name, sub)| name == command.name && sub.is_some()),
            None => !self.others.is_empty(),
        }
    }

    /// Whether it has `command` whatever comes behind the name.
    pub(super) fn has_row(&self, command: &'static Command) -> bool {
        self.behind_row(command) > 0
    }

    /// Where the arguments behind the name begin, if the command of `args` is in the set.
    pub(super) fn behind(&self, command: Option<&'static Command>, args: &Args<'_>) -> Option<usize> {
        if let Some(command) = command
            && self.behind_row(command) > 0
        {
            return Some(self.behind_row(command));
        }
        let fits = |(name, sub): &&(String, Option<String>)| {
            args.is(0, name) && sub.as_ref().is_none_or(|sub| args.len() > 1 && args.is(1, sub))
        };
        self.others.iter().find(fits).map(|(_, sub)| 1 + usize::from(sub.is_some()))
    }

    fn behind_row(&self, command: &'static Command) -> usize {
        self.rows.get(usize::from(number(command))).copied().map_or(0, usize::from)
    }
}

/// A command's name for people.
pub(super) fn shown(command: Option<&Command>, args: &Args<'_>) -> String {
    let name = args.get(0);
    match command {
        Some(command) => command.name.to_owned(),
        None => String::from_utf8_lossy(&name[..name.len().min(REPEATED)]).to_ascii_uppercase(),
    }
}
