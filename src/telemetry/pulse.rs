//! Whether commands get through: each worker's own proof of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long somebody who asked once is expected to ask again.
const INTEREST: Duration = Duration::from_secs(60);

/// The pulses of all workers. Each is written by its worker and read by anybody; only the words of a failure
/// are behind a lock, which its worker takes when there is one.
#[derive(Debug)]
pub struct Pulses {
    since: Instant,
    each: Vec<Pulse>,
    asked_for: AtomicU64,
}

/// One worker's. Moments are nanoseconds since the proxy was made, 0 for none.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Pulse {
    turned: AtomicU64,
    asked: AtomicU64,
    answered: AtomicU64,
    latency: AtomicU64,
    failed: AtomicU64,
    failure: Mutex<Option<Arc<str>>>,
}

/// What is known of one worker at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// How long ago its thread last went round its loop; `None` before the first time.
    pub turned: Option<Duration>,
    /// How long ago a command last got through to the upstream and back.
    pub answered: Option<Duration>,
    /// How long that one took.
    pub latency: Duration,
    /// For how long one is under way now.
    pub pending: Option<Duration>,
    /// How long ago it was last found that none can; older than `answered` if that has passed.
    pub failed: Option<Duration>,
    /// Why not.
    pub failure: Option<Arc<str>>,
}

impl Pulses {
    /// For so many workers, none of which has begun.
    pub fn new(workers: usize) -> Self {
        let each = (0..workers).map(|_| Pulse::default()).collect();
        Self { since: Instant::now(), each, asked_for: AtomicU64::new(0) }
    }

    /// When this was made.
    pub fn since(&self) -> Instant {
        self.since
    }

    fn moment(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.since).as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// Somebody asks how things are, and may do so again: workers look for a while, even if nobody is known
    /// to watch.
    pub fn want(&self, now: Instant) {
        self.asked_for.store(self.moment(now), Relaxed);
    }

    /// Whether somebody has asked lately.
    pub fn are_wanted(&self, now: Instant) -> bool {
        let asked = self.asked_for.load(Relaxed);
        asked > 0 && u128::from(self.moment(now).saturating_sub(asked)) < INTEREST.as_nanos()
    }

    /// Worker `index` has gone round its loop.
    pub fn turned(&self, index: usize, now: Instant) {
        self.each[index].turned.store(self.moment(now), Relaxed);
    }

    /// It has sent a command.
    pub fn asked(&self, index: usize, now: Instant) {
        self.each[index].asked.store(self.moment(now), Relaxed);
    }

    /// The command it sent at `sent` has been answered.
    pub fn answered(&self, index: usize, sent: Instant, now: Instant) {
        let pulse = &self.each[index];
        let took = u64::try_from(now.saturating_duration_since(sent).as_nanos()).unwrap_or(u64::MAX);
        pulse.latency.store(took, Relaxed);
        pulse.answered.store(self.moment(now), Relaxed);
        pulse.asked.store(0, Relaxed);
    }

    /// No command of its gets through. With `over` the one under way will get no answer.
    pub fn failed(&self, index: usize, why: &str, over: bool, now: Instant) {
        let pulse = &self.each[index];
        let mut failure = pulse.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_deref() != Some(why) {
            *failure = Some(why.into());
        }
        drop(failure);
        pulse.failed.store(self.moment(now), Relaxed);
        if over {
            pulse.asked.store(0, Relaxed);
        }
    }

    /// What is known of worker `index`.
    pub fn beat(&self, index: usize, now: Instant) -> Beat {
        let (pulse, now) = (&self.each[index], self.moment(now));
        let ago = |at: &AtomicU64| {
            let at = at.load(Relaxed);
            (at > 0).then(|| Duration::from_nanos(now.saturating_sub(at)))
        };
        Beat {
            turned: ago(&pulse.turned),
            answered: ago(&pulse.answered),
            latency: Duration::from_nanos(pulse.latency.load(Relaxed)),
            pending: ago(&pulse.asked),
            failed: ago(&pulse.failed),
            failure: pulse.failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// What is known of every worker.
    pub fn beats(&self, now: Instant) -> Vec<Beat> {
        (0..self.each.len()).map(|index| self.beat(index, now)).collect()
    }
}
