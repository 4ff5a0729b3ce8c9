//! Hand-overs that do not come about: whoever serves goes on as if nothing had been.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::common::{PATIENCE, Run, Talk, binary, eventually, signal, stop};
use crate::rig::{Rig, figure, python};
use crate::takeover::{CACHING, until_hit};

/// Connects as a next process would.
fn ask(rig: &Rig) -> (UnixStream, BufReader<UnixStream>) {
    let stream = UnixStream::connect(rig.takeover()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let lines = BufReader::new(stream.try_clone().expect("a handle"));
    (stream, lines)
}

fn line(lines: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).expect("it says something");
    line.trim_end().to_owned()
}

/// It serves, and from its cache.
fn serves(rig: &Rig, talk: &mut Talk) {
    assert_eq!(rig.connect().ask(&["PING"]), b"+PONG\r\n");
    eventually("the cache is on again", || (figure(talk, "cache_suspended") == "0").then_some(()));
    until_hit(talk, "k");
}

#[test]
fn whoever_gives_up_changes_nothing() {
    let rig = Rig::new();
    let _run = rig.start_next(&CACHING);
    let mut talk = rig.connect();
    talk.ask(&["SET", "k", "v"]);
    until_hit(&mut talk, "k");
    // After its first word, after the sockets, and with a last word that is none.
    for last in [None, Some(""), Some("serving 99\n"), Some("serving x\n"), Some("thanks\n")] {
        let (mut stream, mut lines) = ask(&rig);
        stream.write_all(b"nearside takeover 1 test\n").expect("it listens");
        if let Some(last) = last {
            assert!(line(&mut lines).starts_with("socket 0 own 127.0.0.1:"));
            assert!(line(&mut lines).starts_with("socket 1 own unix:/"));
            assert!(line(&mut lines).starts_with("socket 2 own unix:/"));
            assert_eq!(line(&mut lines), "all");
            assert_eq!(figure(&mut talk, "cache_suspended"), "1");
            stream.write_all(last.as_bytes()).expect("it listens");
            if !last.is_empty() {
                assert!(line(&mut lines).starts_with("no "));
            }
        }
        drop((stream, lines));
        serves(&rig, &mut talk);
    }
}

#[test]
fn nonsense_is_refused() {
    let rig = Rig::new();
    let _run = rig.start_next(&CACHING);
    let mut talk = rig.connect();
    talk.ask(&["SET", "k", "v"]);
    until_hit(&mut talk, "k");
    let hits = figure(&mut talk, "cache_installs");
    let long = "x".repeat(100_000);
    for words in ["GET / HTTP/1.1\r\n", "nearside takeover 2 9.9\n", "\n", "\u{0}\u{1}\n", &long] {
        let (mut stream, mut lines) = ask(&rig);
        let _ = stream.write_all(words.as_bytes());
        let mut said = String::new();
        let _ = lines.read_to_string(&mut said);
        assert!(said.is_empty() || said.starts_with("no "), "{said}");
        if words.starts_with("nearside") {
            assert!(said.contains("hands over in another way"), "{said}");
        }
    }
    serves(&rig, &mut talk);
    assert_eq!(figure(&mut talk, "cache_installs"), hits, "what was kept was given up for nothing");
}

/// A next process that cannot serve says why and goes.
#[test]
fn a_next_one_that_cannot_serve_does_not_start() {
    let rig = Rig::new();
    let _run = rig.start_next(&CACHING);
    let mut talk = rig.connect();
    talk.ask(&["SET", "k", "v"]);
    let takeover = rig.takeover();
    let takeover = takeover.to_str().expect("letters");
    let listen = format!("127.0.0.1:{}", rig.port);
    let taken = rig.dir.join("file");
    std::fs::write(&taken, "").expect("a file");
    let nowhere = format!("unix://{}", rig.dir.join("nowhere").display());
    let not_here = format!("unix:{}", taken.display());
    for (flags, why) in [
        (vec!["--listen", &listen, "--upstream", &nowhere], "cannot take over at"),
        (vec!["--listen", &listen, "--upstream", "embedded"], "belongs to one process"),
        (vec!["--listen", &listen, "--listen", &not_here, "--upstream", &nowhere], "cannot listen on"),
    ] {
        let ended = binary()
            .args(flags)
            .args(["--takeover", takeover, "--admin-listen", "none"])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(why), "{said}");
        serves(&rig, &mut talk);
    }
    assert!(rig.unix().exists() && rig.takeover().exists());
}

#[test]
fn a_next_one_that_is_killed_at_any_time_changes_nothing() {
    let rig = Rig::new();
    let run = rig.start_next(&CACHING);
    let mut talk = rig.connect();
    talk.ask(&["SET", "k", "v"]);
    // Stands still, so that the next one waits for it, and dies with the sockets on their way to it.
    stop(run.pid());
    let takeover = rig.takeover();
    let next = Run::start(&mut rig.command(&["--takeover", takeover.to_str().expect("letters")]));
    eventually("it is connected", || {
        let sockets = std::fs::read_to_string("/proc/net/unix").expect("linux");
        // Under the name it was bound to before it got its own.
        let bound = format!("{}.{}", takeover.display(), run.pid());
        (sockets.lines().filter(|line| line.ends_with(&bound)).count() > 1).then_some(())
    });
    signal(next.pid(), "KILL");
    drop(next);
    signal(run.pid(), "CONT");
    serves(&rig, &mut talk);
}

/// As root one can be another user, and see that the socket is for its own user only.
#[test]
fn another_user_gets_nothing() {
    let rig = Rig::new();
    let mut run = rig.start_next(&[]);
    let mode = std::fs::metadata(rig.takeover()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let id = Command::new("id").arg("-u").output().expect("id runs");
    if id.stdout != b"0\n" {
        return;
    }
    let script = "import os, socket, sys
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
try:
    s.connect(sys.argv[1])
except PermissionError:
    sys.exit('denied')
try:
    s.sendall(b'nearside takeover 1 x\\n')
    answer = s.recv(100)
except (ConnectionResetError, BrokenPipeError):
    answer = b''
sys.exit('answer ' + repr(answer))";
    let other = |expected: &str| {
        let ended =
            Command::new(python()).args(["-c", script]).arg(rig.takeover()).output().expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(said.trim_end(), expected);
    };
    other("denied");
    // Even if somebody opens the door.
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(rig.takeover(), open).expect("it is ours");
    other("answer b''");
    run.says("a process of another user asked to take over: refused");
    assert_eq!(rig.connect().ask(&["PING"]), b"+PONG\r\n");
}
