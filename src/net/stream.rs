//! One connection, split into the half that is read and the half that is written.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
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
    /// Both ends of one connection, for tests: the other one is read without waiting.
    #[cfg(test)]
    pub(crate) fn pair() -> io::Result<(Self, impl io::Read)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        Ok((Self::Unix(UnixStream::from_std(ours)?), theirs))
    }

    /// Sends small writes at once, and asks the kernel to notice a dead peer after `keepalive`.
    /// Nothing to do for Unix sockets. Failure is not worth losing the connection over.
    pub fn tune(&self, keepalive: Option<Duration>) {
        let Self::Tcp(stream) = self else { return };
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
        if let Self::Tcp(stream) = self {
            let _ = SockRef::from(stream).set_tcp_user_timeout(Some(limit));
        }
    }

    /// The peer's address.
    pub fn peer(&self) -> Peer {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map_or(Peer::Unix, Peer::Tcp),
            Self::Unix(_) => Peer::Unix,
        }
    }

    /// Our own address, as the peer sees it.
    pub fn local(&self) -> Peer {
        match self {
            Self::Tcp(stream) => stream.local_addr().map_or(Peer::Unix, Peer::Tcp),
            Self::Unix(_) => Peer::Unix,
        }
    }

    /// The file descriptor, to show to people.
    pub fn fd(&self) -> i32 {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }

    /// The path of the Unix socket it was accepted on.
    pub fn path(&self) -> Option<PathBuf> {
        let Self::Unix(stream) = self else { return None };
        stream.local_addr().ok()?.as_pathname().map(PathBuf::from)
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
}

impl AsyncRead for ReadHalf {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            Self::Unix(half) => Pin::new(half).poll_read(cx, buf),
        }
    }
}

impl ReadHalf {
    /// One read into the spare room of `buf`; 0 bytes is the end of the stream. A read that fills
    /// less than the room also tells tokio that the socket is empty, which saves the next system call.
    #[inline]
    pub fn poll_into(&mut self, cx: &mut Context<'_>, buf: &mut BytesMut) -> Poll<io::Result<usize>> {
        pin!(self.read_buf(buf)).poll(cx)
    }

    /// Whether the peer has ended the stream by now, by the system's account: events may be late.
    pub fn has_ended(&self) -> bool {
        let mut probe = [std::mem::MaybeUninit::uninit(); 1];
        let peeked = match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).peek(&mut probe),
            Self::Unix(half) => SockRef::from(half.as_ref()).peek(&mut probe),
        };
        match peeked {
            Ok(n) => n == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// The half that is written. Writing takes `&self`, so that a reply can go out from where it arrives.
#[derive(Debug)]
pub enum WriteHalf {
    /// Over TCP.
    Tcp(tcp::OwnedWriteHalf),
    /// Over a Unix socket.
    Unix(unix::OwnedWriteHalf),
}

impl WriteHalf {
    /// Writes what the socket takes now; `WouldBlock` when it takes nothing.
    #[inline]
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            Self::Unix(half) => half.try_write(bytes),
        }
    }

    /// Ready once the socket takes bytes again.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Self::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }

    /// Nothing more will be written; what the peer still says can be read.
    pub fn end(&self) {
        let _ = match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            Self::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
        };
    }

    /// Closes both directions at once, whoever else still holds a half.
    pub fn shut_down(&self) {
        let _ = match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
            Self::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
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
        Ok(())
    }
}
