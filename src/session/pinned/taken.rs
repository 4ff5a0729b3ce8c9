//! How a request on a session's own connection goes on, once it is known which way.

use bytes::Bytes;

use super::recheck::Queued;
use super::relay::Relay;
use super::requests::{HARMLESS, UNQUEUEABLE, words};
use super::timed::Taken;
use crate::command::{Command, Local, Route, lookup};
use crate::policy::Denied;
use crate::resp::Proto;
use crate::resp::request::{Args, encode};
use crate::session::metered::class_of;
use crate::session::state::{Expect, Replies, Turn};
use crate::session::{hello, nearside, users};
use crate::telemetry::meters::{By, Cause, Class};
use crate::upstream::Lease;

const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";

impl Relay<'_> {
    pub(super) fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Silent | Turn::SilentOnce => {}
            Turn::SilentReset => self.leaving = true,
            Turn::Opaque => {
                self.held.opaque = true;
                self.expect.clear();
                self.timed.forget();
                self.taint();
                self.listening();
            }
            Turn::Expect(expect) => {
                self.leaving |= matches!(expect, Expect::Reset);
                self.expect.push_back(expect);
            }
        }
    }

    /// Everything goes through; only `RESET` is watched for. Whether it is answered nobody can tell: the
    /// reply to what is asked after it is.
    pub(super) fn forward_raw(&mut self, route: Option<Route>, command: Option<&'static Command>) -> bool {
        let resets = route == Some(Route::Session(Local::Reset)) && self.session.intake.args().len() == 1;
        // It ends the connection in its turn.
        self.leaving |= route == Some(Route::Session(Local::Quit));
        self.underway.sent_unmatched(command);
        self.note_admin(command);
        // What concerns other clients still does so by our ids, and harms no connection of ours.
        match command.and_then(|command| self.reworded(command, &mut Turn::Silent)) {
            None => self.pass_on(),
            Some(request) => self.pass_on_as(&request),
        }
        if resets {
            // What follows it means something again.
            self.leaving = true;
            let nonce = &self.session.path.worker.nonce;
            self.to_upstream.extend_from_slice(&encode(&[b"ECHO", nonce.as_bytes()]));
            self.expect.push_back(Expect::OpaqueReset);
        }
        true
    }

    /// Asks what every user may and nobody is to see the answer of.
    pub(super) fn ask_for_nothing(&mut self) {
        self.to_upstream.extend_from_slice(HARMLESS);
        self.expect.push_back(Expect::Nothing);
    }

    /// The connection carries what only its end undoes.
    pub(super) fn taint(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.tainted = true;
        }
    }

    /// What the client may leave unread depends on whether it listens.
    pub(super) fn listening(&mut self) {
        self.session.path.limit_output(self.held.listens());
    }

    /// `NEARSIDE MONITOR UPSTREAM`: from here on the upstream's feed, as it comes.
    pub(super) fn monitor_upstream(&mut self) -> bool {
        if !self.expect.is_empty() {
            return false;
        }
        self.note_admin(lookup(&self.session.intake.args()));
        self.turn(Turn::Opaque);
        self.to_upstream.extend_from_slice(&encode(&[b"MONITOR"]));
        self.took();
        true
    }

    /// The upstream would let the client monitor it: it may see what passes here. The connection that was
    /// asked is of no more use.
    pub(super) fn monitors(&mut self) {
        self.taint();
        if self.held.any() {
            // It cannot be left: what the client sees is the upstream's own feed.
            return self.turn(Turn::Opaque);
        }
        self.session.path.worker.monitors.add(&self.client);
        (self.deaf, self.leaving) = (true, true);
    }

    /// Monitors see a request that has been taken.
    pub(super) fn show(&self, args: &Args<'_>, whole: bool) {
        let path = &self.session.path;
        if path.worker.monitors.any() {
            let command = lookup(args);
            let subscribed = path.proto == Proto::Resp2 && self.held.subscribed.any();
            if !subscribed || command.is_some_and(Command::while_subscribed) {
                path.worker.monitors.show(path, command, args, whole);
            }
        }
    }

    /// The request at the front goes to the upstream as it is.
    pub(super) fn pass_on(&mut self) {
        let args = self.session.intake.args();
        self.show(&args, true);
        self.to_upstream.extend_from_slice(args.bytes());
        self.took();
    }

    /// Another request goes to the upstream in place of the one at the front.
    pub(super) fn pass_on_as(&mut self, request: &[u8]) {
        self.show(&self.session.intake.args(), true);
        self.to_upstream.extend_from_slice(request);
        self.took();
    }

    /// What `NEARSIDE` answers to the request at the front; `None`: the upstream may know more.
    pub(super) fn answer_of_nearside(&mut self) -> Option<Bytes> {
        let (path, args) = (&mut self.session.path, self.session.intake.args());
        // Where nobody knew whether the client may ask, this connection has found out.
        let let_in = path.is_let_in() || self.lease.as_ref().is_some_and(Lease::is_greeted);
        if path.must_authenticate() || !let_in {
            // The server looks at the name first, which it does not know.
            return nearside::is_private(&args).then_some(Bytes::from_static(nearside::NOAUTH));
        }
        if nearside::is_private(&args) && path.is_somebody_else() {
            return Some(Bytes::from_static(nearside::NOT_NOW));
        }
        nearside::answer(path, &args).map(Bytes::from)
    }

    pub(super) fn answer_here(&mut self, answer: Bytes) -> bool {
        if answer.starts_with(b"-") {
            self.count_error(Cause::of_reply(&answer));
        }
        self.answer_counted(answer)
    }

    /// The same; should it be an error, it is counted.
    fn answer_counted(&mut self, answer: Bytes) -> bool {
        self.expect.push_back(Expect::Ours(answer));
        self.took();
        self.ours();
        true
    }

    /// Whether what is not answered yet decides what the requests after it may do.
    pub(super) fn rights_may_change(&self) -> bool {
        let changes = |expect: &Expect| match expect {
            Expect::Auth(_) | Expect::Reset => true,
            Expect::Hello(hello) => hello.credential.is_some(),
            _ => false,
        };
        !self.held.opaque && self.expect.iter().any(changes)
    }

    /// Whether the client may send this. `announced`: what it says of itself, if it is not all here.
    pub(super) fn permit(
        &self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        announced: Option<(usize, usize)>,
    ) -> Result<(), Denied> {
        let path = &self.session.path;
        match announced {
            None => path.rights.check(command, args)?,
            Some(announced) => path.rights.check_so_far(command, args, announced)?,
        };
        // Who needs no password has not shown by one who he is.
        let is_open = || !path.worker.shared.last_wanted_password();
        if path.force.gate.is_wary_of(&path.origin)
            && named_user(command, args) == Some(b"default")
            && is_open()
        {
            return Err(Denied::Protected);
        }
        Ok(())
    }

    /// What concerns Nearside's own users is answered here. `None`: it is no such request, or there are none.
    pub(super) fn about_own_users(&mut self, command: Option<&'static Command>) -> Option<bool> {
        let command =
            command.filter(|command| self.session.path.has_own_users() && users::is_about_users(command))?;
        if !self.held.opaque && !self.expect.is_empty() && !self.held.multi {
            return Some(false);
        }
        let queues = self.held.multi && !self.held.opaque;
        let (path, args) = (&mut self.session.path, self.session.intake.args());
        let answer = match command.route {
            Route::Session(Local::Hello) => {
                let mut hello = hello::parse(&args).ok().filter(|hello| hello.credential.is_some())?;
                if queues {
                    return Some(self.deny(users::NOT_IN_MULTI));
                }
                // The rest of it is the upstream's to answer.
                words(&path.hello_auth(&mut hello).err()?)
            }
            Route::Session(_) if queues => {
                return Some(self.deny(users::NOT_IN_MULTI));
            }
            Route::Session(_) => path.auth(&args).into(),
            _ => {
                let answer = path.acl(command, &args)?;
                if queues {
                    return Some(self.deny(users::NOT_IN_MULTI));
                }
                answer.into()
            }
        };
        let is_heard = self.held.replies == Replies::On || self.held.opaque;
        Some(self.answer_here(if is_heard { answer } else { Bytes::new() }))
    }

    /// A refused command. Inside a transaction the upstream has to know.
    pub(super) fn deny(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.deny_for(Cause::Denied, text)
    }

    /// The same, for this cause.
    pub(super) fn deny_for(&mut self, cause: Cause, text: impl AsRef<[u8]>) -> bool {
        self.count_error(cause);
        if !self.held.multi || self.held.opaque {
            return self.answer_counted(words(text));
        }
        self.expect.push_back(Expect::Instead(words(text)));
        self.to_upstream.extend_from_slice(UNQUEUEABLE);
        self.took();
        true
    }

    /// A refused `EXEC`, which ends its transaction.
    pub(super) fn deny_exec(&mut self, text: impl AsRef<[u8]>) -> bool {
        if !self.held.multi || self.held.opaque {
            return self.deny(text);
        }
        self.count_error(Cause::Denied);
        (self.held.multi, self.held.watched) = (false, 0);
        self.queued = Queued::default();
        // Should the upstream refuse it, nobody else may come upon what is open there.
        self.taint();
        self.expect.push_back(Expect::Instead(words(text)));
        self.to_upstream.extend_from_slice(DISCARD);
        self.took();
        true
    }

    /// The client gets an error.
    #[cold]
    pub(super) fn count_error(&self, cause: Cause) {
        self.session.path.worker.tally.error(cause);
    }

    /// What has begun of a request is refused, and the client with it. Answers that it has not moved.
    pub(super) fn ends_denied(&mut self, text: Bytes) -> bool {
        self.count_error(Cause::Denied);
        self.expect.push_back(Expect::Ours(text));
        self.closing = true;
        false
    }

    /// A request has been taken, for which so many bytes of words were noted.
    pub(super) fn counted(
        &mut self,
        command: Option<&'static Command>,
        (class, words): (Class, usize),
        bytes: usize,
    ) {
        self.client.count(command, class, bytes);
        if !self.held.opaque {
            let (by, denied) = match self.expect.back() {
                Some(Expect::Ours(words)) => (By::Here, words.starts_with(b"-")),
                Some(Expect::Instead(_)) => (By::Here, true),
                _ => (By::Upstream, false),
            };
            let sampled = self.session.path.worker.traces.samples();
            self.timed.took(Taken { class, by, words, sampled, denied }, self.expect.len());
        } else {
            self.timed.forget();
        }
    }

    /// The whole request at the front has been taken.
    pub(super) fn took(&mut self) {
        let args = self.session.intake.args();
        let (command, bytes) = (lookup(&args), args.bytes().len());
        let class = class_of(command, &args);
        let words = self.timed.note(&self.session.path.worker.traces, class, (command, &args), 0);
        self.counted(command, (class, words), bytes);
        self.session.intake.pop();
        self.session.path.limited.settle(1);
        self.taken += 1;
    }
}

/// Whom the client says it is, if this is to authenticate.
pub(super) fn named_user<'a>(command: Option<&'static Command>, args: &Args<'a>) -> Option<&'a [u8]> {
    match command.map(|command| command.route) {
        Some(Route::Session(Local::Auth)) if args.len() < 3 => Some(b"default"),
        Some(Route::Session(Local::Auth)) => Some(args.get(1)),
        Some(Route::Session(Local::Hello)) => {
            let at = (2..args.len()).find(|at| args.is(*at, "AUTH"))? + 1;
            Some(if at < args.len() { args.get(at) } else { b"default" })
        }
        _ => None,
    }
}
