//! Sockets that listen, opened here or by somebody else.

use std::fs::{File, Permissions};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, UnixListener};

use super::BindError;
use super::inherit::{From, Given, Inherited};
use crate::config::Listen;

/// A socket of either family.
#[derive(Debug)]
pub(super) enum Socket<T, U> {
    Tcp(T),
    Unix(U),
}

/// One that listens.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) socket: Socket<TcpListener, UnixListener>,
    /// A Unix socket's.
    pub(super) file: Option<SocketFile>,
    /// Whose it was, if we have not opened it.
    pub(super) from: Option<From>,
}

/// The file of a Unix socket, removed on drop if it is ours by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    ours: Arc<AtomicBool>,
}

impl SocketFile {
    fn new(path: &Path, ours: bool) -> Self {
        Self { path: path.to_owned(), ours: Arc::new(AtomicBool::new(ours)) }
    }

    /// Whether it is ours, to look at and to change.
    pub(super) fn ours(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.ours)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.ours.load(Ordering::Acquire) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Bound {
    /// Binds every address that `listen` names, or takes it from the `inherited`. `mode`: of the file of a
    /// Unix socket, if it matters.
    pub(super) fn bind(
        listen: &Listen,
        backlog: u32,
        mode: Option<u32>,
        inherited: &mut Inherited,
    ) -> Result<Vec<Self>, BindError> {
        let failed = |source| BindError { listen: listen.clone(), source };
        match listen {
            Listen::Unix(path) => {
                let given = inherited.take_path(path);
                let bound =
                    given.map_or_else(|| bind_unix(path, backlog, mode), |given| Self::unix_of(given, path));
                Ok(vec![bound.map_err(failed)?])
            }
            Listen::Tcp(host, port) => {
                let addrs = (host.as_str(), *port).to_socket_addrs().map_err(failed)?;
                let bind = |addr| inherited.take(addr).map_or_else(|| bind_tcp(addr, backlog), Self::tcp_of);
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

    /// Where clients reach it.
    pub(super) fn address(&self) -> Listen {
        match (&self.socket, &self.file) {
            (Socket::Tcp(listener), _) => listener.local_addr().map_or_else(
                |_| Listen::Tcp(String::new(), 0),
                |a| Listen::Tcp(a.ip().to_string(), a.port()),
            ),
            (Socket::Unix(_), file) => {
                Listen::Unix(file.as_ref().map(|file| file.path.clone()).unwrap_or_default())
            }
        }
    }

    fn tcp_of(given: Given) -> io::Result<Self> {
        let socket = std::net::TcpListener::from(given.socket);
        socket.set_nonblocking(true)?;
        let socket = Socket::Tcp(TcpListener::from_std(socket)?);
        Ok(Self { socket, file: None, from: Some(given.from) })
    }

    fn unix_of(given: Given, path: &Path) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::from(given.socket);
        socket.set_nonblocking(true)?;
        let socket = Socket::Unix(UnixListener::from_std(socket)?);
        Ok(Self { socket, file: Some(SocketFile::new(path, false)), from: Some(given.from) })
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
    Ok(Bound { socket, file: None, from: None })
}

fn bind_unix(path: &Path, backlog: u32, mode: Option<u32>) -> io::Result<Bound> {
    // A socket nobody answers on is what a killed process left behind. Other files are somebody's.
    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
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
    let file = SocketFile::new(path, true);
    if let Some(mode) = mode {
        // Where the socket's own mode does not become the file's.
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let socket = Socket::Unix(UnixListener::from_std(socket.into())?);
    Ok(Bound { socket, file: Some(file), from: None })
}
