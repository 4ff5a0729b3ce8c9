//! Real servers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use super::{Dir, Place, Talk, eventually};

/// A running redis-server that answers; killed, and its directory removed, when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    dir: Dir,
    port: u16,
}

impl Server {
    /// One on a Unix socket only. `args` are further settings, such as `--requirepass x`.
    pub fn start(args: &[&str]) -> Self {
        Self::start_of("redis-server", args)
    }

    /// Another program, such as a Valkey, on a Unix socket only.
    pub fn start_of(program: &str, args: &[&str]) -> Self {
        Self::try_start(program, args, 0).expect("it ends at once")
    }

    /// The servers to be had: `redis-server`, and those that the environment names.
    pub fn makes() -> Vec<String> {
        let named = ["NEARSIDE_VALKEY_SERVER", "NEARSIDE_REDIS8_SERVER"];
        let named = named.iter().filter_map(|name| std::env::var(name).ok()).filter(|path| !path.is_empty());
        std::iter::once("redis-server".to_owned()).chain(named).collect()
    }

    /// One on a free TCP port too.
    pub fn start_tcp(args: &[&str]) -> Self {
        // redis-server cannot pick a port itself, and somebody may take the one found free here.
        eventually("a redis-server on a free port", || Self::try_start("redis-server", args, free_port()))
    }

    /// One that speaks TLS on a free TCP port, too. `args` name its certificate.
    pub fn start_tls(args: &[&str]) -> (Self, u16) {
        eventually("a redis-server on a free port", || {
            let port = free_port();
            Some((Self::try_start_tls(port, args)?, port))
        })
    }

    /// One that speaks TLS on this port, which may be free only soon.
    pub fn start_tls_on(port: u16, args: &[&str]) -> Self {
        eventually("a redis-server on that port", || Self::try_start_tls(port, args))
    }

    fn try_start_tls(port: u16, args: &[&str]) -> Option<Self> {
        let port = port.to_string();
        let mut all = vec!["--tls-port", &port];
        all.extend(args);
        Self::try_start("redis-server", &all, 0)
    }

    fn try_start(program: &str, args: &[&str], port: u16) -> Option<Self> {
        let dir = Dir::new();
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--unixsocket", "s", "--save", ""]);
        command.args(["--enable-debug-command", "yes"]).args(args);
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut server = Self { child, dir, port };
        eventually("redis-server answers", || match server.child.try_wait() {
            Ok(Some(_)) => Some(false),
            _ => {
                let mut talk = Talk::try_connect(&server.place()).ok()?;
                talk.say(&["PING"]);
                let answer = talk.try_reply().ok()?;
                let others = [&b"-NOAUTH"[..], b"-ERR unknown command"];
                (answer == b"+PONG\r\n" || others.iter().any(|start| answer.starts_with(start)))
                    .then_some(true)
            }
        })
        .then_some(server)
    }

    /// Where its Unix socket is.
    pub fn place(&self) -> Place {
        Place::Unix(self.dir.join("s"))
    }

    /// Its TCP port; 0 if it has none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection straight to it.
    pub fn connect(&self) -> Talk {
        Talk::connect(&self.place())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
