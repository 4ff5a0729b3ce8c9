//! The task that keeps the child running until it is told to stop, or until its `Server` is dropped.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::child::{Plan, Running};
use super::error::Error;

/// The pause before the first restart; each failure in a row doubles it.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A child that has lived this long is taken to be well: the next pause is the first again.
const STEADY: Duration = Duration::from_secs(30);
/// For a `Server` that was dropped without `stop`.
const DROP_DEADLINE: Duration = Duration::from_secs(10);

/// How the child is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The answering child's process id; `None` while it is down or loads its data.
    pub pid: Option<u32>,
    /// How often it has been restarted since the start.
    pub restarts: u64,
}

/// To stop, and whom to tell.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) deadline: Duration,
    pub(super) done: Option<oneshot::Sender<Result<(), Error>>>,
}

/// The supervising task's state. Fields are dropped in this order: the child is told to go before the
/// data directory is given up.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) child: Option<Running>,
    pub(super) plan: Plan,
    pub(super) status: watch::Sender<Status>,
    pub(super) stop: oneshot::Receiver<Stop>,
}

impl Supervisor {
    /// Runs until told to stop. The data directory is free again before the teller is answered.
    pub(super) async fn run(mut self) {
        let order = tokio::select! {
            biased;
            order = &mut self.stop => order.unwrap_or(Stop { deadline: DROP_DEADLINE, done: None }),
            never = keep_alive(&mut self.child, &self.plan, &self.status) => match never {},
        };
        let stopped = match &mut self.child {
            Some(child) => child.stop(order.deadline).await,
            None => Ok(()),
        };
        self.plan.place.remove();
        drop(self);
        match (order.done, stopped) {
            // Whoever asked may have gone since; the failure is then for the log.
            (Some(done), stopped) => drop(done.send(stopped)),
            (None, Err(error)) => tracing::error!(%error, "the embedded server was dropped"),
            (None, Ok(())) => {}
        }
    }
}

/// Restarts the child whenever it ends. Dropping this leaves the child, in whatever state, in its place.
async fn keep_alive(child: &mut Option<Running>, plan: &Plan, status: &watch::Sender<Status>) -> Infallible {
    let mut failures = 0;
    loop {
        let began = Instant::now();
        let reason = one_life(child, plan, status).await.unwrap_or_else(|error| error.to_string());
        *child = None;
        status.send_modify(|status| status.pid = None);
        if began.elapsed() > STEADY {
            failures = 0;
        }
        let pause = pause(failures, RandomState::new().hash_one(failures));
        let again_in_ms = pause.as_millis() as u64;
        tracing::error!(reason, again_in_ms, "the embedded server has died and will be restarted");
        tokio::time::sleep(pause).await;
        failures = failures.saturating_add(1);
    }
}

/// One child from its start (or from now, if there is one) to its end, which is told.
async fn one_life(
    child: &mut Option<Running>,
    plan: &Plan,
    status: &watch::Sender<Status>,
) -> Result<String, Error> {
    if let Some(living) = child {
        return Ok(living.wait().await);
    }
    let born = child.insert(Running::spawn(plan)?);
    if let Err(error) = born.ready(plan).await {
        let _ = born.stop(DROP_DEADLINE).await;
        return Err(error);
    }
    let pid = born.pid();
    status.send_modify(|status| *status = Status { pid, restarts: status.restarts + 1 });
    tracing::info!(pid, "the embedded server answers again");
    Ok(born.wait().await)
}

/// Exponential, with jitter over its upper half.
fn pause(failures: u32, random: u64) -> Duration {
    let longest = PAUSE_FIRST.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(PAUSE_MAX);
    longest / 2 + (longest / 2).mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_limit_and_are_never_none() {
        assert_eq!(pause(0, 0), PAUSE_FIRST / 2);
        assert_eq!(pause(0, u64::MAX), PAUSE_FIRST);
        assert_eq!(pause(2, u64::MAX), PAUSE_FIRST * 4);
        for failures in [10, 31, 32, u32::MAX] {
            assert_eq!(pause(failures, u64::MAX), PAUSE_MAX);
            assert_eq!(pause(failures, 0), PAUSE_MAX / 2);
        }
    }
}
