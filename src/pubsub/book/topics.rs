//! Listeners that go, and subscriptions that have no use left.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::Book;
use crate::command::Channels;
use crate::pubsub::Subscriber;
use crate::pubsub::shares::index;

impl<S: Subscriber> Book<S> {
    /// Whether the upstream's subscription has no other use than this listener; if so, it is about to end.
    pub(super) fn ends_with(&mut self, who: u64, kind: Channels, name: &Bytes) -> bool {
        let Some(entry) = self.topics[index(kind)].get_mut(name) else { return false };
        let ends = entry.up && entry.asked == 0 && entry.is_only(who);
        if ends {
            entry.up = false;
            entry.recount(kind, name, &self.shares);
        }
        ends
    }

    /// Takes a listener off these at once.
    pub(super) fn remove(&mut self, who: u64, kind: Channels, names: &[Bytes], now: Instant) {
        let mut last = VecDeque::new();
        for name in names {
            if self.ends_with(who, kind, name) {
                last.push_back(name.clone());
            }
            self.withdraw(who, kind, name);
        }
        if self.connected && !last.is_empty() {
            self.unsubscribe(None, kind, last, Vec::new(), now);
        }
    }

    /// A listener less. What has no use left goes, if the upstream knows.
    pub(super) fn withdraw(&mut self, who: u64, kind: Channels, name: &Bytes) {
        let of_kind = &mut self.topics[index(kind)];
        let Some(entry) = of_kind.get_mut(name) else { return };
        entry.remove(who);
        entry.recount(kind, name, &self.shares);
        if entry.is_empty() && entry.asked == 0 && !entry.up {
            of_kind.remove(name);
        }
    }

    pub(super) fn no_longer_asked(&mut self, kind: Channels, name: &Bytes) {
        if let Some(entry) = self.topics[index(kind)].get_mut(name) {
            entry.asked = entry.asked.saturating_sub(1);
        }
    }

    /// Counts a topic anew; one without any use goes, and the upstream's subscription with it.
    pub(super) fn settle(&mut self, kind: Channels, name: &Bytes, now: Instant) {
        let of_kind = &mut self.topics[index(kind)];
        let Some(entry) = of_kind.get_mut(name) else { return };
        entry.recount(kind, name, &self.shares);
        if !entry.is_empty() || entry.asked > 0 {
            return;
        }
        let up = std::mem::replace(&mut entry.up, false);
        entry.recount(kind, name, &self.shares);
        of_kind.remove(name);
        if up && self.connected {
            self.unsubscribe(None, kind, VecDeque::from([name.clone()]), Vec::new(), now);
        }
    }

    pub(super) fn tidy(&mut self, now: Instant) {
        for kind in [Channels::Exact, Channels::Pattern, Channels::Shard] {
            let unused = self.topics[index(kind)].iter().filter(|(_, e)| e.is_empty() && e.asked == 0);
            for name in unused.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                self.settle(kind, &name, now);
            }
        }
    }
}
