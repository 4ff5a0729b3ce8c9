//! Counted values that nobody was told of: each needs a write of unknown outcome that began in time.

use super::{Fault, History, NEVER, Op, Version, Violation, What};

/// Checks a register whose values are counted up. `shown` is the version that each operation showed.
///
/// The k-th missing value, ascending, needs k blind writes that began before it, or a later one, was
/// first seen. That is enough, too: a blind write may have made any version that nobody had seen yet
/// when it began.
pub(super) fn check(history: &History, shown: &[Version]) -> Option<Violation> {
    let mut blind: Vec<_> = history.ops.iter().filter(|op| op.what == What::Blind).map(|op| op.inv).collect();
    blind.sort_unstable();
    let mut seen: Vec<(Version, Op)> = shown.iter().copied().zip(history.ops.iter().copied()).collect();
    seen.retain(|(version, op)| *version > 1 && op.res != NEVER);
    seen.sort_unstable_by_key(|(version, op)| (*version, op.res));
    // From the newest down: when it or a newer one was first seen.
    for at in (1..seen.len()).rev() {
        if seen[at].1.res < seen[at - 1].1.res {
            seen[at - 1].1 = seen[at].1;
        }
    }
    let mut told: Vec<Version> =
        history.ops.iter().filter(|op| op.what.is_write()).map(|op| op.version).collect();
    told.sort_unstable();
    let (mut missing, mut at, mut told) = (0, 0, told.into_iter().peekable());
    let newest = seen.last()?.0;
    for version in (2..=newest).step_by(2) {
        while told.next_if(|told| *told < version).is_some() {}
        if told.peek() == Some(&version) {
            continue;
        }
        missing += 1;
        while seen[at].0 < version {
            at += 1;
        }
        let first = seen[at].1;
        if blind.partition_point(|inv| *inv <= first.res) < missing {
            return Some(Violation { fault: Fault::Gap, op: first, because: None });
        }
    }
    None
}
