//! What takes its time: walks over the cache, a little in each turn, so that the worker's other clients do
//! not wait, and whether a client may ask for them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ask::{self, Ask};
use super::{explain, keys, right};
use crate::cache::{Entry, Survey};
use crate::command::lookup;
use crate::session::intake::Front;
use crate::session::{Client, Session};
use crate::telemetry::meters::{By, Class};

/// How long a walk goes on before others get their turn.
pub(super) const TURN: Duration = Duration::from_millis(1);
/// How long it goes on altogether.
const ALL: Duration = Duration::from_secs(5);
/// Entries between two looks at the clock.
const STEPS: usize = 64;

/// Shows entries to `look` until it has seen enough, or for so long; `None` when there is more, else whether
/// the walk has come to its end.
pub(super) fn walk<'n>(
    survey: &mut Survey<'n>,
    long: Duration,
    scanned: &mut usize,
    mut look: impl FnMut(&Survey<'n>, Arc<Entry>) -> bool,
) -> Option<bool> {
    let begun = Instant::now();
    loop {
        let Some(entry) = survey.step() else { return Some(true) };
        *scanned += 1;
        if !look(survey, entry) {
            return Some(false);
        }
        if scanned.is_multiple_of(STEPS) && begun.elapsed() >= long {
            return None;
        }
    }
}

/// Answers the request at the front, turn by turn. Nothing else of the client's is under way.
pub(in crate::session) async fn run(session: &mut Session) {
    let limits = session.path.limits();
    if !matches!(session.intake.front(&limits), Ok(Front::Whole)) {
        return;
    }
    let refused = match right::is_let_in(&mut session.path).await {
        false => Some(super::NOAUTH),
        true => (!right::is_proven(session).await).then_some(right::NONE),
    };
    if let Some(refused) = refused {
        session.client().say(refused);
        session.path.limited.settle(1);
        return session.intake.pop();
    }
    let near = Arc::clone(&session.path.worker.keeper.worker.near);
    let (client, mut survey) = (Rc::clone(&session.path.client), near.survey());
    let args = session.intake.args();
    let answer = match ask::parse(&args) {
        Ok(Ask::Keys { pattern, count }) => {
            let mut found = keys::Found::new(session.path.proto, pattern, count);
            let ended = turns(&client, || found.search(&mut survey)).await;
            found.done(ended)
        }
        Ok(Ask::Explain(name)) => {
            let mut found = explain::Found::new(&survey, name);
            let ended = turns(&client, || found.search(&mut survey)).await;
            found.done(&mut session.path, &survey, ended)
        }
        Ok(Ask::Reload) => super::reload(&session.path).await,
        _ => match super::answer(&mut session.path, &args) {
            Some(answer) => answer,
            None => return,
        },
    };
    let (path, command) = (&session.path, lookup(&args));
    path.worker.monitors.show(path, command, &args, true);
    client.count(command, Class::Nearside, args.bytes().len());
    client.say(&answer);
    let tally = &path.worker.tally;
    tally.answered(Class::Nearside, By::Here, path.asked, 0, tally.now());
    tally.settle();
    session.intake.pop();
    session.path.limited.settle(1);
}

/// Has one turn after the other, until one answers. Whether the walk has come to its end.
async fn turns(client: &Client, mut turn: impl FnMut() -> Option<bool>) -> bool {
    let begun = Instant::now();
    loop {
        match turn() {
            Some(ended) => return ended,
            None if begun.elapsed() >= ALL || client.is_cut() => return false,
            None => tokio::task::yield_now().await,
        }
    }
}
