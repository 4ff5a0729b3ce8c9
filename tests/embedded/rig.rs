//! What both halves need: a directory, settings, a small client, and patience.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nearside::config::Embedded as Settings;
use nearside::embedded::Server;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// Far beyond what anything here takes; reached only by a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A directory that goes with its test.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ns-emb-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a directory for the test");
        Self(dir)
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(self.0.join("data"))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn settings(data_dir: PathBuf) -> Settings {
    Settings {
        server: None,
        data_dir,
        maxmemory: 256 << 20,
        maxmemory_policy: "volatile-lru".into(),
        save: "900 1 300 10 60 10000".into(),
        appendonly: true,
        appendfsync: "everysec".into(),
    }
}

pub(crate) fn path() -> Option<OsString> {
    std::env::var_os("PATH")
}

pub(crate) async fn start(settings: &Settings) -> Server {
    within(Server::start(settings, path())).await.expect("it starts")
}

pub(crate) async fn stop(server: Server) {
    server.stop(PATIENCE).await.expect("it stops in order");
}

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

/// A client that knows just enough.
pub(crate) struct Client(pub(crate) BufReader<UnixStream>);

impl Client {
    pub(crate) async fn connect(socket: &Path) -> std::io::Result<Self> {
        Ok(Self(BufReader::new(UnixStream::connect(socket).await?)))
    }

    pub(crate) async fn ask(&mut self, line: &str) -> std::io::Result<String> {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await?;
        let mut head = String::new();
        self.0.read_line(&mut head).await?;
        if !head.ends_with("\r\n") {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(length) = head.strip_prefix('$').and_then(|length| length.trim().parse::<usize>().ok())
        else {
            return Ok(head.trim_end().to_owned());
        };
        let mut bulk = vec![0; length + 2];
        self.0.read_exact(&mut bulk).await?;
        bulk.truncate(length);
        Ok(String::from_utf8(bulk).expect("text"))
    }
}

pub(crate) async fn ask(socket: &Path, line: &str) -> String {
    let mut client = Client::connect(socket).await.expect("it listens");
    client.ask(line).await.expect("it answers")
}

/// Waits until something there answers PING.
pub(crate) async fn answers(socket: &Path) {
    let answer = async {
        loop {
            if let Ok(mut client) = Client::connect(socket).await
                && client.ask("PING").await.is_ok_and(|reply| reply == "+PONG")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(answer).await;
}

pub(crate) fn kill(pid: u32, signal: &str) {
    let done = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill runs");
    assert!(done.success());
}
