//! Real clients through Nearside: each driver in `tests/clients` against a redis-server and a Nearside
//! of its own. `make test` installs the clients and says in the environment where they are.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers outside #[test] functions, too

use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const DRIVERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
/// Reached only by a hang; the slowest driver takes a tenth of it.
const PATIENCE: &str = "300";

#[test]
fn redis_py_in_resp2() {
    drive(&python(), "redis_py.py", &["2"], &[]);
}

#[test]
fn redis_py_in_resp3() {
    drive(&python(), "redis_py.py", &["3"], &[]);
}

#[test]
fn redis_py_asyncio_in_resp2() {
    drive(&python(), "redis_py_asyncio.py", &["2"], &[]);
}

#[test]
fn redis_py_asyncio_in_resp3() {
    drive(&python(), "redis_py_asyncio.py", &["3"], &[]);
}

#[test]
fn redis_py_hard_in_resp2() {
    drive(&python(), "redis_py_hard.py", &["2"], &[]);
}

#[test]
fn redis_py_hard_in_resp3() {
    drive(&python(), "redis_py_hard.py", &["3"], &[]);
}

/// Which it needs for its client-side caching.
#[test]
fn redis_py_hard_in_resp3_before_redis_8() {
    let upstream = Upstream::of(&installed("NEARSIDE_REDIS8_SERVER"));
    drive_before(&upstream, &python(), "redis_py_hard.py", &["3"], &[]);
}

#[test]
fn redis_py_asyncio_hard_in_resp2() {
    drive(&python(), "redis_py_asyncio_hard.py", &["2"], &[]);
}

#[test]
fn redis_py_asyncio_hard_in_resp3() {
    drive(&python(), "redis_py_asyncio_hard.py", &["3"], &[]);
}

#[test]
fn celery_worker_and_tasks() {
    drive(&python(), "celery_tasks.py", &[], &[]);
}

#[test]
fn five_upstream_connections_for_130_clients() {
    drive(&python(), "budget.py", &[], &["--max-connections", "5", "--workers", "8"]);
}

#[test]
fn ioredis() {
    drive(&node(), "ioredis.js", &["2"], &[]);
}

#[test]
fn ioredis_hard() {
    drive(&node(), "ioredis_hard.js", &["2"], &[]);
}

#[test]
fn node_redis_hard_in_resp2() {
    drive(&node(), "node_redis_hard.js", &["2"], &[]);
}

#[test]
fn node_redis_hard_in_resp3() {
    drive(&node(), "node_redis_hard.js", &["3"], &[]);
}

#[test]
fn node_redis_in_resp2() {
    drive(&node(), "node_redis.js", &["2"], &[]);
}

#[test]
fn node_redis_in_resp3() {
    drive(&node(), "node_redis.js", &["3"], &[]);
}

#[test]
fn redis_cli_and_redis_benchmark() {
    drive("bash".as_ref(), "tools.sh", &[], &[]);
}

/// Runs a driver: port of Nearside, socket of the upstream, then `more`. Fails with what it said.
fn drive(program: &Path, driver: &str, more: &[&str], flags: &[&str]) {
    drive_before(&Upstream::of("redis-server".as_ref()), program, driver, more, flags);
}

fn drive_before(upstream: &Upstream, program: &Path, driver: &str, more: &[&str], flags: &[&str]) {
    let nearside = Nearside::start(upstream, flags);
    let output = Command::new("timeout")
        .args(["-k", "10", PATIENCE])
        .arg(program)
        .arg(Path::new(DRIVERS).join(driver))
        .args([nearside.port.as_str(), upstream.socket.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap();
    let log = nearside.stop();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{driver}: {}\n{out}\n{err}\nnearside said:\n{log}", output.status);
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{driver}: nearside said:\n{log}");
}

fn python() -> PathBuf {
    installed("NEARSIDE_TEST_PYTHON")
}

/// Node, once its packages are there too: they are beside the drivers.
fn node() -> PathBuf {
    assert!(
        Path::new(DRIVERS).join("node_modules").is_dir(),
        "the Node clients are not installed: run `make test`, or once `make test-tools`"
    );
    installed("NEARSIDE_TEST_NODE")
}

fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os(name).filter(|path| !path.is_empty());
    path.unwrap_or_else(|| panic!("{name} is not set: run the tests with `make test`")).into()
}

/// A redis-server on a Unix socket in a directory of its own; gone when dropped.
struct Upstream {
    child: Child,
    dir: PathBuf,
    socket: PathBuf,
}

impl Upstream {
    fn of(program: &Path) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ns-clients-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let socket = dir.join("redis.sock");
        let child = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"])
            .arg("--unixsocket")
            .arg(&socket)
            .current_dir(&dir)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts; `make test` installs it");
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Err(error) = UnixStream::connect(&socket) {
            let early = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
            assert!(early && Instant::now() < deadline, "{error}");
            std::thread::yield_now();
        }
        Self { child, dir, socket }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The program itself on a port of its choice, and what it logs.
struct Nearside {
    child: Child,
    port: String,
    log: Option<JoinHandle<String>>,
}

impl Nearside {
    fn start(upstream: &Upstream, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nearside"));
        // Neither what `make test` says to the tests nor the settings of whoever runs them.
        let ours =
            |name: &str| ["NEARSIDE_", "REDIS_", "ENABLE_REDIS"].iter().any(|head| name.starts_with(head));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--upstream"])
            .arg(format!("unix://{}", upstream.socket.display()))
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut early = String::new();
        let port = loop {
            let line = lines.next().unwrap_or_else(|| panic!("nearside did not start:\n{early}"));
            early.push_str(&line);
            early.push('\n');
            if let Some((_, rest)) = line.split_once("listening on 127.0.0.1:") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        let log = std::thread::spawn(move || early + &lines.collect::<Vec<_>>().join("\n"));
        Self { child, port, log: Some(log) }
    }

    /// Ends it as a person would, and gives what it logged.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        assert!(status.success(), "nearside ended with {status}:\n{log}");
        log
    }
}

impl Drop for Nearside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
