//! Looking for what is kept, and whether it is current.

use std::sync::Arc;

use super::Lane;
use crate::cache::{Entry, Flaw, Miss, Query, Time};
use crate::policy::Permit;

impl Lane {
    /// Gives the reply to `query` to `give`, if there is one that is current; it was looked at last when
    /// this answers. Demands the proof that the client may ask.
    #[inline]
    pub fn look(&self, _proof: Permit, query: &Query<'_>, now: Time, give: impl FnOnce(&[u8])) -> bool {
        self.wanted.set(now);
        self.worker.looks();
        let found = self.worker.front.borrow_mut().look(query.hash, |entry| {
            let hit = entry.answers(query) && self.holds(entry, now);
            if hit {
                give(entry.reply());
            } else {
                self.misses(entry, query, now);
            }
            hit
        });
        if found.is_none() {
            self.worker.misses_for(Miss::Cold);
        }
        found == Some(true)
    }

    /// Notes why `entry` does not answer `query`.
    #[cold]
    fn misses(&self, entry: &Entry, query: &Query<'_>, now: Time) {
        let near = self.near();
        self.worker.misses_for(match () {
            () if !entry.answers(query) => Miss::Cold,
            () if self.epoch() != entry.epoch || near.word.load() != entry.word => Miss::Epoch,
            () if now >= entry.deadline => Miss::Expired,
            () if !self.is_fresh(now) => Miss::NotFresh,
            () => Miss::Changed,
        });
    }

    /// Whether the reply to `query` is kept, or under way to be: fetching it for keeps once more is of no
    /// use.
    pub fn has(&self, query: &Query<'_>, now: Time) -> bool {
        let current = |entry: &Arc<Entry>| entry.answers(query) && self.holds(entry, now);
        self.worker.front.borrow_mut().look(query.hash, current) == Some(true)
            || self.joinable(query, now).is_some()
    }

    /// The entry for `query`, if it is current.
    pub fn find(&self, _proof: Permit, query: &Query<'_>, now: Time) -> Option<Arc<Entry>> {
        self.wanted.set(now);
        let found = self.worker.front.borrow_mut().look(query.hash, |entry| {
            let fits = entry.answers(query) && self.holds(entry, now);
            if !fits {
                self.misses(entry, query, now);
            }
            fits.then(|| Arc::clone(entry))
        });
        if found.is_none() {
            self.worker.misses_for(Miss::Cold);
        }
        found.flatten()
    }

    /// Whether `entry`, which this lane fetched, is current. The look at its stamp is what orders it
    /// among the writes of its key.
    #[inline]
    pub fn holds(&self, entry: &Entry, now: Time) -> bool {
        let near = self.near();
        let flaws = &near.flaws;
        (self.epoch() == entry.epoch || flaws.has(Flaw::HitEpoch))
            && (near.word.load() == entry.word || flaws.has(Flaw::HitWord))
            && (now < entry.deadline || flaws.has(Flaw::HitDeadline))
            && self.is_fresh(now)
            && (near.stamps.at(entry.stripe).load() == entry.stamp || flaws.has(Flaw::HitStamp))
    }

    /// Like [`Self::look`], while the upstream is away: what was current when it was lost, for as long as
    /// its pattern allows (`serve_stale`), and never past its TTL.
    pub fn look_stale(&self, _proof: Permit, query: &Query<'_>, now: Time, give: impl FnOnce(&[u8])) -> bool {
        let Some(before) = self.before.get() else { return false };
        let near = self.near();
        let found = self.worker.front.borrow_mut().look(query.hash, |entry| {
            let may = entry.answers(query)
                && entry.epoch == before.epoch
                && now < before.at.saturating_add(entry.stale_for)
                && now < entry.expires
                && near.word.load() == entry.word
                && near.stamps.at(entry.stripe).load() == entry.stamp;
            if may {
                give(entry.reply());
            }
            may
        });
        found == Some(true)
    }
}
