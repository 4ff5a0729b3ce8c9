//! A service manager: sockets it opens, and what it is told.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{PATIENCE, Place, Run, Talk, eventually, signal};
use crate::rig::{Rig, figure, free_port, python, reply_or_end};

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().filter(|text| !text.is_empty())
}

/// A program that starts ours, with nothing of this process's environment but `PATH`.
fn manager(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Whether a process takes SIGTERM for what it is, as the system says.
fn catches_term(pid: u32) -> bool {
    let status = read(Path::new(&format!("/proc/{pid}/status"))).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 << 14 != 0)
}

#[test]
fn sockets_of_a_manager_are_used_and_outlive_the_program() {
    let rig = Rig::new();
    let (told, pid, local) = (rig.dir.join("port"), rig.dir.join("port.pid"), rig.unix());
    let mut command = manager(python());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upgrade/launcher.py"));
    command.arg(&local).arg(&told).arg(env!("CARGO_BIN_EXE_nearside"));
    command.args(["--listen", "127.0.0.1:PORT", "--listen", &format!("unix:{}", local.display())]);
    command.args(["--upstream", &rig.upstream(), "--workers", "1", "--admin-listen", "none"]);
    let mut manager = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut stdin = manager.stdin.take().expect("it is piped");
    let mut ends = BufReader::new(manager.stdout.take().expect("it is piped")).lines();
    let port = eventually("it has a port", || read(&told)?.parse::<u16>().ok());
    let place = Place::Tcp(([127, 0, 0, 1], port).into());
    // Nobody runs yet, and nobody is refused.
    let mut first = Talk::connect(&place);
    first.say(&["INCR", "n"]);
    for round in 0..3 {
        let _ = std::fs::remove_file(&pid);
        stdin.write_all(b"start\n").expect("it listens");
        assert_eq!(first.reply(), format!(":{}\r\n", 2 * round + 1).into_bytes());
        let mut over_unix = Talk::connect(&Place::Unix(local.clone()));
        assert_eq!(over_unix.ask(&["INCR", "n"]), format!(":{}\r\n", 2 * round + 2).into_bytes());
        let program = eventually("it runs", || read(&pid)?.parse::<u32>().ok());
        eventually("a signal is no longer fatal", || catches_term(program).then_some(()));
        signal(program, "TERM");
        assert_eq!(reply_or_end(&mut first), None);
        assert_eq!(reply_or_end(&mut over_unix), None);
        // While there is nobody, or just before: the queue is the manager's.
        first = Talk::connect(&place);
        first.say(&["INCR", "n"]);
        assert_eq!(ends.next().expect("it ends").expect("a line"), "0");
        assert!(local.exists(), "the manager's file is gone");
    }
    drop(stdin);
    let ended = manager.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("a socket that was handed in is not used: nobody (127.0.0.1:"), "{said}");
}

/// The real thing, where it is installed: it becomes the program when the first client comes.
#[test]
fn systemd_can_start_it_for_the_first_client() {
    let activate = Path::new("/usr/bin/systemd-socket-activate");
    if !activate.exists() {
        return;
    }
    let rig = Rig::new();
    let port = free_port().to_string();
    let mut command = manager(activate);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--fdname", "clients"]);
    command.arg(env!("CARGO_BIN_EXE_nearside"));
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--upstream", &rig.upstream()]);
    command.args(["--admin-listen", "none"]);
    let mut run = Run::start(command.stdin(Stdio::null()).stderr(Stdio::piped()));
    let place = Place::Tcp(([127, 0, 0, 1], port.parse().expect("a number")).into());
    let mut talk = eventually("it listens", || Talk::try_connect(&place).ok());
    assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
    run.says("listening on");
    signal(run.pid(), "TERM");
    assert_eq!(reply_or_end(&mut talk), None);
    assert!(run.end().success());
}

#[test]
fn a_manager_is_told_and_hears_that_it_lives() {
    let rig = Rig::new();
    let path = rig.dir.join("notify");
    let ear = UnixDatagram::bind(&path).expect("a socket");
    ear.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let hear = || {
        let mut buf = [0; 1024];
        let n = ear.recv(&mut buf).expect("it says something");
        String::from_utf8_lossy(&buf[..n]).into_owned()
    };
    let mut command = rig.command(&[]);
    let mut run = Run::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000"));
    let ready = hear();
    assert!(ready.starts_with("READY=1\nSTATUS=serving in front of unix://"), "{ready}");
    assert_eq!(figure(&mut rig.connect(), "phase"), "serving");
    (0..3).for_each(|_| assert_eq!(hear(), "WATCHDOG=1\n"));
    signal(run.pid(), "TERM");
    let last =
        eventually("it says that it stops", || Some(hear()).filter(|said| !said.starts_with("WATCHDOG")));
    assert_eq!(last, "STOPPING=1\nSTATUS=draining\n");
    assert!(run.end().success());
}
