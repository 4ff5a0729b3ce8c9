//! Admission: only what is read again within a while earns a fill.
//!
//! A count-min sketch of small counters: a few counters for each hash, of which the least is the estimate. All
//! are halved once per window, so that what was hot is forgotten. Too high an estimate only lets in what is
//! not hot; too low there is none.

use super::Time;

/// Counters of a row; a power of two.
const WIDTH: usize = 1 << 14;
/// Rows; each sees other bits of a hash.
const ROWS: usize = 4;

/// Counts misses. Sixty-four KiB, allocated at the first miss.
#[derive(Debug)]
pub struct Sketch {
    counters: Vec<[u8; ROWS]>,
    window: Time,
    threshold: u8,
    /// When the counters are halved next.
    halved: Time,
}

impl Sketch {
    /// One that admits what has missed `threshold` times within about `window` (nanoseconds); 0 and 1 admit
    /// everything.
    pub fn new(window: Time, threshold: u32) -> Self {
        let threshold = u8::try_from(threshold).unwrap_or(u8::MAX);
        Self { counters: Vec::new(), window: window.max(1), threshold, halved: 0 }
    }

    /// Counts a miss of `hash`; whether it has missed often enough.
    #[inline]
    pub fn admits(&mut self, hash: u64, now: Time) -> bool {
        if self.threshold <= 1 {
            return true;
        }
        self.age(now);
        let mut least = u8::MAX;
        for row in 0..ROWS {
            let counter = &mut self.counters[index(hash, row)][row];
            *counter = counter.saturating_add(1);
            least = least.min(*counter);
        }
        least >= self.threshold
    }

    /// How often `hash` has missed lately, at most.
    pub fn estimate(&self, hash: u64) -> u8 {
        if self.counters.is_empty() {
            return 0;
        }
        (0..ROWS).map(|row| self.counters[index(hash, row)][row]).min().unwrap_or(0)
    }

    fn age(&mut self, now: Time) {
        if self.counters.is_empty() {
            self.counters = vec![[0; ROWS]; WIDTH];
            self.halved = now.saturating_add(self.window);
        }
        if now >= self.halved {
            // Long silence counts as one window, or as many as it takes to forget everything.
            let windows = (now - self.halved) / self.window + 1;
            let by = u32::try_from(windows).unwrap_or(8).min(7);
            self.counters.iter_mut().flatten().for_each(|counter| *counter >>= by);
            self.halved = now.saturating_add(self.window);
        }
    }
}

fn index(hash: u64, row: usize) -> usize {
    (hash >> (row * 14)) as usize & (WIDTH - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(n: u64) -> u64 {
        (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn the_second_miss_within_the_window_is_admitted() {
        let mut sketch = Sketch::new(1000, 2);
        assert!(!sketch.admits(7, 0));
        assert!(sketch.admits(7, 999));
    }

    #[test]
    fn thresholds_of_nothing_and_one_admit_everything() {
        assert!(Sketch::new(1000, 0).admits(7, 0));
        assert!(Sketch::new(1000, 1).admits(7, 0));
    }

    #[test]
    fn what_was_read_once_long_ago_is_forgotten_and_what_was_hot_fades() {
        let mut sketch = Sketch::new(1000, 2);
        assert!(!sketch.admits(7, 0));
        assert!(!sketch.admits(7, 1000));
        (0..16).for_each(|_| assert!(sketch.admits(9, 1001) || sketch.estimate(9) < 2));
        assert!(sketch.admits(9, 2100), "half of it is left");
        assert!(!sketch.admits(9, 2100 + 100_000));
    }

    #[test]
    fn few_of_many_cold_keys_are_mistaken_for_hot_ones() {
        let mut sketch = Sketch::new(u64::MAX / 2, 2);
        let admitted = (0..5_000).filter(|n| sketch.admits(spread(*n), 0)).count();
        assert!(admitted < 100, "{admitted}");
        assert_eq!(sketch.estimate(spread(3)), 1.max(sketch.estimate(spread(3))));
    }
}
