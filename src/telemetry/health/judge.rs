//! What a worker's pulse says at a moment. Pure.

use std::time::Duration;

use crate::config;
use crate::telemetry::Beat;

/// What keeps a worker's commands from getting through, in words; `None`: they get through.
pub(super) fn trouble(beat: &Beat, settings: &config::Health) -> Option<String> {
    let within = settings.every + settings.timeout;
    if let Some(text) = hangs(beat, within) {
        return Some(text);
    }
    if let Some(pending) = beat.pending.filter(|pending| *pending > settings.timeout) {
        let limit = settings.timeout;
        return Some(format!(
            "the upstream has not answered a PING for {} (health.timeout = {limit:?})",
            seconds(pending)
        ));
    }
    let Some(answered) = beat.answered else {
        let why = beat.failure.as_deref().filter(|_| beat.failed.is_some());
        return Some(why.unwrap_or("no command has gone to the upstream and back yet").into());
    };
    if beat.failed.is_some_and(|failed| failed < answered) {
        return Some(beat.failure.as_deref().unwrap_or("the last command was lost").into());
    }
    // What is under way has its own limit. If nothing is, nobody has wanted to know for a while.
    (answered > within && beat.pending.is_none())
        .then(|| format!("the last command got through {} ago", seconds(answered)))
}

/// A worker that has not turned for longer than `limit`.
pub(super) fn hangs(beat: &Beat, limit: Duration) -> Option<String> {
    let turned = beat.turned.filter(|turned| *turned > limit)?;
    Some(format!("the worker has not turned for {}", seconds(turned)))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
