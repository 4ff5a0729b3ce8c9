//! What all workers of one upstream share of the cache.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::live::Live;
use super::{
    Fence, Figures, Flaw, Flaws, Hasher, Hot, HotKey, LaneState, Sent, Stamps, Store, Stripe, Time, Word,
    nanos,
};
use crate::config::{self, CacheMode, CachePolicy};

/// More live lanes than this are not fenced one by one: all entries are given up instead.
const MOST_FENCED: usize = 64;

/// So many entries are freed at once, some ten milliseconds.
const MOST_FREED: usize = 4096;

/// Whether there is a cache, and why (not).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `tracked`, `ttl` or `off`.
    pub mode: &'static str,
    /// In words.
    pub reason: String,
}

/// The part of the cache that all workers share. Dropping it frees everything.
#[derive(Debug)]
pub struct Near {
    /// The settings it was made with. Those that can change are asked for one by one.
    pub settings: config::Cache,
    /// What is asked of it; `Off`: nothing is ever kept.
    pub mode: CacheMode,
    /// The stamp of every key.
    pub stamps: Stamps,
    /// Changes when all keys may have, and shows that a command is in flight that may change all.
    pub word: Word,
    /// What tests have switched off.
    pub flaws: Flaws,
    /// Hashes of reads and keys.
    pub hasher: Hasher,
    /// One for each worker.
    pub(super) stores: Vec<Arc<Store>>,
    lanes: Mutex<Vec<Arc<LaneState>>>,
    numbers: AtomicU32,
    figures: Vec<Figures>,
    hot: Vec<Mutex<Hot>>,
    standing: Mutex<Standing>,
    /// Who has asked for no hits.
    pub(super) suspensions: AtomicU32,
    pub(super) live: Live,
    /// Changes of users' rights are noticed.
    watched: AtomicBool,
}

impl Near {
    /// An empty cache for so many workers. `seed` keys its hashes and should be random.
    pub fn new(settings: config::Cache, mode: CacheMode, workers: usize, seed: u64) -> Self {
        let words = if mode == CacheMode::Off { 1 } else { settings.stamps as usize };
        let policy = match settings.policy {
            CachePolicy::Lru => super::Policy::Lru,
            CachePolicy::Lfu => super::Policy::Lfu,
        };
        let share = settings.memory / workers.max(1) as u64;
        let reason = if mode == CacheMode::Off { "switched off" } else { "no lane is open yet" };
        Self {
            stores: (0..workers.max(1)).map(|_| Arc::new(Store::new(share, policy))).collect(),
            live: Live::new(&settings, mode),
            stamps: Stamps::new(words),
            word: Word::default(),
            flaws: Flaws::default(),
            hasher: Hasher::new(seed),
            lanes: Mutex::default(),
            numbers: AtomicU32::new(1),
            figures: (0..workers.max(1)).map(|_| Figures::default()).collect(),
            hot: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
            standing: Mutex::new(Standing { mode: "off", reason: reason.into() }),
            suspensions: AtomicU32::new(0),
            watched: AtomicBool::new(false),
            settings,
            mode,
        }
    }

    /// Whether anything may be kept at all.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.mode != CacheMode::Off
    }

    /// The stripe of the key of that name.
    #[inline]
    pub fn stripe(&self, name: &[u8]) -> Stripe {
        self.stamps.stripe(self.hasher.key(name))
    }

    /// A write of that stripe is on its way: from now on nothing of it is given out or kept. `false`
    /// when too many are: then everything has been given up instead, and its end is a [`Self::changed`].
    #[inline]
    pub fn write_begins(&self, stripe: Stripe) -> bool {
        if self.flaws.has(Flaw::WriteMark) {
            return true;
        }
        let counted = self.stamps.at(stripe).begin();
        if !counted {
            self.word.bump();
        }
        counted
    }

    /// A write that [`Self::write_begins`] counted has ended, one way or the other. To be called before
    /// anybody is told.
    #[inline]
    pub fn write_ends(&self, stripe: Stripe) {
        let word = self.stamps.at(stripe);
        match (self.flaws.has(Flaw::WriteMark), self.flaws.has(Flaw::WriteBump)) {
            (false, false) => word.end(),
            (true, false) => word.bump(),
            (false, true) => word.forget(),
            (true, true) => {}
        }
    }

    /// The key of that stripe may have changed by now.
    #[inline]
    pub fn changed(&self, stripe: Stripe) {
        self.stamps.at(stripe).bump();
    }

    /// A command that may change every key is on its way.
    pub fn global_begins(&self) {
        if !self.flaws.has(Flaw::GlobalStart) {
            self.word.bump();
        }
        if !self.flaws.has(Flaw::GlobalMark) {
            // As many as do not fit are not in flight: connections run out long before.
            self.word.begin();
        }
    }

    /// It has ended. To be called before anybody is told.
    pub fn global_ends(&self) {
        match (self.flaws.has(Flaw::GlobalMark), self.flaws.has(Flaw::GlobalEnd)) {
            (false, false) => self.word.end(),
            (true, false) => self.word.bump(),
            (false, true) => self.word.forget(),
            (true, true) => {}
        }
    }

    /// Every entry is void.
    pub fn flush(&self) {
        self.word.bump();
        // The rest is freed by whoever sweeps.
        self.sweep().step(MOST_FREED, 0);
    }

    /// Whether a signal has to wait: some lane could give out what is older than now.
    pub fn is_live(&self, now: Time) -> bool {
        !self.flaws.has(Flaw::Fence) && self.has_live(now)
    }

    /// Whether anything is kept that could be given out, or is about to be.
    pub fn has_live(&self, now: Time) -> bool {
        self.lanes().iter().any(|lane| lane.is_live(now))
    }

    /// Everything is void that was fetched with this credential.
    pub fn void_credential(&self, who: u64) {
        self.lanes().iter().filter(|lane| lane.who == who).for_each(|lane| lane.next_epoch());
    }

    /// Whether a change of users' rights at the upstream would be noticed within `cache.acl_check`.
    pub fn rights_are_watched(&self, are: bool) {
        self.watched.store(are, Ordering::Relaxed);
    }

    /// How long an entry fetched by a user of its own may live besides: where nothing would tell that the
    /// user's rights have changed, not longer than telling would have taken.
    pub(super) fn longest_for_users(&self) -> Time {
        if self.watched.load(Ordering::Relaxed) { Time::MAX } else { nanos(self.acl_check()) }
    }

    /// Has every lane asked that could still give out what is older than now. `sent`: fences that are on
    /// their way already and say as much.
    pub fn fence(&self, sent: &[Sent], now: Time) -> Fence {
        if self.flaws.has(Flaw::Fence) {
            return Fence::default();
        }
        let lanes = self.lanes();
        if lanes.len() > MOST_FENCED {
            self.word.bump();
            return Fence::default();
        }
        Fence::of(lanes.iter(), sent, now)
    }

    /// A fence was not answered in time. Answers how many lanes lose what they have.
    pub fn fence_late(&self, fence: &Fence) -> usize {
        if self.flaws.has(Flaw::FenceDeadline) { 0 } else { fence.give_up() }
    }

    /// What worker `index` counts.
    pub fn figures(&self, index: usize) -> &Figures {
        &self.figures[index % self.figures.len()]
    }

    /// What all workers have counted together, in the order of [`Figures::NAMES`].
    pub fn totals(&self) -> Vec<u64> {
        let mut totals = vec![0; Figures::NAMES.len()];
        for figures in &self.figures {
            totals.iter_mut().zip(figures.values()).for_each(|(total, value)| *total += value);
        }
        totals
    }

    /// What worker `index` reads most. The lock is held for a moment only.
    pub(super) fn hot(&self, index: usize) -> std::sync::MutexGuard<'_, Hot> {
        self.hot[index % self.hot.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `count` keys all workers together read most.
    pub fn hot_keys(&self, now: Time, count: usize) -> Vec<HotKey> {
        let all: Vec<_> = (0..self.hot.len()).map(|index| self.hot(index)).collect();
        Hot::merged(all.iter().map(|hot| &**hot), now, count)
    }

    /// How many entries there are, current or not, and what they weigh in bytes. Does what the store has
    /// put off; not for the request path.
    pub fn size(&self) -> (u64, u64) {
        self.stores.iter().for_each(|store| store.tidy());
        (
            self.stores.iter().map(|store| store.len()).sum(),
            self.stores.iter().map(|store| store.bytes()).sum(),
        )
    }

    /// How many lanes could have entries.
    pub fn lane_count(&self) -> usize {
        self.lanes().len()
    }

    /// Whether there is a cache, and why (not).
    pub fn standing(&self) -> Standing {
        if self.is_on() && !self.gives() {
            return Standing { mode: "off", reason: "switched off".into() };
        }
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A lane has found out whether there can be one.
    pub(super) fn stands(&self, mode: &'static str, reason: String) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Standing { mode, reason };
    }

    pub(super) fn enter(&self, worker: usize, who: u64) -> Arc<LaneState> {
        let state = Arc::new(LaneState::new(self.numbers.fetch_add(1, Ordering::Relaxed), worker, who));
        self.lanes().push(Arc::clone(&state));
        state
    }

    pub(super) fn leave(&self, state: &Arc<LaneState>) {
        self.lanes().retain(|other| !Arc::ptr_eq(other, state));
    }

    pub(super) fn lanes(&self) -> std::sync::MutexGuard<'_, Vec<Arc<LaneState>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::kit::{lane_of, near, settings};
    use crate::cache::{Lane, PerWorker, Trust, is_busy};

    #[test]
    fn a_write_shows_from_its_beginning_and_leaves_another_stamp() {
        let near = near(settings(), 1);
        let stripe = near.stripe(b"k");
        let before = near.stamps.at(stripe).load();
        assert!(near.write_begins(stripe));
        assert!(is_busy(near.stamps.at(stripe).load()));
        near.write_ends(stripe);
        assert!(!is_busy(near.stamps.at(stripe).load()) && near.stamps.at(stripe).load() != before);
    }

    #[test]
    fn more_writes_than_can_be_counted_give_everything_up_instead() {
        let near = near(settings(), 1);
        let (stripe, word) = (near.stripe(b"k"), near.word.load());
        (0..u16::MAX).for_each(|_| assert!(near.write_begins(stripe)));
        assert_eq!(near.word.load(), word);
        assert!(!near.write_begins(stripe));
        assert_ne!(near.word.load(), word);
        assert!(!is_busy(near.word.load()));
    }

    #[test]
    fn a_global_command_shows_from_its_beginning_and_leaves_another_word() {
        let near = near(settings(), 1);
        let before = near.word.load();
        near.global_begins();
        near.global_begins();
        near.global_ends();
        assert!(is_busy(near.word.load()));
        near.global_ends();
        assert!(!is_busy(near.word.load()) && near.word.load() != before);
    }

    #[test]
    fn a_fence_of_too_many_lanes_gives_everything_up_instead() {
        let near = near(settings(), 1);
        let worker = std::rc::Rc::new(PerWorker::new(Arc::clone(&near), 0));
        let lanes: Vec<Lane> = (0..MOST_FENCED).map(|_| Lane::new(std::rc::Rc::clone(&worker), 0)).collect();
        let word = near.word.load();
        assert!(near.fence(&[], 0).is_passed());
        assert_eq!(near.word.load(), word);
        let _another = lane_of(&near, 0);
        assert!(near.fence(&[], 0).is_passed());
        assert_ne!(near.word.load(), word);
        drop(lanes);
        assert_eq!(near.lanes().len(), 1);
    }

    #[test]
    fn the_mode_is_what_the_last_lane_has_found_out() {
        let near = near(settings(), 1);
        assert_eq!(near.standing().mode, "off");
        let lane = lane_of(&near, 0);
        assert_eq!(near.standing().mode, "tracked");
        lane.opened(Trust::None, false, "no rights".into());
        assert_eq!(near.standing(), Standing { mode: "off", reason: "no rights".into() });
    }

    #[test]
    fn workers_count_apart_and_are_added_up() {
        let near = near(settings(), 2);
        near.figures(0).hits.add();
        near.figures(1).hits.add();
        near.figures(1).misses.add();
        assert_eq!(near.totals()[..2], [2, 1]);
    }
}
