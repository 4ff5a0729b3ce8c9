//! What one client may do, compiled for the path of a request.

use std::sync::Arc;

use super::acl::{Refusal, User};
use super::common::Common;
use super::rules::{Mine, Rules, may_touch_any_key};
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
#[derive(Clone, Debug)]
pub enum Who {
    /// It has not said yet, and must.
    Nobody,
    /// It is not on this machine, and the upstream may let in whoever comes.
    Stranger,
    /// A user of the upstream, which knows what that user may do.
    Upstream(String),
    /// One of Nearside's own.
    Local(Arc<User>),
}

impl Rights {
    /// Those of `who` on a listener.
    pub(super) fn new(who: Who, listener: usize, common: &Arc<Common>) -> Self {
        let mine = common.rules.of(who.name(), listener);
        let is_free = |command| common.is_free(&mine, command) && who.is_free(command);
        let free = all().map(|command| is_free(Some(command))).collect();
        let unknown_free = is_free(None);
        Self { common: Arc::clone(common), who, mine, free, unknown_free }
    }

    /// Whether `args`, whose row is `command` (`None`: unknown), is permitted.
    #[inline]
    pub fn check(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<Permit, Denied> {
        if self.is_free(command) { Ok(Permit(())) } else { self.look(command, args, Seen::Whole) }
    }

    /// Whether `command` may run whatever its arguments.
    #[inline]
    fn is_free(&self, command: Option<&'static Command>) -> bool {
        match command {
            Some(command) => self.free.get(usize::from(number(command))).copied().unwrap_or(false),
            None => self.unknown_free,
        }
    }

    /// The same for a request that is passed on in pieces, of which `args` is there: what it `announced` is
    /// how many arguments it will have, and how long the one is that is arriving. All that is looked at must
    /// be among what is there, for nothing that follows is looked at.
    pub fn check_so_far(
        &self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        announced: (usize, usize),
    ) -> Result<Permit, Denied> {
        if self.is_free(command) {
            return Ok(Permit(()));
        }
        let (count, arriving) = announced;
        self.look(command, args, Seen::Partly { count, arriving })
    }

    /// Who has them.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        match &self.who {
            Who::Nobody | Who::Stranger => "default",
            known => known.name(),
        }
    }

    /// Whether these hear every channel that `other` hear.
    pub fn hears_all_of(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (Who::Local(user), Who::Local(other)) => user.hears_all_of(other),
            _ => true,
        }
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
        if let Who::Local(user) = &self.who {
            let decided = match seen.may_bring_options(args) {
                false => user.decide(command, args),
                true => user.decide_so_far(command, args),
            };
            decided.map_err(|refusal| refused(refusal, user, command, seen.count(args)))?;
        }
        if let (Who::Local(user), Some(command)) = (&self.who, command) {
            if may_touch_any_key(command) && !user.runs_on_all_keys(command) {
                return Err(Rules::beyond_keys(user.name(), command, args));
            }
            Rules::check_keys_seen("users", command, args, seen)?;
        }
        self.common.check(&self.mine, command, args, seen)?;
        Ok(Permit(()))
    }

    /// What somebody may send who has not said yet who he is.
    fn check_admission(&self, command: Option<&'static Command>, args: &Args<'_>) -> Result<(), Denied> {
        let is_stranger = matches!(self.who, Who::Stranger);
        let denied = if is_stranger { Denied::Protected } else { Denied::Nobody };
        let Some(command) = command else { return Err(denied) };
        if !command.arity_ok(args.len()) {
            return Err(Denied::Arity(command.name.to_lowercase()));
        }
        match command.route {
            Route::Session(Local::Auth | Local::Quit | Local::Reset) => Ok(()),
            Route::Session(Local::Hello) if (2..args.len()).any(|at| args.is(at, "AUTH")) => Ok(()),
            // What is wrong with its version is said first.
            Route::Session(Local::Hello) if args.len() > 1 && !matches!(args.get(1), b"2" | b"3") => Ok(()),
            Route::Session(Local::Hello) if !is_stranger => Err(Denied::HelloOfNobody),
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
            Self::Local(user) => user.name(),
        }
    }

    /// Whether it may run `command` whatever the arguments.
    fn is_free(&self, command: Option<&'static Command>) -> bool {
        match self {
            Self::Nobody | Self::Stranger => false,
            Self::Upstream(_) => true,
            Self::Local(user) => {
                let beyond = |c: &'static Command| may_touch_any_key(c) && !user.runs_on_all_keys(c);
                user.may_freely(command) && !command.is_some_and(beyond)
            }
        }
    }
}

/// Redis looks at the number of arguments before it looks at rights.
fn refused(refusal: Refusal, user: &User, command: Option<&Command>, count: usize) -> Denied {
    match command {
        Some(command) if !command.arity_ok(count) => Denied::Arity(command.name.to_ascii_lowercase()),
        _ => Denied::Acl { user: user.name().to_owned(), refusal },
    }
}
