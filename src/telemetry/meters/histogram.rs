//! How long things take, in buckets.

use std::time::Duration;

use serde::Serialize;

use crate::telemetry::Counter;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

/// Upper bounds of the buckets, nanoseconds, each included in its bucket: 1, 2.5 and 5 of every power of ten
/// from 50 us to 60 s. One more bucket holds what takes longer.
pub const BOUNDS: [u64; 19] = [
    50 * US,
    100 * US,
    250 * US,
    500 * US,
    MS,
    2 * MS + 500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2 * S + 500 * MS,
    5 * S,
    10 * S,
    30 * S,
    60 * S,
];

/// Buckets, the one without a bound included.
pub const BUCKETS: usize = BOUNDS.len() + 1;

/// Durations counted by one writer.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    sum: Counter,
}

impl Histogram {
    /// `n` things took `nanos` each.
    #[inline]
    pub fn add(&self, nanos: u64, n: u64) {
        // Most take less than the first few.
        let at = BOUNDS.iter().position(|bound| nanos <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[at].plus(n);
        self.sum.plus(nanos.wrapping_mul(n));
    }

    /// Adds what it holds to `total`.
    pub(super) fn add_to(&self, total: &mut Latency) {
        total.buckets.iter_mut().zip(&self.buckets).for_each(|(sum, bucket)| *sum += bucket.get());
        total.sum_ns += self.sum.get();
    }
}

/// What a histogram held at a moment, or between two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many fell into each bucket (not: into it or one before).
    pub buckets: [u64; BUCKETS],
    /// Nanoseconds of all together.
    pub sum_ns: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], sum_ns: 0 }
    }
}

impl Latency {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum as a duration.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// The mean; `None`: there are none.
    pub fn mean(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.sum_ns.checked_div(self.count())?))
    }

    /// What a share `q` (0 to 1) of all took at most, interpolated within a bucket; what took longer than the
    /// last bound is taken for that long. `None`: there are none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let (rank, mut before, mut lower) = (q.clamp(0.0, 1.0) * count as f64, 0.0, 0);
        for (bound, n) in BOUNDS.iter().zip(self.buckets) {
            let n = n as f64;
            if n > 0.0 && before + n >= rank {
                let part = (bound - lower) as f64 * ((rank - before).max(0.0) / n);
                return Some(Duration::from_nanos(lower + part as u64));
            }
            (before, lower) = (before + n, *bound);
        }
        Some(Duration::from_nanos(lower))
    }

    /// What has been added since it held `older`.
    pub fn since(&self, older: &Self) -> Self {
        let mut new = self.clone();
        new.buckets.iter_mut().zip(older.buckets).for_each(|(now, then)| *now = now.saturating_sub(then));
        new.sum_ns = new.sum_ns.saturating_sub(older.sum_ns);
        new
    }

    /// The two together.
    pub fn plus(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(sum, n)| *sum += n);
        self.sum_ns += other.sum_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(histogram: &Histogram) -> Latency {
        let mut latency = Latency::default();
        histogram.add_to(&mut latency);
        latency
    }

    #[test]
    fn bounds_rise_and_belong_to_their_buckets() {
        assert!(BOUNDS.is_sorted() && BOUNDS[0] == 50_000 && BOUNDS[18] == 60 * S);
        let histogram = Histogram::default();
        [50_000, 50_001, 60 * S, 60 * S + 1].iter().for_each(|nanos| histogram.add(*nanos, 1));
        let held = held(&histogram);
        assert_eq!((held.buckets[0], held.buckets[1], held.buckets[18], held.buckets[19]), (1, 1, 1, 1));
        assert_eq!((held.count(), held.sum_ns), (4, 120 * S + 100_002));
    }

    #[test]
    fn means_and_quantiles_are_those_of_what_was_added_between() {
        let histogram = Histogram::default();
        assert_eq!((held(&histogram).mean(), held(&histogram).quantile(0.5)), (None, None));
        histogram.add(90 * S, 1);
        let older = held(&histogram);
        histogram.add(2 * MS, 99);
        histogram.add(400 * MS, 1);
        let new = held(&histogram).since(&older);
        assert_eq!((new.count(), new.mean().unwrap()), (100, Duration::from_micros(5_980)));
        let p50 = new.quantile(0.5).unwrap();
        assert!(p50 > Duration::from_millis(1) && p50 <= Duration::from_micros(2_500), "{p50:?}");
        assert!(new.quantile(0.995).unwrap() > Duration::from_millis(250));
        assert_eq!(held(&histogram).quantile(1.0).unwrap(), Duration::from_secs(60));
        assert!(new.quantile(0.0).is_some());
    }
}
