//! The dashboard in a real browser (Chromium without a window), before a running Nearside and a
//! redis-server: `tests/clients/dashboard_scenarios.js` says what is looked at, this file runs the servers
//! and does to them what it is asked for. Screenshots are left in `target/dashboard`.

#![allow(clippy::print_stdout)] // what the browser said, for who looks at a failure

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use common::{Dir, Place, Run, Talk, binary, eventually, signal};

const DRIVERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
/// Reached only by a hang.
const PATIENCE: &str = "240";
const TOKEN: &str = "dashboard-test-token";
/// What a stranger may call a key, and himself.
const KEY: &str = "<img src=x onerror=alert(1)>";
const NAME: &str = "<svg/onload=alert(2)>";

#[test]
fn figures_charts_and_tables_under_load() {
    Stage::new(&[]).play("figures");
}

#[test]
fn redis_goes_and_comes_back_and_so_does_nearside() {
    Stage::new(&[]).play("faults");
}

#[test]
fn a_token_is_asked_for_and_kept_in_the_tab() {
    Stage::new(&[("NEARSIDE_ADMIN_TOKEN", TOKEN)]).play("token");
}

#[test]
fn one_page_too_many_asks_for_itself() {
    Stage::new(&[]).play("crowd");
}

/// The servers of a scenario, and what is done to them.
struct Stage {
    dir: Dir,
    redis: Option<Child>,
    nearside: Option<Run>,
    load: Option<Load>,
    env: &'static [(&'static str, &'static str)],
    /// Where clients and operators connect: picked at first, the same ever after.
    ports: [u16; 2],
}

impl Stage {
    fn new(env: &'static [(&'static str, &'static str)]) -> Self {
        let mut stage = Self { dir: Dir::new(), redis: None, nearside: None, load: None, env, ports: [0, 0] };
        stage.redis_up();
        stage.nearside_up();
        stage
    }

    fn redis_up(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--unixsocket", "s", "--maxmemory", "256mb"]);
        command.current_dir(self.dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.redis = Some(command.spawn().expect("redis-server runs"));
        let place = Place::Unix(self.dir.join("s"));
        eventually("redis-server answers", || {
            let mut talk = Talk::try_connect(&place).ok()?;
            talk.say(&["PING"]);
            talk.try_reply().ok().filter(|reply| reply == b"+PONG\r\n")
        });
    }

    fn nearside_up(&mut self) {
        let mut command = binary();
        let [clients, admin] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        command.args(["--listen", &clients, "--admin-listen", &admin, "--workers", "2", "--upstream"]);
        command.arg(format!("unix://{}", self.dir.join("s").display()));
        command.envs(self.env.iter().copied());
        let mut run = Run::start(&mut command);
        let port = |line: String| {
            let rest = line.rsplit_once("127.0.0.1:").expect("an address").1.to_owned();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().expect("a port")
        };
        self.ports[0] = port(run.says("listening on"));
        self.ports[1] = port(run.says("dashboard on"));
        self.nearside = Some(run);
    }

    fn clients(&self) -> Place {
        Place::Tcp(([127, 0, 0, 1], self.ports[0]).into())
    }

    /// Does what a scenario asks for, and what came of it.
    fn act(&mut self, what: &str) -> &'static str {
        match what {
            "load on" => self.load = Some(Load::start(self.clients())),
            "load off" => self.load = None,
            "redis down" => {
                if let Some(mut redis) = self.redis.take() {
                    end(&mut redis);
                }
            }
            "redis up" => self.redis_up(),
            "nearside down" => {
                if let Some(mut run) = self.nearside.take() {
                    signal(run.pid(), "TERM");
                    self.load = None;
                    run.end();
                }
            }
            "nearside up" => self.nearside_up(),
            "slow" => {
                let mut talk = Talk::connect(&self.clients());
                let script = "local n = 0 for i = 1, 3000000 do n = n + i end return n";
                talk.say(&["EVAL", script, "1", KEY]);
                assert!(talk.try_reply().expect("an answer").starts_with(b":"));
            }
            "token" => return TOKEN,
            other => panic!("nobody knows how to do {other:?}"),
        }
        "done"
    }

    fn play(mut self, scenario: &str) {
        let url = format!("http://127.0.0.1:{}/", self.ports[1]);
        let mut driver = Command::new("timeout")
            .args(["-k", "10", PATIENCE])
            .arg(node())
            .arg(Path::new(DRIVERS).join("dashboard.js"))
            .args([scenario, &url])
            .args([shots(), browser()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the driver runs");
        let mut answers = driver.stdin.take().expect("it is piped");
        let lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
        for line in lines.map_while(Result::ok) {
            match line.strip_prefix("@ ") {
                Some(what) => {
                    let came_of_it = self.act(what);
                    // A driver that has given up says why itself.
                    let _ = writeln!(answers, "{came_of_it}");
                }
                None => println!("{line}"),
            }
        }
        let status = driver.wait().expect("it ends");
        assert!(status.success(), "{scenario}: {status}; see above, and {}", shots().display());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.load = None;
        self.redis.as_mut().into_iter().for_each(end);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Clients that read a few keys much, others seldom, and write now and then; until it is dropped.
struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(place: Place) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..4)
            .map(|number| {
                let (over, place) = (Arc::clone(&over), place.clone());
                std::thread::spawn(move || {
                    let mut random = fastrand::Rng::with_seed(number);
                    while !over.load(Ordering::Relaxed) {
                        if let Ok(mut talk) = Talk::try_connect(&place) {
                            serve_as_load(&mut talk, &over, &mut random);
                        }
                        std::thread::sleep(Duration::from_millis(20));
                    }
                })
            })
            .collect();
        Self { over, threads }
    }
}

/// As long as the connection holds; errors are answers too.
fn serve_as_load(talk: &mut Talk, over: &AtomicBool, random: &mut fastrand::Rng) {
    talk.say_if(&["CLIENT", "SETNAME", NAME]);
    if talk.try_reply().is_err() {
        return;
    }
    while !over.load(Ordering::Relaxed) {
        for _ in 0..10 {
            let key = match random.u8(..100) {
                0..50 => "hot:1".to_owned(),
                50..70 => KEY.to_owned(),
                70..90 => format!("warm:{}", random.u8(..20)),
                _ => format!("cold:{}", random.u16(..)),
            };
            match random.u8(..50) {
                0 => talk.say_if(&["SET", &key, "value"]),
                1 => talk.say_if(&["LPUSH", "hot:1", "x"]), // an error, once the key is set
                _ => talk.say_if(&["GET", &key]),
            }
            if talk.try_reply().is_err() {
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// Where screenshots are left for whoever wants to look at them.
fn shots() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_nearside")).ancestors().nth(2).expect("a target directory");
    target.join("dashboard")
}

fn node() -> PathBuf {
    let installed = Path::new(DRIVERS).join("node_modules/playwright-core").is_dir();
    assert!(installed, "the Node clients are not installed: run `make test`, or once `make test-tools`");
    let path = std::env::var_os("NEARSIDE_TEST_NODE").filter(|path| !path.is_empty());
    path.expect("NEARSIDE_TEST_NODE is not set: run the tests with `make test`").into()
}

/// A Chromium, whichever there is.
fn browser() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    let mut all = names.iter().flat_map(|name| dirs.iter().map(move |dir| dir.join(name)));
    all.find(|path| path.is_file()).expect("no Chromium: run `make test`, or once `make test-tools`")
}
