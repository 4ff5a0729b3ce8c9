//! What the page is fed with: an overview a second for each that is open, made once for all of them.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, HeaderName, HeaderValue, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::assets;
use crate::admin::answer::{Answer, found, plain, wrong};
use crate::admin::routes::Asks;
use crate::telemetry::Desk;
use crate::telemetry::desk::Overview;

/// Pages that may be fed at once; more of them ask for `/overview` instead.
const STREAMS: usize = 16;

/// What pages are fed with. Clones share it.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Dashboard {
    desk: Arc<dyn Desk>,
    events: watch::Sender<Bytes>,
    places: Arc<Semaphore>,
}

impl Dashboard {
    /// One fed by `desk`, once somebody calls [`Self::tick`].
    pub(in crate::admin) fn new(desk: Arc<dyn Desk>) -> Self {
        Self { desk, events: watch::Sender::default(), places: Arc::new(Semaphore::new(STREAMS)) }
    }

    /// To be called once a second: notes what has happened since, and tells those who listen. Costs workers
    /// nothing; and with nobody listening little more than a look at their counters.
    pub(in crate::admin) fn tick(&self) {
        self.desk.look();
        if self.events.receiver_count() > 0 {
            self.events.send_replace(event(&self.desk.overview()));
        }
    }

    /// The page, what it is made of, and what it is fed with.
    pub(in crate::admin) fn routes(&self) -> Router<Arc<dyn Desk>> {
        let dashboard = self.clone();
        let feed = get(async move || dashboard.feed());
        let mut routes = Router::new()
            .route("/events", feed)
            .route("/overview", get(async |State(desk): Asks| found(&desk.overview())))
            .route("/history", get(async |State(desk): Asks| found(&desk.history())));
        for path in assets::paths() {
            routes = routes.route(&path, get(file));
        }
        routes
    }

    /// A stream of events that goes on until whoever reads it leaves.
    fn feed(&self) -> Answer {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let why = format!("{STREAMS} dashboards are open already: ask for /overview");
            let mut full = wrong(StatusCode::SERVICE_UNAVAILABLE, &why);
            full.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
            return full;
        };
        let first = event(&self.desk.overview());
        let feed = Feed { first: Some(first), events: self.events.subscribe(), _place: place };
        let body = Body::from_stream(stream::unfold(feed, Feed::next));
        let mut answer = plain(StatusCode::OK, "text/event-stream", body);
        // A reverse proxy of the usual kind would keep it until it has enough of it.
        answer
            .headers_mut()
            .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        answer
    }
}

/// What one page is sent. Who reads slowly misses some, and is never sent an old one.
struct Feed {
    first: Option<Bytes>,
    events: watch::Receiver<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(first) = self.first.take() {
            return Some((Ok(first), self));
        }
        self.events.changed().await.ok()?;
        let event = self.events.borrow_and_update().clone();
        Some((Ok(event), self))
    }
}

/// An overview as an event. JSON has no line breaks of its own.
fn event(overview: &Overview) -> Bytes {
    let mut event = b"data: ".to_vec();
    if let Err(error) = serde_json::to_writer(&mut event, overview) {
        tracing::error!(%error, "the overview cannot be written");
        return Bytes::new();
    }
    event.extend_from_slice(b"\n\n");
    event.into()
}

async fn file(uri: Uri, headers: HeaderMap) -> Answer {
    if uri.path() == "/" && !wants_page(&headers) {
        return varied(plain(StatusCode::OK, "text/plain; charset=utf-8", super::LIST));
    }
    let none = || wrong(StatusCode::NOT_FOUND, "there is no such file");
    varied(assets::serve(uri.path(), &headers).unwrap_or_else(none))
}

/// A browser says that it takes a page; curl that it takes anything.
fn wants_page(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/html"))
}

fn varied(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    answer
}
