//! The lease: a connection lent to one session.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::task::coop::unconstrained;

use super::fate::Fate;
use super::handshake::{Link, error_text, hear, lost};
use super::info::ServerInfo;
use super::outgoing::Outgoing;
use super::{Class, Credential, Failure, Permit, Shared};
use crate::net::ReadHalf;
use crate::resp::Proto;
use crate::resp::request::encode;
use crate::telemetry::Tally;

/// The state a session wants its connection in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Protocol of the replies.
    pub proto: Proto,
    /// Selected database.
    pub db: u32,
    /// Who it acts as.
    pub credential: Credential,
}

/// A connection of one's own. Dropping it closes it, which ends whatever the server was doing for it;
/// [`Self::clean`] and [`super::Pool::give_back`] keep it for the next session.
#[derive(Debug)]
pub struct Lease {
    read: ReadHalf,
    write: Outgoing,
    permit: Permit,
    tally: Rc<Tally>,
    fate: Fate,
    pub(super) generation: u64,
    pub(super) opened: Instant,
    pub(super) returned: Instant,
    info: Rc<ServerInfo>,
    /// The upstream's id of the connection; 0 if it has not said, as before a password it wants.
    pub id: i64,
    /// What state it is in; the session keeps it true when it changes it.
    pub state: Wanted,
    /// It carries state that cannot be undone: it is closed instead of returned.
    pub tainted: bool,
}

/// A lease whose holder has vouched for it. The only thing the pool takes, so that a connection nobody
/// has thought about is closed, never handed on.
#[derive(Debug)]
pub struct Clean(pub(super) Lease);

impl Lease {
    pub(super) fn new(
        link: Link,
        state: Wanted,
        permit: Permit,
        shared: Arc<Shared>,
        tally: Rc<Tally>,
    ) -> Self {
        Self {
            read: link.read,
            write: link.write,
            fate: Fate::opened(shared, permit.class()),
            permit,
            tally,
            generation: link.generation,
            opened: Instant::now(),
            returned: Instant::now(),
            id: link.info.id(),
            info: link.info,
            // A server that wants a password first answers nothing but errors, in RESP2.
            tainted: link.proto != state.proto,
            state,
        }
    }

    /// What it was taken for. On a control connection nothing but control commands may be sent.
    pub fn class(&self) -> Class {
        self.permit.class()
    }

    /// The holder vouches that the connection is as it was lent, but for what [`Self::state`] says of
    /// it: every reply is in, with none half read; no transaction is open and no key watched; nothing is
    /// subscribed, monitored, tracked or replicated; replies are on; it has the name, the library
    /// and the modes (`NO-EVICT`, `NO-TOUCH`, `READONLY`, `ASKING`, `CAPA`, `IMPORT-SOURCE`) of a new
    /// one. Who cannot say so drops the lease instead. A tainted one is closed all the same.
    pub fn clean(mut self) -> Clean {
        if !self.tainted {
            self.fate.rest();
        }
        Clean(self)
    }

    /// One read into `buf`; 0 bytes is the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut BytesMut) -> Poll<io::Result<usize>> {
        let read = self.read.poll_into(cx, buf);
        match read {
            Poll::Ready(Ok(0) | Err(_)) => self.fate.lose(),
            Poll::Ready(Ok(n)) => self.tally.meters().upstream_in.plus(n as u64),
            Poll::Pending => {}
        }
        read
    }

    /// Nothing more will be written: the server ends the connection once it has said what it has to say.
    pub fn end_of_writing(&self) {
        self.write.end();
    }

    /// Writes what the connection takes now; pending when it takes nothing.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.write.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::task::ready!(self.write.poll_ready(cx))?;
                }
                done => {
                    let n = done.as_ref().map_or(0, |n| *n);
                    self.tally.meters().upstream_out.plus(n as u64);
                    return Poll::Ready(done);
                }
            }
        }
    }

    /// Ready once everything that was written is out: over TLS some of it may wait for the connection.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_flush(cx)
    }

    /// Whether the server took its greeting, and does not want a password first.
    pub fn is_greeted(&self) -> bool {
        !self.info.hello.is_empty()
    }

    /// The server closes it when it has been idle for longer; `None` never.
    pub(super) fn idle_limit(&self) -> Option<Duration> {
        self.info.habits.timeout
    }

    /// It leaves the pool.
    pub(super) fn lend(&mut self) {
        self.fate.lend();
    }

    /// Whether it is still as it was left: not a byte came, and the server has not hung up.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut probe = BytesMut::with_capacity(16);
        // A task that has used up its turn would be told that nothing came.
        let look = pin!(unconstrained(poll_fn(|cx| self.read.poll_into(cx, &mut probe))));
        look.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Brings it from the state it is in to `wanted`, which has the same credential.
    pub(super) async fn become_like(&mut self, wanted: &Wanted, shared: &Arc<Shared>) -> Result<(), Failure> {
        let (mut words, mut replies) = (Vec::new(), 0);
        if self.state.proto != wanted.proto {
            words.extend(encode(&[b"HELLO", &[b'0' + wanted.proto.number()]]));
            replies += 1;
        }
        if self.state.db != wanted.db {
            words.extend(encode(&[b"SELECT", wanted.db.to_string().as_bytes()]));
            replies += 1;
        }
        if replies > 0 {
            let talk = self.exchange(&words, replies);
            // As patient as with a new one, which it stands for.
            let limit = shared.settings().connect_timeout;
            let heard = tokio::time::timeout(limit, talk).await;
            heard.map_err(|_| shared.unreachable(&"no reply on a pooled connection"))?.map_err(
                |e| match e {
                    Failure::Lost { reason } => shared.unreachable(&reason),
                    other => other,
                },
            )?;
        }
        self.state = wanted.clone();
        Ok(())
    }

    /// Asks one thing; an error reply is a failure.
    pub async fn hear(&mut self, request: &[u8]) -> Result<Bytes, Failure> {
        self.write.write_all(request).await.map_err(lost)?;
        let reply = hear(&mut self.read, &mut BytesMut::new()).await?;
        error_text(&reply).map_or(Ok(reply), |text| Err(Failure::Refused(text)))
    }

    /// Asks so many things; errors are answers.
    pub(super) async fn hear_all(&mut self, requests: &[Vec<u8>]) -> Result<Vec<Bytes>, Failure> {
        self.write.write_all(&requests.concat()).await.map_err(lost)?;
        let (mut buf, mut replies) = (BytesMut::new(), Vec::with_capacity(requests.len()));
        for _ in requests {
            replies.push(hear(&mut self.read, &mut buf).await?);
        }
        Ok(replies)
    }

    pub(super) async fn exchange(&mut self, words: &[u8], replies: usize) -> Result<(), Failure> {
        self.write.write_all(words).await.map_err(lost)?;
        let mut buf = BytesMut::new();
        for _ in 0..replies {
            if let Some(text) = error_text(&hear(&mut self.read, &mut buf).await?) {
                return Err(Failure::Refused(text));
            }
        }
        Ok(())
    }
}
