//! What keeps a session on a connection of its own, and what each reply there means. Pure.

use bytes::Bytes;

use super::hello::{self, Hello};
use crate::command::{Command, Local, Pin, Route};
use crate::resp::request::Args;
use crate::upstream::Credential;

/// What a reply on the session's own connection will answer.
#[derive(Debug)]
pub(super) enum Expect {
    /// Nothing that changes the session.
    Reply,
    /// A command that may take as long as it likes.
    Blocking,
    /// `MULTI`; inside a transaction it is an error and changes nothing.
    Multi { nested: bool },
    /// `WATCH`; whether keys were watched before.
    Watch { before: bool },
    /// `SELECT` of this database.
    Select(u32),
    /// `AUTH` with this credential.
    Auth(Box<Credential>),
    /// `HELLO` with these options.
    Hello(Box<Hello>),
    /// `RESET`.
    Reset,
    /// No reply of the upstream's: this one of ours, when its turn comes.
    Ours(Bytes),
    /// The upstream's reply is thrown away for this one of ours.
    Instead(Bytes),
}

/// Why a session cannot leave its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Between `MULTI` and `EXEC` or `DISCARD`.
    pub(super) multi: bool,
    /// Keys are watched.
    pub(super) watching: bool,
    /// It carries state that only the connection's end undoes: subscriptions, `MONITOR`, tracking.
    /// Replies are no longer matched to requests.
    pub(super) sticky: bool,
}

impl Held {
    /// Whether anything holds it.
    pub(super) fn any(self) -> bool {
        self.multi || self.watching || self.sticky
    }

    /// `args` goes to the connection: what to expect, and what holds from now on. `None`: it makes the
    /// connection sticky, which must wait until every reply is in.
    pub(super) fn forward(&mut self, command: Option<&Command>, args: &Args<'_>) -> Option<Expect> {
        let route = command.filter(|c| c.arity_ok(args.len())).map(|c| c.route);
        self.forward_as(route, command, args)
    }

    /// Like [`Self::forward`], for a request so large that it goes on before it is whole: `args` is what
    /// there is of it. What may depend on the rest holds for good.
    pub(super) fn forward_partial(&mut self, command: Option<&Command>, args: &Args<'_>) -> Option<Expect> {
        match command.map(|c| c.route) {
            Some(
                Route::Pin(Pin::Multi | Pin::Exec | Pin::Discard | Pin::Unwatch | Pin::Wait)
                | Route::Session(_),
            ) => {
                self.sticky = true;
                None
            }
            route => self.forward_as(route, command, args),
        }
    }

    fn forward_as(
        &mut self,
        route: Option<Route>,
        command: Option<&Command>,
        args: &Args<'_>,
    ) -> Option<Expect> {
        if self.multi {
            return self.forward_in_multi(route);
        }
        match route {
            Some(Route::Pin(Pin::Multi)) => {
                self.multi = true;
                Some(Expect::Multi { nested: false })
            }
            Some(Route::Pin(Pin::Watch)) => {
                let before = std::mem::replace(&mut self.watching, true);
                Some(Expect::Watch { before })
            }
            Some(Route::Pin(Pin::Unwatch)) => {
                self.watching = false;
                Some(Expect::Reply)
            }
            Some(Route::Pin(Pin::Exec | Pin::Discard | Pin::Wait)) => Some(Expect::Reply),
            Some(Route::Pin(_)) => {
                self.sticky = true;
                None
            }
            Some(Route::Session(which)) => {
                // A transaction it would have ended is dealt with above; it forgets watched keys too.
                self.watching &= which != Local::Reset;
                Some(session(which, args))
            }
            _ if command.is_some_and(|c| c.blocks(args)) => Some(Expect::Blocking),
            _ => Some(Expect::Reply),
        }
    }

    fn forward_in_multi(&mut self, route: Option<Route>) -> Option<Expect> {
        match route {
            Some(Route::Pin(Pin::Exec | Pin::Discard)) => {
                (self.multi, self.watching) = (false, false);
                Some(Expect::Reply)
            }
            Some(Route::Pin(Pin::Multi)) => Some(Expect::Multi { nested: true }),
            Some(Route::Session(Local::Reset)) => {
                (self.multi, self.watching) = (false, false);
                Some(Expect::Reset)
            }
            Some(Route::Pin(Pin::Watch | Pin::Unwatch | Pin::Wait)) => Some(Expect::Reply),
            // What these do when the transaction runs cannot be told from the outside: the client
            // keeps the connection for good.
            Some(Route::Pin(_) | Route::Session(_)) => {
                self.sticky = true;
                None
            }
            _ => Some(Expect::Reply),
        }
    }

    /// The upstream refused what was expected to hold.
    pub(super) fn refused(&mut self, expect: &Expect) {
        match expect {
            Expect::Multi { nested: false } => self.multi = false,
            Expect::Watch { before } => self.watching = *before,
            _ => {}
        }
    }
}

/// What the upstream's answer to a session command means, outside a transaction.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::lookup;
    use crate::resp::request::encode;
    use crate::resp::scan::request::{Limits, RequestScanner};

    fn forward(held: &mut Held, line: &str) -> Option<Expect> {
        let bytes = encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        let limits = Limits { max_bulk: 1024, max_multibulk: 64, large: 1024, unauthenticated: false };
        let mut scanner = RequestScanner::default();
        scanner.scan(&bytes, &limits).unwrap();
        let args = scanner.args(&bytes);
        held.forward(lookup(&args), &args)
    }

    #[test]
    fn a_transaction_holds_until_it_ends() {
        let mut held = Held::default();
        forward(&mut held, "WATCH k");
        assert!(held.watching);
        forward(&mut held, "MULTI");
        forward(&mut held, "SET k v");
        assert!(held.multi);
        forward(&mut held, "EXEC");
        assert!(!held.any());
    }

    #[test]
    fn a_refused_multi_holds_nothing_but_a_nested_one_changes_nothing() {
        let mut held = Held::default();
        let expect = forward(&mut held, "MULTI").unwrap();
        held.refused(&expect);
        assert!(!held.any());
        forward(&mut held, "MULTI");
        let nested = forward(&mut held, "MULTI").unwrap();
        held.refused(&nested);
        assert!(held.multi);
    }

    #[test]
    fn a_refused_watch_leaves_earlier_ones() {
        let mut held = Held::default();
        forward(&mut held, "WATCH k");
        let second = forward(&mut held, "WATCH l").unwrap();
        held.refused(&second);
        assert!(held.watching);
        forward(&mut held, "MULTI x"); // wrong arity: the upstream says so, nothing begins
        assert!(!held.multi);
    }

    #[test]
    fn what_goes_on_before_it_is_whole_holds_what_it_may_change() {
        let bytes = encode(&[b"WATCH"]);
        let limits = Limits { max_bulk: 1024, max_multibulk: 64, large: 1024, unauthenticated: false };
        let mut scanner = RequestScanner::default();
        scanner.scan(&bytes, &limits).unwrap();
        let args = scanner.args(&bytes);
        let mut held = Held::default();
        assert!(matches!(held.forward_partial(lookup(&args), &args), Some(Expect::Watch { before: false })));
        assert!(held.watching);
        for name in [&b"SUBSCRIBE"[..], b"AUTH", b"EXEC"] {
            let bytes = encode(&[name]);
            let mut scanner = RequestScanner::default();
            scanner.scan(&bytes, &limits).unwrap();
            let args = scanner.args(&bytes);
            let mut held = Held::default();
            assert!(held.forward_partial(lookup(&args), &args).is_none());
            assert!(held.sticky);
        }
    }

    #[test]
    fn reset_lets_go_of_watched_keys() {
        let mut held = Held::default();
        forward(&mut held, "WATCH k");
        assert!(matches!(forward(&mut held, "RESET"), Some(Expect::Reset)));
        assert!(!held.any());
    }

    #[test]
    fn what_cannot_be_undone_is_for_good() {
        for line in ["SUBSCRIBE c", "MONITOR", "CLIENT TRACKING ON", "CLIENT REPLY OFF"] {
            let mut held = Held::default();
            assert!(forward(&mut held, line).is_none(), "{line}");
            assert!(held.sticky, "{line}");
        }
        let mut held = Held::default();
        forward(&mut held, "MULTI");
        assert!(forward(&mut held, "SELECT 3").is_none());
        assert!(held.sticky);
    }
}
