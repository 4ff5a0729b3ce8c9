//! The two halves of a connection over TLS, in the shapes of [`super::super::stream`].

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};

use super::engine::Engine;
use crate::net::stream;

/// Least room for a read of ciphertext, and what it starts with.
const MIN_READ: usize = 4 * 1024;
/// Most room: four records and a bit.
const MAX_READ: usize = 68 * 1024;
/// Most plaintext that is encrypted before it is seen whether the socket takes it.
const MAX_WRITE: usize = 64 * 1024;

/// What both halves know.
pub(super) struct Both {
    pub(super) engine: RefCell<Engine>,
    write: stream::WriteHalf,
    /// The sending direction ends once everything is out.
    ending: Cell<bool>,
}

impl std::fmt::Debug for Both {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// The half that is read, by one task.
#[derive(Debug)]
pub struct ReadHalf {
    read: stream::ReadHalf,
    both: Rc<Both>,
    /// How much the next read of the socket may bring.
    room: usize,
}

/// The half that is written. Dropping it tells the peer that nothing more comes, as far as the socket
/// takes that at once.
#[derive(Debug)]
pub struct WriteHalf(Rc<Both>);

/// Both halves over those of a socket.
pub(super) fn pair(
    engine: Engine,
    (read, write): (stream::ReadHalf, stream::WriteHalf),
) -> (ReadHalf, WriteHalf) {
    let both = Rc::new(Both { engine: RefCell::new(engine), write, ending: Cell::new(false) });
    (ReadHalf { read, both: Rc::clone(&both), room: MIN_READ }, WriteHalf(both))
}

impl Both {
    /// Writes ciphertext that is on its way out; `true` once nothing is.
    fn flush(&self) -> io::Result<bool> {
        self.flush_of(&mut self.engine.borrow_mut())
    }

    fn flush_of(&self, engine: &mut Engine) -> io::Result<bool> {
        while !engine.out.is_empty() {
            match self.write.try_write(&engine.out) {
                Ok(n) => engine.out.advance(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => {
                    engine.out = BytesMut::new();
                    return Err(error);
                }
            }
        }
        engine.out = BytesMut::new();
        if self.ending.replace(false) {
            self.write.end();
        }
        Ok(true)
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.flush()? {
                return Poll::Ready(Ok(()));
            }
            ready!(self.write.poll_ready(cx))?;
        }
    }

    /// Tells the peer that nothing more comes. `true` once that is out, with everything before it.
    fn close(&self) -> bool {
        let mut engine = self.engine.borrow_mut();
        // It may have failed, or been closed, before.
        let _ = engine.close();
        self.flush_of(&mut engine).unwrap_or(true)
    }
}

impl ReadHalf {
    /// See [`stream::ReadHalf::poll_into`]. Everything that one read of the socket has brought is handed
    /// over at once, so nothing readable is ever left behind; what TLS itself has to answer goes out on
    /// the way.
    pub(in crate::net) fn poll_into(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut engine = self.both.engine.borrow_mut();
            if !engine.plain.is_empty() {
                let plain = std::mem::take(&mut engine.plain);
                buf.extend_from_slice(&plain);
                return Poll::Ready(Ok(plain.len()));
            }
            if engine.closed {
                return Poll::Ready(Ok(0));
            }
            drop(engine);
            let before = buf.len();
            let Some(read) = ready!(self.poll_socket(cx, buf.capacity() - before))? else {
                self.both.engine.borrow_mut().closed = true;
                return Poll::Ready(Ok(0));
            };
            let engine = &mut *self.both.engine.borrow_mut();
            let taken = engine.take(read, buf);
            if !engine.out.is_empty() {
                self.both.flush_of(engine)?;
            }
            engine.closed |= taken.is_err();
            if buf.len() > before {
                return Poll::Ready(Ok(buf.len() - before));
            }
            taken.map_err(failed)?;
        }
    }

    /// One read of the socket to the end of what was kept; `None` at its end.
    pub(super) fn poll_socket(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<Option<BytesMut>>> {
        let mut read = std::mem::take(&mut self.both.engine.borrow_mut().kept);
        let kept = read.len();
        let room = self.room.min(wanted.max(MIN_READ));
        read.reserve(room);
        match self.read.poll_into(cx, &mut read) {
            Poll::Pending => {
                if kept > 0 {
                    self.both.engine.borrow_mut().kept = read;
                }
                // Who waits for the peer may wait for what the peer has not got yet.
                if let Poll::Ready(Err(error)) = self.both.poll_flush(cx) {
                    return Poll::Ready(Err(error));
                }
                Poll::Pending
            }
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(None)),
            Poll::Ready(Ok(n)) => {
                self.fit(n, room);
                Poll::Ready(Ok(Some(read)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Who sends much is read in larger pieces.
    fn fit(&mut self, brought: usize, room: usize) {
        if brought >= room {
            self.room = (self.room * 4).min(MAX_READ);
        } else if brought < self.room / 4 {
            self.room = (self.room / 2).max(MIN_READ);
        }
    }

    /// See [`stream::ReadHalf::has_ended`]. The end is behind the record that announces it, so what there
    /// is has to be read to find out; it is kept for the next read.
    pub(in crate::net) fn has_ended(&self) -> bool {
        let engine = &mut *self.both.engine.borrow_mut();
        if !engine.plain.is_empty() {
            return false;
        }
        if engine.closed {
            return true;
        }
        let mut probe = [0; MIN_READ];
        match self.read.receive(&mut probe) {
            Ok(0) => engine.closed = true,
            Ok(n) => {
                let (mut read, mut plain) = (std::mem::take(&mut engine.kept), BytesMut::new());
                read.extend_from_slice(&probe[..n]);
                let taken = engine.take(read, &mut plain);
                engine.closed |= taken.is_err();
                engine.plain = plain;
            }
            Err(error) => engine.closed = error.kind() != io::ErrorKind::WouldBlock,
        }
        engine.closed && engine.plain.is_empty()
    }

    /// The half of the socket below.
    pub(super) fn socket(&self) -> &stream::ReadHalf {
        &self.read
    }

    pub(super) fn both(&self) -> &Both {
        &self.both
    }
}

impl WriteHalf {
    /// See [`stream::WriteHalf::try_write`]. What it takes is encrypted and is as good as written, but
    /// part of it may be on its way in here: [`Self::pending`].
    pub(in crate::net) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let engine = &mut *self.0.engine.borrow_mut();
        if !engine.out.is_empty() && !self.0.flush_of(engine)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = bytes.len().min(MAX_WRITE);
        if taken > 0 {
            engine.say(&bytes[..taken]).map_err(failed)?;
            self.0.flush_of(engine)?;
        }
        Ok(taken)
    }

    pub(in crate::net) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_flush(cx))?;
        self.0.write.poll_ready(cx)
    }

    pub(in crate::net) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    pub(in crate::net) fn pending(&self) -> usize {
        self.0.engine.borrow().out.len()
    }

    pub(in crate::net) fn flush(&self) -> io::Result<bool> {
        self.0.flush()
    }

    pub(in crate::net) fn end(&self) {
        self.0.ending.set(true);
        self.0.close();
    }

    pub(in crate::net) fn shut_down(&self) {
        self.0.close();
        self.0.write.shut_down();
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.0.close();
        self.0.write.end();
    }
}

/// An error of TLS among those of the socket.
pub(super) fn failed(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
