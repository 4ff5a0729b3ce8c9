//! Allowances over time, and in many hands.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn pace(rate: u64, burst: u64) -> Pace {
    Pace::new(rate, Duration::from_secs(1), burst)
}

#[test]
fn a_burst_goes_at_once_and_then_the_rate_holds() {
    let (pace, allowance) = (pace(100, 10), Allowance::default());
    let take = |now| allowance.take(&pace, pace.cost(1), now, 0);
    assert!((0..10).all(|_| take(SECOND).is_ok()));
    assert_eq!(take(SECOND), Err(10_000_000));
    assert_eq!(take(SECOND + 4_000_000), Err(6_000_000));
    assert_eq!(take(SECOND + 10_000_000), Ok(0));
    assert_eq!(take(SECOND + 10_000_000), Err(10_000_000));
    // A second later it is full again, and no fuller.
    assert_eq!((0..100).filter(|_| take(3 * SECOND).is_ok()).count(), 10);
}

#[test]
fn over_time_exactly_the_rate_passes_whatever_the_rate() {
    for rate in [1, 3, 7, 1000, 999_983] {
        // Two at once: the steps of this test are no multiple of the rate.
        let (pace, allowance) = (pace(rate, 2), Allowance::default());
        let step = (SECOND / rate / 10).max(1);
        let passed = (0..10 * SECOND / step)
            .step_by(1)
            .take(2_000_000)
            .filter(|i| allowance.take(&pace, pace.cost(1), SECOND + i * step, 0).is_ok())
            .count() as f64;
        let seconds = (10 * SECOND / step).min(2_000_000) as f64 * step as f64 / SECOND as f64;
        let expected = seconds * rate as f64;
        assert!((passed - expected).abs() <= 2.0 + expected / 100.0, "{rate}: {passed} of {expected}");
    }
}

#[test]
fn who_waits_keeps_his_turn() {
    let (pace, allowance) = (pace(10, 1), Allowance::default());
    let take = || allowance.take(&pace, pace.cost(1), SECOND, 250_000_000);
    assert_eq!([take(), take(), take()], [Ok(0), Ok(100_000_000), Ok(200_000_000)]);
    assert_eq!(take(), Err(300_000_000));
}

#[test]
fn what_is_larger_than_the_burst_passes_and_leaves_a_debt() {
    let (pace, allowance) = (pace(1000, 100), Allowance::default());
    assert_eq!(allowance.take(&pace, pace.cost(5000), SECOND, 0), Ok(0));
    assert_eq!(allowance.take(&pace, pace.cost(1), SECOND, 0), Err(4_901_000_000));
    assert_eq!(allowance.take(&pace, pace.cost(1), 6 * SECOND, 0), Ok(0));
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let (pace, allowance) = (pace(1, 1), Allowance::default());
    assert_eq!(allowance.take(&pace, pace.cost(1), SECOND, 0), Ok(0));
    allowance.give_back(pace.cost(1));
    assert_eq!(allowance.take(&pace, pace.cost(1), SECOND, 0), Ok(0));
    allowance.owe(pace.cost(1), SECOND);
    assert_eq!(allowance.wait(&pace, pace.cost(1), SECOND), 2 * SECOND);
}

#[test]
fn workers_together_take_no_more_than_there_is() {
    let (pace, allowance) = (pace(1, 1000), Allowance::default());
    let took = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let taken = allowance.take(&pace, pace.cost(1), SECOND, 0).is_ok();
                    took.fetch_add(u64::from(taken), Relaxed);
                }
            });
        }
    });
    assert_eq!(took.into_inner(), 1000);
}
