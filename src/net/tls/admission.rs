//! Clients on their way through the handshake: in how long a time, and how many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use super::cert::Validity;
use super::handshake::{self, HandshakeError, Shaken};
use super::server::ServerTls;
use crate::net::Stream;
use crate::telemetry::Handshakes;

/// How long a handshake may take while others wait for theirs.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lets clients in on listeners that speak TLS; one for all workers.
///
/// A client that says nothing takes no place in the line, only its connection. One that has begun and does not
/// go on keeps its place for [`PATIENCE`] where somebody waits for it, else until its time is over.
#[derive(Debug)]
pub struct Admission {
    tls: Arc<ServerTls>,
    places: Semaphore,
    waiting: AtomicUsize,
    counts: Arc<Handshakes>,
}

/// Why a client is not let in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// It has taken too long.
    #[error("it has taken longer than {0:?} (tls.handshake_timeout)")]
    TooLong(Duration),
    /// It has taken so long that others should have its place.
    #[error("it has taken longer than {PATIENCE:?} while others waited (tls.max_handshakes)")]
    Overtaken,
    /// The certificate of the session it resumes has ended.
    #[error("the certificate it showed {0}")]
    Ended(String),
    /// The handshake has failed.
    #[error(transparent)]
    Failed(#[from] HandshakeError),
}

/// Waits in line. Dropped, it does not any more.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// Lets clients in as `tls` says.
    pub fn new(tls: Arc<ServerTls>, counts: Arc<Handshakes>) -> Self {
        let places = Semaphore::new(tls.max_handshakes().clamp(1, Semaphore::MAX_PERMITS));
        Self { tls, places, waiting: AtomicUsize::new(0), counts }
    }

    /// Speaks TLS with a client that has connected. `None`: it was not let in; why is counted and logged.
    /// `turn` belongs to the worker whose runtime this runs on: see [`handshake::accept`].
    pub async fn admit(&self, stream: Stream, turn: &Semaphore) -> Option<Stream> {
        let (peer, limit) = (stream.peer(), self.tls.handshake_timeout());
        let done = timeout(limit, self.shake(stream, turn)).await;
        let refused = match done.unwrap_or(Err(Refused::TooLong(limit))) {
            Ok(shaken) => {
                self.counts.done.fetch_add(1, Ordering::Relaxed);
                self.counts.resumed.fetch_add(u64::from(shaken.resumed), Ordering::Relaxed);
                return Some(shaken.stream);
            }
            Err(refused) => refused,
        };
        let count = match refused {
            Refused::TooLong(_) | Refused::Overtaken => &self.counts.timed_out,
            Refused::Ended(_) | Refused::Failed(_) => &self.counts.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%peer, "no TLS with this client: {refused}");
        None
    }

    async fn shake(&self, stream: Stream, turn: &Semaphore) -> Result<Shaken, Refused> {
        stream.readable().await.map_err(HandshakeError::Io)?;
        let _place = self.place().await;
        let mut shaking = std::pin::pin!(handshake::accept(stream, self.tls.config(), turn));
        let shaken = loop {
            tokio::select! {
                biased;
                shaken = &mut shaking => break shaken?,
                () = sleep(PATIENCE) => {}
            }
            if self.waiting.load(Ordering::Relaxed) > 0 {
                return Err(Refused::Overtaken);
            }
        };
        // rustls does not look at it again.
        let shown = shaken.shown.as_ref().filter(|_| shaken.resumed);
        match shown.and_then(|shown| Validity::of(shown)?.complaint(SystemTime::now())) {
            Some(why) => Err(Refused::Ended(why)),
            None => Ok(shaken),
        }
    }

    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        self.places.acquire().await.ok()
    }
}
