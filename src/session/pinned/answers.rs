//! What the replies on a session's own connection change, and what is made of those that were
//! gathered.

use bytes::Bytes;

use super::relay::Relay;
use super::replies::{Frame, Reply};
use crate::command::Channels;
use crate::resp::request::encode;
use crate::resp::scan::reply::{Fed, ReplyScanner};
use crate::session::Flag;
use crate::session::nod::Nod;
use crate::session::state::{Expect, Fate, Held, Message, Mode, Queued, Turn};
use crate::session::{hello, local};
use crate::telemetry::meters::Cause;
use crate::upstream::{Failure, ServerInfo};

/// Upstream's words before a client's id in the reply to `CLIENT TRACKINGINFO`.
const REDIRECT: &[u8] = b"$8\r\nredirect\r\n";

impl Relay<'_> {
    /// A frame has ended.
    pub(super) fn ended(&mut self, frame: Frame) {
        match frame {
            Frame::Message(what, count) => self.message(what, count),
            Frame::Reply(reply) if self.held.opaque => self.opaque_reply(&reply.gathered),
            Frame::Reply(reply) => match self.next_expected() {
                Some(expect) => self.answered(expect, reply),
                // The client was refused what we took for granted: nothing can be matched any more.
                None => self.turn(Turn::Opaque),
            },
        }
        self.ours();
    }

    /// What the reply that has just ended answers.
    pub(super) fn next_expected(&mut self) -> Option<Expect> {
        self.underway.answered();
        let client = &self.client;
        self.timed.answered(&self.session.path.worker.tally, |told| client.tell_if_wanted(told));
        self.expect.pop_front()
    }

    fn message(&mut self, what: Message, count: Option<u32>) {
        if what == Message::RedirectBroken {
            return self.redirect_broken(count.unwrap_or_default());
        }
        let (Message::Confirmation(kind), Some(count)) = (what, count) else { return };
        if let Some(Expect::Subscription { of, left }) = self.expect.front_mut()
            && *of == kind
        {
            let due = left.unwrap_or_else(|| self.held.subscribed.of(kind).max(1));
            *left = Some(due - 1);
            if due <= 1 {
                self.next_expected();
            }
        }
        self.held.subscribed.confirmed(kind, count);
        self.listening();
    }

    /// The client that was to take the invalidations is gone, which was the upstream's `theirs`.
    fn redirect_broken(&self, theirs: u32) {
        let id = self.ours_of(theirs.into()).unwrap_or_else(|| theirs.into());
        self.client.card.set(Flag::BrokenRedirect, true);
        let said = format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n");
        self.client.append(|out| out.extend_from_slice(said.as_bytes()));
    }

    /// A reply that answers nobody knows what, gathered if a `RESET` is on its way.
    fn opaque_reply(&mut self, reply: &[u8]) {
        match self.expect.front() {
            None => return,
            Some(Expect::NoRequest(words)) => {
                if !reply.starts_with(b"-ERR Protocol error") {
                    return self.client.append(|out| out.extend_from_slice(reply));
                }
                let words = words.clone();
                self.client.append(|out| out.extend_from_slice(&words));
                self.expect.clear();
                self.timed.forget();
                self.underway.forget();
                (self.closing, self.look_again) = (true, None);
                return;
            }
            Some(_) => {}
        }
        let echo = encode(&[self.session.path.worker.nonce.as_bytes()]);
        let is_echo = reply.starts_with(b"-NOAUTH ") || echo.ends_with(reply) && reply.starts_with(b"$");
        if !is_echo {
            self.client.append(|out| out.extend_from_slice(reply));
        }
        if is_echo || reply == b"+RESET\r\n" {
            self.reset();
            self.expect.clear();
            self.to_upstream.clear();
            (self.leaving, self.deaf) = (true, true);
        }
    }

    fn answered(&mut self, expect: Expect, reply: Reply) {
        self.terms_may_have_changed(!self.held.multi && self.expect.is_empty());
        if reply.is_error() {
            self.held.refused(&expect);
        } else if matches!(expect, Expect::Multi { .. } | Expect::Watch { .. }) {
            self.client.card.transacts();
        }
        if matches!(expect, Expect::Blocking { pops: true } | Expect::LetGo { pops: true })
            && !reply.is_error()
            && !reply.is_null()
        {
            self.popped = true;
        }
        // A refusal was counted when it was one.
        let (passes, refused) = (expect.fate() == Fate::Pass, matches!(expect, Expect::Instead(_)));
        let made = self.apply(expect, &reply.gathered, reply.is_error());
        if let Some(failure) = self.withheld(reply.withheld, made.as_deref()) {
            self.count_error(Cause::TooLarge);
            return self.client.append(|out| local::failure(&failure, out));
        }
        let said = made.as_deref().or_else(|| passes.then_some(&reply.head[..])).filter(|_| !refused);
        if let Some(said) = said.filter(|said| said.starts_with(b"-")) {
            self.count_error(Cause::of_reply(said));
        }
        if let Some(made) = made {
            self.client.append(|out| out.extend_from_slice(&made));
        }
    }

    /// Why the client must not have the reply, or what was made of it.
    fn withheld(&self, passing: Option<Failure>, made: Option<&[u8]>) -> Option<Failure> {
        let shared = &self.session.path.worker.shared;
        let is_too_long = |made: &[u8]| shared.is_too_long(made.first(), made.len());
        passing.or_else(|| made.is_some_and(is_too_long).then(|| shared.too_long()))
    }

    /// The session changes as the reply says; answers what the client gets, if that is not the reply.
    fn apply(&mut self, expect: Expect, reply: &[u8], is_error: bool) -> Option<Bytes> {
        self.note_login(&expect, reply, is_error);
        let path = &mut self.session.path;
        match expect {
            Expect::Instead(words) => return Some(words),
            Expect::Exec(telling) if !telling.is_empty() => return Some(self.executed(telling, reply)),
            // What it was blocked on came first, or will come to another.
            Expect::LetGo { .. } => {
                self.closing = true;
                return (!is_error).then(|| Bytes::copy_from_slice(reply));
            }
            Expect::ClientId => return Some(self.translated(reply)),
            Expect::NoRequest(words) => {
                (self.closing, self.look_again) = (true, None);
                return Some(words);
            }
            Expect::Nod(nod) => return self.nodded(*nod, reply),
            // Without a password for the upstream the question itself may have been refused.
            Expect::UnheardReset => {
                self.reset();
                return None;
            }
            Expect::Hello(options) if is_error => {
                self.login_failed(options.credential.as_ref(), reply);
                return Some(Bytes::copy_from_slice(reply));
            }
            Expect::Hello(options) => {
                if let Some(full) = options.credential.as_ref().and_then(|user| self.is_full(user)) {
                    return Some(full);
                }
                return Some(self.hello(*options, reply));
            }
            Expect::Auth(credential) if is_error => {
                self.login_failed(Some(&credential), reply);
                return Some(Bytes::copy_from_slice(reply));
            }
            Expect::Auth(credential) => {
                if let Some(full) = self.is_full(&credential) {
                    return Some(full);
                }
                self.session.path.become_user(*credential);
                self.update_lease();
                return Some(Bytes::copy_from_slice(reply));
            }
            _ if is_error => return None,
            Expect::Select(db) => path.select(db),
            Expect::Reset => {
                self.reset();
                return None;
            }
            Expect::Keep { mode, .. } => self.mode(mode),
            Expect::Monitor => {
                self.monitors();
                return None;
            }
            _ => return None,
        }
        self.update_lease();
        None
    }

    /// The upstream has nodded, or not.
    fn nodded(&mut self, nod: Nod, reply: &[u8]) -> Option<Bytes> {
        let card = &self.client.card;
        self.mirror_subscriptions();
        if let Some(watched) = nod.watched {
            // What was asked after it has no part in what is said of its client.
            card.set_multi(-1);
            card.set_watched(watched);
        }
        card.set(Flag::Blocked, false);
        let mut made = Vec::new();
        let settled = nod.finish(&self.client, reply, &mut made);
        self.closing |= settled.last;
        if settled.orphans.is_empty() || !self.expect.is_empty() {
            return Some(made.into());
        }
        // What a killed client was blocked on must not be popped for it any more once its end is announced.
        for id in settled.orphans {
            self.to_upstream.extend(encode(&[b"CLIENT", b"KILL", b"ID", id.to_string().as_bytes()]));
            self.expect.push_back(Expect::Nothing);
        }
        self.expect.push_back(Expect::Ours(made.into()));
        None
    }

    /// `RESET` is done: the connection's credential is reset too, to the server's idea of one.
    fn reset(&mut self) {
        self.session.path.reset();
        self.held = Held::default();
        self.taint();
        self.update_lease();
    }

    /// The connection is kept whatever its client does.
    pub(super) fn keep(&mut self) {
        self.held.kept = true;
        self.taint();
    }

    /// The connection is in another mode; only its end undoes that for sure.
    fn mode(&mut self, mode: Mode) {
        self.taint();
        let card = &self.client.card;
        match mode {
            Mode::Tracking { redirect, broadcast } => {
                card.set(Flag::BrokenRedirect, false);
                card.set(Flag::Tracking, true);
                card.set(Flag::Broadcast, broadcast);
                card.set_redirect(redirect);
            }
            Mode::NoTracking => {
                card.set(Flag::BrokenRedirect, false);
                card.set(Flag::Tracking, false);
                card.set(Flag::Broadcast, false);
                card.set_redirect(-1);
            }
            Mode::NoTouch(on) => card.set(Flag::NoTouch, on),
            Mode::Readonly(on) => card.set(Flag::Readonly, on),
            Mode::Other => {}
        }
    }

    /// Others see in `CLIENT LIST` what the client is about.
    pub(super) fn mirror(&self) {
        let (card, held) = (&self.client.card, &self.held);
        card.set_multi(held.queued().and_then(|n| i32::try_from(n).ok()).unwrap_or(-1));
        card.set_watched(held.watched);
        card.set(Flag::Blocked, self.blocked());
        self.mirror_subscriptions();
    }

    fn mirror_subscriptions(&self) {
        let (card, held) = (&self.client.card, &self.held);
        if self.session.path.member.is_some() {
            // They are elsewhere.
            return;
        }
        let count = |kind| held.subscribed.of(kind) as usize;
        card.set_subscriptions(count(Channels::Exact), count(Channels::Pattern), count(Channels::Shard));
    }

    fn update_lease(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.state = self.session.path.wanted();
        }
    }

    /// The server's answer to `HELLO`, with the client's own id in it.
    fn hello(&mut self, options: hello::Hello, reply: &[u8]) -> Bytes {
        if options.name.is_some() {
            self.taint();
        }
        hello::apply(&mut self.session.path, options);
        self.update_lease();
        hello::compose(&self.session.path, &ServerInfo::fields(&Bytes::copy_from_slice(reply))).into()
    }

    /// A transaction has run: its commands' replies mean what they would have meant outside.
    fn executed(&mut self, telling: Vec<Queued>, reply: &[u8]) -> Bytes {
        let Some(mut at) = array_head(reply) else { return Bytes::copy_from_slice(reply) };
        let mut made = reply[..at].to_vec();
        let mut telling = telling.into_iter().peekable();
        let count = std::str::from_utf8(&reply[1..at - 2]).ok().and_then(|digits| digits.parse().ok());
        self.client.card.set_multi(count.unwrap_or_default());
        let mut scanner = ReplyScanner::default();
        for index in 0.. {
            let Ok(Fed::Whole(len)) = scanner.feed(&reply[at..]) else { break };
            let element = &reply[at..at + len];
            at += len;
            let other = telling.next_if(|queued| queued.index == index).and_then(|mut queued| {
                if let Expect::Nod(nod) = &mut queued.expect {
                    nod.run_by_exec();
                }
                self.apply(queued.expect, element, element.starts_with(b"-"))
            });
            made.extend_from_slice(other.as_deref().unwrap_or(element));
        }
        self.mirror();
        made.into()
    }

    /// A reply with the upstream's id of a client in it, which becomes ours.
    fn translated(&self, reply: &[u8]) -> Bytes {
        let found = reply.windows(REDIRECT.len()).rposition(|window| window == REDIRECT);
        let at = match (reply.first(), found) {
            (Some(b':'), _) => 0,
            (_, Some(at)) => at + REDIRECT.len(),
            _ => return Bytes::copy_from_slice(reply),
        };
        let Some(number) = reply.get(at + 1..).and_then(|rest| rest.split(|b| *b == b'\r').next()) else {
            return Bytes::copy_from_slice(reply);
        };
        let theirs = std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok());
        let ours = theirs.filter(|id| *id > 0).and_then(|id| self.ours_of(id));
        match ours {
            Some(id) => {
                let after = &reply[at + 1 + number.len()..];
                [&reply[..=at], id.to_string().as_bytes(), after].concat().into()
            }
            None => Bytes::copy_from_slice(reply),
        }
    }
}

/// Where the elements of an array begin; `None` for anything else, or nothing.
fn array_head(reply: &[u8]) -> Option<usize> {
    let line = reply.iter().position(|byte| *byte == b'\n')?;
    (reply.starts_with(b"*") && !reply.starts_with(b"*-1")).then_some(line + 1)
}
