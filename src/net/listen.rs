//! Listening for clients.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};

use super::Stream;
use super::bound::{Bound, Socket};
use super::inherit::{From, Inherited, Offer};
use crate::config::Listen;

/// The mode of what only its owner may reach.
const OWNER: u32 = 0o600;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {source}{}", hint(.source))]
pub struct BindError {
    pub(super) listen: Listen,
    pub(super) source: io::Error,
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
        let bound = Bound::bind(listen, backlog, None, inherited)?;
        Ok(bound.into_iter().map(|bound| Self { bound, door }).collect())
    }

    /// The same for an address that only this process's own user may reach, if it is a Unix socket.
    pub fn bind_private(
        listen: &Listen,
        backlog: u32,
        door: Door,
        inherited: &mut Inherited,
    ) -> Result<Vec<Self>, BindError> {
        let bound = Bound::bind(listen, backlog, Some(OWNER), inherited)?;
        Ok(bound.into_iter().map(|bound| Self { bound, door }).collect())
    }

    /// Which of the configured addresses it is.
    pub fn door(&self) -> Door {
        self.door
    }

    /// Where clients reach it, in the form settings use.
    pub fn address(&self) -> Listen {
        self.bound.address()
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

    /// It, as another process could have it. Clients can queue until both are dropped.
    pub fn offer(&self) -> io::Result<Offer> {
        let socket = self.as_fd().try_clone_to_owned()?;
        let file = self.bound.file.as_ref().map(|file| file.ours());
        Ok(Offer::new(socket, self.address(), file, self.bound.from))
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
