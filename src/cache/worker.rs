//! What the lanes of one worker share of the cache.

use std::cell::{Cell, Ref, RefCell};
use std::sync::Arc;

use super::sample::Sample;
use super::{Entry, Figures, Front, Lane, Miss, Near, Patterns, Sketch, Store, Time, nanos};

/// Looks after which it is judged whether they pay: one hit in so many is enough.
const JUDGED: u32 = 1024;
const PAYS: u64 = 64;
/// While they do not, one read in about so many is looked for all the same.
const TRIED: u32 = 8;

/// One worker's part of the cache.
#[derive(Debug)]
pub struct PerWorker {
    /// The part all workers share.
    pub near: Arc<Near>,
    /// Its number.
    pub index: usize,
    pub(super) front: RefCell<Front>,
    sketch: RefCell<Sketch>,
    /// Which reads are counted for the hot keys.
    sample: RefCell<Sample>,
    /// Looks since the last judgement, and the hits, and joins, there had been by then.
    looks: Cell<u32>,
    had: Cell<u64>,
    /// Reads that are not looked for before the next one that is, while looking does not pay, and what those
    /// gaps are drawn from: reads may come in a rhythm.
    passed_by: Cell<Option<u32>>,
    gaps: RefCell<fastrand::Rng>,
    /// Hits since the last one that was compared, times the share that is.
    unverified: Cell<f64>,
    patterns: RefCell<Arc<Patterns>>,
    patience: Cell<Time>,
    /// Why the last read that was looked for was not found.
    missed: Cell<Option<Miss>>,
}

impl PerWorker {
    /// The part of worker `index`.
    pub fn new(near: Arc<Near>, index: usize) -> Self {
        let store: Arc<Store> = Arc::clone(&near.stores[index % near.stores.len()]);
        let front_bytes = store.front_bytes();
        let sketch = Sketch::new(nanos(near.settings.admit_window), near.settings.admit_after);
        Self {
            index,
            front: RefCell::new(Front::new(store, front_bytes)),
            sketch: RefCell::new(sketch),
            sample: RefCell::new(Sample::new(index as u64)),
            looks: Cell::new(0),
            had: Cell::new(0),
            passed_by: Cell::new(None),
            gaps: RefCell::new(fastrand::Rng::with_seed(index as u64)),
            unverified: Cell::new(0.0),
            patterns: RefCell::new(near.patterns()),
            patience: Cell::new(near.patience()),
            near,
            missed: Cell::new(None),
        }
    }

    /// What it counts.
    #[inline]
    pub fn figures(&self) -> &Figures {
        self.near.figures(self.index)
    }

    /// Which keys are kept.
    pub fn patterns(&self) -> Ref<'_, Patterns> {
        Ref::map(self.patterns.borrow(), |patterns| &**patterns)
    }

    /// Takes over what is in force; `lanes` are all of the worker's.
    pub fn renew<'a>(&self, lanes: impl Iterator<Item = &'a Lane>) {
        let (patterns, patience) = (self.near.patterns(), self.near.patience());
        let before = self.patience.replace(patience);
        if patience < before {
            lanes.for_each(|lane| lane.sooner(before - patience));
        }
        if *self.patterns.borrow() != patterns {
            *self.patterns.borrow_mut() = patterns;
            // What was kept, or is under way to be, goes by those of before. The last worker to get here sees to
            // what others have kept meanwhile.
            self.near.word.bump();
        }
    }

    /// Why the last read that was looked for was not found; asking again answers `None`, as before any was.
    #[inline]
    pub fn missed(&self) -> Option<Miss> {
        self.missed.take()
    }

    /// The read that is looked for is not found, for this reason; the first one counts.
    #[inline]
    pub(super) fn misses_for(&self, why: Miss) {
        self.missed.set(self.missed.get().or(Some(why)));
    }

    /// Keeps `entry`, in place of one with the same key.
    pub(super) fn keep(&self, entry: Arc<Entry>) {
        self.front.borrow_mut().insert(entry);
    }

    /// Whether the read with that hash, which was not answered from memory, is hot enough to be kept.
    #[inline]
    pub fn admits(&self, hash: u64, now: Time) -> bool {
        self.sketch.borrow_mut().admits(hash, now)
    }

    /// How often the read with that hash has missed lately, at most; `None` where nobody counts.
    pub fn misses(&self, hash: u64) -> Option<u8> {
        (self.near.settings.admit_after > 1).then(|| self.sketch.borrow().estimate(hash))
    }

    /// Whether to deal with the next read at all: where hardly any read is a hit, the cache gets out of the
    /// way of most. Not where every key is to be kept.
    #[inline]
    pub fn tries(&self) -> bool {
        match self.passed_by.get() {
            None => true,
            Some(0) => {
                self.passed_by.set(Some(self.gaps.borrow_mut().u32(..2 * TRIED - 1)));
                true
            }
            Some(left) => {
                self.passed_by.set(Some(left - 1));
                false
            }
        }
    }

    /// One more read is looked for.
    #[inline]
    pub(super) fn looks(&self) {
        self.looks.set(self.looks.get() + 1);
        if self.looks.get() >= JUDGED {
            self.judge();
        }
    }

    #[inline(never)]
    fn judge(&self) {
        let had = self.had.replace(self.figures().hits.get() + self.figures().joins.get());
        let pays = (self.had.get() - had) * PAYS >= u64::from(self.looks.replace(0));
        let gets_out = !pays && self.near.settings.admit_after > 1;
        self.passed_by.set(gets_out.then(|| self.passed_by.get().unwrap_or(0)));
    }

    /// A read of the key `name`, which the upstream did not see (`hit`) or did: for the hot keys.
    #[inline]
    pub fn reads(&self, name: &[u8], hit: bool, now: Time) {
        if !self.sample.borrow_mut().skips() {
            self.counts(name, hit, now);
        }
    }

    #[inline(never)]
    fn counts(&self, name: &[u8], hit: bool, now: Time) {
        let weight = f64::from(self.sample.borrow_mut().weight(now));
        self.near.hot(self.index).read(self.near.hasher.key(name), name, hit, weight, now);
    }

    /// Whether this hit is one of those that are compared with the upstream.
    #[inline]
    pub fn verifies(&self) -> bool {
        let share = self.near.verify();
        if share <= 0.0 {
            return false;
        }
        let sum = self.unverified.get() + share;
        self.unverified.set(sum - sum.floor());
        sum >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::kit;
    use crate::config;

    fn worker(admit_after: u32) -> PerWorker {
        let settings = config::Cache { admit_after, ..config::Config::default().cache };
        PerWorker::new(kit::near(settings, 1), 0)
    }

    fn tried(worker: &PerWorker, reads: u32) -> usize {
        (0..reads).filter(|_| worker.tries()).inspect(|_| worker.looks()).count()
    }

    #[test]
    fn where_no_read_is_a_hit_most_are_passed_by_until_some_are() {
        let worker = worker(2);
        assert_eq!(tried(&worker, JUDGED), JUDGED as usize);
        let some = tried(&worker, 80_000);
        assert!((8_000..12_000).contains(&some), "{some}");
        for _ in 0..TRIED * JUDGED * 2 {
            if worker.tries() {
                worker.looks();
                worker.figures().hits.add();
            }
        }
        assert_eq!(tried(&worker, JUDGED / 2), JUDGED as usize / 2);
    }

    #[test]
    fn where_every_key_is_to_be_kept_none_is_passed_by() {
        assert_eq!(tried(&worker(0), 10_000), 10_000);
    }
}
