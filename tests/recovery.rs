//! Backup and recovery of a Redis behind Nearside, as its operators do it: `BGSAVE`, a copy of the file, and
//! later a stop, the copy put back, a start. Nearside stays up, forgets what it knew, and finds its way back
//! by itself.

mod common;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{Dir, Place, Proxy, Server, Talk, config, eventually, signal};

/// A server whose data outlives it, as a service's does.
struct Service {
    program: String,
    dir: Dir,
    child: Option<Child>,
}

impl Service {
    fn start(program: &str) -> Self {
        let mut service = Self { program: program.to_owned(), dir: Dir::new(), child: None };
        service.begin(&[]);
        service
    }

    fn place(&self) -> Place {
        Place::Unix(self.dir.join("s"))
    }

    fn rdb(&self) -> PathBuf {
        self.dir.join("dump.rdb")
    }

    /// `systemctl start redis`; does not wait.
    fn begin(&mut self, args: &[&str]) {
        let mut command = Command::new(&self.program);
        command.args(["--port", "0", "--unixsocket", "s", "--save", "900 1"]).args(args);
        command.args(["--enable-debug-command", "yes"]).current_dir(self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("it runs"));
        if args.is_empty() {
            self.answers();
        }
    }

    fn answers(&self) {
        eventually("it answers", || {
            let mut talk = Talk::try_connect(&self.place()).ok()?;
            talk.say(&["PING"]);
            (talk.try_reply().ok()? == b"+PONG\r\n").then_some(())
        });
    }

    /// `systemctl stop redis`: it saves, and has ended when this returns.
    fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        signal(child.id(), "TERM");
        assert!(child.wait().expect("it ends").success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// As long as no server runs.
const BEFORE: u8 = 0;
const STOPPED: u8 = 1;
const RESTORED: u8 = 2;
const DONE: u8 = 3;

/// Reads `k` without a pause, from before the stop until after the start, and holds every answer against
/// the time it was asked for.
fn reads(mut talk: Talk, stage: Arc<AtomicU8>) -> JoinHandle<[usize; 2]> {
    thread::spawn(move || {
        let [mut errors, mut old] = [0; 2];
        loop {
            let asked = stage.load(Ordering::SeqCst);
            let reply = talk.ask_text(&["GET", "k"]);
            match reply.trim_end() {
                "$3\r\nnew" => {
                    assert!(asked < STOPPED, "a value from before the stop, asked for after it ({asked})");
                    assert_eq!(old, 0, "the value from before the stop, after the restored one");
                }
                "$3\r\nold" => old += 1,
                // What is down, was lost, or loads its data, says so.
                _ => {
                    let codes = ["-UPSTREAMDOWN ", "-UPSTREAMLOST ", "-LOADING "];
                    assert!(codes.iter().any(|code| reply.starts_with(code)), "{reply}");
                    errors += 1;
                }
            }
            if asked == DONE {
                return [errors, old];
            }
        }
    })
}

/// Reads until it is answered from memory.
fn warm(proxy: &Proxy, talk: &mut Talk, value: &str) {
    let hits = || proxy.handle().near().totals()[0];
    eventually("a hit", || {
        assert!(talk.ask_text(&["GET", "k"]).contains(value));
        let before = hits();
        assert!(talk.ask_text(&["GET", "k"]).contains(value));
        (hits() > before).then_some(())
    });
}

fn saved(talk: &mut Talk) {
    eventually("the snapshot is written", || {
        let info = talk.ask_text(&["INFO", "persistence"]);
        assert!(info.contains("rdb_last_bgsave_status:ok"), "{info}");
        info.contains("rdb_bgsave_in_progress:0").then_some(())
    });
}

#[test]
fn older_data_put_back_is_what_everybody_reads_from_then_on() {
    for server in Server::makes() {
        older_data(&server);
    }
}

fn older_data(server: &str) {
    let mut service = Service::start(server);
    let mut settings = config(&service.place());
    settings.upstream.timeout = Duration::from_millis(100);
    let proxy = Proxy::start(settings);
    let mut talk = proxy.connect();

    // The backup, through Nearside.
    assert_eq!(talk.ask(&["SET", "k", "old"]), b"+OK\r\n");
    for n in 0..2_000 {
        talk.say(&["SET", &format!("k:{n}"), "old"]);
    }
    (0..2_000).for_each(|_| assert_eq!(talk.reply(), b"+OK\r\n"));
    assert!(talk.ask_text(&["LASTSAVE"]).starts_with(':'));
    assert_eq!(talk.ask(&["BGSAVE"]), b"+Background saving started\r\n");
    saved(&mut talk);
    let backup = service.dir.join("backup.rdb");
    std::fs::copy(service.rdb(), &backup).expect("copied");

    // Later: newer data, read from memory by clients of all workers.
    assert_eq!(talk.ask(&["SET", "k", "new"]), b"+OK\r\n");
    warm(&proxy, &mut talk, "new");
    let stage = Arc::new(AtomicU8::new(BEFORE));
    let readers: Vec<_> = (0..2)
        .map(|worker| {
            proxy.handle().place_on(Some(worker));
            let mut talk = proxy.connect();
            warm(&proxy, &mut talk, "new");
            reads(talk, Arc::clone(&stage))
        })
        .collect();
    let mut blocked = proxy.connect();
    blocked.say(&["BLPOP", "nothing", "0"]);
    let mut subscriber = proxy.connect();
    assert!(subscriber.ask_text(&["SUBSCRIBE", "c"]).contains("subscribe"));
    eventually("the client is blocked", || {
        talk.ask_text(&["INFO", "clients"]).contains("blocked_clients:1").then_some(())
    });

    // The recovery, beside Nearside.
    service.stop();
    let reply = String::from_utf8_lossy(&blocked.reply()).into_owned();
    assert!(reply.starts_with("-UPSTREAMLOST "), "{reply}");
    assert_eq!(subscriber.until_closed(), b"", "a subscriber is told by the end of its connection");
    // It has been told of the end; no read that begins now is a hit any more.
    let reply = eventually("an error says that it is down", || {
        let reply = talk.ask_text(&["GET", "k"]);
        reply.starts_with("-UPSTREAMDOWN ").then_some(reply)
    });
    assert!(reply.contains("unreachable"), "{reply}");
    stage.store(STOPPED, Ordering::SeqCst);
    assert!(talk.ask_text(&["SET", "k", "lost"]).starts_with("-UPSTREAMDOWN "));
    std::fs::copy(&backup, service.rdb()).expect("put back");
    // It takes half a second to load.
    service.begin(&["--key-load-delay", "250"]);
    service.answers();
    stage.store(RESTORED, Ordering::SeqCst);

    // Everybody finds the older data, without a restart; and it is cached as any other.
    eventually("it is back", || (talk.ask(&["GET", "k"]) == b"$3\r\nold\r\n").then_some(()));
    warm(&proxy, &mut talk, "old");
    assert_eq!(talk.ask(&["SET", "k:1", "later"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["GET", "k:1"]), b"$5\r\nlater\r\n");
    assert_eq!(talk.ask(&["GET", "k:2"]), b"$3\r\nold\r\n");
    stage.store(DONE, Ordering::SeqCst);
    for reader in readers {
        let [errors, old] = reader.join().expect("it reads nothing that it must not");
        assert!(errors > 0 && old > 0, "{server}: {errors} errors, {old} reads of the restored value");
    }
    // Whoever was blocked or subscribed begins anew.
    blocked.say(&["BLPOP", "queue", "0"]);
    assert!(proxy.connect().ask_text(&["RPUSH", "queue", "x"]).starts_with(':'));
    assert!(String::from_utf8_lossy(&blocked.reply()).contains("queue"));
}

#[test]
fn with_patience_a_recovery_is_nobodys_error() {
    let mut service = Service::start("redis-server");
    let mut settings = config(&service.place());
    settings.upstream.timeout = Duration::from_secs(15);
    let proxy = Proxy::start(settings);
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["SET", "k", "old"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["SAVE"]), b"+OK\r\n");
    let backup = service.dir.join("backup.rdb");
    std::fs::copy(service.rdb(), &backup).expect("copied");
    assert_eq!(talk.ask(&["SET", "k", "new"]), b"+OK\r\n");
    warm(&proxy, &mut talk, "new");
    service.stop();
    std::fs::copy(&backup, service.rdb()).expect("put back");
    let mut waiting: Vec<Talk> = (0..8).map(|_| proxy.connect()).collect();
    for (n, talk) in waiting.iter_mut().enumerate() {
        talk.say(&["GET", "k"]);
        talk.say(&["INCR", &format!("n:{n}")]);
    }
    service.begin(&[]);
    for talk in &mut waiting {
        assert_eq!(talk.reply(), b"$3\r\nold\r\n");
        assert_eq!(talk.reply(), b":1\r\n");
    }
}
