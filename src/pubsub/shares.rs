//! How many subscribers the upstream does not see, because they share a connection.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;

use crate::command::Channels;

/// What is subscribed to: the kind and the name.
pub type Topic = (Channels, Bytes);

/// Of all workers: how many clients listen beyond the upstream subscriptions they share, by channel and
/// pattern. A `PUBLISH` or `PUBSUB NUMSUB` asked through this proxy has them added.
#[derive(Debug, Default)]
pub struct Shares {
    extra: RwLock<[HashMap<Bytes, i64>; 3]>,
    /// How many topics have any: zero costs one look.
    topics: AtomicUsize,
    /// Upstream connections that carry subscriptions now.
    feeds: AtomicUsize,
    /// Such connections lost while somebody listened.
    losses: AtomicU64,
}

impl Shares {
    /// Changes what is to be added for a topic.
    pub(super) fn add(&self, kind: Channels, channel: &Bytes, change: i64) {
        if change == 0 {
            return;
        }
        let mut extra = self.extra.write().unwrap_or_else(PoisonError::into_inner);
        let of_kind = &mut extra[index(kind)];
        let entry = of_kind.entry(channel.clone()).or_default();
        *entry += change;
        if *entry == 0 {
            of_kind.remove(channel);
        }
        self.topics.store(extra.iter().map(HashMap::len).sum(), Ordering::Relaxed);
    }

    /// Whether anything has to be added anywhere.
    #[inline]
    pub fn any(&self) -> bool {
        self.topics.load(Ordering::Relaxed) > 0
    }

    /// What is to be added to the subscribers of one channel.
    pub fn subscribers(&self, kind: Channels, channel: &[u8]) -> i64 {
        let extra = self.extra.read().unwrap_or_else(PoisonError::into_inner);
        extra[index(kind)].get(channel).copied().unwrap_or(0)
    }

    /// What is to be added to the receivers of a message on `channel`; `matches` says whether a pattern
    /// (first) matches a channel. `kind` is `Shard` for `SPUBLISH`, `Exact` for `PUBLISH`.
    pub fn receivers(&self, kind: Channels, channel: &[u8], matches: fn(&[u8], &[u8]) -> bool) -> i64 {
        let extra = self.extra.read().unwrap_or_else(PoisonError::into_inner);
        let exact = extra[index(kind)].get(channel).copied().unwrap_or(0);
        if kind == Channels::Shard {
            return exact;
        }
        let patterns = extra[index(Channels::Pattern)].iter();
        exact + patterns.filter(|(pattern, _)| matches(pattern, channel)).map(|(_, n)| n).sum::<i64>()
    }

    pub(super) fn feed_opened(&self) {
        self.feeds.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn feed_closed(&self) {
        self.feeds.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
    }

    /// Upstream connections that carry subscriptions now, and how many were lost while somebody listened.
    pub fn feeds(&self) -> (usize, u64) {
        (self.feeds.load(Ordering::Relaxed), self.losses.load(Ordering::Relaxed))
    }

    /// Lines for the `# Nearside` section of `INFO`.
    pub fn section(&self) -> String {
        let (feeds, losses) = self.feeds();
        let mut out = String::new();
        let _ = write!(out, "nearside_pubsub_shared_connections:{feeds}\r\n");
        let _ = write!(out, "nearside_pubsub_shared_losses:{losses}\r\n");
        out
    }
}

pub(super) fn index(kind: Channels) -> usize {
    match kind {
        Channels::Exact => 0,
        Channels::Pattern => 1,
        Channels::Shard => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_those_of_the_channel_and_of_every_pattern_that_matches() {
        let shares = Shares::default();
        assert!(!shares.any());
        let prefix = |pattern: &[u8], channel: &[u8]| channel.starts_with(pattern);
        shares.add(Channels::Exact, &Bytes::from("news"), 4);
        shares.add(Channels::Pattern, &Bytes::from("ne"), 2);
        shares.add(Channels::Pattern, &Bytes::from("x"), 7);
        shares.add(Channels::Shard, &Bytes::from("news"), 1);
        assert_eq!(shares.receivers(Channels::Exact, b"news", prefix), 6);
        assert_eq!(shares.receivers(Channels::Exact, b"nest", prefix), 2);
        assert_eq!(shares.receivers(Channels::Shard, b"news", prefix), 1);
        assert_eq!(shares.subscribers(Channels::Exact, b"news"), 4);
        for (kind, name, n) in
            [(Channels::Exact, "news", -4), (Channels::Pattern, "ne", -2), (Channels::Pattern, "x", -7)]
        {
            shares.add(kind, &Bytes::from(name), n);
        }
        assert!(shares.any());
        shares.add(Channels::Shard, &Bytes::from("news"), -1);
        assert!(!shares.any());
    }
}
