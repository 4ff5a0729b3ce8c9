//! The way from a Nearside to the server, to be spoilt: each connection can be held, delayed, closed or
//! reset, each way for itself. One thread carries them all.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A listener on a free port before the Unix socket of a server.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) port: u16,
    inner: Arc<Inner>,
    stop: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    links: Mutex<Vec<Arc<Link>>>,
    /// Microseconds that everything takes longer, each way.
    slow: AtomicU64,
    /// Nothing passes on any connection, new ones included.
    dark: AtomicBool,
    light: Notify,
}

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) up: Way,
    pub(crate) down: Way,
    end: Notify,
    ended: AtomicBool,
    reset: AtomicBool,
    lane: AtomicBool,
}

/// One way of it.
#[derive(Debug, Default)]
pub(crate) struct Way {
    held: AtomicBool,
    slow: AtomicU64,
    /// Bytes pass in pieces of at most so many, some time apart; 0: as they come.
    piece: AtomicU64,
    turn: Notify,
}

impl Way {
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
        self.turn.notify_waiters();
    }

    /// From now on everything takes so many microseconds longer.
    pub(crate) fn delay(&self, micros: u64) {
        self.slow.store(micros, Ordering::SeqCst);
    }

    /// From now on bytes pass in small pieces.
    pub(crate) fn trickle(&self, piece: u64) {
        self.piece.store(piece, Ordering::SeqCst);
    }

    async fn pass(&self) {
        loop {
            let turn = self.turn.notified();
            tokio::pin!(turn);
            turn.as_mut().enable();
            if !self.held.load(Ordering::SeqCst) {
                return;
            }
            turn.await;
        }
    }
}

impl Link {
    /// Whether tracking was asked for on it.
    pub(crate) fn is_lane(&self) -> bool {
        self.lane.load(Ordering::Relaxed)
    }

    pub(crate) fn heal(&self) {
        for way in [&self.up, &self.down] {
            way.delay(0);
            way.trickle(0);
            way.hold(false);
        }
    }

    /// Both sides are told that it is over; Nearside by a reset perhaps. What is held is lost.
    pub(crate) fn cut(&self, reset: bool) {
        self.reset.store(reset, Ordering::SeqCst);
        self.ended.store(true, Ordering::SeqCst);
        self.end.notify_waiters();
    }

    async fn over(&self) {
        let end = self.end.notified();
        tokio::pin!(end);
        end.as_mut().enable();
        if !self.ended.load(Ordering::SeqCst) {
            end.await;
        }
    }
}

impl Relay {
    pub(crate) fn before(server: PathBuf) -> Self {
        let (inner, stop) = (Arc::new(Inner::default()), Arc::new(Notify::new()));
        let (found, port) = mpsc::channel();
        let (shared, stopped) = (Arc::clone(&inner), Arc::clone(&stop));
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let _ = found.send(listener.local_addr().expect("it is bound").port());
                tokio::select! {
                    () = stopped.notified() => {}
                    () = shared.accept(listener, server) => {}
                }
            });
        });
        Self { port: port.recv().expect("it listens"), inner, stop }
    }

    /// Everything takes so much longer, each way.
    pub(crate) fn slow(&self, by: Duration) {
        self.inner.slow.store(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// All connections.
    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.inner.links.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing passes any more, whether it is connected already or not; or everything does again.
    pub(crate) fn dark(&self, dark: bool) {
        self.inner.dark.store(dark, Ordering::SeqCst);
        self.inner.light.notify_waiters();
    }

    pub(crate) fn heal(&self) {
        self.dark(false);
        self.links().iter().for_each(|link| link.heal());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

impl Inner {
    async fn accept(self: Arc<Self>, listener: TcpListener, server: PathBuf) {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = UnixStream::connect(&server).await else { continue };
            tokio::spawn(Arc::clone(&self).join(near, far));
        }
    }

    async fn join(self: Arc<Self>, mut near: TcpStream, mut far: UnixStream) {
        let link = Arc::new(Link::default());
        self.links.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&link));
        let _ = near.set_nodelay(true);
        let (near_in, near_out) = near.split();
        let (far_in, far_out) = far.split();
        tokio::select! {
            _ = self.carry(&link, &link.up, near_in, far_out) => {}
            _ = self.carry(&link, &link.down, far_in, near_out) => {}
            () = link.over() => {}
        }
        if link.reset.load(Ordering::SeqCst) {
            let _ = socket2::SockRef::from(&near).set_linger(Some(Duration::ZERO));
        }
        self.links.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, &link));
    }

    async fn lit(&self) {
        loop {
            let light = self.light.notified();
            tokio::pin!(light);
            light.as_mut().enable();
            if !self.dark.load(Ordering::SeqCst) {
                return;
            }
            light.await;
        }
    }

    async fn carry(
        &self,
        link: &Link,
        way: &Way,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut chunk = vec![0; 64 * 1024];
        let mut carried = 0;
        loop {
            let n = from.read(&mut chunk).await?;
            if n == 0 {
                return Ok(());
            }
            if carried < 1024 && chunk[..n].windows(8).any(|part| part == b"TRACKING") {
                link.lane.store(true, Ordering::Relaxed);
            }
            carried += n;
            let slow = self.slow.load(Ordering::Relaxed) + way.slow.load(Ordering::Relaxed);
            if slow > 0 {
                sleep_until(Instant::now() + Duration::from_micros(slow)).await;
            }
            way.pass().await;
            self.lit().await;
            let piece = usize::try_from(way.piece.load(Ordering::Relaxed)).unwrap_or(0);
            if piece == 0 {
                to.write_all(&chunk[..n]).await?;
                continue;
            }
            for part in chunk[..n].chunks(piece) {
                to.write_all(part).await?;
                sleep_until(Instant::now() + Duration::from_micros(500)).await;
            }
        }
    }
}
