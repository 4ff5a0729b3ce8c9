//! A server, a relay before it, a proxy before that, and clients on chosen workers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nearside::Config;

use crate::client::{Client, request};
use crate::common::{PAUSE, Proxy, Relay, Server, Talk, Wire, config, eventually};
use crate::stats::calls;

/// How old a hit may be in tests that wait for it to be too old.
pub(crate) const D: Duration = Duration::from_millis(300);
/// How old an entry may be in tests that wait for it.
pub(crate) const SHORT_LIFE: Duration = Duration::from_millis(500);

/// Hits are soon too old.
pub(crate) fn short_staleness(config: &mut Config) {
    config.cache.max_staleness = D;
}

/// Hits are soon too old, and silence is soon too long.
pub(crate) fn impatient(config: &mut Config) {
    short_staleness(config);
    config.upstream.socket_timeout = ms(400);
}

/// Entries are soon too old.
pub(crate) fn short_lived(config: &mut Config) {
    config.cache.max_age = SHORT_LIFE;
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Lets a little time go by: mostly next to nothing, so that things meet in every order.
pub(crate) fn jitter() {
    let micros = [0, 0, 5, 20, 60, 150, 400][fastrand::usize(..7)];
    let end = Instant::now() + Duration::from_micros(fastrand::u64(0..=micros));
    while Instant::now() < end {
        std::thread::yield_now();
    }
}

/// A server with a proxy before it.
#[derive(Debug)]
pub(crate) struct Scene {
    // In this order: the proxy goes first, so that nothing fails on its way out.
    pub(crate) proxy: Proxy,
    pub(crate) workers: usize,
    pub(crate) relay: Relay,
    watcher: Mutex<Client>,
    pub(crate) server: Server,
}

/// What a scenario wants to be different.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    program: String,
    args: Vec<&'static str>,
    tune: fn(&mut Config),
}

/// Runs a scenario with one worker and with two.
pub(crate) fn both(run: impl Fn(&Scene)) {
    Setup::new().run(run);
}

/// Runs a scenario with two workers, each of which has readers: where one worker is a part of that.
pub(crate) fn two(run: impl Fn(&Scene)) {
    run(&Setup::new().scene(2));
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self { program: "redis-server".into(), args: Vec::new(), tune: |_| {} }
    }

    /// With these settings of the server.
    pub(crate) fn args(self, args: &[&'static str]) -> Self {
        Self { args: args.to_vec(), ..self }
    }

    /// With these settings of the proxy.
    pub(crate) fn tune(self, tune: fn(&mut Config)) -> Self {
        Self { tune, ..self }
    }

    /// On every server there is, with one worker and with two.
    pub(crate) fn run_on_all(self, run: impl Fn(&Scene)) {
        for program in Server::makes() {
            Self { program, ..self.clone() }.run(&run);
        }
    }

    /// On every server but the oldest, with two workers.
    pub(crate) fn run_on_newer(self, run: impl Fn(&Scene)) {
        for program in Server::makes().into_iter().skip(1) {
            run(&Self { program, ..self.clone() }.scene(2));
        }
    }

    /// With one worker and with two.
    pub(crate) fn run(self, run: impl Fn(&Scene)) {
        for workers in [1, 2] {
            eprintln!("--- {}, {workers} worker(s)", self.program);
            run(&self.scene(workers));
        }
    }

    pub(crate) fn scene(&self, workers: usize) -> Scene {
        let server = Server::start_of(&self.program, &self.args);
        let relay = Relay::before(&server.place());
        let mut settings = Config { workers, ..config(&relay.place()) };
        settings.cache.admit_after = 0;
        (settings.upstream.reconnect_min, settings.upstream.reconnect_max) = (ms(5), ms(20));
        (self.tune)(&mut settings);
        let watcher = Mutex::new(Client(server.connect()));
        Scene { proxy: Proxy::start(settings), workers, relay, watcher, server }
    }
}

impl Scene {
    /// A session through the proxy. Seats 0 and 1 are on different workers if there are two.
    pub(crate) fn seat(&self, seat: usize) -> Client {
        seat_at(&self.proxy, seat % self.workers)
    }

    /// One that speaks RESP3.
    pub(crate) fn seat3(&self, seat: usize) -> Client {
        let mut client = self.seat(seat);
        client.ask("HELLO 3");
        client
    }

    /// One on every worker.
    pub(crate) fn seats(&self) -> Vec<Client> {
        (0..self.workers).map(|worker| self.seat(worker)).collect()
    }

    /// Somebody straight at the server.
    pub(crate) fn direct(&self) -> Client {
        Client(self.server.connect())
    }

    /// Does `line` straight at the server.
    pub(crate) fn e(&self, line: &str) -> String {
        self.watch().ask(line)
    }

    fn watch(&self) -> MutexGuard<'_, Client> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the server has run `command`.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        calls(&mut self.watch()).get(&command.to_lowercase()).copied().unwrap_or(0)
    }

    /// Sends `line`; the reply, and whether the server never heard of it. Nobody else may send that
    /// command meanwhile.
    pub(crate) fn look(&self, client: &mut Client, line: &str) -> (String, bool) {
        let command = line.split(' ').next().unwrap();
        let before = self.calls(command);
        let reply = client.ask(line);
        (reply, self.calls(command) == before)
    }

    /// Reads until it is a hit; the reply.
    pub(crate) fn warm(&self, client: &mut Client, line: &str) -> String {
        eventually(&format!("{line} is a hit"), || match self.look(client, line) {
            (reply, true) => Some(reply),
            (_, false) => None,
        })
    }

    /// Reads with every one of `clients` until each has its hit, which must say `value`.
    pub(crate) fn warm_all(&self, clients: &mut [Client], line: &str, value: &str) {
        for client in clients {
            assert_eq!(self.warm(client, line), value, "{line}");
        }
    }

    /// The lane of a session.
    pub(crate) fn lane(&self, client: &mut Client) -> Wire {
        self.relay.wire_of(&mut client.0)
    }

    /// The lanes of sessions, each once.
    pub(crate) fn lanes(&self, clients: &mut [Client]) -> Vec<Wire> {
        clients.iter_mut().map(|client| self.lane(client)).collect()
    }

    /// Waits until the lane of `client` has worked through everything the server has sent so far.
    pub(crate) fn settle(&self, client: &mut Client) {
        self.lane(client);
    }

    /// What `line` says once the lane has worked through everything so far; it may be a hit.
    pub(crate) fn settled(&self, client: &mut Client, line: &str) -> String {
        self.settle(client);
        client.ask(line)
    }

    /// Where the requests of all connections stand.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.relay.wires().into_iter().map(|wire| (wire.up().arrived(), wire)).collect())
    }

    /// Whether Nearside has sent `line` on any connection since `mark`, held or not.
    pub(crate) fn asked(&self, mark: &Mark, line: &str) -> bool {
        self.asking(mark, line).is_some()
    }

    /// The connection on which it has.
    pub(crate) fn asking(&self, mark: &Mark, line: &str) -> Option<Wire> {
        let bytes = request(line);
        self.relay.wires().into_iter().find(|wire| {
            let known = mark.0.iter().find(|(_, old)| old.is(wire));
            wire.up().has(known.map_or(0, |(at, _)| *at), &bytes)
        })
    }

    /// Sends `line` while lanes are held; once the server has been asked, everything is released. The
    /// reply: of the server, or the hit that came without.
    pub(crate) fn ask_held(&self, client: &mut Client, line: &str) -> String {
        let mark = self.mark();
        client.say(line);
        eventually(&format!("an answer to {line}, or a question"), || {
            let reply = client.reply_within(PAUSE);
            if reply.is_none() && self.asked(&mark, line) {
                self.relay.release();
                return Some(client.reply());
            }
            reply
        })
    }

    /// The next reply, for which the lanes are released if it does not come while they are held.
    pub(crate) fn reply_held(&self, client: &mut Client) -> String {
        client.reply_within(ms(200)).unwrap_or_else(|| {
            self.relay.release();
            client.reply()
        })
    }

    /// Waits until so many clients are blocked at the server.
    pub(crate) fn wait_blocked(&self, count: u64) {
        eventually("they are blocked", || {
            (crate::stats::figure(&mut self.watch(), "clients", "blocked_clients") == count).then_some(())
        });
    }
}

/// Where requests stood.
#[derive(Debug)]
pub(crate) struct Mark(Vec<(usize, Wire)>);

/// A session of `proxy` on that worker.
pub(crate) fn seat_at(proxy: &Proxy, worker: usize) -> Client {
    proxy.handle().place_on(Some(worker));
    let mut talk = Talk::connect(proxy.place());
    // Its worker is decided when it is accepted, which a reply shows.
    assert_eq!(talk.ask(&["NEARSIDE", "HELP"]).first(), Some(&b'*'));
    proxy.handle().place_on(None);
    Client(talk)
}
