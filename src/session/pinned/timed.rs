//! How long requests on a session's own connection take: each is timed from when it was read to when the
//! replies that are owed with it have come, which are counted.

use std::collections::VecDeque;

use crate::command::Command;
use crate::resp::request::Args;
use crate::session::traced::{Outcome, Told, Traces, note};
use crate::telemetry::Tally;
use crate::telemetry::meters::{By, Class};

/// A buffer for words larger than this is given back once it is empty.
const KEEP: usize = 4 * 1024;

/// A request that is not answered yet.
#[derive(Debug)]
struct Owed {
    taken: Taken,
    asked: u64,
    /// When it was written; 0: it is not.
    written: u64,
    /// The count of replies at which it is answered.
    due: u64,
    /// How long the client had kept all waiting by then.
    stalled: u64,
}

/// What is known of a request when it is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) class: Class,
    pub(super) by: By,
    /// So many bytes were added to [`Timed::words`] for it.
    pub(super) words: usize,
    /// It is told of, however long it takes.
    pub(super) sampled: bool,
    /// It was refused.
    pub(super) denied: bool,
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
    /// What is owed, as `traced::note` writes it down, from `at` on; nothing where nobody may ask.
    pub(super) words: Vec<u8>,
    at: usize,
    /// How long the client has kept all waiting in this stay because it did not read, and since when it
    /// does now (0: it does not).
    stalled: u64,
    stalls: u64,
}

impl Timed {
    /// Nothing is owed; what is there was read then.
    pub(super) fn new(asked: u64) -> Self {
        Self {
            owed: VecDeque::new(),
            written: 0,
            replies: 0,
            asked,
            read: 0,
            words: Vec::new(),
            at: 0,
            stalled: 0,
            stalls: 0,
        }
    }

    /// Writes down a request that is being taken, of which `more` arguments are to come, if anybody may ask
    /// for it. Answers how many bytes that are.
    pub(super) fn note(
        &mut self,
        traces: &Traces,
        class: Class,
        (command, args): (Option<&Command>, &Args<'_>),
        more: usize,
    ) -> usize {
        if class.is_timed() && traces.is_on() { note(&mut self.words, command, args, more) } else { 0 }
    }

    /// A request has been taken, with which so many replies are owed in all. Its words are there.
    pub(super) fn took(&mut self, taken: Taken, owed: usize) {
        let due = self.replies + owed as u64;
        if due > self.owed.back().map_or(self.replies, |last| last.due) {
            let (asked, stalled) = (self.asked, self.stalled);
            self.owed.push_back(Owed { taken, asked, written: 0, due, stalled });
        } else {
            // It brings no reply of its own.
            self.words.truncate(self.words.len() - taken.words);
        }
    }

    /// Everything taken so far is written.
    pub(super) fn wrote(&mut self, now: u64) {
        let new = self.owed.range_mut(self.written..).filter(|owed| owed.taken.by == By::Upstream);
        new.for_each(|owed| owed.written = now);
        self.written = self.owed.len();
    }

    /// Whether there is anything that [`Self::wrote`] is to be told of.
    pub(super) fn waits_to_be_written(&self) -> bool {
        self.written < self.owed.len()
    }

    /// No more is read from the upstream until the client has read some.
    pub(super) fn stalls(&mut self, now: impl FnOnce() -> u64) {
        if self.stalls == 0 {
            self.stalls = now();
        }
    }

    /// It has, or need not.
    pub(super) fn goes_on(&mut self, now: impl FnOnce() -> u64) {
        if self.stalls > 0 {
            self.stalled += now().saturating_sub(std::mem::take(&mut self.stalls));
        }
    }

    /// One more reply has come; `tell` is shown the requests it ends that are timed.
    pub(super) fn answered(&mut self, tally: &Tally, mut tell: impl FnMut(&Told<'_>)) {
        self.replies += 1;
        while self.owed.front().is_some_and(|owed| owed.due <= self.replies)
            && let Some(owed) = self.owed.pop_front()
        {
            self.written = self.written.saturating_sub(1);
            let read = if owed.taken.by == By::Here { tally.now() } else { self.read };
            self.end(&owed, read, tally, &mut tell);
        }
        if self.owed.is_empty() {
            self.forget();
        }
    }

    /// Nothing that is owed will come.
    pub(super) fn failed(&mut self, tally: &Tally, mut tell: impl FnMut(&Told<'_>)) {
        let now = tally.now();
        while let Some(owed) = self.owed.pop_front() {
            self.end(&owed, now, tally, &mut tell);
        }
        self.forget();
    }

    /// Nobody knows any more what answers what, or nothing is owed.
    pub(super) fn forget(&mut self) {
        self.owed.clear();
        (self.written, self.at) = (0, 0);
        if self.words.capacity() > KEEP {
            self.words = Vec::new();
        }
        self.words.clear();
    }

    fn end(&mut self, owed: &Owed, read: u64, tally: &Tally, tell: &mut impl FnMut(&Told<'_>)) {
        let &Owed { taken: Taken { class, by, words, sampled, denied }, asked, written, .. } = owed;
        tally.answered(class, by, asked, written, read);
        let own = &self.words[self.at..][..words];
        self.at += words;
        if class.is_timed() && words > 0 {
            let outcome = if denied { Outcome::Denied } else { Outcome::By(by) };
            let stalled = self.stalled - owed.stalled;
            tell(&Told { words: own, outcome, asked, written, read, stalled, sampled });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::telemetry::Meters;
    use crate::telemetry::meters::Snapshot;

    fn taken(class: Class, words: usize) -> Taken {
        Taken { class, by: By::Upstream, words, sampled: false, denied: false }
    }

    #[test]
    fn requests_are_timed_by_the_replies_owed_with_them() {
        let meters = Arc::<Meters>::default();
        let (tally, mut timed) = (Tally::new(Arc::clone(&meters), Instant::now()), Timed::new(10));
        let mut told = Vec::new();
        // A question of our own goes before the first; the third brings nothing.
        timed.words.extend_from_slice(b"abc");
        timed.took(taken(Class::Transaction, 3), 2);
        timed.words.extend_from_slice(b"de");
        timed.took(taken(Class::StringWrite, 2), 3);
        timed.words.extend_from_slice(b"fg");
        timed.took(taken(Class::StringWrite, 2), 3);
        assert!(timed.waits_to_be_written());
        timed.wrote(20);
        timed.took(taken(Class::Blocking, 0), 4);
        assert!(timed.waits_to_be_written());
        timed.wrote(25);
        timed.stalls(|| 30);
        timed.stalls(|| 35);
        timed.goes_on(|| 40);
        timed.goes_on(|| 45);
        timed.read = 50;
        let mut tell = |one: &Told<'_>| told.push((one.words.to_vec(), one.asked, one.written, one.stalled));
        let sum = || {
            tally.settle();
            Snapshot::of(std::iter::once(&*meters))
        };
        timed.answered(&tally, &mut tell);
        assert_eq!(sum().answered, [0, 0, 0, 0]);
        timed.answered(&tally, &mut tell);
        timed.answered(&tally, &mut tell);
        let seen = sum();
        assert_eq!((seen.answered, seen.latency().count()), ([0, 0, 0, 2], 2));
        assert_eq!((seen.latency().sum_ns, seen.upstream_latency().sum_ns), (80, 60));
        timed.failed(&tally, &mut tell);
        let seen = sum();
        assert_eq!((seen.answered, seen.latency().count()), ([0, 0, 0, 3], 2), "it blocked");
        assert!(!timed.waits_to_be_written() && timed.words.is_empty());
        assert_eq!(told, [(b"abc".to_vec(), 10, 20, 10), (b"de".to_vec(), 10, 20, 10)]);
    }
}
