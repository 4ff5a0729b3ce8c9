//! A wire between Nearside and a server, connection by connection and way by way: held, held at given
//! bytes, delayed, swallowed, closed, reset. It knows lanes by the `CLIENT TRACKING` sent on them.
//!
//! Nothing is changed and nothing overtakes: what passes, passes in order and as it came.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::flow::{Flow, carry, collect};
use super::{Place, Talk};

/// A listener on a free port of the loopback before the Unix socket of a server.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: Mutex<PathBuf>,
    wires: Mutex<Vec<Wire>>,
    opened: AtomicUsize,
    fresh: Mutex<Fresh>,
    /// Requests stop before these bytes.
    snare: Mutex<Option<Vec<u8>>>,
    turn: Condvar,
}

/// What becomes of connections that are opened from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fresh {
    /// They are joined to the server.
    #[default]
    Joined,
    /// They are taken, and wait.
    Held,
    /// They are joined to the server, and not a byte comes through.
    Swallowed,
    /// They are closed at once.
    Refused,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// One before the server whose Unix socket is at `server`.
    pub fn before(server: &Place) -> Self {
        let Place::Unix(path) = server else { panic!("servers are on Unix sockets") };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let inner = Arc::new(Inner {
            server: Mutex::new(path.clone()),
            wires: Mutex::default(),
            opened: AtomicUsize::new(0),
            fresh: Mutex::default(),
            snare: Mutex::default(),
            turn: Condvar::new(),
        });
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for near in listener.incoming() {
                let Ok(near) = near else { return };
                shared.join(near);
            }
        });
        Self { port, inner }
    }

    /// Where Nearside connects.
    pub fn place(&self) -> Place {
        Place::Tcp(([127, 0, 0, 1], self.port).into())
    }

    /// New connections go to this server.
    pub fn lead_to(&self, server: &Place) {
        let Place::Unix(path) = server else { panic!("servers are on Unix sockets") };
        lock(&self.inner.server).clone_from(path);
    }

    /// What becomes of connections that are opened from now on; held ones go on when it changes.
    pub fn fresh(&self, fate: Fresh) {
        *lock(&self.inner.fresh) = fate;
        self.inner.turn.notify_all();
    }

    /// From now on requests stop before `what`, on whichever connection it comes, new ones included; with
    /// `None` they go on, and none does any more.
    pub fn snare(&self, what: Option<&[u8]>) {
        *lock(&self.inner.snare) = what.map(<[u8]>::to_vec);
        for wire in self.wires() {
            match what {
                Some(what) => wire.up().hold_before(what),
                None => wire.up().release(),
            }
        }
    }

    /// Every connection that is open, the oldest first.
    pub fn wires(&self) -> Vec<Wire> {
        let mut wires = lock(&self.inner.wires);
        wires.retain(Wire::is_open);
        wires.clone()
    }

    /// How many there have been.
    pub fn opened(&self) -> usize {
        self.inner.opened.load(Ordering::SeqCst)
    }

    /// Those that are lanes: they asked for tracking.
    pub fn lanes(&self) -> Vec<Wire> {
        self.wires().into_iter().filter(Wire::is_lane).collect()
    }

    /// The connection that carries what `session` says now. It must be in plain state.
    pub fn wire_of(&self, session: &mut Talk) -> Wire {
        for _ in 0..100 {
            let before: Vec<_> = self.wires().into_iter().map(|wire| (wire.up().arrived(), wire)).collect();
            let mark = format!("mark-{:016x}", fastrand::u64(..));
            let reply = session.ask(&["ECHO", &mark]);
            assert!(reply.ends_with(format!("{mark}\r\n").as_bytes()), "{}", reply.escape_ascii());
            let carried = self.wires().into_iter().find(|wire| {
                let from = before.iter().find(|(_, known)| known.is(wire)).map_or(0, |(at, _)| *at);
                wire.up().has(from, mark.as_bytes())
            });
            // It may have been closed just after.
            if let Some(wire) = carried {
                return wire;
            }
        }
        panic!("its connection is always another one");
    }

    /// Lets everything on every connection go on, and new ones too.
    pub fn release(&self) {
        self.fresh(Fresh::Joined);
        *lock(&self.inner.snare) = None;
        self.wires().iter().for_each(Wire::release);
    }
}

impl Inner {
    fn join(&self, near: TcpStream) {
        let fate = lock(&self.fresh);
        let fate =
            *self.turn.wait_while(fate, |fate| *fate == Fresh::Held).unwrap_or_else(PoisonError::into_inner);
        // A server that is away refuses: so does the wire.
        let far = UnixStream::connect(&*lock(&self.server));
        if let (Ok(far), false) = (far, fate == Fresh::Refused) {
            let wire = Wire::between(near, far, fate == Fresh::Swallowed);
            // Under the lock, so that a snare misses no wire.
            let mut wires = lock(&self.wires);
            if let Some(what) = &*lock(&self.snare) {
                wire.up().hold_before(what);
            }
            wires.push(wire);
            self.opened.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// One connection. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Wire(Arc<Link>);

#[derive(Debug)]
struct Link {
    up: Arc<Flow>,
    down: Arc<Flow>,
    /// The sockets, until they are to be closed.
    ends: Mutex<Option<(TcpStream, UnixStream)>>,
}

impl Wire {
    fn between(near: TcpStream, far: UnixStream, swallowed: bool) -> Self {
        let _ = near.set_nodelay(true);
        let (up, down) = (Arc::new(Flow::default()), Arc::new(Flow::default()));
        if swallowed {
            [&up, &down].iter().for_each(|flow| flow.swallow());
        }
        let again = |near: &TcpStream, far: &UnixStream| {
            (near.try_clone().expect("a handle"), far.try_clone().expect("a handle"))
        };
        let (near_in, far_in) = again(&near, &far);
        let (near_out, far_out) = again(&near, &far);
        let ends = Mutex::new(Some((near, far)));
        let wire = Self(Arc::new(Link { up: Arc::clone(&up), down: Arc::clone(&down), ends }));
        for (flow, from) in [(Arc::clone(&up), End::Tcp(near_in)), (Arc::clone(&down), End::Unix(far_in))] {
            thread::spawn(move || match from {
                End::Tcp(from) => collect(&flow, from),
                End::Unix(from) => collect(&flow, from),
            });
        }
        let (one, other) = (wire.clone(), wire.clone());
        thread::spawn(move || {
            carry(&up, far_out);
            one.cut();
        });
        thread::spawn(move || {
            carry(&down, near_out);
            other.cut();
        });
        wire
    }

    /// Whether both are the same connection.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Requests.
    pub fn up(&self) -> &Flow {
        &self.0.up
    }

    /// Replies and pushes.
    pub fn down(&self) -> &Flow {
        &self.0.down
    }

    /// Whether tracking was asked for on it.
    pub fn is_lane(&self) -> bool {
        self.0.up.has(0, b"$8\r\nTRACKING\r\n")
    }

    pub fn is_open(&self) -> bool {
        lock(&self.0.ends).is_some()
    }

    /// Both ways go on, all that is held first.
    pub fn release(&self) {
        self.0.up.release();
        self.0.down.release();
    }

    /// Neither side hears another byte, and neither is told.
    pub fn blackhole(&self) {
        self.0.up.swallow();
        self.0.down.swallow();
    }

    /// Nearside is told that it is over; the server is not, and gets what is held when it is released.
    pub fn desert(&self) {
        if let Some((near, _)) = &*lock(&self.0.ends) {
            let _ = near.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Both sides are told that it is over; what is held is lost.
    pub fn cut(&self) {
        self.end(false);
    }

    /// As [`Self::cut`], but Nearside gets a reset.
    pub fn reset(&self) {
        self.end(true);
    }

    fn end(&self, reset: bool) {
        let Some((near, far)) = lock(&self.0.ends).take() else { return };
        self.0.up.stop();
        self.0.down.stop();
        let _ = far.shutdown(std::net::Shutdown::Both);
        if reset {
            // Without a goodbye, which a shutdown would say: when the last handle is closed.
            let linger = socket2::SockRef::from(&near).set_linger(Some(Duration::ZERO));
            linger.expect("a socket can be reset");
        }
        let how = if reset { std::net::Shutdown::Read } else { std::net::Shutdown::Both };
        let _ = near.shutdown(how);
    }
}

enum End {
    Tcp(TcpStream),
    Unix(UnixStream),
}
