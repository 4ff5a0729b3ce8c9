//! Taking connections in, and speaking HTTP/1 on each.

use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use super::answer::{Answer, dressed, refused};
use super::crowd::{Crowd, Seat};
use super::dashboard::Dashboard;
use super::gate::{Asked, Came, Gate};
use super::{Setup, routes};
use crate::net::tls::Admission;
use crate::net::{Accepted, Duplex, Listener, Stream};

/// How long the head of a request may take, the wait for it included: longer than the fifteen seconds
/// between two looks of a Prometheus.
const HEAD: Duration = Duration::from_secs(20);
/// The most a head may hold, and how many headers.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;
/// How long to wait when no more files can be opened.
const NO_FILES: Duration = Duration::from_millis(100);

/// How long the last answers may take.
const LAST: Duration = Duration::from_millis(500);

/// What one connection needs.
#[derive(Clone)]
struct Hall {
    gate: Rc<Gate>,
    routes: Router,
    tls: Option<Arc<Admission>>,
    turn: Rc<Semaphore>,
    crowd: Rc<Crowd>,
    /// Becomes true when no more is to be asked.
    closing: watch::Receiver<bool>,
}

/// Serves on `listeners` until `stopped` is ready.
pub(super) async fn run(
    listeners: Vec<Listener>,
    gate: Gate,
    setup: Setup,
    mut stopped: oneshot::Receiver<()>,
) {
    let (close, closing) = watch::channel(false);
    let dashboard = Dashboard::new(Arc::clone(&setup.desk));
    let hall = Hall {
        gate: Rc::new(gate),
        routes: routes::all(setup.desk, &dashboard),
        tls: setup.tls,
        turn: Rc::new(Semaphore::new(1)),
        crowd: Rc::default(),
        closing,
    };
    let mut tick = interval(Duration::from_secs(1));
    let mut guests = JoinSet::new();
    let mut turn = 0_usize;
    loop {
        turn = turn.wrapping_add(1);
        tokio::select! {
            _ = &mut stopped => break,
            accepted = next(&listeners, turn) => match accepted {
                Ok(accepted) => drop(guests.spawn_local(hall.clone().receive(accepted))),
                Err(error) => {
                    tracing::debug!(%error, "cannot accept on admin.listen for the moment");
                    sleep(NO_FILES).await;
                }
            },
            Some(_) = guests.join_next() => {}
            _ = tick.tick() => {
                hall.crowd.tidy();
                dashboard.tick();
            }
        }
    }
    drop(listeners);
    let _ = close.send(true);
    let _ = timeout(LAST, async { while guests.join_next().await.is_some() {} }).await;
}

/// The next client of any listener; `turn` says which is asked first.
async fn next(listeners: &[Listener], turn: usize) -> std::io::Result<Accepted> {
    poll_fn(|cx| {
        let count = listeners.len();
        for at in 0..count {
            if let ready @ Poll::Ready(_) = listeners[(turn + at) % count].poll_accept(cx) {
                return ready;
            }
        }
        Poll::Pending
    })
    .await
}

impl Hall {
    /// Has a conversation with whoever has come, for as long as it may stay.
    async fn receive(self, accepted: Accepted) {
        let seat = self.crowd.enter();
        let loopback = accepted.ip().is_some_and(|ip| ip.to_canonical().is_loopback());
        let tls = accepted.door().tls;
        let Ok(stream) = accepted.register() else { return };
        tokio::select! {
            () = seat.left() => {}
            () = self.meet(stream, tls, Came { loopback }, &seat) => {}
        }
    }

    async fn meet(&self, stream: Stream, tls: bool, came: Came, seat: &Seat) {
        stream.tune(None);
        let stream = match &self.tls {
            Some(admission) if tls => match admission.admit(stream, &self.turn).await {
                Some(stream) => stream,
                None => return,
            },
            // A certificate that cannot be had is no reason to speak without.
            None if tls => return,
            _ => stream,
        };
        let stream = TokioIo::new(seat.watch(Duplex::new(stream)));
        let mut speaking = std::pin::pin!(
            Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(HEAD_BYTES)
                .max_headers(HEADERS)
                .serve_connection(stream, service_fn(|request| self.answer(request, came)))
        );
        let mut closing = self.closing.clone();
        let ended = tokio::select! {
            ended = &mut speaking => ended,
            _ = closing.wait_for(|closing| *closing) => {
                speaking.as_mut().graceful_shutdown();
                speaking.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a client of admin.listen");
        }
    }

    async fn answer(&self, request: Request<Incoming>, came: Came) -> Result<Answer, Infallible> {
        let asked = Asked { method: request.method(), uri: request.uri(), headers: request.headers() };
        let answer = match self.gate.admits(asked, came) {
            Err((status, why)) => refused(status, why),
            Ok(()) => TowerToHyperService::new(self.routes.clone()).call(request).await?,
        };
        Ok(dressed(answer))
    }
}
