//! The pauses of a reconnect loop.

use std::time::Duration;

/// Doubling pauses with full jitter between half and all of each, so that workers and proxies which
/// lost the same server do not come back in step.
#[derive(Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    /// Pauses from `min` to `max`.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), next: min, random: fastrand::Rng::new() }
    }

    /// From now on pauses are from `min` to `max`.
    pub fn bounds(&mut self, min: Duration, max: Duration) {
        (self.min, self.max) = (min, max.max(min));
        self.next = self.next.clamp(self.min, self.max);
    }

    /// How long to wait before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next.mul_f64(0.5 + 0.5 * self.random.f64());
        self.next = (self.next * 2).min(self.max);
        pause
    }

    /// An attempt succeeded.
    pub fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_start_over() {
        let (min, max) = (Duration::from_millis(10), Duration::from_millis(100));
        let mut backoff = Backoff::new(min, max);
        let pauses: Vec<Duration> = (0..10).map(|_| backoff.pause()).collect();
        assert!(pauses[0] >= min / 2 && pauses[0] <= min, "{pauses:?}");
        assert!(pauses[9] >= max / 2 && pauses.iter().all(|p| *p <= max), "{pauses:?}");
        backoff.reset();
        assert!(backoff.pause() <= min);
    }
}
