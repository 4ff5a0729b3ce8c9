//! The program itself: `check`, `wait`, and how it stops.

mod common;

use std::path::PathBuf;
use std::process::Output;

use common::{Dir, Place, Run, Server, Talk, binary, eventually, signal};

const BAD_CONFIG: i32 = 78;

fn file(dir: &Dir, text: &str) -> PathBuf {
    let path = dir.join("nearside.toml");
    std::fs::write(&path, text).expect("a file");
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn upstream(server: &Server) -> String {
    let Place::Unix(path) = server.place() else { unreachable!("it is on a Unix socket") };
    format!("unix://{}", path.display())
}

fn check(file: &PathBuf, env: &[(&str, &str)]) -> Output {
    binary().arg("check").arg("--config").arg(file).envs(env.iter().copied()).output().expect("it runs")
}

#[test]
fn a_good_file_is_printed_with_origins_and_masked_secrets() {
    let dir = Dir::new();
    let file = file(&dir, "maxclients = 77\n[upstream]\nuri = \"redis://app:hunter2@db.example:6390/2\"\n");
    let output = check(&file, &[("NEARSIDE_TIMEOUT", "30"), ("REDIS_MAX_CONNECTIONS", "20")]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{err}");
    let line = |key: &str| {
        let found = out.lines().find(|line| line.split_whitespace().next() == Some(key));
        found.unwrap_or_else(|| panic!("no {key} in\n{out}")).to_owned()
    };
    assert!(line("maxclients").contains("77") && line("maxclients").contains("nearside.toml:1"), "{out}");
    assert!(line("timeout").contains("30") && line("timeout").contains("NEARSIDE_TIMEOUT"), "{out}");
    assert!(line("upstream.max_connections").contains("20"), "{out}");
    assert!(line("upstream.username").contains("app"), "{out}");
    assert!(line("tcp_backlog").contains("511") && line("tcp_backlog").contains("default"), "{out}");
    assert!(!format!("{out}{err}").contains("hunter2"), "{out}{err}");
}

#[test]
fn every_problem_is_said_at_once_and_no_secret() {
    let dir = Dir::new();
    let file = file(
        &dir,
        "maxclient = 5\nworkers = \"many\"\n[upstream]\npassword = \"hunter2\"\nsocket_timeout = \"-3\"\n[limits]\nlarge = \"1 parsec\"\n",
    );
    let env = [
        ("REDIS_MAX_CONNECTIONS", "lots"),
        ("NEARSIDE_DRAIN_TIMEOUT", "soon"),
        ("REDIS_URI", "redis://:swordfish@[bad"),
    ];
    let output = check(&file, &env);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(BAD_CONFIG), "{err}");
    for words in [
        "maxclients",
        "nearside.toml:1",
        "nearside.toml:2",
        "nearside.toml:5",
        "nearside.toml:7",
        "REDIS_MAX_CONNECTIONS",
        "NEARSIDE_DRAIN_TIMEOUT",
        "REDIS_URI",
    ] {
        assert!(err.contains(words), "{words} is not in\n{err}");
    }
    for secret in ["hunter2", "swordfish"] {
        assert!(!format!("{out}{err}").contains(secret), "{out}{err}");
    }
}

#[test]
fn rights_that_cannot_be_read_are_said_and_no_secret() {
    let dir = Dir::new();
    let file = file(&dir, "[[users]]\nname = \"app\"\nacl = \"on >hunter2 ~app:* +gett\"\n");
    let output = check(&file, &[]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(BAD_CONFIG), "{err}");
    assert!(err.contains("users: app") && err.contains("gett"), "{err}");
    assert!(!format!("{out}{err}").contains("hunter2"), "{out}{err}");
    let run = binary().args(["--listen", "127.0.0.1:0", "--config"]).arg(&file).output().expect("it runs");
    assert_eq!(run.status.code(), Some(BAD_CONFIG), "{}", text(&run.stderr));
}

#[test]
fn the_near_cache_is_printed_with_what_this_machine_gives_it() {
    let dir = Dir::new();
    let file = file(&dir, "[cache]\ninclude = [\"api:notion:* max_age=30s\", \"api:*\"]\n");
    let output = check(&file, &[("REDIS_CACHE_ENABLED", "false"), ("NEARSIDE_CACHE_POLICY", "allkeys-lfu")]);
    let out = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let line = |key: &str| {
        let found = out.lines().find(|line| line.split_whitespace().next() == Some(key));
        found.unwrap_or_else(|| panic!("no {key} in\n{out}")).to_owned()
    };
    assert!(line("cache.include").contains("api:notion:* max_age=30s,api:*"), "{out}");
    assert!(line("cache.policy").contains("allkeys-lfu"), "{out}");
    assert!(line("features.cache").contains("REDIS_CACHE_ENABLED"), "{out}");
    let size = line("cache.memory").split_whitespace().nth(1).expect("a size").to_owned();
    let stamps = line("cache.stamps").split_whitespace().nth(1).and_then(|n| n.parse::<u32>().ok());
    assert!(size != "-" && line("cache.memory").ends_with("default"), "{out}");
    assert!(stamps.is_some_and(u32::is_power_of_two), "{out}");

    let output = check(&file, &[("NEARSIDE_CACHE_POLICY", "volatile-lru"), ("NEARSIDE_CACHE_MODE", "tttl")]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(BAD_CONFIG), "{err}");
    assert!(err.contains("write allkeys-lru") && err.contains("did you mean ttl?"), "{err}");
}

#[test]
fn what_cannot_run_ends_with_the_code_for_it() {
    let dir = Dir::new();
    let missing = check(&dir.join("none.toml"), &[]);
    assert_eq!(missing.status.code(), Some(BAD_CONFIG));
    assert!(text(&missing.stderr).contains("none.toml"));
    // The same holds for running it, and for what only starting can find out.
    let own = ["--listen", "127.0.0.1:6399", "--upstream", "redis://127.0.0.1:6399"];
    for args in [&["--listen", "nonsense"][..], &["--log-level", "loud"], &["--set", "nosuch=1"], &own] {
        let output = binary().args(args).output().expect("it runs");
        assert_eq!(output.status.code(), Some(BAD_CONFIG), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn the_reference_is_a_file_that_check_takes() {
    let dir = Dir::new();
    let reference = binary().args(["check", "--reference"]).output().expect("it runs");
    assert!(reference.status.success());
    let file = file(&dir, &text(&reference.stdout));
    let output = check(&file, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn wait_waits_until_it_answers() {
    let server = Server::start(&[]);
    let dir = Dir::new();
    let listen = format!("unix:{}", dir.join("n").display());
    let waiting = |limit: &str| {
        let mut command = binary();
        command.args(["wait", "--timeout", limit, "--listen", &listen]);
        command
    };
    let early = waiting("100ms").output().expect("it runs");
    assert!(!early.status.success());
    assert!(text(&early.stderr).contains(&listen), "{}", text(&early.stderr));
    let mut waiter = Run::start(&mut waiting("20s"));
    let mut run = Run::start(binary().args(["--listen", &listen, "--upstream", &upstream(&server)]));
    run.says("listening on");
    assert!(waiter.end().success());
    assert!(waiting("5s").output().expect("it runs").status.success());
}

#[test]
fn wait_is_not_content_with_an_upstream_that_is_away() {
    let dir = Dir::new();
    let listen = format!("unix:{}", dir.join("n").display());
    let nowhere = format!("unix://{}", dir.join("none").display());
    let mut run = Run::start(binary().args([
        "--listen",
        &listen,
        "--upstream",
        &nowhere,
        "--set",
        "upstream.timeout=100ms",
    ]));
    run.says("listening on");
    let output =
        binary().args(["wait", "--timeout", "300ms", "--listen", &listen]).output().expect("it runs");
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("UPSTREAMDOWN"), "{}", text(&output.stderr));
}

/// The program on a Unix socket, and a client that has spoken.
fn running(server: &Server, dir: &Dir, more: &[&str]) -> (Run, Talk) {
    let path = dir.join("n");
    let listen = format!("unix:{}", path.display());
    let mut run =
        Run::start(binary().args(["--listen", &listen, "--upstream", &upstream(server)]).args(more));
    run.says("listening on");
    let mut talk = Talk::connect(&Place::Unix(path));
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    (run, talk)
}

#[test]
fn sigterm_and_sigint_drain() {
    for name in ["TERM", "INT"] {
        let (server, dir) = (Server::start(&[]), Dir::new());
        let (mut run, mut talk) = running(&server, &dir, &[]);
        assert_eq!(talk.ask(&["MULTI"]), b"+OK\r\n");
        assert_eq!(talk.ask(&["GET", "k"]), b"+QUEUED\r\n");
        signal(run.pid(), name);
        run.says("draining");
        assert_eq!(talk.ask(&["EXEC"]), b"*1\r\n$1\r\nv\r\n");
        assert_eq!(talk.until_closed(), b"");
        assert_eq!(run.end().code(), Some(0), "{name}");
        assert!(!dir.join("n").exists());
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (server, dir) = (Server::start(&[]), Dir::new());
    let (mut run, mut talk) = running(&server, &dir, &["--drain-timeout", "1h"]);
    assert_eq!(talk.ask(&["MULTI"]), b"+OK\r\n");
    signal(run.pid(), "TERM");
    run.says("draining");
    assert!(run.runs());
    // Its handler is there a moment after those words: until then a signal may still be swallowed.
    eventually("it ends", || {
        if !run.runs() {
            return Some(());
        }
        signal(run.pid(), "TERM");
        None
    });
    assert_eq!(run.end().code(), Some(130));
}
