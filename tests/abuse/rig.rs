//! The program under attack, and a client of good faith beside it.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::{Place, Run, Server, Talk, binary};

/// What the 99th percentile of others may become under attack: so many times what it was, or this, which
/// is what a busy machine with two cores and a debug build do to anybody.
const FACTOR: u32 = 10;
const NOISE: Duration = Duration::from_millis(150);

pub(crate) const MIB: usize = 1 << 20;

/// `ABUSE=long` has each test attack longer, with more.
pub(crate) fn long() -> bool {
    std::env::var("ABUSE").is_ok_and(|form| form == "long")
}

/// As many in the short form, ten times as many in the long one.
pub(crate) fn many(count: usize) -> usize {
    if long() { count * 10 } else { count }
}

pub(crate) fn attack_for() -> Duration {
    Duration::from_secs(if long() { 20 } else { 2 })
}

static ALONE: Mutex<()> = Mutex::new(());

/// A server, the program before it, and nothing else going on.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) run: Run,
    pub(crate) place: Place,
    rss: usize,
    usual: Duration,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_before(Server::start(&[]), settings)
    }

    pub(crate) fn start_before(server: Server, settings: &[(&str, &str)]) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let Place::Unix(socket) = server.place() else { panic!("servers are on Unix sockets") };
        let mut command = binary();
        command.env("NEARSIDE_UPSTREAM", format!("unix://{}", socket.display()));
        command.env("NEARSIDE_LISTEN", "127.0.0.1:0").env("NEARSIDE_WORKERS", "2");
        command.envs(settings.iter().copied());
        let mut run = Run::start(&mut command);
        let line = run.says("listening on ");
        let address = line.rsplit(' ').find_map(|word| word.trim().parse().ok()).expect("an address");
        let place = Place::Tcp(address);
        let mut scene = Self { server, run, place, rss: 0, usual: Duration::ZERO, _alone: alone };
        let others = scene.others();
        std::thread::sleep(Duration::from_millis(500)); // what is measured is time itself
        scene.usual = others.stop();
        scene.rss = scene.rss_now();
        scene
    }

    pub(crate) fn connect(&self) -> Talk {
        Talk::connect(&self.place)
    }

    /// A figure of `INFO nearside`.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        self.figure_of(&mut self.connect(), name)
    }

    /// The same, by a client that there is.
    pub(crate) fn figure_of(&self, talk: &mut Talk, name: &str) -> u64 {
        let info = talk.ask_text(&["INFO", "nearside"]);
        let found = info.lines().find_map(|line| line.strip_prefix(&format!("nearside_{name}:")));
        found.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in {info}"))
    }

    fn rss_now(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.run.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of VmRSS");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }

    /// Memory beyond what it had before the attack.
    pub(crate) fn grown(&self) -> usize {
        self.rss_now().saturating_sub(self.rss)
    }

    /// It has not taken more than `budget`.
    pub(crate) fn stays_within(&self, budget: usize) {
        let grown = self.grown();
        println!("grown by {} KiB of {} KiB", grown / 1024, budget / 1024);
        assert!(grown <= budget, "it has grown by {} MiB", grown / MIB);
    }

    /// A client that goes about its business from now on.
    pub(crate) fn others(&self) -> Others {
        Others::start(self.connect())
    }

    /// What it met with meanwhile is bearable.
    pub(crate) fn was_bearable(&self, others: Others) {
        let (p99, most) = (others.stop(), (self.usual * FACTOR).max(NOISE));
        println!("p99 of others {p99:?}, before {:?}", self.usual);
        assert!(p99 <= most, "the 99th percentile of others is {p99:?}, it was {:?}", self.usual);
    }
}

/// A client of good faith: reads and writes one after the other, each answered right.
pub(crate) struct Others {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Others {
    pub(crate) fn start(mut talk: Talk) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut took, mut turn, mut last) = (Vec::new(), 0_u32, String::new());
            while !stopped.load(Ordering::Relaxed) || took.len() < 200 {
                let (began, value) = (Instant::now(), turn.to_string());
                match turn % 3 {
                    0 => assert_eq!(talk.ask(&["SET", "others", &value]), b"+OK\r\n"),
                    1 => assert_eq!(
                        talk.ask_text(&["GET", "others"]),
                        format!("${}\r\n{last}\r\n", last.len())
                    ),
                    _ => assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n"),
                }
                took.push(began.elapsed());
                turn += 1;
                last = value;
                std::thread::sleep(Duration::from_millis(1));
            }
            took
        });
        Self { stop, thread }
    }

    /// The 99th percentile of what its requests took; there are enough of them for one.
    pub(crate) fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        let mut took = self.thread.join().expect("every request is answered right");
        took.sort_unstable();
        took[took.len() * 99 / 100]
    }
}
