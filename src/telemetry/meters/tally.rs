//! How a worker writes its meters: what happens alike, many times in one turn, is written once.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use super::{By, Cause, Class, Meters};

/// A worker's hold on its meters. Times are nanoseconds since the proxy started, never 0, so that 0 can say
/// that something has no time; the caller looks at the clock, once for a whole read or write.
#[derive(Debug)]
pub struct Tally {
    meters: Arc<Meters>,
    since: Instant,
    /// Answers alike that are not written yet: what they are, and how many.
    run: Cell<Run>,
    alike: Cell<u64>,
    /// The same for answers that wait for the end of the turn to be timed.
    waiting: Cell<(Class, By)>,
    waits: Cell<u64>,
}

/// What answers must have in common to be written as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    class: Class,
    by: By,
    arrived: u64,
    written: u64,
    read: u64,
}

/// Nobody's: for what stands alone.
impl Default for Tally {
    fn default() -> Self {
        Self::new(Arc::default(), Instant::now())
    }
}

impl Tally {
    /// Writes `meters`, which nothing else may write. `since`: when time began.
    pub fn new(meters: Arc<Meters>, since: Instant) -> Self {
        Self {
            meters,
            since,
            run: Cell::default(),
            alike: Cell::new(0),
            waiting: Cell::default(),
            waits: Cell::new(0),
        }
    }

    /// What it writes.
    #[inline]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Now.
    #[inline]
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// Some moment.
    #[inline]
    pub fn at(&self, when: Instant) -> u64 {
        let passed = when.saturating_duration_since(self.since);
        (passed.as_secs() * 1_000_000_000 + u64::from(passed.subsec_nanos())).max(1)
    }

    /// A request has been taken.
    #[inline]
    pub fn command(&self, class: Class) {
        self.meters.commands[class.index()].add();
    }

    /// A client has been answered with an error.
    #[cold]
    pub fn error(&self, cause: Cause) {
        self.meters.errors[cause.index()].add();
    }

    /// A request that arrived then was answered with what was `read` now; it was `written` to the upstream
    /// in between, or was not (0). Counts once [`Self::settle`] is called.
    #[inline]
    pub fn answered(&self, class: Class, by: By, arrived: u64, written: u64, read: u64) {
        let run = Run { class, by, arrived, written, read };
        if run != self.run.get() {
            self.settle();
            self.run.set(run);
        }
        self.alike.set(self.alike.get() + 1);
    }

    /// What [`Self::answered`] has gathered counts from here on. To be called in every turn that did.
    #[inline]
    pub fn settle(&self) {
        let n = self.alike.take();
        if n > 0 {
            self.write(self.run.get(), n);
        }
    }

    /// A request of this turn has been answered without anybody being asked. It is timed by
    /// [`Self::settle_here`], which is to be called before the turn ends.
    #[inline]
    pub fn answered_here(&self, class: Class, by: By, arrived: u64) {
        if (class, by) != self.waiting.get() {
            // Another kind in one turn: this one's time ends here.
            self.settle_here(arrived);
            self.waiting.set((class, by));
        }
        self.waits.set(self.waits.get() + 1);
    }

    /// The answers given without asking anybody, to requests that arrived then, are out. Answers what the
    /// clock says, if it was looked at.
    #[inline]
    pub fn settle_here(&self, arrived: u64) -> Option<u64> {
        let n = self.waits.take();
        if n == 0 {
            return None;
        }
        let (now, (class, by)) = (self.now(), self.waiting.get());
        self.write(Run { class, by, arrived, written: 0, read: now }, n);
        Some(now)
    }

    fn write(&self, run: Run, n: u64) {
        let Run { class, by, arrived, written, read } = run;
        self.meters.answered[by.index()].plus(n);
        if !class.is_timed() {
            return;
        }
        self.meters.total[class.index()].add(read.saturating_sub(arrived), n);
        if written > 0 {
            self.meters.upstream[class.index()].add(read.saturating_sub(written), n);
        }
    }
}
