//! Allowances by name, in a table of fixed size.
//!
//! An allowance that is full says nothing, so its place may be had by another: forgetting it loses
//! nothing. Only while all places of a set are short of something is the one forgotten that is nearest to
//! full. Whoever is far over a limit stays known, however many names come by.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::gcra::Allowance;

/// Names that may have the same place in mind; a cache line of them.
const WAYS: usize = 4;
/// Places: a megabyte, and as many names as can be short of something at the same time.
const SETS: usize = 16 * 1024;

/// One name's allowance. The name itself is not kept, only 64 bits of its hash.
#[derive(Debug, Default)]
struct Slot {
    tag: AtomicU64,
    allowance: Allowance,
}

/// The allowances of all names. Never grows, never locks.
#[derive(Debug)]
pub(super) struct Table {
    sets: Box<[[Slot; WAYS]]>,
    /// Nobody outside knows which names meet.
    hasher: RandomState,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { sets: (0..SETS).map(|_| Default::default()).collect(), hasher: RandomState::new() }
    }

    /// By what the allowance of `name` is found.
    pub(super) fn tag(&self, name: &(impl Hash + ?Sized)) -> u64 {
        self.hasher.hash_one(name).max(1)
    }

    /// The allowance of the name with this `tag`: its own, or a full one.
    #[inline]
    pub(super) fn of(&self, tag: u64, now: u64) -> &Allowance {
        // The lowest bits choose the set.
        let set = &self.sets[tag as usize % SETS];
        match set.iter().find(|slot| slot.tag.load(Relaxed) == tag) {
            Some(slot) => &slot.allowance,
            None => replaced(set, tag, now),
        }
    }
}

/// Two workers that bring the same new name at once may give it two places: it is late by one request.
#[cold]
fn replaced(set: &[Slot; WAYS], tag: u64, now: u64) -> &Allowance {
    let slot = set.iter().min_by_key(|slot| slot.allowance.full_at()).unwrap_or(&set[0]);
    slot.tag.store(tag, Relaxed);
    slot.allowance.set(now);
    &slot.allowance
}

#[cfg(test)]
mod tests {
    use super::super::gcra::Pace;
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_name_has_one_allowance_and_others_have_others() {
        let (table, pace) = (Table::new(), Pace::new(1, Duration::from_secs(1), 1));
        let take = |name: &str| table.of(table.tag(name), 1).take(&pace, pace.cost(1), 1, 0).is_ok();
        assert!(take("a"));
        assert!(!take("a"));
        assert!((0..1000).all(|i| take(&format!("other {i}"))));
        assert!(!take("a"));
    }

    #[test]
    fn a_flood_of_names_does_not_make_it_forget_who_is_over() {
        let (table, pace) = (Table::new(), Pace::new(10, Duration::from_secs(1), 10));
        let bad = table.tag("bad");
        let take = |tag, now| table.of(tag, now).take(&pace, pace.cost(1), now, 0).is_ok();
        assert_eq!((0..20).filter(|_| take(bad, 1)).count(), 10);
        // Each has one request, so each is nearer to full than the one who has had all of his.
        (0..500_000_u64).for_each(|i| assert!(take(table.tag(&i), 1)));
        assert!(!take(bad, 1));
    }
}
