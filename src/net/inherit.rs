//! Listening sockets that somebody else has opened: a service manager, a launcher, or the process that
//! served before.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::SockRef;

use crate::config::Listen;

/// Listening sockets to use instead of binding. Each goes to the listener with its address; dropping what is
/// left closes it.
#[derive(Debug, Default)]
pub struct Inherited(Vec<Given>);

/// One of them.
#[derive(Debug)]
pub(super) struct Given {
    name: String,
    pub(super) socket: OwnedFd,
    place: Option<Place>,
    pub(super) from: From,
}

/// Whose a socket was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// It belongs to a manager, which keeps it: clients may go on queueing when we are gone.
    Manager,
    /// The process before us has handed it over as its socket of this number; whether the file of a Unix
    /// socket comes with it.
    Predecessor { number: usize, file: bool },
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Inherited {
    /// Adds a listening stream socket of a manager's, which calls it `name`. The manager may keep it: when
    /// the proxy ends, clients that are queued on it are left to whoever is started next.
    pub fn add(&mut self, name: impl Into<String>, socket: OwnedFd) {
        self.push(name.into(), socket, From::Manager);
    }

    /// Adds socket `number` of the process that served before.
    pub(crate) fn receive(&mut self, name: String, socket: OwnedFd, number: usize, file: bool) {
        self.push(name, socket, From::Predecessor { number, file });
    }

    fn push(&mut self, name: String, socket: OwnedFd, from: From) {
        let place = place(&socket);
        self.0.push(Given { name, socket, place, from });
    }

    /// Whether there is none (left).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of those that nobody has taken: an address that no setting mentions.
    pub fn left(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|given| match &given.place {
            Some(Place::Tcp(address)) => format!("{} ({address})", given.name),
            Some(Place::Unix(path)) => format!("{} (unix:{})", given.name, path.display()),
            None => format!("{} (not a listening stream socket)", given.name),
        })
    }

    /// The socket bound to `address`; a manager's that takes IPv4 on the any-address of IPv6 counts as both.
    pub(super) fn take(&mut self, address: SocketAddr) -> Option<Given> {
        let exact = |given: &Given| given.place == Some(Place::Tcp(address));
        let covers = |given: &Given| match given.place {
            Some(Place::Tcp(bound)) => {
                bound.port() == address.port()
                    && address.is_ipv4()
                    && address.ip().is_unspecified()
                    && bound.is_ipv6()
                    && bound.ip().is_unspecified()
                    && SockRef::from(&given.socket).only_v6().is_ok_and(|only| !only)
            }
            _ => false,
        };
        let at = self.0.iter().position(exact).or_else(|| self.0.iter().position(covers))?;
        Some(self.0.swap_remove(at))
    }

    /// The socket at `path`.
    pub(super) fn take_path(&mut self, path: &Path) -> Option<Given> {
        let fits = |given: &Given| matches!(&given.place, Some(Place::Unix(bound)) if bound == path);
        let at = self.0.iter().position(fits)?;
        Some(self.0.swap_remove(at))
    }
}

/// A listening socket of ours, as another process could have it.
#[derive(Debug)]
pub struct Offer {
    socket: OwnedFd,
    address: Listen,
    /// Whether the file of a Unix socket is ours.
    file: Option<Arc<AtomicBool>>,
    from: Option<From>,
}

impl Offer {
    pub(super) fn new(
        socket: OwnedFd,
        address: Listen,
        file: Option<Arc<AtomicBool>>,
        from: Option<From>,
    ) -> Self {
        Self { socket, address, file, from }
    }

    /// Where clients reach it.
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// What is handed over.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether a manager keeps the socket, and its file.
    pub fn is_lent(&self) -> bool {
        self.from == Some(From::Manager) || matches!(self.from, Some(From::Predecessor { file: false, .. }))
    }

    /// Which of the sockets that the process before us has handed over this is.
    pub fn number_before(&self) -> Option<usize> {
        match self.from? {
            From::Predecessor { number, .. } => Some(number),
            From::Manager => None,
        }
    }

    /// The process before us has let go of it: a file that was its own is ours now.
    pub fn adopt(&self) {
        if matches!(self.from, Some(From::Predecessor { file: true, .. })) {
            self.is_file_ours(true);
        }
    }

    /// It belongs to another process now: closing it here does not remove its file.
    pub fn give_away(&self) {
        self.is_file_ours(false);
    }

    fn is_file_ours(&self, ours: bool) {
        if let Some(file) = &self.file {
            file.store(ours, Ordering::Release);
        }
    }
}

/// Where a socket listens; `None` if it does not, or is of another kind.
fn place(socket: &OwnedFd) -> Option<Place> {
    let socket = SockRef::from(socket);
    if socket.r#type().ok()? != socket2::Type::STREAM || !is_listening(&socket) {
        return None;
    }
    let address = socket.local_addr().ok()?;
    address.as_socket().map(Place::Tcp).or_else(|| Some(Place::Unix(address.as_pathname()?.to_owned())))
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn is_listening(socket: &SockRef<'_>) -> bool {
    socket.is_listener().unwrap_or(false)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn is_listening(_: &SockRef<'_>) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(address: &str) -> std::net::TcpListener {
        std::net::TcpListener::bind(address).unwrap()
    }

    #[test]
    fn a_socket_goes_to_its_own_address_only() {
        let (one, two) = (bound("127.0.0.1:0"), bound("127.0.0.1:0"));
        let (first, second) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        let mut inherited = Inherited::default();
        inherited.add("one", one.into());
        inherited.add("two", two.into());
        assert!(inherited.take(SocketAddr::from(([127, 0, 0, 2], first.port()))).is_none());
        assert!(inherited.take(first).is_some_and(|given| given.from == From::Manager));
        assert!(inherited.take(first).is_none());
        assert_eq!(inherited.left().collect::<Vec<_>>(), [format!("two ({second})")]);
    }

    #[test]
    fn a_socket_of_both_families_stands_for_either() {
        let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
        socket.set_only_v6(false).unwrap();
        let any = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0));
        // A machine without IPv6 has none of this.
        if socket.bind(&any.into()).is_err() {
            return;
        }
        socket.listen(1).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let mut inherited = Inherited::default();
        inherited.add("both", socket.into());
        assert!(inherited.take(SocketAddr::from(([127, 0, 0, 1], port))).is_none());
        assert!(inherited.take(SocketAddr::from(([0, 0, 0, 0], port))).is_some());
    }

    #[test]
    fn what_does_not_listen_is_nobodys() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut inherited = Inherited::default();
        inherited.add("pair", one.into());
        assert_eq!(inherited.left().collect::<Vec<_>>(), ["pair (not a listening stream socket)"]);
    }
}
