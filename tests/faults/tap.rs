//! A wire between Nearside and the server that can be held, cut in the middle of a reply, closed or reset.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use nearside::config::Endpoint;

use crate::rig::PATIENCE;

/// What the wire lets through, in both directions, on all of its connections.
#[derive(Debug, Default)]
struct Gate {
    hold_requests: bool,
    /// How many more bytes of replies pass; `None`: all.
    replies_left: Option<usize>,
    /// What waits since it is held.
    requests_held: usize,
    replies_held: usize,
    links: Vec<Arc<Link>>,
}

type Shared = Arc<(Mutex<Gate>, Condvar)>;

/// A listener on a free port before the Unix socket of a server.
pub(crate) struct Tap {
    port: u16,
    gate: Shared,
}

impl Tap {
    pub(crate) fn before(server: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let gate = Arc::new((Mutex::new(Gate::default()), Condvar::new()));
        let shared = Arc::clone(&gate);
        thread::spawn(move || {
            for near in listener.incoming() {
                let Ok(near) = near else { return };
                // A server that is away refuses: so does the wire.
                let Ok(far) = UnixStream::connect(&server) else { continue };
                join(&shared, near, far);
            }
        });
        Self { port, gate }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp { host: "127.0.0.1".into(), port: self.port }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.0.lock().expect("no thread of the wire panics")
    }

    /// From now on requests stay in the wire.
    pub(crate) fn hold_requests(&self) {
        let mut gate = self.gate();
        (gate.hold_requests, gate.requests_held) = (true, 0);
    }

    /// From now on replies stay in the wire, save for their first `pass` bytes.
    pub(crate) fn hold_replies(&self, pass: usize) {
        let mut gate = self.gate();
        (gate.replies_left, gate.replies_held) = (Some(pass), 0);
    }

    /// Everything held goes on, and nothing is held any more.
    pub(crate) fn release(&self) {
        let mut gate = self.gate();
        (gate.hold_requests, gate.replies_left) = (false, None);
        self.gate.1.notify_all();
    }

    /// Held requests go on.
    pub(crate) fn release_requests(&self) {
        self.gate().hold_requests = false;
        self.gate.1.notify_all();
    }

    /// Waits until a request is held.
    pub(crate) fn wait_for_request(&self) {
        self.wait("a request in the wire", |gate| gate.requests_held > 0);
    }

    /// Waits until a reply, or the rest of one, is held.
    pub(crate) fn wait_for_reply(&self) {
        self.wait("a reply in the wire", |gate| gate.replies_held > 0);
    }

    fn wait(&self, what: &str, until: impl Fn(&Gate) -> bool) {
        let wait = self.gate.1.wait_timeout_while(self.gate(), PATIENCE, |gate| !until(gate));
        assert!(!wait.expect("no thread of the wire panics").1.timed_out(), "never: {what}");
    }

    /// Ends every connection, what is held on it included: with an orderly end, or with a reset.
    pub(crate) fn cut(&self, reset: bool) {
        let mut gate = self.gate();
        for link in gate.links.drain(..) {
            link.cut.store(true, Ordering::SeqCst);
            let _ = link.far.shutdown(Shutdown::Both);
            if reset {
                // Without a goodbye, which a shutdown would say: when its last owner closes it.
                let linger = socket2::SockRef::from(&link.near).set_linger(Some(Duration::ZERO));
                linger.expect("a socket can be reset");
            }
            let _ = link.near.shutdown(if reset { Shutdown::Read } else { Shutdown::Both });
        }
        (gate.hold_requests, gate.replies_left) = (false, None);
        self.gate.1.notify_all();
    }
}

/// One connection through the wire; both sockets close with its last owner.
#[derive(Debug)]
struct Link {
    near: TcpStream,
    far: UnixStream,
    /// Neither side hears another byte.
    cut: AtomicBool,
}

impl Link {
    /// One direction has ended by itself: so does the other.
    fn end(&self) {
        if !self.cut.load(Ordering::SeqCst) {
            let _ = self.far.shutdown(Shutdown::Both);
            let _ = self.near.shutdown(Shutdown::Both);
        }
    }
}

/// Joins the two until one of them ends.
fn join(shared: &Shared, near: TcpStream, far: UnixStream) {
    let _ = near.set_nodelay(true);
    let link = Arc::new(Link { near, far, cut: AtomicBool::new(false) });
    let Ok(mut gate) = shared.0.lock() else { return };
    gate.links.push(Arc::clone(&link));
    drop(gate);
    let (up, other) = (Arc::clone(shared), Arc::clone(&link));
    thread::spawn(move || {
        carry(&other.near, |bytes| request(&up, &other, bytes));
        other.end();
    });
    let down = Arc::clone(shared);
    thread::spawn(move || {
        carry(&link.far, |bytes| reply(&down, &link, bytes));
        link.end();
    });
}

fn carry(mut from: impl Read, mut pass: impl FnMut(&[u8]) -> bool) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        if !pass(&chunk[..n]) {
            return;
        }
    }
}

fn request(shared: &Shared, link: &Link, bytes: &[u8]) -> bool {
    let Ok(mut gate) = shared.0.lock() else { return false };
    if gate.hold_requests {
        gate.requests_held += bytes.len();
        shared.1.notify_all();
        let Ok(open) = shared.1.wait_while(gate, |gate| gate.hold_requests) else { return false };
        drop(open);
    }
    !link.cut.load(Ordering::SeqCst) && (&link.far).write_all(bytes).is_ok()
}

fn reply(shared: &Shared, link: &Link, mut bytes: &[u8]) -> bool {
    loop {
        let Ok(mut gate) = shared.0.lock() else { return false };
        let pass = gate.replies_left.map_or(bytes.len(), |left| left.min(bytes.len()));
        gate.replies_left = gate.replies_left.map(|left| left - pass);
        if link.cut.load(Ordering::SeqCst) || (&link.near).write_all(&bytes[..pass]).is_err() {
            return false;
        }
        bytes = &bytes[pass..];
        if bytes.is_empty() {
            return true;
        }
        gate.replies_held += bytes.len();
        shared.1.notify_all();
        let Ok(open) = shared.1.wait_while(gate, |gate| gate.replies_left.is_some()) else { return false };
        drop(open);
    }
}
