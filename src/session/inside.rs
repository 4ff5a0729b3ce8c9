//! Keeps an eye on whether what is blocked here could be run by a script.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Worker;
use crate::policy::{Gate, Hold, Inside};
use crate::telemetry::Notices;
use crate::upstream::{Failure, Pool};

/// How often it is looked whether there is an upstream to ask.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is asked again: its ACL may have been changed.
const AGAIN: Duration = Duration::from_secs(60);

/// The lines of `INFO` that tell of it.
const LINES: [&str; 2] = ["rules_in_scripts", "rules_in_scripts_close_with"];

/// Asks the upstream once it has been reached, when another one has taken its place, and now and then. One
/// worker of a proxy does so.
pub async fn watch_scripts(worker: Rc<Worker>) {
    let shared = Rc::clone(&worker).shared.clone();
    let mut asked: Option<(u64, Arc<Gate>, Instant)> = None;
    loop {
        sleep(LOOK).await;
        let generation = shared.generation();
        let gate = Arc::clone(&worker.latest.get().gate);
        let is_due = asked.as_ref().is_none_or(|(of, by, when)| {
            *of != generation || !Arc::ptr_eq(by, &gate) || when.elapsed() >= AGAIN
        });
        if !is_due || !shared.is_known() {
            continue;
        }
        match gate.inside(shared.credential().user()) {
            // There is nothing that scripts could run all the same.
            None => LINES.iter().for_each(|line| worker.notices.clear(line)),
            Some(inside) => {
                if let Ok(hold) = ask(&worker.pool, &inside).await {
                    note(&hold, &worker.notices);
                }
            }
        }
        asked = Some((generation, gate, Instant::now()));
    }
}

/// What the upstream says to it.
pub async fn ask(pool: &Pool, inside: &Inside) -> Result<Hold, Failure> {
    let answers = pool.ask_all(&inside.requests()).await?;
    Ok(inside.judge(&answers))
}

/// What a person is told of it; `None`: all is well.
pub fn explain(hold: &Hold) -> Option<String> {
    match hold {
        Hold::Closed => None,
        Hold::Open { commands, line } => Some(format!(
            "scripts can run what is blocked ({}): the upstream itself has to refuse it: {line} \
             (or set rules.scripts = \"deny\")",
            commands.join(", ")
        )),
        Hold::Unknown(why) => Some(format!(
            "it is not known whether scripts can run what is blocked (ACL DRYRUN, of Redis 7, said: {why})"
        )),
    }
}

fn note(hold: &Hold, notices: &Notices) {
    let (state, line) = match hold {
        Hold::Closed => ("closed", None),
        Hold::Open { line, .. } => ("open", Some(line)),
        Hold::Unknown(_) => ("unknown", None),
    };
    let mut changed = notices.set(LINES[0], state);
    match line {
        Some(line) => changed |= notices.set(LINES[1], line.as_str()),
        None => notices.clear(LINES[1]),
    }
    if let Some(text) = explain(hold).filter(|_| changed) {
        tracing::warn!("{text}");
    }
}
