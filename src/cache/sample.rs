//! Which reads are counted for the hot keys: a sample, so that hits stay cheap however many there are.

use super::Time;

/// Reads counted per second, about.
const ENOUGH: f64 = 250.0;
/// The most reads of which one is counted.
const RAREST: f64 = 1024.0;
/// After so many were counted, reads are counted this much more rarely at most: how many come at once in one
/// burst says little of a second, and a handful of reads must not stand for all the others.
const RARER: f64 = 2.0;
const SECOND: f64 = 1e9;

/// Chooses reads at random distances: they may come in a rhythm. Few reads are all counted; of many about
/// 250 a second, so that a read costs about a nanosecond on average.
#[derive(Debug)]
pub(super) struct Sample {
    left: u32,
    gap: u32,
    /// One read in so many is chosen, on average.
    rarity: f64,
    /// How many were chosen since that was set, and when it was.
    chosen: u32,
    since: Time,
    random: fastrand::Rng,
}

impl Sample {
    /// A sample of which `seed` decides what is in it.
    pub(super) fn new(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { left: 1, gap: 1, rarity: 1.0, chosen: 0, since: 0, random }
    }

    /// Whether the read that comes now is left out. If not, [`Self::weight`] must be asked.
    #[inline]
    pub(super) fn skips(&mut self) -> bool {
        self.left = self.left.wrapping_sub(1);
        self.left != 0
    }

    /// For how many reads the one stands that was not left out.
    pub(super) fn weight(&mut self, now: Time) -> u32 {
        let weight = self.gap;
        self.chosen += 1;
        let seconds = now.saturating_sub(self.since) as f64 / SECOND;
        if seconds >= 1.0 || f64::from(self.chosen) >= ENOUGH {
            let much = f64::from(self.chosen) / seconds.max(1e-3) / ENOUGH;
            self.rarity = (self.rarity * much.min(RARER)).clamp(1.0, RAREST);
            (self.chosen, self.since) = (0, now);
        }
        self.gap = self.random.u32(1..=(2.0 * self.rarity) as u32 - 1);
        self.left = self.gap;
        weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `reads` a second are chosen in the seconds from `from`, and for how many they stand.
    fn run(sample: &mut Sample, from: u64, seconds: u64, reads: u64) -> (u64, u64) {
        let (mut chosen, mut stand) = (0, 0);
        for read in 0..seconds * reads {
            if !sample.skips() {
                chosen += 1;
                stand += u64::from(sample.weight(from * 1_000_000_000 + read * 1_000_000_000 / reads));
            }
        }
        (chosen, stand)
    }

    #[test]
    fn few_reads_are_all_chosen() {
        assert_eq!(run(&mut Sample::new(1), 5, 10, 200), (2_000, 2_000));
    }

    #[test]
    fn of_many_a_few_hundred_a_second_are_and_they_stand_for_all() {
        let mut sample = Sample::new(1);
        run(&mut sample, 5, 5, 100_000);
        let (chosen, stand) = run(&mut sample, 10, 10, 100_000);
        assert!((2_000..3_500).contains(&chosen), "{chosen}");
        assert!((950_000..1_050_000).contains(&stand), "{stand}");
    }

    #[test]
    fn of_a_burst_enough_are_chosen_to_tell_a_quarter_of_it() {
        for seed in 0..100 {
            let mut sample = Sample::new(seed);
            let weights = (0..8_000).map(|read| match sample.skips() {
                true => (read, 0),
                false => (read, sample.weight(SECOND as Time)),
            });
            let (mut all, mut quarter) = (0, 0);
            for (read, weight) in weights {
                all += weight;
                quarter += if read % 4 == 0 { weight } else { 0 };
            }
            assert!((7_000..9_000).contains(&all), "{all}");
            assert!((1_200..2_800).contains(&quarter), "{quarter}");
        }
    }

    #[test]
    fn after_a_rush_few_reads_are_soon_all_chosen_again() {
        let mut sample = Sample::new(1);
        run(&mut sample, 5, 5, 100_000);
        run(&mut sample, 10, 10, 200);
        let (chosen, _) = run(&mut sample, 20, 10, 200);
        assert!(chosen > 1_900, "{chosen}");
    }
}
