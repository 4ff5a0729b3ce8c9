//! One channel or pattern on a shared connection.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use crate::command::Channels;
use crate::pubsub::{Shares, Subscriber};

/// Who listens to it, and what the upstream knows of it.
#[derive(Debug)]
pub(super) struct Entry<S> {
    listeners: BTreeMap<u64, Rc<S>>,
    /// Confirmations the upstream still owes.
    pub(super) asked: usize,
    /// The upstream is subscribed, or will not be once it has read what was sent last.
    pub(super) up: bool,
    /// What [`Shares`] has been told.
    counted: i64,
}

impl<S> Default for Entry<S> {
    fn default() -> Self {
        Self { listeners: BTreeMap::new(), asked: 0, up: false, counted: 0 }
    }
}

impl<S: Subscriber> Entry<S> {
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Rc<S>> {
        self.listeners.values()
    }

    pub(super) fn add(&mut self, who: &Rc<S>) {
        self.listeners.insert(who.id(), Rc::clone(who));
    }

    pub(super) fn remove(&mut self, who: u64) {
        self.listeners.remove(&who);
    }

    pub(super) fn clear(&mut self) {
        self.listeners.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Whether nobody but `who` listens.
    pub(super) fn is_only(&self, who: u64) -> bool {
        self.listeners.len() == 1 && self.listeners.contains_key(&who)
    }

    /// Tells `shares` how many more listen than the upstream sees.
    pub(super) fn recount(&mut self, kind: Channels, name: &Bytes, shares: &Shares) {
        let listeners = i64::try_from(self.listeners.len()).unwrap_or(i64::MAX);
        let extra = if self.up { listeners - 1 } else { 0 };
        shares.add(kind, name, extra - self.counted);
        self.counted = extra;
    }
}
