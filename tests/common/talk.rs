//! A conversation of raw bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use nearside::config::Listen;
use nearside::resp::request::encode;
use nearside::resp::scan::reply::{Fed, ReplyScanner};

use super::PATIENCE;

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Place {
    /// As a proxy says it.
    pub fn of(listen: &Listen) -> Self {
        match listen {
            Listen::Unix(path) => Self::Unix(path.clone()),
            Listen::Tcp(host, port) => {
                let mut found = (host.as_str(), *port).to_socket_addrs().expect("a listener has an address");
                Self::Tcp(found.next().expect("a listener has an address"))
            }
        }
    }

    /// Its TCP port.
    pub fn port(&self) -> u16 {
        match self {
            Self::Tcp(addr) => addr.port(),
            Self::Unix(path) => panic!("{} has no port", path.display()),
        }
    }
}

/// A connected socket with deadlines.
#[derive(Debug)]
pub enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<Tls>),
}

/// TLS over TCP.
pub type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

impl Stream {
    fn connect(place: &Place) -> io::Result<Self> {
        Ok(match place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Self::Unix(stream)
            }
            Place::Tcp(addr) => {
                let stream = TcpStream::connect_timeout(addr, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Self::Tcp(stream)
            }
        })
    }

    /// Its own address, where it has one.
    pub fn local(&self) -> Option<String> {
        match self {
            Self::Unix(_) => None,
            Self::Tls(stream) => stream.sock.local_addr().ok().map(|addr| addr.to_string()),
            Self::Tcp(stream) => stream.local_addr().ok().map(|addr| addr.to_string()),
        }
    }

    /// Another handle for the same socket.
    pub fn again(&self) -> Self {
        match self {
            Self::Unix(stream) => Self::Unix(stream.try_clone().expect("a handle")),
            Self::Tcp(stream) => Self::Tcp(stream.try_clone().expect("a handle")),
            Self::Tls(_) => panic!("TLS has one handle"),
        }
    }

    /// Ends it both ways, for every handle.
    pub fn close(&self) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Tls(stream) => stream.sock.shutdown(Shutdown::Both),
        };
    }

    /// Nothing more will be sent.
    pub fn end_of_writing(&mut self) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush().and_then(|()| stream.sock.shutdown(Shutdown::Write))
            }
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buf),
            Self::Tcp(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buf),
            Self::Tcp(stream) => stream.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self { stream.flush() } else { Ok(()) }
    }
}

/// One connection, with what has been read of it and not been taken.
#[derive(Debug)]
pub struct Talk {
    pub stream: Stream,
    unread: Vec<u8>,
}

impl Talk {
    pub fn connect(place: &Place) -> Self {
        Self::try_connect(place).unwrap_or_else(|error| panic!("cannot connect to {place:?}: {error}"))
    }

    pub fn try_connect(place: &Place) -> io::Result<Self> {
        Ok(Self { stream: Stream::connect(place)?, unread: Vec::new() })
    }

    /// Over a socket that is connected.
    pub fn over(stream: Stream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        let sent = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        sent.expect("it takes what is sent");
    }

    /// Sends a command.
    pub fn say<T: AsRef<[u8]>>(&mut self, words: &[T]) {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        self.send(&encode(&words));
    }

    /// Sends a command, unless the other side takes nothing any more.
    pub fn say_if<T: AsRef<[u8]>>(&mut self, words: &[T]) {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let _ = self.stream.write_all(&encode(&words));
    }

    /// Sends bytes, unless the other side takes nothing any more.
    pub fn send_if(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a command; its reply.
    pub fn ask<T: AsRef<[u8]>>(&mut self, words: &[T]) -> Vec<u8> {
        self.say(words);
        self.reply()
    }

    /// As text.
    pub fn ask_text<T: AsRef<[u8]>>(&mut self, words: &[T]) -> String {
        String::from_utf8_lossy(&self.ask(words)).into_owned()
    }

    /// The next reply, exactly.
    pub fn reply(&mut self) -> Vec<u8> {
        self.try_reply().unwrap_or_else(|error| {
            panic!("no whole reply: {error}; there is {:?}", String::from_utf8_lossy(&self.unread))
        })
    }

    /// The next reply, or why there is none.
    pub fn try_reply(&mut self) -> io::Result<Vec<u8>> {
        let mut scanner = ReplyScanner::default();
        let mut seen = 0;
        loop {
            match scanner.feed(&self.unread[seen..]).map_err(io::Error::other)? {
                Fed::Whole(n) => {
                    let rest = self.unread.split_off(seen + n);
                    return Ok(std::mem::replace(&mut self.unread, rest));
                }
                Fed::Partial => seen = self.unread.len(),
            }
            if self.read_some()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Everything up to the end of the connection.
    pub fn until_closed(&mut self) -> Vec<u8> {
        match self.try_until_closed() {
            Ok(bytes) => bytes,
            Err((error, bytes)) => {
                panic!("not closed: {error}; there is {:?}", String::from_utf8_lossy(&bytes))
            }
        }
    }

    /// Everything up to the end of the connection, or why it does not end and what there was.
    pub fn try_until_closed(&mut self) -> Result<Vec<u8>, (io::Error, Vec<u8>)> {
        loop {
            match self.read_some() {
                Ok(0) => return Ok(std::mem::take(&mut self.unread)),
                Ok(_) => {}
                // A close that leaves something unread on the other side.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err((error, std::mem::take(&mut self.unread))),
            }
        }
    }

    /// How long to wait for anything.
    pub fn set_patience(&self, limit: Duration) {
        let set = match &self.stream {
            Stream::Unix(stream) => stream.set_read_timeout(Some(limit)),
            Stream::Tcp(stream) => stream.set_read_timeout(Some(limit)),
            Stream::Tls(stream) => stream.sock.set_read_timeout(Some(limit)),
        };
        set.expect("a deadline can be set");
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let mut chunk = vec![0; 64 * 1024];
        let n = self.stream.read(&mut chunk)?;
        self.unread.extend_from_slice(&chunk[..n]);
        Ok(n)
    }
}

/// Cuts bytes into replies; what is left over and is none comes last.
pub fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Ok(Fed::Whole(n)) = ReplyScanner::default().feed(rest) {
        found.push(&rest[..n]);
        rest = &rest[n..];
    }
    if !rest.is_empty() {
        found.push(rest);
    }
    found
}
