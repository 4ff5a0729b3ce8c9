//! How long requests on a session's own connection take: each is timed from when it was read to when the
//! replies that are owed with it have come, which are counted.

use std::collections::VecDeque;

use crate::telemetry::Tally;
use crate::telemetry::meters::{By, Class};

/// A request that is not answered yet.
#[derive(Debug)]
struct Owed {
    class: Class,
    by: By,
    asked: u64,
    /// When it was written; 0: it is not.
    written: u64,
    /// The count of replies at which it is answered.
    due: u64,
}

/// The requests of one stay. Nothing is timed where replies cannot be matched, or do not come.
#[derive(Debug)]
pub(super) struct Timed {
    owed: VecDeque<Owed>,
    /// How many of them were there when bytes were written last.
    written: usize,
    /// Replies that have come.
    replies: u64,
    /// When the requests that are being taken were read.
    pub(super) asked: u64,
    /// When replies were last read.
    pub(super) read: u64,
}

impl Timed {
    /// Nothing is owed; what is there was read then.
    pub(super) fn new(asked: u64) -> Self {
        Self { owed: VecDeque::new(), written: 0, replies: 0, asked, read: 0 }
    }

    /// A request has been taken, with which so many replies are owed in all.
    pub(super) fn took(&mut self, class: Class, by: By, owed: usize) {
        let due = self.replies + owed as u64;
        // Otherwise it brings no reply of its own.
        if due > self.owed.back().map_or(self.replies, |last| last.due) {
            self.owed.push_back(Owed { class, by, asked: self.asked, written: 0, due });
        }
    }

    /// Everything taken so far is written.
    pub(super) fn wrote(&mut self, now: u64) {
        let new = self.owed.range_mut(self.written..).filter(|owed| owed.by == By::Upstream);
        new.for_each(|owed| owed.written = now);
        self.written = self.owed.len();
    }

    /// Whether there is anything that [`Self::wrote`] is to be told of.
    pub(super) fn waits_to_be_written(&self) -> bool {
        self.written < self.owed.len()
    }

    /// One more reply has come.
    pub(super) fn answered(&mut self, tally: &Tally) {
        self.replies += 1;
        while self.owed.front().is_some_and(|owed| owed.due <= self.replies) {
            let Some(owed) = self.owed.pop_front() else { return };
            self.written = self.written.saturating_sub(1);
            let read = if owed.by == By::Here { tally.now() } else { self.read };
            tally.answered(owed.class, owed.by, owed.asked, owed.written, read);
        }
    }

    /// Nothing that is owed will come.
    pub(super) fn failed(&mut self, tally: &Tally) {
        let now = tally.now();
        for owed in self.owed.drain(..) {
            tally.answered(owed.class, owed.by, owed.asked, owed.written, now);
        }
        self.written = 0;
    }

    /// Nobody knows any more what answers what.
    pub(super) fn forget(&mut self) {
        self.owed.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::telemetry::Meters;
    use crate::telemetry::meters::Snapshot;

    #[test]
    fn requests_are_timed_by_the_replies_owed_with_them() {
        let meters = Arc::<Meters>::default();
        let (tally, mut timed) = (Tally::new(Arc::clone(&meters), Instant::now()), Timed::new(10));
        // A question of our own goes before the first; the third brings nothing.
        timed.took(Class::Transaction, By::Upstream, 2);
        timed.took(Class::StringWrite, By::Upstream, 3);
        timed.took(Class::StringWrite, By::Upstream, 3);
        assert!(timed.waits_to_be_written());
        timed.wrote(20);
        timed.took(Class::Blocking, By::Upstream, 4);
        assert!(timed.waits_to_be_written());
        timed.wrote(25);
        timed.read = 50;
        let sum = || {
            tally.settle();
            Snapshot::of(std::iter::once(&*meters))
        };
        timed.answered(&tally);
        assert_eq!(sum().answered, [0, 0, 0, 0]);
        timed.answered(&tally);
        timed.answered(&tally);
        let seen = sum();
        assert_eq!((seen.answered, seen.latency().count()), ([0, 0, 0, 2], 2));
        assert_eq!((seen.latency().sum_ns, seen.upstream_latency().sum_ns), (80, 60));
        timed.failed(&tally);
        let seen = sum();
        assert_eq!((seen.answered, seen.latency().count()), ([0, 0, 0, 3], 2), "it blocked");
        assert!(!timed.waits_to_be_written());
    }
}
