//! The program with a server behind it, and clients that take an end for what it is.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{Dir, PATIENCE, Place, Run, Server, Talk, binary, eventually};

/// A server, an address for the program, and where it is taken over.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) dir: Dir,
    pub(crate) port: u16,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self { server: Server::start(&[]), dir: Dir::new(), port: free_port() }
    }

    pub(crate) fn place(&self) -> Place {
        Place::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }

    /// Where it is asked how it is.
    pub(crate) fn admin(&self) -> PathBuf {
        self.dir.join("a")
    }

    /// The status of the answer to `GET path`.
    pub(crate) fn get(&self, path: &str) -> u16 {
        let mut stream = UnixStream::connect(self.admin()).expect("it can be asked");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// A second address: a Unix socket.
    pub(crate) fn unix(&self) -> PathBuf {
        self.dir.join("n")
    }

    pub(crate) fn takeover(&self) -> PathBuf {
        self.dir.join("t")
    }

    pub(crate) fn upstream(&self) -> String {
        let Place::Unix(path) = self.server.place() else { panic!("servers are on Unix sockets") };
        format!("unix://{}", path.display())
    }

    /// The program on both addresses, with these flags besides.
    pub(crate) fn command(&self, flags: &[&str]) -> Command {
        let mut command = binary();
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--listen", &format!("unix:{}", self.unix().display())]);
        command.args(["--admin-listen", &format!("unix:{}", self.admin().display())]);
        command.args(["--upstream", &self.upstream(), "--workers", "2"]).args(flags);
        command
    }

    /// Runs it and waits until it serves.
    pub(crate) fn start(&self, flags: &[&str]) -> Run {
        let mut run = Run::start(&mut self.command(flags));
        run.says("listening on");
        run
    }

    /// The same, taking over from the one that runs, if one does.
    pub(crate) fn start_next(&self, flags: &[&str]) -> Run {
        let takeover = self.takeover();
        let mut all = vec!["--takeover", takeover.to_str().expect("a path of letters")];
        all.extend(flags);
        self.start(&all)
    }

    pub(crate) fn connect(&self) -> Talk {
        Talk::connect(&self.place())
    }
}

/// A port that is free, and that no other test takes meanwhile: none of those the system gives to who asks for
/// any, nor to a client.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id() * 61) % 16_000;
        let port = 12_000 + u16::try_from(next).expect("below 16,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// The next reply; `None` at a clean end between two replies. Anything else is no way to end.
pub(crate) fn reply_or_end(talk: &mut Talk) -> Option<Vec<u8>> {
    match talk.try_reply() {
        Ok(reply) => Some(reply),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            let rest = talk.until_closed();
            assert!(rest.is_empty(), "cut in the middle: {:?}", String::from_utf8_lossy(&rest));
            None
        }
        Err(error) => panic!("no clean end: {error}"),
    }
}

/// Sends, unless the other side has ended by now.
pub(crate) fn send(talk: &mut Talk, bytes: &[u8]) -> io::Result<()> {
    talk.stream.write_all(bytes)
}

/// What the line `name` of the section `# Nearside` says.
pub(crate) fn figure(talk: &mut Talk, name: &str) -> String {
    let info = talk.ask_text(&["INFO", "nearside"]);
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("nearside_{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {info}")).trim_end().to_owned()
}

/// Waits until a process of the program has this many sessions.
pub(crate) fn until_connected(talk: &mut Talk, count: usize) {
    eventually("they are connected", || {
        (figure(talk, "connected_clients") == count.to_string()).then_some(())
    });
}

/// The Python that has what tests need.
pub(crate) fn python() -> String {
    std::env::var("NEARSIDE_TEST_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// Waits until the process before `run` has ended, as `run` says, or has said before it was listened to.
pub(crate) fn until_alone(run: &mut Run) {
    let words = "the takeover is complete";
    if !run.said.iter().any(|line| line.contains(words)) {
        run.says(words);
    }
}
