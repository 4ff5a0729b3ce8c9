//! A round: everybody at once for a while, then everything that was seen is checked.

use std::thread::{scope, sleep};
use std::time::Duration;

use crate::check::{
    History, Lapse, NEVER, NOTHING, Op, Rules, Time, Verdict, Version, Violation, What, sweep,
};
use crate::registers::Registers;
use crate::wire::nanos;
use crate::world::{Counts, Left, Spot, World};
use crate::{faults, plots, readers, tellers, writers};

/// Sessions on each worker that mostly read.
const READERS: u64 = 2;
/// Threads that write what has one writer.
const WRITERS: u32 = 3;

/// Hits for certain, within 10 ms of the acknowledgement.
pub(crate) const SOON: &str = "quick reads soon after a write acknowledged on another worker";

/// What came of a round.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ops: u64,
    pub(crate) counts: Counts,
    /// Each violation, in words.
    pub(crate) found: Vec<String>,
}

/// Everybody, until the round is over.
pub(crate) fn play(world: &World<'_>) {
    scope(|scope| {
        let mut who = 0;
        let mut next = || {
            who += 1;
            who
        };
        for (index, spot) in world.spots().into_iter().enumerate() {
            for _ in 0..READERS {
                let who = next();
                scope.spawn(move || readers::plain(world, spot, who));
            }
            for _ in 0..2 {
                let who = next();
                scope.spawn(move || readers::loyal(world, spot, who));
            }
            let who = [next(), next(), next()];
            if !world.plan.kind.vanishing() {
                scope.spawn(move || readers::transactions(world, spot, who[0]));
            }
            scope.spawn(move || tellers::subscriber(world, spot, who[1]));
            scope.spawn(move || tellers::consumer(world, spot, index, who[2]));
        }
        for first in 0..WRITERS {
            let who = next();
            scope.spawn(move || writers::write(world, first, WRITERS, who));
        }
        if world.plan.faults && !world.plan.kind.vanishing() {
            for proxy in 0..u8::try_from(world.nears.len()).unwrap_or(0) {
                let who = next();
                scope.spawn(move || plots::plots(world, proxy, who));
            }
        }
        let who = [next(), next(), next()];
        scope.spawn(move || readers::plain(world, Spot::Direct, who[0]));
        scope.spawn(move || faults::vanish(world, who[1]));
        if world.plan.faults {
            scope.spawn(move || faults::faults(world, who[2]));
        }
        sleep(world.plan.length);
        world.stop();
    });
}

/// Checks what a round left.
pub(crate) fn judge(world: World<'_>) -> Outcome {
    let vanishing = world.vanishing();
    let (bound, number) = (nanos(world.setup.bound), world.plan.number);
    let (proxies, soon) = (world.nears.len(), 10_000_000);
    let tag = world.registers.tag().to_owned();
    let counters = world.registers.counters();
    let Left { sessions, logs, lapses, mut counts, faults, odd } = world.end();
    let rules = Rules { proxies, bound, vanishing, sessions, soon };
    let mut outcome = Outcome { ops: 0, counts: Counts::new(), found: Vec::new() };
    outcome.found.extend(odd.into_iter().map(|what| format!("round {number}: {what}")));
    for (register, history) in histories(logs, lapses, counters) {
        outcome.ops += u64::try_from(history.ops.len()).unwrap_or(0);
        count(&history, &mut counts);
        let Verdict { violations, soon } = sweep(&history, &rules);
        *counts.entry(SOON).or_default() += soon;
        let more = violations.len().saturating_sub(3);
        let key = Registers::key_of(&tag, register, 0);
        let key = String::from_utf8_lossy(&key).into_owned();
        outcome
            .found
            .extend(violations.iter().take(3).map(|found| tell(number, &key, found, &rules, &faults)));
        if more > 0 {
            outcome.found.push(format!("round {number}: and {more} more of {key}"));
        }
    }
    outcome.counts = counts;
    outcome
}

/// The history of each register that anything was done with.
fn histories(logs: Vec<Vec<Op>>, mut lapses: Vec<(u32, Lapse)>, counters: u32) -> Vec<(u32, History)> {
    let mut ops = logs.concat();
    // Stable: a session's stay in their order.
    ops.sort_by_key(|op| op.register);
    lapses.sort_by_key(|(register, _)| *register);
    let history = |ops: &[Op]| {
        let register = ops[0].register;
        let from = lapses.partition_point(|(other, _)| *other < register);
        let own = lapses[from..].iter().take_while(|(other, _)| *other == register).map(|(_, lapse)| *lapse);
        (register, History { ops: ops.to_vec(), lapses: own.collect(), dense: register < counters })
    };
    ops.chunk_by(|a, b| a.register == b.register).map(history).collect()
}

fn count(history: &History, counts: &mut Counts) {
    for op in &history.ops {
        let name = match op.what {
            What::Write | What::Marked if op.res == NEVER => continue,
            What::Write => "writes without a mark",
            What::Marked => "writes",
            What::Blind | What::Hint => continue,
            What::Read | What::Aside if op.version == NOTHING => "reads of nothing",
            What::Read => "reads of lanes",
            What::Aside => "other reads",
            What::Signal => "signals",
        };
        *counts.entry(name).or_default() += 1;
        if op.quick {
            *counts.entry("quick reads").or_default() += 1;
        }
    }
}

/// A violation in words: the two operations.
fn tell(round: u64, key: &str, found: &Violation, rules: &Rules, faults: &[(Time, Time, &str)]) -> String {
    let say = |op: &Op| {
        let via = rules.sessions[usize::from(op.session)];
        let at = match via.proxy {
            Some(proxy) => format!("nearside {proxy} lane {}", via.lane),
            None => "the server".to_owned(),
        };
        let (what, state, quick) =
            (op.what, state(op.version), if op.quick { " (no round trip)" } else { "" });
        format!(
            "{what:?} of {state} by session {} at {at}, {} to {} ms{quick}",
            op.session,
            ms(op.inv),
            ms(op.res)
        )
    };
    let because = found.because.as_ref().map(|op| format!("\n    against {}", say(op))).unwrap_or_default();
    let since = found.because.map_or(found.op.inv, |op| op.inv.min(found.op.inv));
    let around =
        faults.iter().filter(|(begun, ended, _)| *ended + 100_000_000 >= since && *begun <= found.op.res);
    let around: String = around
        .map(|(begun, ended, name)| format!("\n      {name}, {} to {} ms", ms(*begun), ms(*ended)))
        .collect();
    format!("round {round}: {:?}, key {key}\n    {}{because}{around}", found.fault, say(&found.op))
}

fn ms(time: Time) -> String {
    match time {
        NEVER => "never".to_owned(),
        time => format!("{:.3}", Duration::from_nanos(time).as_secs_f64() * 1000.0),
    }
}

fn state(version: Version) -> String {
    match version {
        NOTHING => "nothing".to_owned(),
        version if version % 2 == 1 => format!("nothing after value {}", version / 2),
        version => format!("value {}", version / 2),
    }
}
