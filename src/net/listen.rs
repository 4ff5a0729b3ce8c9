//! Listening for clients.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::Stream;
use crate::config::Listen;

/// The mode of what only its owner may reach.
const OWNER: u32 = 0o600;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {source}{}", hint(.source))]
pub struct BindError {
    listen: Listen,
    source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            " (another program has it: stop that, or set `listen` to another address)"
        }
        io::ErrorKind::PermissionDenied => " (ports below 1024 and system directories need privileges)",
        _ => "",
    }
}

/// By which of the configured addresses a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// Its place in the configuration: first those of `listen`, then those of `tls.listen`, from 0. An
    /// address that names several sockets is one.
    pub index: usize,
    /// TLS is spoken there.
    pub tls: bool,
}

/// A bound address on which clients queue until [`Listener::poll_accept`] takes them. Dropping it closes
/// it and removes a Unix socket's file.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    door: Door,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, removed on drop.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds every address that `listen`, which is `door`, names, with an accept queue of `backlog`. Must run
    /// inside a tokio runtime, the one that will accept.
    pub fn bind(listen: &Listen, backlog: u32, door: Door) -> Result<Vec<Self>, BindError> {
        let bound = Bound::bind(listen, backlog)?;
        Ok(bound.into_iter().map(|socket| Self { socket, door }).collect())
    }

    /// The same for an address that only this process's own user may reach, if it is a Unix socket.
    pub fn bind_private(listen: &Listen, backlog: u32, door: Door) -> Result<Vec<Self>, BindError> {
        let failed = |source| BindError { listen: listen.clone(), source };
        match listen {
            Listen::Tcp(..) => Self::bind(listen, backlog, door),
            Listen::Unix(path) => {
                let socket = bind_unix(path, backlog, Some(OWNER)).map_err(failed)?;
                Ok(vec![Self { socket, door }])
            }
        }
    }

    /// Which of the configured addresses it is.
    pub fn door(&self) -> Door {
        self.door
    }

    /// Where clients reach it, in the form settings use.
    pub fn address(&self) -> Listen {
        match &self.socket {
            Bound::Tcp(listener) => listener.local_addr().map_or_else(
                |_| Listen::Tcp(String::new(), 0),
                |a| Listen::Tcp(a.ip().to_string(), a.port()),
            ),
            Bound::Unix(_, file) => Listen::Unix(file.0.clone()),
        }
    }

    /// The next client. Cancel safe: no client is lost.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let socket = match &self.socket {
            Bound::Tcp(listener) => {
                let (stream, _) = std::task::ready!(listener.poll_accept(cx))?;
                Socket::Tcp(stream.into_std()?)
            }
            Bound::Unix(listener, _) => {
                let (stream, _) = std::task::ready!(listener.poll_accept(cx))?;
                Socket::Unix(stream.into_std()?)
            }
        };
        Poll::Ready(Ok(Accepted { socket, door: self.door }))
    }
}

impl Bound {
    fn bind(listen: &Listen, backlog: u32) -> Result<Vec<Self>, BindError> {
        let failed = |source| BindError { listen: listen.clone(), source };
        match listen {
            Listen::Unix(path) => Ok(vec![bind_unix(path, backlog, None).map_err(failed)?]),
            Listen::Tcp(host, port) => {
                let addrs = (host.as_str(), *port).to_socket_addrs().map_err(failed)?;
                // A name such as `localhost` may have an IPv6 address on a machine without IPv6.
                let (bound, errors): (Vec<_>, Vec<_>) =
                    addrs.map(|addr| bind_tcp(addr, backlog)).partition(Result::is_ok);
                let bound: Vec<Self> = bound.into_iter().flatten().collect();
                match errors.into_iter().find_map(Result::err) {
                    Some(source) if bound.is_empty() || source.kind() == io::ErrorKind::AddrInUse => {
                        Err(failed(source))
                    }
                    None if bound.is_empty() => Err(failed(io::Error::other("the name has no address"))),
                    _ => Ok(bound),
                }
            }
        }
    }
}

/// A client that has been accepted on one thread and will be served on another.
#[derive(Debug)]
pub struct Accepted {
    socket: Socket,
    door: Door,
}

#[derive(Debug)]
enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Accepted {
    /// By which address it has come.
    pub fn door(&self) -> Door {
        self.door
    }

    /// The address it has come from; `None` for a Unix socket.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        match &self.socket {
            Socket::Tcp(stream) => stream.peer_addr().ok().map(|peer| peer.ip()),
            Socket::Unix(_) => None,
        }
    }

    /// Hands it to the runtime of the calling thread. TLS is still to be spoken with it, if it came where
    /// that is spoken.
    pub fn register(self) -> io::Result<Stream> {
        match self.socket {
            Socket::Tcp(stream) => TcpStream::from_std(stream).map(Stream::Tcp),
            Socket::Unix(stream) => UnixStream::from_std(stream).map(Stream::Unix),
        }
    }

    /// Says `words`, if the socket takes them at once, and closes. Who expects TLS would take them for
    /// nonsense, and hears nothing.
    pub fn turn_away(self, words: &[u8]) {
        let _ = match self.socket {
            _ if self.door.tls => return,
            Socket::Tcp(mut stream) => stream.write(words),
            Socket::Unix(mut stream) => stream.write(words),
        };
    }
}

fn bind_tcp(addr: SocketAddr, backlog: u32) -> io::Result<Bound> {
    let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // Restarting must not wait for the last run's connections to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(Bound::Tcp(TcpListener::from_std(socket.into())?))
}

fn bind_unix(path: &Path, backlog: u32, mode: Option<u32>) -> io::Result<Bound> {
    // A socket file nobody answers on is what a killed process left behind.
    if path.exists()
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path)?;
    }
    let mut socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Some(mode) = mode {
        // Before there is a file: else others could connect until its mode is set.
        let file = File::from(OwnedFd::from(socket));
        let _ = file.set_permissions(Permissions::from_mode(mode));
        socket = OwnedFd::from(file).into();
    }
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    let file = SocketFile(path.to_owned());
    if let Some(mode) = mode {
        // Where the socket's own mode does not become the file's.
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(Bound::Unix(UnixListener::from_std(socket.into())?, file))
}
