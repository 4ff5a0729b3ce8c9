//! A run: one server, Nearsides set up in several ways, rounds of each sort.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nearside::cache::Figures;

use crate::common::{Server, Talk};
use crate::round::{Outcome, SOON, judge, play};
use crate::session::SCRIPTS;
use crate::wire::Clock;
use crate::world::{Counts, Kind, Near, Plan, Setup, World};

/// Rounds with the same Nearsides.
const ROUNDS: u64 = 6;
/// Violations after which a run stops.
const ENOUGH: usize = 1;

/// How long, and with which seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) total: Duration,
    pub(crate) round: Duration,
    pub(crate) seed: u64,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) ops: u64,
    pub(crate) rounds: u64,
    pub(crate) counts: Counts,
    /// What the Nearsides count.
    pub(crate) figures: Counts,
    pub(crate) found: Vec<String>,
}

/// Runs against one kind of server. `prepare` is told each Nearside before it is used.
pub(crate) fn run(program: &str, length: Length, prepare: &dyn Fn(&Near)) -> Summary {
    let server = Server::start_of(program, &["--appendonly", "no", "--maxclients", "4000"]);
    let scripts = load(&mut server.connect());
    let (begun, clock) = (Instant::now(), Clock::start());
    let mut summary = Summary::default();
    while summary.rounds == 0 || (begun.elapsed() < length.total && summary.found.len() < ENOUGH) {
        let setup = setup(length.seed, summary.rounds / ROUNDS);
        let nears = [Near::start(&server, &setup), Near::start(&server, &setup)];
        nears.iter().for_each(prepare);
        for _ in 0..ROUNDS {
            let plan = plan(&setup, summary.rounds, length.round);
            begin(&mut server.connect(), plan.kind);
            nears.iter().for_each(|near| near.relay.slow(plan.slow));
            let world = World::new(clock, &server, &nears, &setup, &plan, &scripts);
            play(&world);
            summary.take(judge(world), &setup, &plan);
            if begun.elapsed() >= length.total || summary.found.len() >= ENOUGH {
                break;
            }
        }
        nears.iter().for_each(|near| summary.ask(near.proxy.handle().near()));
    }
    summary
}

fn load(talk: &mut Talk) -> Vec<String> {
    let digest = |script: &&str| {
        let reply = talk.ask_text(&["SCRIPT", "LOAD", script]);
        reply.split("\r\n").nth(1).expect("a digest").to_owned()
    };
    SCRIPTS.iter().map(digest).collect()
}

/// The `number`-th way to set up Nearside.
fn setup(seed: u64, number: u64) -> Setup {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    Setup {
        seed,
        workers: [2, 2, 2, 1, 3][usize::try_from(number % 5).unwrap_or(0)],
        bound: Duration::from_millis(*random.choice(&[200, 200, 300, 1000]).unwrap_or(&300)),
        admit_after: *random.choice(&[0, 0, 2]).unwrap_or(&0),
        stamps: *random.choice(&[64, 1 << 14, 1 << 14, 1 << 16]).unwrap_or(&(1 << 14)),
        memory: *random.choice(&[1 << 24, 1 << 24, 1 << 16]).unwrap_or(&(1 << 24)),
    }
}

fn plan(setup: &Setup, number: u64, length: Duration) -> Plan {
    let kind = match number % 6 {
        1 => Kind::Lazy,
        2 => Kind::FewTracked,
        3 => Kind::Evicting,
        5 => Kind::Flushing,
        _ => Kind::Plain,
    };
    // Replies that come sooner than the server can answer tell of hits.
    let slow = if number % 2 == 1 { Duration::from_millis(1) } else { Duration::ZERO };
    Plan { number, length: length.max(setup.bound * 2), slow, faults: number % 6 != 4, kind }
}

/// Sets the server up for a round.
fn begin(talk: &mut Talk, kind: Kind) {
    let tracked = if kind == Kind::FewTracked { "10" } else { "1000000" };
    let (memory, policy) =
        if kind == Kind::Evicting { ("12mb", "allkeys-random") } else { ("0", "noeviction") };
    for (name, value) in
        [("tracking-table-max-keys", tracked), ("maxmemory", memory), ("maxmemory-policy", policy)]
    {
        assert_eq!(talk.ask_text(&["CONFIG", "SET", name, value]), "+OK\r\n", "{name}");
    }
    assert_eq!(talk.ask_text(&["FLUSHALL"]), "+OK\r\n");
    // What has expired is there, then, until somebody asks for it.
    let active = if kind == Kind::Lazy { "0" } else { "1" };
    assert_eq!(talk.ask_text(&["DEBUG", "SET-ACTIVE-EXPIRE", active]), "+OK\r\n");
}

impl Summary {
    fn take(&mut self, outcome: Outcome, setup: &Setup, plan: &Plan) {
        self.ops += outcome.ops;
        self.rounds += 1;
        for (name, count) in outcome.counts {
            *self.counts.entry(name).or_default() += count;
        }
        if !outcome.found.is_empty() {
            self.found.push(format!("{setup:?} {plan:?}:"));
        }
        self.found.extend(outcome.found.into_iter().take(ENOUGH));
    }

    /// Adds what a Nearside counted.
    fn ask(&mut self, near: &nearside::cache::Near) {
        for ((name, _), value) in Figures::NAMES.iter().zip(near.totals()) {
            *self.figures.entry(name).or_default() += value;
        }
    }

    /// What there was too little of for a long run to say anything.
    pub(crate) fn too_little(&self) -> Vec<String> {
        let figure = |name: &str| self.figures.get(name).copied().unwrap_or(0);
        let soon = self.counts.get(SOON).copied().unwrap_or(0);
        let reads = figure("hits") + figure("misses") + figure("joins");
        let least = [
            ("operations", self.ops, 10_000_000),
            ("hits per 100 reads", figure("hits") * 100 / reads.max(1), 30),
            ("invalidations", figure("invalidations"), 10_000),
            ("joins", figure("joins"), 1_000),
            ("fences", figure("fences"), 10_000),
            ("lanes lost", figure("lanes_lost"), 1_000),
            (SOON, soon, 1_000),
        ];
        let few = least.iter().filter(|(_, count, least)| count < least);
        few.map(|(name, count, least)| format!("{name}: {count}, not {least}")).collect()
    }

    /// All of it, for people.
    pub(crate) fn text(&self, name: &str, length: &Length) -> String {
        let mut text = format!(
            "{name}: {} operations in {} rounds, seed {}, {} violations\n",
            self.ops,
            self.rounds,
            length.seed,
            self.found.len()
        );
        for (name, count) in &self.counts {
            let _ = writeln!(text, "  {count:>10}  {name}");
        }
        for (name, count) in &self.figures {
            let _ = writeln!(text, "  {count:>10}  nearside: {name}");
        }
        for found in &self.found {
            let _ = writeln!(text, "{found}");
        }
        text
    }
}
