//! Requests of a session on its own connection: which go on, which are answered here, which wait.

use std::time::Duration;

use bytes::Bytes;

use super::class;
use super::recheck::Queued;
use super::relay::{HIGH_WATER, Relay};
use crate::command::{Command, Local, Pin, Route, lookup};
use crate::resp::reply;
use crate::resp::scan::request::ProtocolError;
use crate::session::intake::Front;
use crate::session::local;
use crate::session::metered::class_of;
use crate::session::monitor;
use crate::session::path::is_attack;
use crate::session::refused::is_exec;
use crate::session::state::{Expect, Replies as Silence, Turn};
use crate::session::users;
use crate::session::verdict::Verdict;
use crate::telemetry::meters::Cause;
use crate::upstream::{Class, Lease};

/// Requests a session that nothing holds may go on with before it is made to leave.
const OVERSTAY: u32 = 64;
/// What the upstream gets in place of a refused command inside a transaction: it cannot be queued,
/// so that `EXEC` aborts.
pub(super) const UNQUEUEABLE: &[u8] = b"*1\r\n$3\r\nGET\r\n";
/// How long a server has to end a connection on which it got no request.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What every server takes for a protocol error.
const NO_REQUEST: &[u8] = b"*1\r\n$-1\r\n";
/// `HELLO` without arguments changes nothing, and no ACL forbids it.
pub(super) const HARMLESS: &[u8] = b"*1\r\n$5\r\nHELLO\r\n";

impl Relay<'_> {
    /// Takes requests that have been read, as far as they may go now. Answers whether any went.
    pub(super) fn take_requests(&mut self) -> bool {
        let mut moved = false;
        while !self.leaving && !self.closing && self.to_upstream.len() < HIGH_WATER {
            match self.take_request() {
                Ok(true) => moved = true,
                Ok(false) => break,
                Err(error) => self.refuse(error),
            }
        }
        self.ours();
        moved
    }

    /// Replies of our own whose turn has come.
    pub(super) fn ours(&mut self) {
        while let Some(Expect::Ours(words)) = self.expect.front() {
            let words = words.clone();
            self.client.append(|out| out.extend_from_slice(&words));
            self.next_expected();
        }
    }

    /// A protocol error: Redis's words after what is owed, then the end.
    pub(super) fn refuse(&mut self, error: ProtocolError) {
        let said = words(format!("ERR {error}"));
        self.count_error(Cause::Protocol);
        match self.held.replies {
            Silence::On if self.may_hear() && self.streaming.is_none() => {
                // What else is owed only the upstream knows: it ends the connection as it would have.
                self.to_upstream.extend_from_slice(NO_REQUEST);
                self.expect.push_back(Expect::NoRequest(said));
                self.leaving = true;
                // A server that was silenced unseen neither says so nor closes.
                self.look_again = Some(Box::pin(tokio::time::sleep(LAST_WORDS)));
                return;
            }
            Silence::On => self.expect.push_back(Expect::Ours(said)),
            Silence::Off | Silence::Skip => {}
        }
        self.streaming = None;
        self.closing = true;
    }

    fn take_request(&mut self) -> Result<bool, ProtocolError> {
        if self.client.outstanding() > 0 {
            // The feed has yet to answer.
            self.client.wake_when_drained();
            return Ok(false);
        }
        let limits = self.session.path.limits();
        if let Some(rest) = &mut self.streaming {
            let before = self.to_upstream.len();
            if self.session.intake.pass(rest, &limits, &mut self.to_upstream)? {
                self.streaming = None;
            }
            self.session.path.passed(self.to_upstream.len() - before);
            return Ok(self.streaming.is_none() || self.to_upstream.len() > before);
        }
        match self.session.intake.front(&limits)? {
            Front::Whole => Ok(self.forward()),
            Front::Partial(declared) if self.session.intake.is_large(declared, &limits) => {
                Ok(self.forward_partial(declared))
            }
            Front::Partial(_) | Front::Nothing => Ok(false),
        }
    }

    /// The request at the front goes on, or is answered here; `false` if it must wait.
    fn forward(&mut self) -> bool {
        if self.rights_may_change() {
            return false;
        }
        let args = self.session.intake.args();
        let command = lookup(&args);
        if let Err(denied) = self.permit(command, &args, None) {
            self.session.path.note_denied(&denied, command, &args);
            let text = self.session.path.words_for(command, &denied);
            return if is_exec(command) { self.deny_exec(text) } else { self.deny(text) };
        }
        if let Some(text) = self.stale_exec(command) {
            return self.deny_exec(text);
        }
        let args = self.session.intake.args();
        if command.is_none() && is_attack(&args) {
            self.closing = true;
            return false;
        }
        if let Some(moved) = self.limits(command) {
            return moved;
        }
        if let Some(moved) = self.about_own_users(command) {
            return moved;
        }
        let args = self.session.intake.args();
        if let Some(command) = command
            && self.session.path.worker.monitors.refuses(&self.client, command, &args)
        {
            return self.deny(monitor::KEYSPACE);
        }
        if self.session.path.member.is_some()
            && !self.held.multi
            && !self.held.opaque
            && let Some(moved) = self.as_member()
        {
            return moved;
        }
        let args = self.session.intake.args();
        let route = command.map(|c| c.route);
        match route {
            _ if self.held.opaque => return self.forward_raw(route, command),
            Some(Route::Pin(Pin::MonitorUpstream)) if !self.held.multi => {
                if local::is_monitor_upstream(&args) {
                    return self.monitor_upstream();
                }
                if let Some(answer) = self.answer_of_nearside() {
                    return self.answer_here(answer);
                }
            }
            Some(Route::Session(Local::Quit)) => {
                self.closing = true;
                if self.may_hear() {
                    // Messages may come before the reply.
                    return self.send(command);
                }
                self.show(&args, true);
                let is_heard = self.held.replies == Silence::On;
                return self.answer_here(Bytes::from_static(if is_heard { b"+OK\r\n" } else { b"" }));
            }
            // Outside a transaction it would bring something else: whether there is one must be known.
            Some(Route::Pin(Pin::Subscribe(_) | Pin::Unsubscribe(_))) if self.held.multi && self.opens() => {
                return false;
            }
            _ if self.held.multi => {}
            Some(Route::Session(Local::Nearside)) => {
                if let Some(answer) = self.answer_of_nearside() {
                    return self.answer_here(answer);
                }
            }
            // Its answer may change what follows, or what its own reply looks like.
            Some(Route::Session(which)) if changes(which) && !self.expect.is_empty() => return false,
            Some(Route::Refused) => {
                let mut out = Vec::new();
                local::refused(command.map_or("", |c| c.name), &mut out);
                return self.answer_here(out.into());
            }
            _ if self.subscribes_elsewhere(route) => return false,
            _ if !self.may_stay(class(command, &args)) => return false,
            _ => {}
        }
        self.send(command)
    }

    /// Whether the next request, which needs a connection of `class`, may have this one. Who is free to
    /// leave and would occupy a connection meant for something shorter comes again for another.
    fn may_stay(&self, class: Class) -> bool {
        let here = self.lease.as_ref().map(Lease::class);
        let fits = match here {
            Some(Class::Pinned) => true,
            Some(Class::Control) => false,
            _ => class == Class::Lease,
        };
        self.held.any() || (self.taken < OVERSTAY && (fits || self.taken == 0))
    }

    /// Whether it concerns subscriptions that are not, or not yet, this connection's: it goes back to
    /// where that is decided.
    fn subscribes_elsewhere(&self, route: Option<Route>) -> bool {
        let path = &self.session.path;
        let elsewhere = match route {
            Some(Route::Pin(Pin::Subscribe(_))) => path.dedicated.is_none(),
            Some(Route::Pin(Pin::Unsubscribe(_))) => path.member.is_some(),
            _ => false,
        };
        elsewhere && !self.held.any() && self.taken > 0
    }

    /// Whether the reply to a `MULTI` is still to come.
    fn opens(&self) -> bool {
        self.expect.iter().any(|expect| matches!(expect, Expect::Multi { nested: false }))
    }

    /// Whether frames that answer nothing may come before the next reply.
    pub(super) fn may_hear(&self) -> bool {
        let subscribes =
            |expect: &Expect| matches!(expect, Expect::Subscription { .. } | Expect::Keep { .. });
        self.held.listens() || self.held.kept || self.expect.iter().any(subscribes)
    }

    /// The session's subscriptions share a connection, and it stays on this one for another reason: what the
    /// request at the front means to them is dealt with once nothing is owed here. `None`: nothing.
    fn as_member(&mut self) -> Option<bool> {
        if !self.expect.is_empty() {
            return Some(false);
        }
        let session = &mut *self.session;
        let args = session.intake.args();
        let is_done = session.path.while_subscribed(lookup(&args), &args)? == Verdict::Done;
        if is_done {
            self.show(&self.session.intake.args(), true);
            self.took();
        }
        Some(is_done)
    }

    /// Sends the request at the front, unless it must wait for the replies before it.
    fn send(&mut self, command: Option<&'static Command>) -> bool {
        if command.is_some_and(|command| self.waits_for_target(command)) {
            return false;
        }
        self.note_terms(command);
        let args = self.session.intake.args();
        let mut turn = self.held.forward(command, &args);
        if matches!(turn, Turn::Opaque) && !self.expect.is_empty() {
            return false;
        }
        self.note_admin(command);
        let other = command.and_then(|command| self.reworded(command, &mut turn));
        if let Turn::Expect(Expect::Blocking { .. }) = turn
            && command.is_some_and(|c| c.route == Route::Pin(Pin::Wait))
        {
            // It waits for what this connection has seen written: let it have seen everything.
            self.ask_for_nothing();
        }
        // There will be no reply: another one tells when the request is done.
        let instead = match turn {
            Turn::SilentOnce => Some(Expect::Nothing),
            Turn::SilentReset => Some(Expect::UnheardReset),
            _ => None,
        };
        let queues = matches!(turn, Turn::Expect(Expect::Queued | Expect::Blurring));
        let is_exec = command.is_some_and(|command| command.route == Route::Pin(Pin::Exec));
        let silent = matches!(turn, Turn::Silent);
        self.turn(turn);
        if queues {
            self.queues(true);
        } else if !self.held.multi {
            self.queued = Queued::default();
        }
        self.note(command, (queues, is_exec, silent));
        match other {
            None => self.pass_on(),
            Some(request) => self.pass_on_as(&request),
        }
        if let Some(expect) = instead {
            self.to_upstream.extend_from_slice(HARMLESS);
            self.expect.push_back(expect);
        }
        true
    }

    /// A large request that is not whole goes on as far as it is here; its rest follows in pieces.
    fn forward_partial(&mut self, declared: usize) -> bool {
        let args = self.session.intake.args_so_far();
        let command = lookup(&args);
        let announced = self.session.intake.announced();
        if let Err(denied) = self.permit(command, &args, Some(announced)) {
            self.session.path.note_denied(&denied, command, &args);
            // What follows of it cannot be skipped cheaply: the connection ends.
            return self.ends_denied(words(denied.text(self.session.path.dialect())));
        }
        if self.session.path.has_own_users() && command.is_some_and(users::is_about_users) {
            // The upstream would take it for its own users.
            return self.ends_denied(words(users::NOT_IN_PIECES));
        }
        if let Some(moved) = self.limits_in_pieces(declared) {
            return moved;
        }
        let args = self.session.intake.args_so_far();
        if !self.held.opaque {
            let turn = self.held.forward_partial(command, &args);
            if matches!(turn, Turn::Opaque) && !self.expect.is_empty() {
                return false;
            }
            self.turn(turn);
        }
        if self.held.multi {
            self.queues(false);
        }
        let args = self.session.intake.args_so_far();
        if let Some(command) = command {
            self.session.path.note_admin(command, &args);
        }
        self.show(&args, false);
        self.underway.sent_in_part(command, self.expect.len());
        let (class, bytes) = (class_of(command, &args), args.bytes().len());
        let more = announced.0.saturating_sub(args.len());
        let words = self.timed.note(&self.session.path.worker.traces, class, (command, &args), more);
        self.counted(command, (class, words), bytes);
        self.taken += 1;
        self.session.path.limited.settle(1);
        let before = self.to_upstream.len();
        self.streaming = Some(self.session.intake.stream(&mut self.to_upstream));
        self.session.path.passed(self.to_upstream.len() - before);
        true
    }
}

/// Whether the answer decides what the requests after it are.
fn changes(which: Local) -> bool {
    matches!(which, Local::Hello | Local::Auth | Local::Select | Local::Reset)
}

pub(super) fn words(text: impl AsRef<[u8]>) -> Bytes {
    let mut out = Vec::new();
    reply::error(text, &mut out);
    out.into()
}
