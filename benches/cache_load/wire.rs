//! Requests and replies as bytes, and a connection that exchanges them.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::trace::Op;

/// Values are as long as redis-benchmark's in the other runs.
pub(crate) const VALUE: [u8; 64] = [b'v'; 64];
const READ_BYTES: usize = 64 * 1024;

/// Appends a request.
pub(crate) fn encode(words: &[&[u8]], out: &mut Vec<u8>) {
    header(b'*', words.len(), out);
    for word in words {
        header(b'$', word.len(), out);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

fn header(kind: u8, number: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(number.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a request of a trace. Written out by hand: this runs once for every request.
pub(crate) fn encode_op(op: Op, out: &mut Vec<u8>) {
    let (head, number, tail): (&[u8], u32, &[u8]) = match op {
        Op::Read(key) | Op::Cold(key) => (b"*2\r\n$3\r\nGET\r\n$16\r\nkey:", key, b"\r\n"),
        Op::Write(key) => (b"*3\r\n$3\r\nSET\r\n$16\r\nkey:", key, b"\r\n$64\r\n"),
    };
    let mut digits = [b'0'; 12];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(head);
    out.extend_from_slice(&digits);
    out.extend_from_slice(tail);
    if matches!(op, Op::Write(_)) {
        out.extend_from_slice(&VALUE);
        out.extend_from_slice(b"\r\n");
    }
}

/// Where the first reply ends, if it is whole: strings, numbers, errors, and arrays of those.
pub(crate) fn reply_end(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(line) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let after = line + 2;
    let number = || {
        let digits = std::str::from_utf8(&bytes[1..line]).unwrap_or_default();
        digits.parse::<i64>().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no length"))
    };
    match bytes[0] {
        b'$' => {
            let end = usize::try_from(number()?).map_or(after, |length| after + length + 2);
            Ok((bytes.len() >= end).then_some(end))
        }
        b'*' | b'>' => {
            let mut end = after;
            for _ in 0..number()?.max(0) {
                let Some(length) = reply_end(&bytes[end..])? else { return Ok(None) };
                end += length;
            }
            Ok(Some(end))
        }
        b'+' | b'-' | b':' | b'_' => Ok(Some(after)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a reply")),
    }
}

/// The parts of an array of bulk strings, or of nothing.
pub(crate) fn elements(reply: &[u8]) -> Vec<&[u8]> {
    let lines = reply.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).skip(1);
    lines.filter(|line| !line.is_empty() && !b"$:*".contains(&line[0])).collect()
}

/// A client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Requests to be sent by the next exchange.
    pub(crate) out: Vec<u8>,
    input: Vec<u8>,
    /// What of `input` holds bytes, and what of that was dealt with.
    filled: usize,
    done: usize,
}

impl Connection {
    /// Connected, and served: it has had an answer to a PING.
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let input = vec![0; READ_BYTES];
        let mut new = Self { stream, out: Vec::new(), input, filled: 0, done: 0 };
        new.ask(&[b"PING"]).await?;
        Ok(new)
    }

    /// One request and its reply.
    pub(crate) async fn ask(&mut self, words: &[&[u8]]) -> io::Result<Vec<u8>> {
        encode(words, &mut self.out);
        self.exchange(1, |_| {}).await.map(|()| self.input[..self.done].to_vec())
    }

    /// Sends what is in `out` and shows the replies, which are so many. An error among them is an error.
    pub(crate) async fn exchange(&mut self, replies: usize, mut show: impl FnMut(&[u8])) -> io::Result<()> {
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        // Nothing is left over from the last exchange: nobody sends what was not asked for.
        (self.filled, self.done) = (0, 0);
        for _ in 0..replies {
            let length = self.next().await?;
            let reply = &self.input[self.done..self.done + length];
            if reply[0] == b'-' {
                return Err(io::Error::other(String::from_utf8_lossy(reply)));
            }
            show(reply);
            self.done += length;
        }
        Ok(())
    }

    /// The length of the next reply, once it is here.
    async fn next(&mut self) -> io::Result<usize> {
        loop {
            if let Some(length) = reply_end(&self.input[self.done..self.filled])? {
                return Ok(length);
            }
            self.input.copy_within(self.done..self.filled, 0);
            (self.filled, self.done) = (self.filled - self.done, 0);
            let read = self.stream.read(&mut self.input[self.filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.filled += read;
        }
    }

    /// The next message of a subscription.
    pub(crate) async fn message(&mut self) -> io::Result<Vec<u8>> {
        let length = self.next().await?;
        let message = self.input[self.done..self.done + length].to_vec();
        self.done += length;
        Ok(message)
    }
}
