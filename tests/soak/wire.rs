//! A client's connection, quick: many requests in a write, the moment of each write and read.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::check::Time;

/// How long a reply may take: beyond every fault, and reached only by a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Everybody's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Never 0.
    pub(crate) fn now(self) -> Time {
        nanos(self.0.elapsed()) + 1
    }
}

pub(crate) fn nanos(time: Duration) -> Time {
    Time::try_from(time.as_nanos()).unwrap_or(Time::MAX)
}

/// A reply, or a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Text(Vec<u8>),
    Integer(i64),
    Nothing,
    Error(Vec<u8>),
    List(Vec<Self>),
    Push(Vec<Self>),
}

/// The reply at the start of `bytes`, and how long it is; none while it is not whole.
fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let line = bytes.get(1..end.checked_sub(2)?)?;
    let number = || std::str::from_utf8(line).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
    Some(match bytes[0] {
        b'$' | b'=' => match usize::try_from(number()) {
            Ok(length) => {
                (Reply::Text(bytes.get(end..end + length + 2)?[..length].to_vec()), end + length + 2)
            }
            Err(_) => (Reply::Nothing, end),
        },
        b':' => (Reply::Integer(number()), end),
        b'-' | b'!' => (Reply::Error(line.to_vec()), end),
        b'_' => (Reply::Nothing, end),
        b'*' | b'~' | b'>' => match usize::try_from(number()) {
            Ok(length) => several(bytes, end, length)?,
            Err(_) => (Reply::Nothing, end),
        },
        b'%' => several(bytes, end, usize::try_from(number()).unwrap_or(0) * 2)?,
        _ => (Reply::Text(line.to_vec()), end),
    })
}

fn several(bytes: &[u8], mut at: usize, length: usize) -> Option<(Reply, usize)> {
    let mut parts = Vec::with_capacity(length);
    for _ in 0..length {
        let (part, size) = parse(&bytes[at..])?;
        parts.push(part);
        at += size;
    }
    let reply = if bytes[0] == b'>' { Reply::Push(parts) } else { Reply::List(parts) };
    Some((reply, at))
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: UnixStream,
    clock: Clock,
    unsent: Vec<u8>,
    unread: Vec<u8>,
    /// So much of it was taken.
    taken: usize,
    /// When something was read last.
    read_at: Time,
}

impl Wire {
    pub(crate) fn connect(path: &Path, clock: Clock) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let unread = Vec::with_capacity(64 * 1024);
        Ok(Self { stream, clock, unsent: Vec::new(), unread, taken: 0, read_at: 0 })
    }

    /// How long to wait for a reply.
    pub(crate) fn patience(&self, limit: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(limit))
    }

    /// Adds a request to what [`Self::send`] sends.
    pub(crate) fn say<T: AsRef<[u8]>>(&mut self, words: &[T]) {
        let _ = write!(self.unsent, "*{}\r\n", words.len());
        for word in words {
            let word = word.as_ref();
            let _ = write!(self.unsent, "${}\r\n", word.len());
            self.unsent.extend_from_slice(word);
            self.unsent.extend_from_slice(b"\r\n");
        }
    }

    /// Sends all requests in one write; when that began.
    pub(crate) fn send(&mut self) -> io::Result<Time> {
        let now = self.clock.now();
        let sent = self.stream.write_all(&self.unsent);
        self.unsent.clear();
        sent.map(|()| now)
    }

    /// The next reply or push, and when it had been read.
    pub(crate) fn next(&mut self) -> io::Result<(Reply, Time)> {
        loop {
            if let Some((reply, length)) = parse(&self.unread[self.taken..]) {
                self.taken += length;
                return Ok((reply, self.read_at));
            }
            self.unread.drain(..self.taken);
            self.taken = 0;
            let mut chunk = [0; 32 * 1024];
            match self.stream.read(&mut chunk)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => self.unread.extend_from_slice(&chunk[..n]),
            }
            self.read_at = self.clock.now();
        }
    }

    /// The next reply; pushes before it are dropped.
    pub(crate) fn reply(&mut self) -> io::Result<(Reply, Time)> {
        loop {
            match self.next()? {
                (Reply::Push(_), _) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// Sends a request; its reply.
    pub(crate) fn ask<T: AsRef<[u8]>>(&mut self, words: &[T]) -> io::Result<Reply> {
        self.say(words);
        self.send()?;
        self.reply().map(|(reply, _)| reply)
    }
}
