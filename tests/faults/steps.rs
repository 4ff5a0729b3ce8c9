//! What the tables of faults at each step share: the faults, a place for them to happen, and how
//! what a client hears of them is judged.

use std::io;
use std::thread;
use std::time::Duration;

use crate::rig::{Client, Near, Redis, config, ms, request, until};
use crate::tap::Tap;

/// What happens to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9`; it is started again, with its data, when the client has heard of it.
    Killed,
    /// `kill -STOP`, and `-CONT` when the client has had time to hear of it.
    Stopped,
    /// Its connections are reset; new ones work.
    Reset,
    /// Its connections are closed; new ones work.
    Closed,
    /// The network carries nothing for a while, and then all of it.
    Silent,
}

pub(crate) const FAULTS: [Fault; 5] =
    [Fault::Killed, Fault::Stopped, Fault::Reset, Fault::Closed, Fault::Silent];

impl Fault {
    /// Whether connections survive it.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Stopped | Self::Silent)
    }
}

/// When it happens, by the packet of the client's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Everything before it is answered, and it is not sent.
    Before(usize),
    /// Sent, and the server has not seen it.
    Unseen(usize),
    /// The server has answered, and Nearside has not heard it.
    Answered(usize),
    /// Nearside has heard so many bytes of the answer.
    Half(usize, usize),
}

/// Every answer is on record before it is sent: `everysec` would put that off while the disk is slow.
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "no"];
/// Longest silence that is not a hang: far beyond `socket_timeout` and `timeout` of the scenes.
pub(crate) const HANG: Duration = Duration::from_secs(10);
/// Error codes a client may meet.
const DOCUMENTED: [&str; 4] = ["-UPSTREAMLOST ", "-UPSTREAMDOWN ", "-UPSTREAMTIMEOUT ", "-UPSTREAMBUSY "];

/// Whether it is an error that says what has become of a request.
pub(crate) fn is_documented(reply: &str) -> bool {
    DOCUMENTED.iter().any(|code| reply.starts_with(code))
}

/// What a client hears next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Reply(String),
    Closed,
    Nothing,
}

/// What it hears within `limit`.
pub(crate) fn hear(client: &mut Client, limit: Duration) -> Heard {
    client.patience(limit);
    match client.try_reply() {
        Ok(reply) => Heard::Reply(reply),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Heard::Nothing,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Heard::Closed,
            _ => panic!("what it hears is not RESP: {error}"),
        },
    }
}

/// Gives a connection that survives its fault time to be given up; the client reads nothing meanwhile,
/// so that half a reply stays half a reply.
pub(crate) fn let_pass() {
    thread::sleep(ms(600));
}

/// A proxy, and the wire to a server that may be hurt.
pub(crate) struct Scene<'a> {
    pub(crate) redis: &'a mut Redis,
    pub(crate) tap: Tap,
    pub(crate) near: Near,
    fault: Fault,
}

impl<'a> Scene<'a> {
    /// An empty server, and one warm connection of each kind in the protocol to be used: what the
    /// fault meets is the client's request, and no greeting before it.
    pub(crate) fn new(redis: &'a mut Redis, fault: Fault, proto: u8) -> Self {
        assert_eq!(redis.direct().ask("FLUSHALL"), "+OK");
        let tap = Tap::before(redis.socket());
        let mut settings = config(tap.endpoint());
        settings.workers = 1;
        settings.upstream.socket_timeout = ms(300);
        settings.upstream.timeout = ms(400);
        settings.upstream.reconnect_max = ms(50);
        // What the wire waits for is a request of the client or its reply, and no heartbeat of the cache.
        settings.cache.max_staleness = Duration::from_secs(60);
        let scene = Self { redis, tap, near: Near::start(settings), fault };
        let mut client = scene.client(proto);
        assert_eq!(client.ask("GET w"), "nil");
        assert_eq!(client.ask("BLPOP none 0.01"), "nil");
        assert_transaction(&mut client);
        scene
    }

    /// A client that speaks this version.
    pub(crate) fn client(&self, proto: u8) -> Client {
        let mut client = self.near.client();
        if proto == 3 {
            let reply = client.ask("HELLO 3");
            assert!(reply.contains("proto :3"), "{reply}");
        }
        client
    }

    /// Makes the wire hold what `moment` says.
    pub(crate) fn prepare(&self, moment: Moment) {
        match moment {
            Moment::Before(_) => {}
            Moment::Unseen(_) => self.tap.hold_requests(),
            Moment::Answered(_) => self.tap.hold_replies(0),
            Moment::Half(_, bytes) => self.tap.hold_replies(bytes),
        }
    }

    /// Waits until `moment` has come.
    pub(crate) fn await_moment(&self, moment: Moment) {
        match moment {
            Moment::Before(_) => {}
            Moment::Unseen(_) => self.tap.wait_for_request(),
            Moment::Answered(_) | Moment::Half(..) => self.tap.wait_for_reply(),
        }
    }

    /// It happens.
    pub(crate) fn strike(&mut self) {
        match self.fault {
            Fault::Killed => {
                self.redis.kill();
                self.tap.cut(false);
            }
            Fault::Stopped => {
                self.redis.signal("-STOP");
                self.tap.release_requests();
            }
            Fault::Reset => self.tap.cut(true),
            Fault::Closed => self.tap.cut(false),
            Fault::Silent => {
                self.tap.hold_requests();
                self.tap.hold_replies(0);
            }
        }
    }

    /// It is over.
    pub(crate) fn mend(&mut self) {
        match self.fault {
            Fault::Killed => self.redis.revive(),
            Fault::Stopped => {
                self.redis.signal("-CONT");
                self.tap.release();
            }
            Fault::Silent => self.tap.release(),
            Fault::Reset | Fault::Closed => {}
        }
    }

    /// A session that is still there works, each reply being its own.
    pub(crate) fn assert_works(&self, client: &mut Client) {
        client.patience(HANG);
        for round in 0.. {
            let word = format!("again-{round}");
            match client.try_ask(&format!("ECHO {word}")) {
                Ok(reply) if reply == word => break,
                Ok(reply) if is_documented(&reply) && round < 400 => thread::sleep(ms(25)),
                other => panic!("an open session after the fault hears {other:?} in place of {word}"),
            }
        }
        assert_transaction(client);
    }

    /// Whoever comes next finds connections that know nothing of what was before.
    pub(crate) fn assert_next_are_clean(&self) {
        until("the upstream is back", || self.near.client().ask("SET w touched") == "+OK");
        for proto in [2, 3] {
            let mut client = self.client(proto);
            assert_transaction(&mut client);
            assert_eq!(client.ask("BLPOP none 0.01"), "nil");
        }
        // The one that `BLPOP` used may lie in the pool.
        until("nothing is pinned", || self.near.connections().1 <= 1);
    }
}

/// A transaction that sees nothing of others.
fn assert_transaction(client: &mut Client) {
    let replies: Vec<_> = ["MULTI", "ECHO mine", "EXEC"].iter().map(|line| client.ask(line)).collect();
    assert_eq!(replies, ["+OK", "+QUEUED", "[mine]"]);
}

/// Runs `check` for all cells, a few at a time, each thread with a server of its own; every failure is
/// named.
pub(crate) fn for_all<T: Copy + Send + Sync + std::fmt::Debug>(
    cells: &[T],
    check: impl Fn(&mut Redis, T) + Sync,
) {
    const THREADS: usize = 8;
    let failed: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|t| {
                let check = &check;
                scope.spawn(move || {
                    let mut failed = Vec::new();
                    let mut redis = Redis::start(&DURABLE);
                    for cell in cells.iter().skip(t).step_by(THREADS) {
                        let run = std::panic::AssertUnwindSafe(|| check(&mut redis, *cell));
                        if let Err(why) = std::panic::catch_unwind(run) {
                            failed.push(format!("{cell:?}: {}", words(&*why)));
                            redis = Redis::start(&DURABLE);
                        }
                    }
                    failed
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("its panics are caught")).collect()
    });
    assert!(failed.is_empty(), "{} of {} cells fail:\n{}", failed.len(), cells.len(), failed.join("\n"));
}

fn words(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| why.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

/// Several requests as one packet.
pub(crate) fn packet(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| request(line)).collect()
}
