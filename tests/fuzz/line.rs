//! One connection of a session, read without waiting.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::common::{Place, Stream, Talk, frames};

/// A pause between two looks.
const PAUSE: Duration = Duration::from_micros(200);

/// A connection, and all it has brought.
pub(crate) struct Line {
    stream: Stream,
    pub(crate) got: Vec<u8>,
    pub(crate) closed: bool,
}

impl Line {
    pub(crate) fn connect(place: &Place) -> Self {
        let stream = Talk::connect(place).stream;
        let set = match &stream {
            Stream::Unix(stream) => stream.set_nonblocking(true),
            Stream::Tcp(stream) => stream.set_nonblocking(true),
            Stream::Tls(stream) => stream.sock.set_nonblocking(true),
        };
        set.expect("it need not wait");
        Self { stream, got: Vec::new(), closed: false }
    }

    /// Sends, reading meanwhile; what the other side will not take any more is left.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !bytes.is_empty() && Instant::now() < deadline {
            match self.stream.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.drain();
                    std::thread::sleep(PAUSE);
                }
                Err(_) => return,
            }
        }
    }

    /// Reads what there is.
    pub(crate) fn drain(&mut self) {
        let mut chunk = [0; 16 * 1024];
        while !self.closed {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.closed = true,
                Ok(n) => self.got.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.closed = true,
            }
        }
    }

    /// Reads until `enough` says so, or for `patience`.
    pub(crate) fn until(&mut self, patience: Duration, enough: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            self.drain();
            if enough(self) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// How many whole replies and messages have come.
    pub(crate) fn count(&self) -> usize {
        frames(&self.got).len()
    }
}
