//! What the upstream says, matched with what it was asked.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use super::entry::Entry;
use super::{Book, Expected, OutOfStep, What, touch};
use crate::command::Channels;
use crate::pubsub::Subscriber;
use crate::pubsub::frame::{self, Push};
use crate::pubsub::shares::index;
use crate::resp::Proto;

impl<S: Subscriber> Book<S> {
    /// A whole frame from the upstream. Its first byte may be changed.
    pub(in crate::pubsub) fn heard(&mut self, frame: &mut [u8], now: Instant) -> Result<(), OutOfStep> {
        if frame.first() != Some(&b'>') {
            return self.reply(frame, now);
        }
        match frame::push(frame) {
            Push::Message(kind, name) => {
                if let Some(entry) = self.topics[index(kind)].get(name) {
                    deliver(entry, frame, &mut self.touched);
                    self.delivered += entry.len();
                }
            }
            Push::Joined(kind, name) => self.confirmed(kind, name, now)?,
            Push::Left(kind, name) => self.left(kind, name, now)?,
            Push::Other => {}
        }
        Ok(())
    }

    fn confirmed(&mut self, kind: Channels, name: &[u8], now: Instant) -> Result<(), OutOfStep> {
        let front = self.expected.front_mut().ok_or(OutOfStep)?;
        let (What::Join(asked, names) | What::Again(asked, names)) = &mut front.what else {
            return Err(OutOfStep);
        };
        let name = names.pop_front().filter(|first| first == name && *asked == kind).ok_or(OutOfStep)?;
        let ended = names.is_empty();
        let who = front.who.clone().filter(|who| !who.is_gone());
        let entry = self.topics[index(kind)].entry(name.clone()).or_default();
        entry.asked = entry.asked.saturating_sub(1);
        entry.up = true;
        if let Some(who) = who {
            if who.joined(kind, &name, self.feed) {
                entry.add(&who);
            }
            touch(&who, &mut self.touched);
        }
        self.settle(kind, &name, now);
        if ended {
            let who = self.expected.pop_front().and_then(|expected| expected.who);
            self.finish(who, None);
        }
        Ok(())
    }

    fn left(&mut self, kind: Channels, name: &[u8], now: Instant) -> Result<(), OutOfStep> {
        let front = self.expected.front_mut();
        let asked = front.and_then(|front| match &mut front.what {
            What::Leave { kind: of, last, .. } if *of == kind && last.front().is_some_and(|n| n == name) => {
                Some((last.pop_front()?, front.who.as_ref().map(|who| who.id()), last.is_empty()))
            }
            _ => None,
        });
        let Some((name, who, ended)) = asked else {
            return if kind == Channels::Shard { self.taken_away(name) } else { Err(OutOfStep) };
        };
        if let Some(who) = who {
            self.withdraw(who, kind, &name);
        }
        self.settle(kind, &name, now);
        if ended {
            self.leave_rest(now);
        }
        Ok(())
    }

    /// The upstream has ended a subscription by itself.
    fn taken_away(&mut self, name: &[u8]) -> Result<(), OutOfStep> {
        let of_kind = &mut self.topics[index(Channels::Shard)];
        let Some((name, mut entry)) = of_kind.remove_entry(name) else { return Ok(()) };
        for who in entry.listeners() {
            who.removed(Channels::Shard, &name);
            touch(who, &mut self.touched);
        }
        entry.clear();
        entry.up = false;
        entry.recount(Channels::Shard, &name, &self.shares);
        if entry.asked > 0 {
            of_kind.insert(name, entry);
        }
        Ok(())
    }

    fn reply(&mut self, frame: &[u8], now: Instant) -> Result<(), OutOfStep> {
        let refused = frame.first() == Some(&b'-');
        match &mut self.expected.front_mut().ok_or(OutOfStep)?.what {
            What::Join(kind, names) | What::Again(kind, names) if refused => {
                let (kind, names) = (*kind, std::mem::take(names));
                return self.refused(kind, &names, frame, now);
            }
            What::Leave { kind, last, .. } if refused || last.is_empty() => {
                let (kind, last) = (*kind, std::mem::take(last));
                let who = self.expected.front().and_then(|expected| Some(expected.who.as_ref()?.id()));
                for name in &last {
                    who.inspect(|who| self.withdraw(*who, kind, name));
                    self.settle(kind, name, now);
                }
                self.leave_rest(now);
                return Ok(());
            }
            What::Reply | What::Check => {}
            _ => return Err(OutOfStep),
        }
        let who = self.expected.pop_front().and_then(|expected| expected.who);
        if let Some(who) = who.filter(|who| !who.is_gone()) {
            who.replied(frame);
            self.finish(Some(who), None);
        }
        Ok(())
    }

    /// A whole request to subscribe got an error in place of its confirmations.
    fn refused(
        &mut self,
        kind: Channels,
        names: &VecDeque<Bytes>,
        error: &[u8],
        now: Instant,
    ) -> Result<(), OutOfStep> {
        let Some(Expected { who, what, .. }) = self.expected.pop_front() else { return Err(OutOfStep) };
        let again = matches!(what, What::Again(..));
        for name in names {
            self.no_longer_asked(kind, name);
            if let Some(entry) = self.topics[index(kind)].get_mut(name).filter(|_| again) {
                entry.listeners().for_each(|who| who.lost());
                entry.clear();
            }
            self.settle(kind, name, now);
        }
        if let Some(who) = who.filter(|who| !who.is_gone()) {
            who.replied(error);
            self.finish(Some(who), None);
        }
        Ok(())
    }

    /// What was asked of the upstream for the leaver in front is answered: the rest ends too, and where
    /// it was the last by now, the upstream is told, and asked to answer once more.
    fn leave_rest(&mut self, now: Instant) {
        let Some(Expected { who, what: What::Leave { kind, rest, .. }, .. }) = self.expected.pop_front()
        else {
            return;
        };
        let Some(who) = who.filter(|who| !who.is_gone()) else { return };
        let (last, rest): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|name| self.ends_with(who.id(), kind, name));
        for name in &rest {
            self.withdraw(who.id(), kind, name);
            self.settle(kind, name, now);
        }
        if last.is_empty() {
            return self.finish(Some(who), None);
        }
        last.iter().for_each(|name| self.withdraw(who.id(), kind, name));
        self.unsubscribe(Some(&who), kind, last.into(), Vec::new(), now);
    }
}

/// Hands a message to everybody who listens, each in its protocol: those differ in the first byte.
fn deliver<S: Subscriber>(entry: &Entry<S>, frame: &mut [u8], touched: &mut Vec<Rc<S>>) {
    for (proto, kind) in [(Proto::Resp3, b'>'), (Proto::Resp2, b'*')] {
        frame[0] = kind;
        for who in entry.listeners().filter(|who| who.proto() == proto) {
            who.message(frame);
            touch(who, touched);
        }
    }
}
