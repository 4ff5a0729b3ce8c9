//! One connection, split into the half that is read and the half that is written.

use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use super::tls;

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
    /// Over TLS, over one of them, once the handshake is done.
    Tls(Box<tls::TlsStream>),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket, which names nobody.
    Unix,
}

impl Peer {
    fn of(address: SocketAddr) -> Self {
        Self::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// Its IP address.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(addr) => Some(addr.ip()),
            Self::Unix => None,
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

impl Stream {
    /// Both ends of one connection, for tests: the other one never waits.
    #[cfg(test)]
    pub(crate) fn pair() -> io::Result<(Self, impl Read + io::Write)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        Ok((Self::Unix(UnixStream::from_std(ours)?), theirs))
    }

    /// Sends small writes at once, and asks the kernel to notice a dead peer after `keepalive`.
    /// Nothing to do for Unix sockets. Failure is not worth losing the connection over.
    pub fn tune(&self, keepalive: Option<Duration>) {
        let Some(stream) = self.tcp() else { return };
        let _ = stream.set_nodelay(true);
        if let Some(idle) = keepalive {
            // Redis probes at a third of the idle time, three times.
            let probes =
                TcpKeepalive::new().with_time(idle).with_interval((idle / 3).max(Duration::from_secs(1)));
            let _ = SockRef::from(stream).set_tcp_keepalive(&probes.with_retries(3));
        }
    }

    /// Like [`Self::tune`], for a peer that must answer in the end: it is given up after `limit` without
    /// a sign of life even while something is on its way to it, where the system alone would take
    /// a quarter of an hour. Only where the system can (Linux).
    pub fn tune_strictly(&self, limit: Duration) {
        // Probes take as long again as the idle time before them.
        self.tune(Some(limit / 2));
        #[cfg(target_os = "linux")]
        if let Some(stream) = self.tcp() {
            let _ = SockRef::from(stream).set_tcp_user_timeout(Some(limit));
        }
    }

    /// The TCP socket, if it is one.
    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Unix(_) => None,
            Self::Tls(stream) => stream.socket().tcp(),
        }
    }

    /// The Unix socket, if it is one.
    fn unix(&self) -> Option<&UnixStream> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(stream) => Some(stream),
            Self::Tls(stream) => stream.socket().unix(),
        }
    }

    /// The peer's address: an IPv4 one as such, also on a socket of both families.
    pub fn peer(&self) -> Peer {
        self.tcp().and_then(|stream| stream.peer_addr().ok()).map_or(Peer::Unix, Peer::of)
    }

    /// Our own address, as the peer sees it.
    pub fn local(&self) -> Peer {
        self.tcp().and_then(|stream| stream.local_addr().ok()).map_or(Peer::Unix, Peer::of)
    }

    /// The file descriptor, to show to people.
    pub fn fd(&self) -> i32 {
        self.tcp().map(AsRawFd::as_raw_fd).or_else(|| self.unix().map(AsRawFd::as_raw_fd)).unwrap_or(-1)
    }

    /// The path of the Unix socket it was accepted on.
    pub fn path(&self) -> Option<PathBuf> {
        self.unix()?.local_addr().ok()?.as_pathname().map(PathBuf::from)
    }

    /// The names in the certificate that the peer has shown and that was found good: the subject's common
    /// names first, then DNS and URI names. None without TLS, or without a certificate.
    pub fn peer_certificate_names(&self) -> &[String] {
        match self {
            Self::Tcp(_) | Self::Unix(_) => &[],
            Self::Tls(stream) => stream.peer_names(),
        }
    }

    /// Waits until there is something to read, or the end; with TLS something that is not read yet.
    pub async fn readable(&self) -> io::Result<()> {
        match (self.tcp(), self.unix()) {
            (Some(stream), _) => stream.readable().await,
            (_, Some(stream)) => stream.readable().await,
            (None, None) => Ok(()),
        }
    }

    /// The two halves. Dropping the write half shuts the sending direction down; dropping both closes.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
            Self::Tls(stream) => {
                let (read, write) = stream.split();
                (ReadHalf::Tls(Box::new(read)), WriteHalf::Tls(write))
            }
        }
    }
}

/// The half that is read, by one task.
#[derive(Debug)]
pub enum ReadHalf {
    /// Over TCP.
    Tcp(tcp::OwnedReadHalf),
    /// Over a Unix socket.
    Unix(unix::OwnedReadHalf),
    /// Over TLS.
    Tls(Box<tls::ReadHalf>),
}

impl ReadHalf {
    /// One read into the spare room of `buf`; 0 bytes is the end of the stream. A read that fills
    /// less than the room also tells tokio that the socket is empty, which saves the next system call.
    /// Over TLS more than the spare room may come: what was read is handed over whole.
    #[inline]
    pub fn poll_into(&mut self, cx: &mut Context<'_>, buf: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => pin!(half.read_buf(buf)).poll(cx),
            Self::Unix(half) => pin!(half.read_buf(buf)).poll(cx),
            Self::Tls(half) => half.poll_into(cx, buf),
        }
    }

    /// Whether the peer has ended the stream by now, by the system's account: events may be late.
    pub fn has_ended(&self) -> bool {
        if let Self::Tls(half) = self {
            return half.has_ended();
        }
        let mut probe = [std::mem::MaybeUninit::uninit(); 1];
        match self.socket().map(|socket| socket.peek(&mut probe)) {
            Some(Ok(n)) => n == 0,
            Some(Err(error)) => error.kind() != io::ErrorKind::WouldBlock,
            None => false,
        }
    }

    /// Reads what the system has, whatever tokio knows of it.
    pub(super) fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket().map_or_else(|| Err(io::ErrorKind::Unsupported.into()), |socket| (&*socket).read(bytes))
    }

    fn socket(&self) -> Option<SockRef<'_>> {
        match self {
            Self::Tcp(half) => Some(SockRef::from(half.as_ref())),
            Self::Unix(half) => Some(SockRef::from(half.as_ref())),
            Self::Tls(_) => None,
        }
    }

    /// The TCP socket, if it is one.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        if let Self::Tcp(half) = self { Some(half.as_ref()) } else { None }
    }

    /// The Unix socket, if it is one.
    pub(super) fn unix(&self) -> Option<&UnixStream> {
        if let Self::Unix(half) = self { Some(half.as_ref()) } else { None }
    }
}

/// The half that is written. Writing takes `&self`, so that a reply can go out from where it arrives.
#[derive(Debug)]
pub enum WriteHalf {
    /// Over TCP.
    Tcp(tcp::OwnedWriteHalf),
    /// Over a Unix socket.
    Unix(unix::OwnedWriteHalf),
    /// Over TLS.
    Tls(tls::WriteHalf),
}

impl WriteHalf {
    /// Writes what the socket takes now; `WouldBlock` when it takes nothing. Over TLS what was taken may
    /// still be on its way to the socket: see [`Self::pending`].
    #[inline]
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            Self::Unix(half) => half.try_write(bytes),
            Self::Tls(half) => half.try_write(bytes),
        }
    }

    /// Ready once the socket takes bytes again.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Self::Unix(half) => half.as_ref().poll_write_ready(cx),
            Self::Tls(half) => half.poll_ready(cx),
        }
    }

    /// Bytes (of ciphertext) that were taken and that the socket has not got yet: nothing without TLS, and
    /// bounded with it. They go out with the next write, or [`Self::flush`].
    #[inline]
    pub fn pending(&self) -> usize {
        match self {
            Self::Tcp(_) | Self::Unix(_) => 0,
            Self::Tls(half) => half.pending(),
        }
    }

    /// Writes what is [`Self::pending`] as far as the socket takes it; `true` once nothing is.
    #[inline]
    pub fn flush(&self) -> io::Result<bool> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(true),
            Self::Tls(half) => half.flush(),
        }
    }

    /// Ready once nothing is [`Self::pending`].
    #[inline]
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Tls(half) => half.poll_flush(cx),
        }
    }

    /// Nothing more will be written; what the peer still says can be read.
    pub fn end(&self) {
        let _ = match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            Self::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            Self::Tls(half) => return half.end(),
        };
    }

    /// Closes both directions at once, whoever else still holds a half.
    pub fn shut_down(&self) {
        let _ = match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
            Self::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
            Self::Tls(half) => return half.shut_down(),
        };
    }

    /// Writes all of `bytes`, waiting as long as it takes.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::future::poll_fn(|cx| self.poll_ready(cx)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }
}
