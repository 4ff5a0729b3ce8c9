//! A real server on a Unix socket in a directory of its own, and a plain client for it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A running server; killed, and its directory removed, when dropped.
pub(crate) struct Server {
    child: Child,
    dir: PathBuf,
}

/// The servers to test against: Redis 7.0 from `PATH`, and others that the environment names.
pub(crate) fn binaries() -> Vec<String> {
    let named = ["NEARSIDE_VALKEY_SERVER", "NEARSIDE_REDIS8_SERVER"];
    let others = named.iter().filter_map(|name| std::env::var(name).ok()).filter(|path| !path.is_empty());
    std::iter::once("redis-server".to_owned()).chain(others).collect()
}

impl Server {
    /// Starts `binary` and waits until it answers.
    pub(crate) fn start(binary: &str, cluster: bool) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("nearside-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = Command::new(binary);
        command.args(["--port", "0", "--bind", "127.0.0.1", "--save", "", "--unixsocket", "s"]);
        if cluster {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            command.args(["--cluster-enabled", "yes", "--cluster-port", &free.to_string()]);
        }
        command.current_dir(&dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{binary}: {error}"));
        let server = Self { child, dir };
        server.await_ready();
        server
    }

    fn await_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.try_connect().is_none_or(|mut client| client.say(&["PING"]) != b"+PONG\r\n") {
            assert!(Instant::now() < deadline, "the server does not answer");
            std::thread::sleep(Duration::from_millis(5)); // between two attempts
        }
    }

    fn try_connect(&self) -> Option<Client> {
        let stream = UnixStream::connect(self.dir.join("s")).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        Some(Client { stream, buffer: Vec::new() })
    }

    /// A connection that speaks RESP2 or RESP3.
    pub(crate) fn connect(&self, proto: &str) -> Client {
        let mut client = self.try_connect().unwrap();
        assert!(!client.say(&["HELLO", proto]).starts_with(b"-"));
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// One connection.
pub(crate) struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Sends a command; the bytes of its reply.
    pub(crate) fn say<T: AsRef<[u8]>>(&mut self, words: &[T]) -> Vec<u8> {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        self.stream.write_all(&nearside::resp::request::encode(&words)).unwrap();
        loop {
            if let Some(end) = frame_end(&self.buffer) {
                return self.buffer.drain(..end).collect();
            }
            let mut chunk = [0; 65536];
            let n = self.stream.read(&mut chunk).unwrap();
            assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&words.join(&b' ')));
            self.buffer.extend_from_slice(&chunk[..n]);
        }
    }
}

/// Where the first frame of `bytes`, of either protocol, ends; `None` when it is not all there.
pub(crate) fn frame_end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut pending) = (0, 1u64);
    while pending > 0 {
        let line = at + bytes.get(at..)?.windows(2).position(|w| w == b"\r\n")?;
        let number =
            || u64::try_from(std::str::from_utf8(&bytes[at + 1..line]).ok()?.parse::<i64>().ok()?).ok();
        pending -= 1;
        let (body, children) = match bytes[at] {
            b'$' | b'=' | b'!' => (number().map_or(0, |n| n as usize + 2), 0),
            b'*' | b'~' | b'>' => (0, number().unwrap_or(0)),
            b'%' => (0, 2 * number().unwrap_or(0)),
            b'|' => (0, 1 + 2 * number().unwrap_or(0)),
            _ => (0, 0),
        };
        at = line + 2 + body;
        pending += children;
    }
    (at <= bytes.len()).then_some(at)
}
