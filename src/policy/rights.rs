//! What one client may do, compiled for the path of a request.

use std::sync::Arc;

use super::common::Common;
use super::rules::Mine;
use super::{Denied, Permit, Seen};
use crate::command::{Command, Local, Route, all, number};
use crate::resp::request::Args;

/// What a client may do who is a certain user on a certain listener. Shared by all such clients; never
/// changes: a client whose rights change gets others.
#[derive(Debug)]
pub struct Rights {
    who: Who,
    common: Arc<Common>,
    /// Which rules concern it.
    mine: Mine,
    /// By a command's number: it may run, whatever its arguments.
    free: Box<[bool]>,
    /// The same, for a command that is not known here.
    unknown_free: bool,
}

/// Who a client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// It has not said yet, and must.
    Nobody,
    /// It is not on this machine, and the upstream may let in whoever comes.
    Stranger,
    /// A user of the upstream, which knows what that user may do.
    Upstream(String),
}

impl Rights {
    /// Those of `who` on a listener.
    pub(super) fn new(who: Who, listener: usize, common: &Arc<Common>) -> Self {
        let admitted = matches!(who, Who::Upstream(_));
        let mine = common.rules.of(who.name(), listener);
        let free = all().map(|command| admitted && common.is_free(&mine, Some(command))).collect();
        let unknown_free = admitted && common.is_free(&mine, None);
        Self { who, common: Arc::clone(common), mine, free, unknown_free }
    }

    /// Whether `args`, whose row is `command` (`None`: unknown), is permitted.
    #[inline]
    pub fn check(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<Permit, Denied> {
        let free = match command {
            Some(command) => self.free.get(usize::from(number(command))).copied().unwrap_or(false),
            None => self.unknown_free,
        };
        if free { Ok(Permit(())) } else { self.look(command, args, Seen::Whole) }
    }

    /// The same for a request that is passed on in pieces, of which `args` is there. What a rule, or the
    /// client's own rights, look at must be among it: nothing that follows is looked at.
    pub fn check_so_far(
        &self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        (count, arriving): (usize, usize),
    ) -> Result<Permit, Denied> {
        let free = match command {
            Some(command) => self.free.get(usize::from(number(command))).copied().unwrap_or(false),
            None => self.unknown_free,
        };
        if free { Ok(Permit(())) } else { self.look(command, args, Seen::Partly { count, arriving }) }
    }

    /// Who has them.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// Whether the client has to authenticate before anything else.
    pub fn must_authenticate(&self) -> bool {
        matches!(self.who, Who::Nobody | Who::Stranger)
    }

    fn look(&self, command: Option<&'static Command>, args: &Args<'_>, seen: Seen) -> Result<Permit, Denied> {
        self.common.check_enabled()?;
        self.common.rules.check_name(command, args)?;
        if self.must_authenticate() {
            self.check_admission(command, args)?;
        }
        self.common.check(&self.mine, command, args, seen)?;
        Ok(Permit(()))
    }

    /// What somebody may send who has not said yet who he is.
    fn check_admission(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<(), Denied> {
        let denied = if self.who == Who::Stranger { Denied::Protected } else { Denied::Nobody };
        let Some(command) = command else { return Err(denied) };
        if !command.arity_ok(args.len()) {
            return Err(Denied::Arity(command.name.to_lowercase()));
        }
        match command.route {
            Route::Session(Local::Auth | Local::Quit | Local::Reset) => Ok(()),
            Route::Session(Local::Hello) if (2..args.len()).any(|at| args.is(at, "AUTH")) => Ok(()),
            // What is wrong with its version is said first.
            Route::Session(Local::Hello) if args.len() > 1 && !matches!(args.get(1), b"2" | b"3") => Ok(()),
            Route::Session(Local::Hello) if self.who == Who::Nobody => Err(Denied::HelloOfNobody),
            _ => Err(denied),
        }
    }
}

impl Who {
    /// The user's name; empty for who is none yet.
    fn name(&self) -> &str {
        match self {
            Self::Nobody | Self::Stranger => "",
            Self::Upstream(name) => name,
        }
    }
}
