//! Rolling replacement under load: nobody is refused, reset, or left without a reply that was due.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use nearside::resp::request::encode;

use crate::common::{Place, Run, Talk, eventually};
use crate::rig::{Rig, python, reply_or_end, send, until_alone};

/// Requests that a client sends at once.
const BATCH: usize = 16;

/// Work that goes on until it is told to end, and its figure then.
struct Work {
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Work {
    fn new() -> Self {
        Self { over: Arc::default(), done: Arc::default(), threads: Vec::new() }
    }

    /// Does `step` again and again.
    fn start(&mut self, mut step: impl FnMut(&AtomicU64) + Send + 'static) {
        let (over, done) = (Arc::clone(&self.over), Arc::clone(&self.done));
        self.threads.push(std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                step(&done);
            }
        }));
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Waits until so much more is done.
    fn goes_on(&self, more: u64) {
        let before = self.done();
        eventually("the work goes on", || (self.done() >= before + more).then_some(()));
    }

    fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("no error at the client"));
        self.done.load(Ordering::Relaxed)
    }
}

/// Three times another process takes over, while all of `work` goes on. The last one.
fn replace(rig: &Rig, mut old: Run, work: &[&Work]) -> Run {
    for _ in 0..3 {
        work.iter().for_each(|work| work.goes_on(20));
        let mut new = rig.start_next(&[]);
        assert!(old.end().success());
        until_alone(&mut new);
        old = new;
    }
    work.iter().for_each(|work| work.goes_on(20));
    old
}

/// Redis's own load, with a connection for every request.
#[test]
fn a_connection_for_every_request() {
    let rig = Rig::new();
    let old = rig.start_next(&[]);
    let mut work = Work::new();
    for _ in 0..2 {
        let port = rig.port.to_string();
        work.start(move |done| {
            let ran = Command::new("redis-benchmark")
                .args(["-p", &port, "-k", "0", "-c", "10", "-n", "300", "-t", "set,get", "-q"])
                .stdin(Stdio::null())
                .output()
                .expect("redis-benchmark runs");
            let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success() && !said.contains("rror") && !said.contains("refused"), "{said}");
            done.fetch_add(10, Ordering::Relaxed);
        });
    }
    let mut plain = Work::new();
    for place in [rig.place(), Place::Unix(rig.unix())] {
        plain.start(move |done| {
            let mut talk = Talk::connect(&place);
            assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    let _last = replace(&rig, old, &[&work, &plain]);
    assert!(work.end() + plain.end() > 0);
}

/// Connections that stay for as long as they may: each ends between two replies, and what was not answered was
/// not done. So a counter that only one client counts never skips a number, whoever serves it.
#[test]
fn connections_that_stay() {
    let rig = Rig::new();
    let old = rig.start_next(&[]);
    let mut work = Work::new();
    for number in 0..6 {
        let place = if number % 2 == 0 { rig.place() } else { Place::Unix(rig.unix()) };
        let key = format!("counter:{number}");
        let batch = encode(&[b"INCR", key.as_bytes()]).repeat(BATCH);
        let (mut talk, mut last) = (Talk::connect(&place), 0_u64);
        work.start(move |done| {
            let sent = send(&mut talk, &batch);
            for _ in 0..BATCH {
                let Some(reply) = answered(&sent, &mut talk) else {
                    talk = Talk::connect(&place);
                    return;
                };
                last += 1;
                assert_eq!(String::from_utf8_lossy(&reply), format!(":{last}\r\n"));
            }
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    let _last = replace(&rig, old, &[&work]);
    assert!(work.end() > 0);
}

/// The next reply; `None` at the end of the stream, which whoever could not send may hear of as an error.
fn answered(sent: &std::io::Result<()>, talk: &mut Talk) -> Option<Vec<u8>> {
    match sent {
        Ok(()) => reply_or_end(talk),
        Err(error) => {
            let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(gone.contains(&error.kind()), "{error}");
            None
        }
    }
}

/// A client as applications have it: with a pool, and told to try again where a connection has ended.
#[test]
fn redis_py_with_its_retries() {
    let rig = Rig::new();
    let old = rig.start_next(&[]);
    let mut script = Command::new(python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upgrade/pool.py"))
        .arg(rig.port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut control = rig.server.connect();
    eventually("it works", || (control.ask(&["DBSIZE"]) != b":0\r\n").then_some(()));
    let _last = replace(&rig, old, &[]);
    drop(script.stdin.take());
    let ended = script.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
}
