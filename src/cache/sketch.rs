//! Admission: only what is read again within a while earns a fill.
//!
//! A table of the misses of late, each with a part of its hash and how often it came. However many keys are
//! read once, a new one pushes out an old one and is not taken for it: a sketch of bare counters would fill
//! up within a fraction of a second and admit everything from then on. Who is pushed out early counts anew.

use super::Time;

/// Slots that share a place.
const WAYS: usize = 4;
/// Places; a power of two.
const PLACES: usize = 1 << 14;
/// A window is half as many ticks as this, or more.
const TICKS: u64 = 1 << 10;
/// Ticks are counted in so many bits: what is many windows old may look new. It is let in early then.
const TICK_BITS: u32 = 12;
const AGES: u32 = (1 << TICK_BITS) - 1;
/// Misses are counted up to so many, which is as many as can be asked for.
const COUNT_BITS: u32 = 4;
const MOST: u32 = (1 << COUNT_BITS) - 1;

/// A key's misses: part of its hash, how often it missed (0: nobody), and the tick of the last time.
#[derive(Clone, Copy, Debug, Default)]
struct Slot(u32);

impl Slot {
    fn new(mark: u32, count: u32, tick: u32) -> Self {
        Self(mark << (TICK_BITS + COUNT_BITS) | count << TICK_BITS | tick)
    }

    fn mark(self) -> u32 {
        self.0 >> (TICK_BITS + COUNT_BITS)
    }

    fn count(self) -> u32 {
        self.0 >> TICK_BITS & MOST
    }

    /// Ticks since it missed last.
    fn age(self, tick: u32) -> u32 {
        tick.wrapping_sub(self.0) & AGES
    }
}

/// Counts misses. A quarter of a MiB, allocated at the first miss: it has to stay near the processor.
#[derive(Debug)]
pub struct Sketch {
    places: Vec<[Slot; WAYS]>,
    /// Nanoseconds of a tick, as a power of two.
    shift: u32,
    /// In ticks.
    window: u32,
    threshold: u32,
}

impl Sketch {
    /// One that admits what has missed `threshold` times with no more than `window` (nanoseconds) from one to
    /// the next; 0 and 1 admit everything.
    pub fn new(window: Time, threshold: u32) -> Self {
        let shift = (window / TICKS).checked_ilog2().map_or(0, |bits| bits + 1);
        let window = u32::try_from(window >> shift).unwrap_or(u32::MAX);
        Self { places: Vec::new(), shift, window, threshold: threshold.min(MOST) }
    }

    /// Counts a miss of `hash`; whether it has missed often enough.
    #[inline]
    pub fn admits(&mut self, hash: u64, now: Time) -> bool {
        if self.threshold <= 1 {
            return true;
        }
        if self.places.is_empty() {
            self.places = vec![Default::default(); PLACES];
        }
        let tick = (now >> self.shift) as u32 & AGES;
        let (window, threshold) = (self.window, self.threshold);
        let over = |slot: Slot| slot.count() == 0 || slot.age(tick) > window;
        let slots = &mut self.places[place(hash)];
        if let Some(slot) = slots.iter_mut().find(|slot| slot.mark() == mark(hash) && !over(**slot)) {
            let count = MOST.min(slot.count() + 1);
            *slot = Slot::new(mark(hash), count, tick);
            return count >= threshold;
        }
        // Whose time is over goes; else the oldest of those that are not admitted; else the oldest.
        let worth = |slot: &&mut Slot| match over(**slot) {
            true => 0,
            false => 1 + AGES - slot.age(tick) + if slot.count() >= threshold { AGES + 1 } else { 0 },
        };
        if let Some(slot) = slots.iter_mut().min_by_key(worth) {
            *slot = Slot::new(mark(hash), 1, tick);
        }
        false
    }

    /// How often `hash` has missed lately.
    pub fn estimate(&self, hash: u64) -> u8 {
        let slots = self.places.get(place(hash)).into_iter().flatten();
        let count = slots.filter(|slot| slot.mark() == mark(hash)).map(|slot| slot.count()).max();
        u8::try_from(count.unwrap_or(0)).unwrap_or(u8::MAX)
    }
}

fn place(hash: u64) -> usize {
    hash as usize & (PLACES - 1)
}

fn mark(hash: u64) -> u32 {
    (hash >> 48) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Time = 1_000_000;

    fn spread(n: u64) -> u64 {
        (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn the_second_miss_within_the_window_is_admitted() {
        let mut sketch = Sketch::new(1000 * MS, 2);
        assert!(!sketch.admits(7, 0));
        assert!(sketch.admits(7, 990 * MS));
    }

    #[test]
    fn thresholds_of_nothing_and_one_admit_everything() {
        assert!(Sketch::new(1000, 0).admits(7, 0));
        assert!(Sketch::new(1000, 1).admits(7, 0));
    }

    #[test]
    fn what_was_read_once_long_ago_is_forgotten_and_so_is_what_was_hot() {
        let mut sketch = Sketch::new(1000 * MS, 2);
        assert!(!sketch.admits(7, 0));
        assert!(!sketch.admits(7, 1010 * MS));
        assert_eq!((0..16).filter(|_| sketch.admits(9, 1010 * MS)).count(), 15);
        assert!(sketch.admits(9, 1900 * MS));
        assert!(!sketch.admits(9, 3000 * MS));
    }

    #[test]
    fn however_many_cold_keys_there_are_hardly_one_is_mistaken_for_a_hot_one() {
        let mut sketch = Sketch::new(60_000 * MS, 2);
        let admitted = (0..5_000_000).filter(|n| sketch.admits(spread(*n), n * 1000)).count();
        assert!(admitted < 1000, "{admitted}");
    }

    #[test]
    fn hot_keys_stay_admitted_while_cold_ones_pass_by() {
        let mut sketch = Sketch::new(60_000 * MS, 2);
        (0..10_000).for_each(|n| assert!(!sketch.admits(spread(n), 0) && sketch.admits(spread(n), 0)));
        (10_000..2_000_000).for_each(|n| _ = sketch.admits(spread(n), n * 1000));
        let still = (0..10_000).filter(|n| sketch.admits(spread(*n), 2000 * MS)).count();
        assert!(still > 9_900, "{still}");
    }
}
