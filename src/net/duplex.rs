//! A connection as libraries know one: a stream of bytes both ways.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{ReadHalf, Stream, WriteHalf};

/// Room for a read.
const READ: usize = 4 * 1024;

/// Both halves of a connection in one. Dropping it closes the connection.
#[derive(Debug)]
pub struct Duplex {
    read: ReadHalf,
    write: WriteHalf,
    /// What was read and nobody has taken yet.
    unread: BytesMut,
}

impl Duplex {
    /// The whole of `stream`.
    pub fn new(stream: Stream) -> Self {
        let (read, write) = stream.split();
        Self { read, write, unread: BytesMut::new() }
    }
}

impl AsyncRead for Duplex {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.unread.is_empty() {
            this.unread.reserve(READ);
            ready!(this.read.poll_into(cx, &mut this.unread))?;
        }
        let taken = this.unread.len().min(to.remaining());
        to.put_slice(&this.unread[..taken]);
        this.unread.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.write.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.write.poll_ready(cx))?,
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write.poll_flush(cx))?;
        self.write.end();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_and_the_end_is_heard() {
        let (ours, mut theirs) = Stream::pair().expect("a pair");
        let mut duplex = Duplex::new(ours);
        theirs.write_all(b"abc").expect("it takes them");
        let mut two = [0; 2];
        duplex.read_exact(&mut two).await.expect("two bytes");
        let third = duplex.read_u8().await.expect("the third");
        assert_eq!((&two, third), (b"ab", b'c'));
        duplex.write_all(b"xyz").await.expect("it takes them");
        duplex.shutdown().await.expect("it ends");
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).expect("all of it");
        assert_eq!(heard, "xyz");
    }
}
