//! What keeps a session on a connection of its own, and what each request brings there. Pure.

mod expect;
mod subscribed;
#[cfg(test)]
mod tests;

use super::hello;
use crate::command::{Command, Local, Pin, Route};
use crate::resp::request::Args;
pub(super) use expect::{Expect, Fate, Mode, Queued, Turn};
pub(super) use subscribed::{HEAD, Message, Subscribed, last_integer, message};

/// Which replies the client wants (`CLIENT REPLY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Replies {
    /// All.
    #[default]
    On,
    /// None.
    Off,
    /// Not the next one.
    Skip,
}

/// Why a session cannot leave its connection.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Between `MULTI` and `EXEC` or `DISCARD`.
    pub(super) multi: bool,
    /// Commands the transaction will run, if no error spoils it.
    queued: usize,
    /// Those of them that mean something to the session.
    telling: Vec<Queued>,
    /// Those of them after which nobody could tell what answers what, if they run.
    blurring: u32,
    /// Keys that are watched.
    pub(super) watched: usize,
    /// The connection is in a mode of its client's (tracking, `READONLY`, `NO-TOUCH`).
    pub(super) kept: bool,
    /// Which replies come.
    pub(super) replies: Replies,
    /// What is subscribed, as far as it is confirmed.
    pub(super) subscribed: Subscribed,
    /// Replies are no longer matched to requests.
    pub(super) opaque: bool,
}

impl Held {
    /// Whether anything holds it.
    pub(super) fn any(&self) -> bool {
        self.multi
            || self.watched > 0
            || self.kept
            || self.opaque
            || self.replies != Replies::On
            || self.subscribed.any()
    }

    /// Whether frames may come that answer no request.
    pub(super) fn listens(&self) -> bool {
        self.subscribed.any() || self.opaque
    }

    /// `args` goes to the connection: what it will bring. [`Turn::Opaque`] must wait until every earlier
    /// reply is in, and be asked again then; nothing has changed.
    pub(super) fn forward(&mut self, command: Option<&Command>, args: &Args<'_>) -> Turn {
        let route = command.filter(|c| c.arity_ok(args.len())).map(|c| c.route);
        self.forward_as(route, command, args)
    }

    /// Like [`Self::forward`], for a request so large that it goes on before it is whole: `args` is what
    /// there is of it. What may depend on the rest cannot be followed.
    pub(super) fn forward_partial(&mut self, command: Option<&Command>, args: &Args<'_>) -> Turn {
        match command.map(|c| c.route) {
            Some(Route::Pin(Pin::Watch)) => self.forward_as(Some(Route::Pin(Pin::Watch)), command, args),
            Some(Route::Pin(_) | Route::Session(_)) => Turn::Opaque,
            route => self.forward_as(route, command, args),
        }
    }

    fn forward_as(&mut self, route: Option<Route>, command: Option<&Command>, args: &Args<'_>) -> Turn {
        if self.loses_count(route, args) {
            return Turn::Opaque;
        }
        let expect = match route {
            Some(Route::Pin(Pin::Reply)) if !self.multi => match self.reply_mode(args) {
                Some(turn) => return turn,
                None => Expect::Reply,
            },
            _ if self.multi => self.in_multi(route, command, args),
            _ => self.outside(route, command, args),
        };
        match self.replies {
            Replies::Skip => {
                self.replies = Replies::On;
                if matches!(expect, Expect::Reset) { Turn::SilentReset } else { Turn::SilentOnce }
            }
            // It ends the silence, and is answered.
            Replies::Off if !matches!(expect, Expect::Reset) => Turn::Silent,
            _ => Turn::Expect(expect),
        }
    }

    /// Whether nobody could tell what answers what after this.
    fn loses_count(&self, route: Option<Route>, args: &Args<'_>) -> bool {
        let silenced = self.replies != Replies::On;
        match route {
            Some(Route::Pin(Pin::Reply)) => {
                let silences = args.is(2, "OFF") || args.is(2, "SKIP");
                silences && (self.multi || self.subscribed.any())
            }
            // Inside a transaction it is `EXEC` that does it, if nothing was refused.
            Some(Route::Pin(Pin::Subscribe(_) | Pin::Unsubscribe(_) | Pin::Monitor)) => silenced,
            Some(Route::Pin(Pin::Exec)) => self.multi && self.blurring > 0,
            Some(Route::Session(Local::Select | Local::Auth | Local::Hello)) => silenced,
            _ => false,
        }
    }

    /// What `CLIENT REPLY` brings, when it is about replies that do not come.
    fn reply_mode(&mut self, args: &Args<'_>) -> Option<Turn> {
        if args.is(2, "ON") {
            self.replies = Replies::On;
            return None;
        }
        if args.is(2, "OFF") {
            self.replies = Replies::Off;
        } else if args.is(2, "SKIP") {
            if self.replies == Replies::On {
                self.replies = Replies::Skip;
            }
        } else {
            return None;
        }
        Some(Turn::Silent)
    }

    fn outside(&mut self, route: Option<Route>, command: Option<&Command>, args: &Args<'_>) -> Expect {
        match route {
            Some(Route::Pin(Pin::Multi)) => {
                (self.multi, self.queued, self.blurring) = (true, 0, 0);
                self.telling.clear();
                Expect::Multi { nested: false }
            }
            Some(Route::Pin(Pin::Watch)) => {
                let before = self.watched;
                self.watched += (args.len() - 1).max(1);
                Expect::Watch { before }
            }
            Some(Route::Pin(Pin::Unwatch)) => {
                self.watched = 0;
                Expect::Reply
            }
            Some(Route::Pin(Pin::Wait)) => Expect::Blocking { pops: false },
            Some(Route::Pin(Pin::Subscribe(of))) => {
                Expect::Subscription { of, left: u32::try_from(args.len() - 1).ok() }
            }
            Some(Route::Pin(Pin::Unsubscribe(of))) => {
                let named = u32::try_from(args.len() - 1).ok().filter(|n| *n > 0);
                Expect::Subscription { of, left: named }
            }
            Some(Route::Pin(Pin::Monitor)) => Expect::Monitor,
            Some(Route::Session(which)) => {
                // A transaction it would have ended is dealt with above; it forgets watched keys too.
                if which == Local::Reset {
                    self.watched = 0;
                }
                session(which, args)
            }
            Some(Route::Control) if command.is_some_and(|c| c.name == "SHUTDOWN") => Expect::Shutdown,
            Some(Route::Pin(Pin::Tracking | Pin::ReadOnly)) => self.mode(command, args),
            _ if command.is_some_and(|c| c.blocks(args)) => {
                let pops = command.is_some_and(|c| c.effect == crate::command::Effect::Write);
                Expect::Blocking { pops }
            }
            _ => Expect::Reply,
        }
    }

    /// Modes of the connection.
    fn mode(&mut self, command: Option<&Command>, args: &Args<'_>) -> Expect {
        let mode = match command.map_or("", |c| c.name) {
            "CLIENT|GETREDIR" | "CLIENT|TRACKINGINFO" => return Expect::ClientId,
            "CLIENT|TRACKING" if args.is(2, "ON") => {
                let broadcast = (3..args.len()).any(|at| args.is(at, "BCAST"));
                let redirect = redirect_at(args).and_then(|at| super::local::integer(args.get(at)));
                Mode::Tracking { redirect: redirect.unwrap_or(0), broadcast }
            }
            "CLIENT|TRACKING" if !self.kept => return Expect::Reply,
            "CLIENT|TRACKING" => Mode::NoTracking,
            "CLIENT|NO-TOUCH" => Mode::NoTouch(args.is(2, "ON")),
            "READONLY" => Mode::Readonly(true),
            "READWRITE" => Mode::Readonly(false),
            _ => Mode::Other,
        };
        Expect::Keep { before: std::mem::replace(&mut self.kept, true), mode }
    }

    /// Commands the open transaction has queued; `None` outside one.
    pub(super) fn queued(&self) -> Option<usize> {
        self.multi.then_some(self.queued)
    }

    /// The command that has just been queued means this once it runs.
    pub(super) fn tells_last(&mut self, expect: Expect) {
        self.telling.push(Queued { index: self.queued.saturating_sub(1), expect });
    }

    fn in_multi(&mut self, route: Option<Route>, command: Option<&Command>, args: &Args<'_>) -> Expect {
        match route {
            Some(Route::Pin(Pin::Exec)) => {
                (self.multi, self.watched) = (false, 0);
                return Expect::Exec(std::mem::take(&mut self.telling));
            }
            // Refused for its arguments, it has ended the transaction all the same.
            None if command.is_some_and(|c| c.name == "EXEC") => {
                (self.multi, self.watched) = (false, 0);
                self.telling.clear();
                return Expect::Reply;
            }
            Some(Route::Pin(Pin::Discard)) => {
                (self.multi, self.watched) = (false, 0);
                return Expect::Reply;
            }
            Some(Route::Pin(Pin::Multi)) => return Expect::Multi { nested: true },
            // It and the next are refused, not queued.
            Some(Route::Pin(Pin::Watch)) => return Expect::Reply,
            Some(Route::Session(Local::Reset)) => {
                (self.multi, self.watched) = (false, 0);
                return Expect::Reset;
            }
            Some(Route::Session(which)) => self.tells(session(which, args)),
            Some(Route::Pin(Pin::Tracking | Pin::ReadOnly)) => {
                let expect = self.mode(command, args);
                self.tells(expect);
            }
            Some(Route::Pin(Pin::Subscribe(_) | Pin::Unsubscribe(_) | Pin::Monitor)) => {
                self.queued += 1;
                self.blurring += 1;
                return Expect::Blurring;
            }
            _ => {}
        }
        self.queued += 1;
        Expect::Queued
    }

    /// The command that is queued next means something to the session once it runs.
    fn tells(&mut self, expect: Expect) {
        if !matches!(expect, Expect::Reply) {
            self.telling.push(Queued { index: self.queued, expect });
        }
    }

    /// The upstream refused what was expected to hold.
    pub(super) fn refused(&mut self, expect: &Expect) {
        match expect {
            Expect::Multi { nested: false } => self.multi = false,
            Expect::Queued => self.queued = self.queued.saturating_sub(1),
            Expect::Watch { before } => self.watched = *before,
            Expect::Keep { before, .. } => self.kept = *before,
            Expect::Blurring => self.blurring = self.blurring.saturating_sub(1),
            _ => {}
        }
    }
}

/// Where the id after `REDIRECT` stands in a `CLIENT TRACKING`.
pub(super) fn redirect_at(args: &Args<'_>) -> Option<usize> {
    let at = (3..args.len()).find(|i| args.is(*i, "REDIRECT"))? + 1;
    (at < args.len()).then_some(at)
}

/// What the upstream's answer to a session command means.
fn session(which: Local, args: &Args<'_>) -> Expect {
    match which {
        Local::Select => {
            let db = super::local::integer(args.get(1)).and_then(|db| u32::try_from(db).ok());
            db.map_or(Expect::Reply, Expect::Select)
        }
        Local::Auth => {
            let (user, password) =
                if args.len() > 2 { (Some(args.get(1)), args.get(2)) } else { (None, args.get(1)) };
            Expect::Auth(Box::new(super::local::credential(user, password)))
        }
        Local::Hello => hello::parse(args).map_or(Expect::Reply, |hello| Expect::Hello(Box::new(hello))),
        Local::Reset => Expect::Reset,
        _ => Expect::Reply,
    }
}
