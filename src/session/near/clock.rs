//! The cache's clock: one that goes on while the machine is suspended.

use rustix::time::{ClockId, clock_gettime};

use crate::cache::Time;

/// Where there is no such clock the monotonic one has to do: a suspended machine then serves for as long
/// as it was fresh when it stopped.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Now.
#[inline]
pub(crate) fn now() -> Time {
    let at = clock_gettime(CLOCK);
    (at.tv_sec as Time).saturating_mul(1_000_000_000).saturating_add(at.tv_nsec as Time)
}
