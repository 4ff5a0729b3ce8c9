//! How a proxy leaves: it says so, closes its listeners, lets what has begun end, and closes the rest.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::session::{Flag, InForce, Roster};
use crate::telemetry::{Phase, Shown};

/// How long sessions have to notice that the time for draining is over.
const STOP: Duration = Duration::from_secs(1);

/// Waits until the proxy is told to leave, shows that it does, and goes on for `drain_delay` as if nothing had
/// been: so long it may take until nobody sends new clients. Ends at once when the proxy is to stop.
pub(super) async fn told(
    phases: &mut watch::Receiver<Phase>,
    shown: &Shown,
    force: &watch::Receiver<Arc<InForce>>,
) {
    let _ = phases.wait_for(|phase| *phase != Phase::Serving).await;
    shown.reach(Phase::Leaving);
    let delay = force.borrow().config.drain_delay;
    if delay.is_zero() || *phases.borrow() == Phase::Stopped {
        return;
    }
    tracing::info!(?delay, "leaving: no longer ready, still accepting (drain_delay)");
    tokio::select! {
        () = sleep(delay) => {}
        _ = phases.wait_for(|phase| *phase == Phase::Stopped) => {}
    }
}

/// The workers of a proxy that takes no more clients.
pub(super) struct Leaving {
    pub(super) threads: Vec<JoinHandle<()>>,
    pub(super) relay: watch::Sender<Phase>,
    pub(super) roster: Arc<Roster>,
}

impl Leaving {
    /// Drains the workers unless they are to stop at once, then stops what is left. `hold` is dropped when
    /// the last session has ended, however long its thread takes.
    pub(super) async fn finish(
        self,
        phases: &mut watch::Receiver<Phase>,
        deadline: Duration,
        hold: impl Send + 'static,
    ) {
        let threads = self.threads;
        let mut joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().for_each(|thread| drop(thread.join()));
            drop(hold);
        });
        if *phases.borrow() != Phase::Stopped {
            let _ = self.relay.send(Phase::Draining);
            tokio::select! {
                _ = &mut joined => return,
                _ = phases.wait_for(|phase| *phase == Phase::Stopped) => {}
                () = sleep(deadline) => {
                    let left = left(&self.roster);
                    tracing::warn!(?deadline, %left, "drain_timeout is over: closing what is left");
                }
            }
        }
        let _ = self.relay.send(Phase::Stopped);
        let _ = timeout(STOP, joined).await;
    }
}

/// How many clients there are, and what each waits for.
fn left(roster: &Roster) -> String {
    let kinds = ["in a transaction", "blocked", "subscribed", "monitoring", "waiting for replies"];
    let mut counts = [0_usize; 5];
    for card in roster.cards() {
        let flags = [Flag::Multi, Flag::Blocked, Flag::Pubsub, Flag::Monitor];
        counts[flags.iter().position(|flag| card.has(*flag)).unwrap_or(flags.len())] += 1;
    }
    let some = counts.iter().zip(kinds).filter(|(count, _)| **count > 0);
    let words: Vec<String> = some.map(|(count, kind)| format!("{count} {kind}")).collect();
    if words.is_empty() { "nobody".into() } else { words.join(", ") }
}
