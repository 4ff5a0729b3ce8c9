//! Listening for clients.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, SockRef, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::Stream;
use super::inherit::{From, Given, Inherited};
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
/// it and removes a Unix socket's file, if that is ours.
#[derive(Debug)]
pub struct Listener {
    bound: Bound,
    door: Door,
}

#[derive(Debug)]
struct Bound {
    socket: Socket<TcpListener, UnixListener>,
    /// Where a Unix socket is.
    path: PathBuf,
    /// Its file is ours, to be removed with it.
    file: bool,
    /// Whose it was, if we have not opened it.
    from: Option<From>,
}

#[derive(Debug)]
enum Socket<T, U> {
    Tcp(T),
    Unix(U),
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.file {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Binds every address that `listen`, which is `door`, names, with an accept queue of `backlog`; those that
    /// are among the `inherited` are taken from there. Must run inside a tokio runtime, the one that will
    /// accept.
    pub fn bind(
        listen: &Listen,
        backlog: u32,
        door: Door,
        inherited: &mut Inherited,
    ) -> Result<Vec<Self>, BindError> {
        let bound = Bound::bind(listen, backlog, inherited)?;
        Ok(bound.into_iter().map(|bound| Self { bound, door }).collect())
    }

    /// Which of the configured addresses it is.
    pub fn door(&self) -> Door {
        self.door
    }

    /// Where clients reach it, in the form settings use.
    pub fn address(&self) -> Listen {
        match &self.bound.socket {
            Socket::Tcp(listener) => listener.local_addr().map_or_else(
                |_| Listen::Tcp(String::new(), 0),
                |a| Listen::Tcp(a.ip().to_string(), a.port()),
            ),
            Socket::Unix(_) => Listen::Unix(self.bound.path.clone()),
        }
    }

    /// The next client. Cancel safe: no client is lost.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let socket = match &self.bound.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = std::task::ready!(listener.poll_accept(cx))?;
                Socket::Tcp(stream.into_std()?)
            }
            Socket::Unix(listener) => {
                let (stream, _) = std::task::ready!(listener.poll_accept(cx))?;
                Socket::Unix(stream.into_std()?)
            }
        };
        Poll::Ready(Ok(Accepted { socket, door: self.door }))
    }

    /// A client that is queued, by the system's account: events may be late. `None`: nobody is.
    pub fn accept_queued(&self) -> io::Result<Option<Accepted>> {
        let queue = match &self.bound.socket {
            Socket::Tcp(listener) => SockRef::from(listener),
            Socket::Unix(listener) => SockRef::from(listener),
        };
        let client = match queue.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        client.set_nonblocking(true)?;
        let socket = match &self.bound.socket {
            Socket::Tcp(_) => Socket::Tcp(client.into()),
            Socket::Unix(_) => Socket::Unix(client.into()),
        };
        Ok(Some(Accepted { socket, door: self.door }))
    }

    /// Whether a manager keeps the socket: clients may go on queueing when we have closed it.
    pub fn is_lent(&self) -> bool {
        self.bound.from == Some(From::Manager)
    }

    /// Whether the file of a Unix socket is ours.
    pub fn has_file(&self) -> bool {
        self.bound.file
    }

    /// Which of the sockets that the process before us has handed over this is.
    pub fn predecessors(&self) -> Option<usize> {
        match self.bound.from? {
            From::Predecessor { number, .. } => Some(number),
            From::Manager => None,
        }
    }

    /// The process before us has let go of the socket: a file that was its own is ours now.
    pub fn adopt(&mut self) {
        self.bound.file |= matches!(self.bound.from, Some(From::Predecessor { file: true, .. }));
    }

    /// Closes it for this process only: its file belongs to another one now.
    pub fn leave_file(mut self) {
        self.bound.file = false;
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.bound.socket {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Bound {
    fn bind(listen: &Listen, backlog: u32, inherited: &mut Inherited) -> Result<Vec<Self>, BindError> {
        let failed = |source| BindError { listen: listen.clone(), source };
        match listen {
            Listen::Unix(path) => {
                let bound = match inherited.take_path(path) {
                    Some(given) => Self::unix(given, path),
                    None => bind_unix(path, backlog),
                };
                Ok(vec![bound.map_err(failed)?])
            }
            Listen::Tcp(host, port) => {
                let addrs = (host.as_str(), *port).to_socket_addrs().map_err(failed)?;
                let bind = |addr| inherited.take(addr).map_or_else(|| bind_tcp(addr, backlog), Self::tcp);
                // A name such as `localhost` may have an IPv6 address on a machine without IPv6.
                let (bound, errors): (Vec<_>, Vec<_>) = addrs.map(bind).partition(Result::is_ok);
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

    fn tcp(given: Given) -> io::Result<Self> {
        let socket = std::net::TcpListener::from(given.socket);
        socket.set_nonblocking(true)?;
        let socket = Socket::Tcp(TcpListener::from_std(socket)?);
        Ok(Self { socket, path: PathBuf::new(), file: false, from: Some(given.from) })
    }

    fn unix(given: Given, path: &Path) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::from(given.socket);
        socket.set_nonblocking(true)?;
        let socket = Socket::Unix(UnixListener::from_std(socket)?);
        Ok(Self { socket, path: path.to_owned(), file: false, from: Some(given.from) })
    }
}

/// A client that has been accepted on one thread and will be served on another.
#[derive(Debug)]
pub struct Accepted {
    socket: Socket<std::net::TcpStream, std::os::unix::net::UnixStream>,
    door: Door,
}

impl Accepted {
    /// By which address it has come.
    pub fn door(&self) -> Door {
        self.door
    }

    /// The address it has come from; `None` for a Unix socket.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        match &self.socket {
            Socket::Tcp(stream) => stream.peer_addr().ok().map(|peer| peer.ip().to_canonical()),
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
    let socket = Socket::Tcp(TcpListener::from_std(socket.into())?);
    Ok(Bound { socket, path: PathBuf::new(), file: false, from: None })
}

fn bind_unix(path: &Path, backlog: u32) -> io::Result<Bound> {
    // A socket file nobody answers on is what a killed process left behind.
    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path)?;
    }
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let socket = Socket::Unix(UnixListener::from_std(socket.into())?);
    Ok(Bound { socket, path: path.to_owned(), file: true, from: None })
}
