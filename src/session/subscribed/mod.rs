//! A session that is subscribed without a connection of its own.
//!
//! Owns: which subscribers share ([`Path::subscribe`]), what each command means to one that does
//! ([`Path::while_subscribed`]), its replies, and the corrected counts. The messages themselves come
//! from `pubsub`, by function call.

pub(super) mod correct;
mod listener;
mod words;

use std::rc::Rc;

use bytes::Bytes;

pub use listener::Listener;

use super::near::Seen;
use super::path::Path;
use super::verdict::Verdict;
use crate::command::{Channels, Command, Pin, Route};
use crate::resp::Proto;
use crate::resp::reply;
use crate::resp::request::Args;

/// A session's place on shared feeds; leaves them when dropped.
#[derive(Debug)]
pub(super) struct Membership(Rc<Listener>);

impl Membership {
    /// The protocol has changed.
    pub(super) fn speak(&self, proto: Proto) {
        self.0.speak(proto);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.leave_all();
    }
}

impl Path {
    /// A `SUBSCRIBE` of a session that is not subscribed on a connection of its own.
    pub(super) fn subscribe(&mut self, kind: Channels, command: &Command, args: &Args<'_>) -> Verdict {
        if self.client.outstanding() > 0 || self.client.has_later() {
            return Verdict::Drained;
        }
        // What is wrong with it, or is to be refused, the upstream says best.
        if !command.arity_ok(args.len()) || self.must_authenticate() {
            return Verdict::Pin;
        }
        if self.member.is_none() {
            self.dedicated = self.dedicated.take().or_else(|| self.worker.shared.dedicated_subscriber());
            if self.dedicated.is_some() {
                return Verdict::Pin;
            }
        }
        let new = || Membership(Rc::new(Listener::new(Rc::clone(&self.client), self.proto)));
        let listener = Rc::clone(&self.member.get_or_insert_with(new).0);
        self.show_subscribed(true);
        listener.join(self.worker.feeds.feed(&self.credential), kind, names(args));
        Verdict::Done
    }

    /// What a request means to a session that shares a feed; `None`: the same as to any other.
    pub(super) fn while_subscribed(
        &mut self,
        command: Option<&'static Command>,
        args: &Args<'_>,
    ) -> Option<Verdict> {
        let listener = Rc::clone(&self.member.as_ref()?.0);
        if listener.is_waiting() {
            return Some(Verdict::Drained);
        }
        if !listener.is_subscribed() {
            self.unsubscribe_all();
            return None;
        }
        if self.proto == Proto::Resp2
            && let Some(answer) = words::restricted(self, command, args)
        {
            return Some(self.here(|_, out| reply::error(&answer, out)));
        }
        let command = command.filter(|c| c.arity_ok(args.len()))?;
        let act: &dyn Fn() = match command.route {
            Route::Pin(Pin::Subscribe(kind)) => return Some(self.subscribe(kind, command, args)),
            Route::Pin(Pin::Unsubscribe(kind)) => {
                &move || listener.leave(kind, (args.len() > 1).then(|| names(args)))
            }
            // Its answer says that every message before it has come.
            _ if command.name == "PING" && self.proto == Proto::Resp2 => {
                &move || listener.ping(args.bytes(), args.get(1))
            }
            // It may send itself a message, which then stands in its order to the reply.
            _ if matches!(command.name, "PUBLISH" | "SPUBLISH") => {
                let extra = correct::receivers(self.worker.feeds.shares(), command, args);
                &move || listener.publish(args.bytes(), extra)
            }
            _ => return None,
        };
        if self.client.outstanding() > 0 || self.client.has_later() {
            return Some(Verdict::Drained);
        }
        act();
        Some(Verdict::Done)
    }

    /// The proxy drains: whether a subscriber has by now got everything that was published before. Who
    /// is not subscribed has.
    pub(in crate::session) fn says_farewell(&self) -> bool {
        self.member.as_ref().is_none_or(|member| member.0.has_heard_all())
    }

    /// Ends what the session shares, without a word to the client.
    pub(super) fn unsubscribe_all(&mut self) {
        if self.member.take().is_some() {
            self.client.card.set_subscriptions(0, 0, 0);
            self.show_subscribed(false);
        }
    }

    /// A stay on a connection of its own is over: what it changed and the subscriptions need is put back.
    pub(super) fn back_from_own_connection(&mut self) {
        self.dedicated = None;
        self.seen = Seen::Elsewhere;
        if let Some(member) = &self.member {
            member.speak(self.proto);
            member.0.show();
            self.show_subscribed(true);
        }
    }

    fn show_subscribed(&self, is: bool) {
        self.limit_output(is);
        self.client.patient.set(is);
    }
}

fn names(args: &Args<'_>) -> Vec<Bytes> {
    args.iter().skip(1).map(Bytes::copy_from_slice).collect()
}
