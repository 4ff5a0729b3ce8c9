//! What everybody in a round shares.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use nearside::Config;
use nearside::config::Endpoint;

use crate::check::{Lapse, Op, Time, Via};
use crate::common::{Place, Proxy, Server, config};
use crate::registers::Registers;
use crate::relay::Relay;
use crate::wire::{Clock, Wire};

/// Lanes are numbered by Nearside and worker; nobody has more workers.
const WORKERS: u16 = 8;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn into<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What is tried.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    pub(crate) bound: Duration,
    pub(crate) admit_after: u32,
    pub(crate) stamps: u32,
    pub(crate) memory: u64,
}

/// A Nearside, and its way to the server.
#[derive(Debug)]
pub(crate) struct Near {
    pub(crate) proxy: Proxy,
    pub(crate) relay: Relay,
    path: PathBuf,
    /// Who connects holds this until it has arrived at its worker.
    placing: Mutex<()>,
}

impl Near {
    pub(crate) fn start(server: &Server, setup: &Setup) -> Self {
        let relay = Relay::before(path(&server.place()));
        let proxy = Proxy::start_unix(settings(setup, relay.port));
        let path = path(proxy.place());
        Self { proxy, relay, path, placing: Mutex::default() }
    }
}

fn settings(setup: &Setup, port: u16) -> Config {
    let mut config = config(&Place::Tcp(([127, 0, 0, 1], port).into()));
    config.upstream.endpoint = Endpoint::Tcp { host: "127.0.0.1".into(), port };
    config.workers = setup.workers;
    // So that what is lost comes back soon, and what hangs ends.
    config.upstream.reconnect_max = Duration::from_millis(50);
    config.upstream.timeout = Duration::from_secs(3);
    config.upstream.socket_timeout = Duration::from_secs(2);
    config.cache.max_staleness = setup.bound;
    config.cache.admit_after = setup.admit_after;
    config.cache.stamps = setup.stamps;
    config.cache.memory = setup.memory;
    config
}

pub(crate) fn path(place: &Place) -> PathBuf {
    match place {
        Place::Unix(path) => path.clone(),
        Place::Tcp(addr) => panic!("{addr} is no Unix socket"),
    }
}

/// Where a connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// To the server.
    Direct,
    /// To a worker of a Nearside.
    Near { proxy: u8, worker: u16 },
}

impl Spot {
    pub(crate) fn via(self) -> Via {
        match self {
            Self::Direct => Via { proxy: None, lane: 2 * WORKERS },
            Self::Near { proxy, worker } => {
                Via { proxy: Some(proxy), lane: u16::from(proxy) * WORKERS + worker }
            }
        }
    }
}

/// How a round is to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) number: u64,
    pub(crate) length: Duration,
    /// How much longer everything takes between Nearside and server, each way.
    pub(crate) slow: Duration,
    pub(crate) faults: bool,
    /// Keys go away when memory is short, or all at once: nobody counts then.
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// The server deletes what has expired only when it is asked for it.
    Lazy,
    /// The server tracks ten keys only.
    FewTracked,
    /// The server evicts.
    Evicting,
    /// Everything is flushed now and then.
    Flushing,
}

impl Kind {
    pub(crate) fn vanishing(self) -> bool {
        matches!(self, Self::Evicting | Self::Flushing)
    }
}

/// Counts of all sorts, by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// A round.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) clock: Clock,
    pub(crate) server: PathBuf,
    pub(crate) nears: &'a [Near],
    pub(crate) setup: &'a Setup,
    pub(crate) plan: &'a Plan,
    pub(crate) registers: Registers,
    /// Scripts, as the server knows them.
    pub(crate) scripts: &'a [String],
    stopped: AtomicBool,
    unsure: AtomicBool,
    /// Who writes what has one writer holds it for reading; who flushes, for writing.
    pub(crate) writing: RwLock<()>,
    sessions: Mutex<Vec<Via>>,
    /// What was seen that no history is needed for.
    odd: Mutex<Vec<String>>,
    logs: Mutex<(Vec<Vec<Op>>, Counts)>,
    lapses: Mutex<Vec<(u32, Lapse)>>,
    faults: Mutex<Vec<(Time, Time, &'static str)>>,
}

/// What a round leaves.
#[derive(Debug)]
pub(crate) struct Left {
    /// Where each session led.
    pub(crate) sessions: Vec<Via>,
    /// What each did.
    pub(crate) logs: Vec<Vec<Op>>,
    /// When values expired, by register.
    pub(crate) lapses: Vec<(u32, Lapse)>,
    pub(crate) counts: Counts,
    /// What went wrong, from when to when.
    pub(crate) faults: Vec<(Time, Time, &'static str)>,
    /// What contradicts the contract by itself.
    pub(crate) odd: Vec<String>,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        clock: Clock,
        server: &Server,
        nears: &'a [Near],
        setup: &'a Setup,
        plan: &'a Plan,
        scripts: &'a [String],
    ) -> Self {
        let counters = if plan.kind.vanishing() { 0 } else { 28 };
        Self {
            clock,
            server: path(&server.place()),
            nears,
            setup,
            plan,
            registers: Registers::new(format!("r{}", plan.number), counters, 16, 8),
            scripts,
            stopped: AtomicBool::new(false),
            unsure: AtomicBool::new(false),
            writing: RwLock::default(),
            sessions: Mutex::default(),
            odd: Mutex::default(),
            logs: Mutex::default(),
            lapses: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    pub(crate) fn random(&self, who: u64) -> fastrand::Rng {
        let seed = self.setup.seed.wrapping_mul(0x9e37_79b9).wrapping_add(self.plan.number);
        fastrand::Rng::with_seed(seed.wrapping_mul(0x2545_f491).wrapping_add(who))
    }

    /// A number that is everybody's for some milliseconds: what it chooses is read and written by many at
    /// the same time.
    pub(crate) fn fashion(&self) -> u64 {
        fastrand::Rng::with_seed(self.clock.now() / 40_000_000).u64(..)
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// All workers of all Nearsides.
    pub(crate) fn spots(&self) -> Vec<Spot> {
        let workers = u16::try_from(self.setup.workers).unwrap_or(1);
        let proxies = u8::try_from(self.nears.len()).unwrap_or(1);
        (0..proxies).flat_map(|proxy| (0..workers).map(move |worker| Spot::Near { proxy, worker })).collect()
    }

    /// A new connection, and the number of its session.
    pub(crate) fn connect(&self, spot: Spot, resp3: bool) -> std::io::Result<(Wire, u16)> {
        let wire = match spot {
            Spot::Direct => self.greet(Wire::connect(&self.server, self.clock)?, resp3)?,
            Spot::Near { proxy, worker } => {
                let near = &self.nears[usize::from(proxy)];
                let _placing = lock(&near.placing);
                near.proxy.handle().place_on(Some(usize::from(worker)));
                self.greet(Wire::connect(&near.path, self.clock)?, resp3)?
            }
        };
        let mut sessions = lock(&self.sessions);
        sessions.push(spot.via());
        let number = u16::try_from(sessions.len() - 1).map_err(std::io::Error::other)?;
        Ok((wire, number))
    }

    fn greet(&self, mut wire: Wire, resp3: bool) -> std::io::Result<Wire> {
        // Answered by whom one has arrived at, even while the upstream is away.
        wire.ask(&["CLIENT", "ID"])?;
        if resp3 {
            while matches!(wire.ask(&["HELLO", "3"])?, crate::wire::Reply::Error(_)) {
                if self.stopped() {
                    return Err(std::io::Error::other("the round is over"));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(wire)
    }

    pub(crate) fn odd(&self, what: String) {
        let mut odd = lock(&self.odd);
        if odd.len() < 20 {
            odd.push(what);
        }
    }

    /// Keeps what a session did.
    pub(crate) fn keep(&self, ops: Vec<Op>, counts: &Counts) {
        let mut logs = lock(&self.logs);
        logs.0.push(ops);
        for (name, count) in counts {
            *logs.1.entry(name).or_default() += count;
        }
    }

    /// A value of `register` expires.
    pub(crate) fn lapse(&self, register: u32, lapse: Lapse) {
        lock(&self.lapses).push((register, lapse));
    }

    /// Something went wrong from `begun` until now.
    pub(crate) fn fault(&self, name: &'static str, begun: Time) {
        lock(&self.faults).push((begun, self.clock.now(), name));
    }

    pub(crate) fn end(self) -> Left {
        let (logs, counts) = into(self.logs);
        let (sessions, lapses, odd) = (into(self.sessions), into(self.lapses), into(self.odd));
        Left { sessions, logs, lapses, counts, faults: into(self.faults), odd }
    }

    /// A flush of unknown outcome may happen at any time.
    pub(crate) fn unsure(&self) {
        self.unsure.store(true, Ordering::Relaxed);
    }

    /// Whether anything may go away at any time.
    pub(crate) fn vanishing(&self) -> bool {
        self.plan.kind == Kind::Evicting || self.unsure.load(Ordering::Relaxed)
    }

    /// A read that takes less was not answered by the server, nor by a lane.
    pub(crate) fn quick(&self) -> Time {
        crate::wire::nanos(self.plan.slow * 2)
    }
}
