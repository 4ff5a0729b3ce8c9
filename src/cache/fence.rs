//! Fences: how a worker knows that every lane has heard what happened before.
//!
//! Invalidations come to each lane on its own connection, and replies and messages on other connections
//! may overtake them. Who is about to pass on such a signal asks every lane for a fence, a request
//! enqueued after the signal was received: once that is answered, so is every invalidation before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::Time;

/// What other workers may know of a lane, and do to it.
#[derive(Debug)]
pub struct LaneState {
    /// Its number, which its entries carry.
    pub number: u32,
    /// Whose it is.
    pub worker: usize,
    /// A hash of the credential it acts as; 0: the one of clients that bring none.
    pub who: u64,
    /// Entries of another epoch are void.
    epoch: AtomicU64,
    /// No entry is current from then on.
    live_until: AtomicU64,
    /// Replies under way that may become entries.
    filling: AtomicU64,
    /// What it can be trusted with ends then, unless a heartbeat is answered; only to be shown.
    fresh_until: AtomicU64,
    /// The database and user it serves; only to be shown.
    serves: OnceLock<(u32, Box<str>)>,
    /// How many fences have been asked for.
    asked: AtomicU64,
    /// How many of them, the first ones, have been answered.
    passed: AtomicU64,
}

impl LaneState {
    pub(super) fn new(number: u32, worker: usize, who: u64) -> Self {
        Self {
            number,
            worker,
            who,
            epoch: AtomicU64::new(1),
            live_until: AtomicU64::new(0),
            filling: AtomicU64::new(0),
            fresh_until: AtomicU64::new(0),
            serves: OnceLock::new(),
            asked: AtomicU64::new(0),
            passed: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Every entry is void.
    pub(super) fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// An entry is current until then; to be said before [`Self::filled`].
    pub(super) fn live_until(&self, deadline: Time) {
        self.live_until.fetch_max(deadline, Ordering::SeqCst);
    }

    /// A reply that may become an entry is about to be asked for; to be said before it is.
    pub(super) fn fill(&self) {
        self.filling.fetch_add(1, Ordering::SeqCst);
    }

    /// It has become one, or will not.
    pub(super) fn filled(&self) {
        self.filling.fetch_sub(1, Ordering::SeqCst);
    }

    /// There is nothing current, and what is under way will not become so.
    pub(super) fn empty(&self) {
        self.live_until.store(0, Ordering::SeqCst);
        self.filling.store(0, Ordering::SeqCst);
    }

    /// Whether an invalidation could still matter to it.
    pub(super) fn is_live(&self, now: Time) -> bool {
        // In this order: what is filled is live before it ceases to be under way.
        self.filling.load(Ordering::SeqCst) > 0 || self.live_until.load(Ordering::SeqCst) > now
    }

    /// Says until when it is vouched for.
    pub(super) fn fresh_until(&self, until: Time) {
        self.fresh_until.store(until, Ordering::Relaxed);
    }

    /// Whether it has lately been vouched for. What decides is what the lane itself knows.
    pub fn is_fresh(&self, now: Time) -> bool {
        now < self.fresh_until.load(Ordering::Relaxed)
    }

    pub(super) fn serves(&self, db: u32, user: &str) {
        let _ = self.serves.set((db, user.into()));
    }

    /// The database it reads, and the user it acts as.
    pub fn served(&self) -> (u32, &str) {
        self.serves.get().map_or((0, ""), |(db, user)| (*db, user))
    }

    /// Asks for a fence; answers its number.
    pub(super) fn ask(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// How many have been asked for.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// The fence of that number has been answered, and so are those before it.
    pub(super) fn pass(&self, number: u64) {
        self.passed.fetch_max(number, Ordering::AcqRel);
    }
}

/// A fence that is on its way: on which lane, and its number there.
pub type Sent = (Arc<LaneState>, u64);

/// One lane that is waited for.
#[derive(Debug)]
struct Wait {
    lane: Arc<LaneState>,
    number: u64,
    epoch: u64,
}

impl Wait {
    fn is_over(&self) -> bool {
        self.lane.passed.load(Ordering::Acquire) >= self.number || self.lane.epoch() != self.epoch
    }
}

/// A fence of all lanes that could still give out something older. Dropping it leaves the lanes to it.
#[derive(Debug, Default)]
pub struct Fence {
    waits: Vec<Wait>,
}

impl Fence {
    /// Asks all `lanes` that are live, but for the one in `sent`, where fences of these numbers are on their
    /// way already. Of several lanes none is spared: a fence was sent behind what its own lane brought, and
    /// may have been answered before what came by another.
    pub(super) fn of<'a>(lanes: impl Iterator<Item = &'a Arc<LaneState>>, sent: &[Sent], now: Time) -> Self {
        let alone =
            sent.first().is_none_or(|(first, _)| sent.iter().all(|(lane, _)| Arc::ptr_eq(lane, first)));
        let sent = if alone { sent } else { &[] };
        let waits = lanes.filter(|lane| lane.is_live(now)).map(|lane| {
            let sent = sent.iter().filter(|(other, _)| Arc::ptr_eq(other, lane)).map(|(_, number)| *number);
            // The epoch first: one that rises afterwards counts as an answer.
            let epoch = lane.epoch();
            Wait { lane: Arc::clone(lane), epoch, number: sent.max().unwrap_or_else(|| lane.ask()) }
        });
        Self { waits: waits.collect() }
    }

    /// The workers whose lanes are still to answer.
    pub fn workers(&self) -> impl Iterator<Item = usize> + '_ {
        self.waits.iter().filter(|wait| !wait.is_over()).map(|wait| wait.lane.worker)
    }

    /// Whether every lane has answered, or lost what it had.
    pub fn is_passed(&self) -> bool {
        self.waits.iter().all(Wait::is_over)
    }

    /// It has taken too long: whoever has not answered loses what it has. Answers how many that are.
    pub fn give_up(&self) -> usize {
        let late = self.waits.iter().filter(|wait| !wait.is_over());
        late.map(|wait| wait.lane.next_epoch()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(worker: usize) -> Arc<LaneState> {
        let lane = Arc::new(LaneState::new(0, worker, 0));
        lane.live_until(100);
        lane
    }

    #[test]
    fn a_fence_waits_for_lanes_with_entries_or_replies_under_way_and_for_no_others() {
        let (old, filling, idle) =
            (live(0), Arc::new(LaneState::new(1, 1, 0)), Arc::new(LaneState::new(2, 2, 0)));
        filling.fill();
        let fence = Fence::of([&old, &filling, &idle].into_iter(), &[], 50);
        assert_eq!(fence.workers().collect::<Vec<_>>(), [0, 1]);
        assert!(Fence::of([&old].into_iter(), &[], 100).is_passed());
    }

    #[test]
    fn a_later_answer_serves_earlier_fences_and_an_earlier_one_no_later_ones() {
        let lane = live(0);
        let (first, second) =
            (Fence::of([&lane].into_iter(), &[], 0), Fence::of([&lane].into_iter(), &[], 0));
        lane.pass(1);
        assert!(first.is_passed() && !second.is_passed());
        lane.pass(2);
        assert!(second.is_passed());
    }

    #[test]
    fn a_fence_that_is_on_its_way_spares_its_lane_for_what_came_by_that_lane_alone() {
        let (one, two) = (live(0), live(0));
        let lanes = || [&one, &two].into_iter();
        let sent = [(Arc::clone(&one), one.ask()), (Arc::clone(&one), one.ask())];
        let same = Fence::of(lanes(), &sent, 0);
        assert_eq!((one.asked(), two.asked()), (2, 1));
        one.pass(1);
        two.pass(1);
        assert!(!same.is_passed());
        one.pass(2);
        assert!(same.is_passed());
        // Two scripts on two lanes, answered in one turn: neither's fence covers the other.
        let sent = [(Arc::clone(&one), one.ask()), (Arc::clone(&two), two.ask())];
        let both = Fence::of(lanes(), &sent, 0);
        sent.iter().for_each(|(lane, number)| lane.pass(*number));
        assert!(!both.is_passed());
        one.pass(one.asked());
        two.pass(two.asked());
        assert!(both.is_passed());
    }

    #[test]
    fn a_lane_that_is_lost_or_given_up_counts_as_answered() {
        let (lost, late) = (live(0), live(1));
        let fence = Fence::of([&lost, &late].into_iter(), &[], 0);
        lost.next_epoch();
        assert!(!fence.is_passed());
        let before = late.epoch();
        assert_eq!(fence.give_up(), 1);
        assert!(fence.is_passed());
        assert_ne!(late.epoch(), before);
    }
}
