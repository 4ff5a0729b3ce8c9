//! Who is connected. There is room for so many; whoever comes when there is none takes the place of the one
//! that has been silent longest. So neither slow nor silent clients keep anybody out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// How many may be connected.
pub(super) const MOST: usize = 64;
/// How long one may be silent, and let what it asked for lie.
const SILENT: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
struct Guest {
    /// When a byte of it came or went.
    moved: Cell<Instant>,
    leave: Notify,
}

/// Everybody.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    guests: RefCell<HashMap<u64, Rc<Guest>>>,
    next: Cell<u64>,
}

/// A place in it, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Rc<Crowd>,
    id: u64,
    guest: Rc<Guest>,
}

impl Crowd {
    /// Takes somebody in.
    pub(super) fn enter(self: &Rc<Self>) -> Seat {
        if self.guests.borrow().len() >= MOST {
            self.push_out();
        }
        let id = self.next.replace(self.next.get() + 1);
        let guest = Rc::new(Guest { moved: Cell::new(Instant::now()), leave: Notify::new() });
        self.guests.borrow_mut().insert(id, Rc::clone(&guest));
        Seat { crowd: Rc::clone(self), id, guest }
    }

    fn push_out(&self) {
        let mut guests = self.guests.borrow_mut();
        let longest = guests.iter().min_by_key(|(_, guest)| guest.moved.get());
        let id = longest.map(|(id, _)| *id);
        if let Some(guest) = id.and_then(|id| guests.remove(&id)) {
            guest.leave.notify_one();
        }
    }

    /// Has those leave that have been silent for too long.
    pub(super) fn tidy(&self) {
        let mut guests = self.guests.borrow_mut();
        guests.retain(|_, guest| {
            let stays = guest.moved.get().elapsed() < SILENT;
            if !stays {
                guest.leave.notify_one();
            }
            stays
        });
    }
}

impl Seat {
    /// Ready once it has to leave.
    pub(super) async fn left(&self) {
        self.guest.leave.notified().await;
    }

    /// `stream`, whose every byte is noted.
    pub(super) fn watch<S>(&self, stream: S) -> Watched<S> {
        Watched { stream, guest: Rc::clone(&self.guest) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.guests.borrow_mut().remove(&self.id);
    }
}

/// A connection that notes when something moves.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    guest: Rc<Guest>,
}

impl<S> Watched<S> {
    fn note<T>(&self, done: Poll<T>) -> Poll<T> {
        if done.is_ready() {
            self.guest.moved.set(Instant::now());
        }
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(cx, to);
        self.note(done)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_that_is_silent_longest_makes_room() {
        let crowd = Rc::new(Crowd::default());
        let mut seats: Vec<Seat> = (0..MOST).map(|_| crowd.enter()).collect();
        let mut first = seats[0].watch(tokio::io::repeat(1));
        assert_eq!(tokio::io::AsyncReadExt::read_u8(&mut first).await.ok(), Some(1));
        let _more = crowd.enter();
        assert_eq!(crowd.guests.borrow().len(), MOST);
        seats[1].left().await;
        drop(seats.remove(1));
        assert_eq!(crowd.guests.borrow().len(), MOST);
        drop(seats);
        assert_eq!(crowd.guests.borrow().len(), 1);
    }
}
