//! Who owns the data directory: two at once, and one killed without warning.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nearside::embedded::{Error, Server};

use crate::rig::{Client, Dir, answers, ask, kill, path, settings, start, stop, within};

/// Names the data directory to the process that plays a Nearside to be killed.
const OWNER: &str = "NEARSIDE_TEST_EMBEDDED_OWNER";

#[tokio::test]
async fn of_two_owners_the_second_is_told_and_the_first_unharmed() {
    let dir = Dir::new("owners");
    let first = start(&dir.settings()).await;
    assert_eq!(ask(first.socket(), "SET kept yes").await, "+OK");
    let said = Server::start(&dir.settings(), path()).await.expect_err("it is taken").to_string();
    let data_dir = dir.0.join("data").canonicalize().expect("it exists");
    assert!(said.contains(&data_dir.display().to_string()), "{said}");
    assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    assert_eq!(ask(first.socket(), "GET kept").await, "yes");
    assert_eq!(first.status().borrow().restarts, 0);
    stop(first).await;
}

#[tokio::test]
async fn of_racing_starts_one_wins() {
    let dir = Dir::new("race");
    let (a, b, c) = (dir.settings(), dir.settings(), dir.settings());
    let (a, b, c) = within(async {
        tokio::join!(Server::start(&a, path()), Server::start(&b, path()), Server::start(&c, path()))
    })
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = [a, b, c].into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "{lost:?}");
    assert!(lost.iter().all(|lost| matches!(lost, Err(Error::Owned { .. }))), "{lost:?}");
    for server in won {
        stop(server.expect("a server")).await;
    }
}

/// Not a test of its own: run by the tests below in a process to be killed, with a directory to own.
#[tokio::test]
async fn owner_process() {
    let Some(data_dir) = std::env::var_os(OWNER) else { return };
    let _server = start(&settings(data_dir.into())).await;
    std::future::pending::<()>().await;
}

/// A Nearside in a process of its own. Killed when dropped; its server is then told to go as well.
struct Owner {
    process: Child,
    socket: PathBuf,
}

impl Owner {
    fn spawn(data_dir: &Path) -> Self {
        let process = Command::new(std::env::current_exe().expect("this test's binary"))
            .args(["--exact", "owners::owner_process", "--nocapture"])
            .env(OWNER, data_dir)
            .stdout(Stdio::null())
            .spawn()
            .expect("it runs");
        Self { process, socket: data_dir.join("server.sock") }
    }

    async fn start(data_dir: &Path) -> Self {
        let owner = Self::spawn(data_dir);
        answers(&owner.socket).await;
        owner
    }

    fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("reaped");
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        use std::io::{Read, Write};
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Ok(mut server) = std::os::unix::net::UnixStream::connect(&self.socket) {
            let _ = server.write_all(b"SHUTDOWN\r\n");
            // Until it closes the connection, it may still write into the directory.
            let _ = server.read_to_end(&mut Vec::new());
        }
    }
}

/// Counts up a key of its own until the server is gone; returns the last number acknowledged.
async fn write_until_cut(socket: PathBuf, key: usize) -> u64 {
    let mut acknowledged = 0;
    let mut client = Client::connect(&socket).await.expect("it listens");
    while let Ok(reply) = client.ask(&format!("INCR writer:{key}")).await {
        // Anything else is a refusal (it is on its way out), and so not an acknowledgement.
        let Some(count) = reply.strip_prefix(':').and_then(|count| count.parse().ok()) else { break };
        acknowledged = count;
    }
    acknowledged
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_nearside_is_killed_under_load() {
    const WRITERS: usize = 8;
    let dir = Dir::new("orphan");
    let data_dir = dir.0.join("data");
    let mut owner = Owner::start(&data_dir).await;
    let writers: Vec<_> =
        (0..WRITERS).map(|key| tokio::spawn(write_until_cut(owner.socket.clone(), key))).collect();
    let mut watcher = Client::connect(&owner.socket).await.expect("it listens");
    let mut reached = async |count: u64| {
        while watcher.ask("GET writer:0").await.expect("it answers").parse::<u64>().unwrap_or(0) < count {}
    };
    within(reached(500)).await;
    let before = fs::read_to_string(data_dir.join("server.pid")).expect("a pid");
    owner.kill();
    // The orphan goes on serving its clients, and they on writing, until the next start takes over.
    within(reached(2_000)).await;
    let server = start(&settings(data_dir)).await;
    assert_ne!(server.status().borrow().pid.map(|pid| pid.to_string()).as_deref(), Some(before.trim()));
    let mut total = 0;
    for (key, writer) in writers.into_iter().enumerate() {
        let acknowledged = within(writer).await.expect("the writer ends");
        let kept = ask(server.socket(), &format!("GET writer:{key}")).await;
        let kept = kept.parse::<u64>().expect("a count");
        // One more may have been done whose reply the end cut off.
        assert!(
            (acknowledged..=acknowledged + 1).contains(&kept),
            "acknowledged {acknowledged}, kept {kept}"
        );
        total += acknowledged;
    }
    assert!(total > 2_000, "there was load: {total}");
    stop(server).await;
}

#[tokio::test]
async fn nearside_and_its_server_both_killed_lose_nothing_either() {
    let dir = Dir::new("both");
    let data_dir = dir.0.join("data");
    let mut owner = Owner::start(&data_dir).await;
    assert_eq!(ask(&owner.socket, "SET kept yes").await, "+OK");
    let pid = fs::read_to_string(data_dir.join("server.pid")).expect("a pid");
    owner.kill();
    kill(pid.trim().parse().expect("a number"), "-9");
    let server = start(&settings(data_dir)).await;
    assert_eq!(ask(server.socket(), "GET kept").await, "yes");
    stop(server).await;
}

#[tokio::test]
async fn killed_in_the_middle_of_its_start_it_leaves_nothing_in_the_way() {
    let dir = Dir::new("early");
    let data_dir = dir.0.join("data");
    for sign in ["owner.lock", "nearside.conf", "server.out", "server.log", "server.pid", "server.sock"] {
        let mut owner = Owner::spawn(&data_dir);
        let seen = async {
            while fs::symlink_metadata(data_dir.join(sign)).is_err() {
                tokio::task::yield_now().await;
            }
        };
        within(seen).await;
        owner.kill();
        let server = start(&settings(data_dir.clone())).await;
        assert!(ask(server.socket(), "INCR count").await.starts_with(':'), "{sign}");
        stop(server).await;
        let _ = fs::remove_dir_all(&data_dir);
    }
}

#[tokio::test]
async fn a_live_owner_in_another_process_is_named() {
    let dir = Dir::new("alive");
    let data_dir = dir.0.join("data");
    let owner = Owner::start(&data_dir).await;
    let refused = Server::start(&settings(data_dir), path()).await.expect_err("it is taken");
    assert!(matches!(refused, Error::Owned { pid: Some(pid), .. } if pid == owner.process.id()), "{refused}");
    assert_eq!(ask(&owner.socket, "PING").await, "+PONG");
}
