//! A redis-server that can be killed, frozen and revived, a proxy before it, and a small client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nearside::config::{Config, Endpoint, Listen};
use nearside::{Handle, Proxy};

/// Far beyond what anything here takes; reached only by a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Waits until `what` holds.
pub(crate) fn until(why: &str, mut what: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < end, "never: {why}");
        sleep(ms(5));
    }
}

/// A directory that goes with its test.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ns-flt-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).expect("a directory for the test");
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A redis-server of the test's own on a Unix socket, without persistence.
pub(crate) struct Redis {
    dir: Dir,
    child: Option<Child>,
    args: Vec<String>,
}

impl Redis {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut redis =
            Self { dir: Dir::new(), child: None, args: args.iter().map(ToString::to_string).collect() };
        redis.revive();
        redis
    }

    /// Where it listens, whether it runs or not.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.0.join("s")
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.socket())
    }

    /// Starts it (again) and waits until it answers.
    pub(crate) fn revive(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "s", "--dir"])
            .arg(&self.dir.0)
            .args(&self.args)
            .current_dir(&self.dir.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server runs");
        self.child = Some(child);
        until("redis answers", || {
            let said = self.try_direct().and_then(|mut c| c.try_ask("PING"));
            said.is_ok_and(|said| !said.starts_with("-LOADING "))
        });
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill runs").success());
    }

    fn try_direct(&self) -> io::Result<Client> {
        Client::unix(UnixStream::connect(self.socket())?)
    }

    /// A client without the proxy between.
    pub(crate) fn direct(&self) -> Client {
        self.try_direct().expect("redis listens")
    }

    /// Its connections from the proxy, as lines of `CLIENT LIST`.
    pub(crate) fn of_proxy(&self) -> Vec<String> {
        let list = self.direct().ask("CLIENT LIST");
        list.lines().filter(|line| line.contains("name=nearside")).map(str::to_owned).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Settings for tests: two workers, a free port, short patience towards the upstream.
pub(crate) fn config(endpoint: Endpoint) -> Config {
    let mut config =
        Config { listen: vec![Listen::Tcp("127.0.0.1".into(), 0)], workers: 2, ..Config::default() };
    // Tests empty their servers.
    config.rules.block.clear();
    config.upstream.endpoint = endpoint;
    config.upstream.origin = "the test".into();
    config
}

/// A proxy inside the test's process; dropping it stops it.
pub(crate) struct Near {
    handle: Handle,
}

impl Near {
    pub(crate) fn start(config: Config) -> Self {
        Self { handle: Proxy::start(config, None).expect("the proxy starts") }
    }

    pub(crate) fn before(redis: &Redis) -> Self {
        Self::start(config(redis.endpoint()))
    }

    pub(crate) fn port(&self) -> u16 {
        match &self.handle.addresses()[0] {
            Listen::Tcp(_, port) => *port,
            Listen::Unix(_) => unreachable!("tests listen on TCP"),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::tcp(self.port())
    }

    /// Asks it to end in order.
    pub(crate) fn drain(&self) {
        self.handle.drain();
    }

    /// Waits for its end.
    pub(crate) fn wait(self) {
        self.handle.wait();
    }

    /// Upstream connections: in the budget, and pinned.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let info = self.client().ask("NEARSIDE INFO");
        let of = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)).expect("a figure");
            line.trim().parse().expect("a number")
        };
        (of("nearside_upstream_connections:"), of("nearside_pinned_upstream_connections:"))
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read(buf),
            Self::Unix(s) => s.read(buf),
        }
    }
}

/// A client that sends what it is told and puts replies in one line.
pub(crate) struct Client(BufReader<Socket>);

/// The words of `line` as a request.
pub(crate) fn request(line: &str) -> Vec<u8> {
    encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

pub(crate) fn encode(words: &[&[u8]]) -> Vec<u8> {
    nearside::resp::request::encode(words)
}

impl Client {
    pub(crate) fn tcp(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the proxy listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self(BufReader::with_capacity(64 * 1024, Socket::Tcp(stream)))
    }

    /// A client at a Unix socket.
    pub(crate) fn at(path: &std::path::Path) -> io::Result<Self> {
        Self::unix(UnixStream::connect(path)?)
    }

    fn unix(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(Socket::Unix(stream))))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).expect("the peer takes it");
    }

    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.0.get_mut() {
            Socket::Tcp(s) => s.write_all(bytes),
            Socket::Unix(s) => s.write_all(bytes),
        }
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.write(&request(line));
    }

    /// Whether anything has come, now.
    pub(crate) fn has_something(&mut self) -> bool {
        let set = match self.0.get_mut() {
            Socket::Tcp(s) => s.set_nonblocking(true),
            Socket::Unix(s) => s.set_nonblocking(true),
        };
        set.expect("it does not block");
        self.0.fill_buf().is_ok_and(|bytes| !bytes.is_empty())
    }

    /// How long it waits for anything; 60 s by itself.
    pub(crate) fn patience(&mut self, limit: Duration) {
        let set = match self.0.get_mut() {
            Socket::Tcp(s) => s.set_read_timeout(Some(limit)),
            Socket::Unix(s) => s.set_read_timeout(Some(limit)),
        };
        set.expect("a timeout");
    }

    /// Another handle to the same socket, to write while this one reads.
    pub(crate) fn writer(&self) -> TcpStream {
        match self.0.get_ref() {
            Socket::Tcp(s) => s.try_clone().expect("a handle"),
            Socket::Unix(_) => unreachable!("only TCP clients are split"),
        }
    }

    pub(crate) fn half_close(&mut self) {
        self.writer().shutdown(Shutdown::Write).expect("half closed");
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.try_ask(line).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    pub(crate) fn try_ask(&mut self, line: &str) -> io::Result<String> {
        self.try_write(&request(line))?;
        self.try_reply()
    }

    pub(crate) fn reply(&mut self) -> String {
        self.try_reply().expect("a reply")
    }

    /// Whether the peer closes without another word.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.0.fill_buf().map(<[u8]>::len), Ok(0) | Err(_))
    }

    /// Bulk strings as they are, `nil`, and everything else as on the wire; aggregates in brackets.
    pub(crate) fn try_reply(&mut self) -> io::Result<String> {
        let mut head = String::new();
        self.0.read_line(&mut head)?;
        let Some(head) = head.strip_suffix("\r\n") else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        let (kind, rest) = head.split_at(1);
        let count = || rest.parse::<i64>().map_err(|_| io::Error::other(format!("not RESP: {head:?}")));
        match kind {
            "$" | "=" | "*" | "%" | ">" | "~" if rest == "-1" => Ok("nil".into()),
            "_" => Ok("nil".into()),
            "$" | "=" => {
                let mut bulk = vec![0; usize::try_from(count()?).unwrap_or(0) + 2];
                self.0.read_exact(&mut bulk)?;
                bulk.truncate(bulk.len() - 2);
                Ok(String::from_utf8_lossy(&bulk).into_owned())
            }
            "*" | ">" | "~" => self.aggregate(count()?),
            "%" => self.aggregate(2 * count()?),
            "+" | "-" | ":" | "," | "#" | "(" => Ok(head.to_owned()),
            _ => Err(io::Error::other(format!("not RESP: {head:?}"))),
        }
    }

    fn aggregate(&mut self, count: i64) -> io::Result<String> {
        let parts: io::Result<Vec<_>> = (0..count).map(|_| self.try_reply()).collect();
        Ok(format!("[{}]", parts?.join(" ")))
    }
}
