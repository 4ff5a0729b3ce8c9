//! Listening for clients.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::Stream;
use crate::config::Listen;

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

/// A bound address on which clients queue until [`Listener::accept`] takes them. Dropping it closes
/// it and removes a Unix socket's file.
#[derive(Debug)]
pub enum Listener {
    /// A TCP address.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, removed on drop.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds every address that `listen` names, with an accept queue of `backlog`. Must run inside a
    /// tokio runtime, the one that will accept.
    pub fn bind(listen: &Listen, backlog: u32) -> Result<Vec<Self>, BindError> {
        let failed = |source| BindError { listen: listen.clone(), source };
        match listen {
            Listen::Unix(path) => Ok(vec![bind_unix(path, backlog).map_err(failed)?]),
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

    /// Where clients reach it, in the form settings use.
    pub fn address(&self) -> Listen {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(
                |_| Listen::Tcp(String::new(), 0),
                |a| Listen::Tcp(a.ip().to_string(), a.port()),
            ),
            Self::Unix(_, file) => Listen::Unix(file.0.clone()),
        }
    }

    /// The next client. Cancel safe: no client is lost.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = std::task::ready!(listener.poll_accept(cx))?;
                Poll::Ready(stream.into_std().map(Accepted::Tcp))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = std::task::ready!(listener.poll_accept(cx))?;
                Poll::Ready(stream.into_std().map(Accepted::Unix))
            }
        }
    }
}

/// A client that has been accepted on one thread and will be served on another.
#[derive(Debug)]
pub enum Accepted {
    /// Over TCP.
    Tcp(std::net::TcpStream),
    /// Over a Unix socket.
    Unix(std::os::unix::net::UnixStream),
}

impl Accepted {
    /// Hands it to the runtime of the calling thread.
    pub fn register(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(stream) => TcpStream::from_std(stream).map(Stream::Tcp),
            Self::Unix(stream) => UnixStream::from_std(stream).map(Stream::Unix),
        }
    }

    /// Says `words`, if the socket takes them at once, and closes.
    pub fn turn_away(self, words: &[u8]) {
        let _ = match self {
            Self::Tcp(mut stream) => stream.write(words),
            Self::Unix(mut stream) => stream.write(words),
        };
    }
}

fn bind_tcp(addr: SocketAddr, backlog: u32) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // Restarting must not wait for the last run's connections to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(Listener::Tcp(TcpListener::from_std(socket.into())?))
}

fn bind_unix(path: &Path, backlog: u32) -> io::Result<Listener> {
    // A socket file nobody answers on is what a killed process left behind.
    if path.exists()
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(Listener::Unix(UnixListener::from_std(socket.into())?, SocketFile(path.to_owned())))
}
