//! What can be asked, and where.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::{get, post};

use super::answer::{Answer, found, json, plain, wrong};
use super::dashboard::Dashboard;
use crate::telemetry::Desk;
use crate::telemetry::desk::Probe;
use crate::telemetry::metrics::Format;

/// Clients and keys that are shown unless it is asked for more, and the most that are.
const CLIENTS: (usize, usize) = (1_000, 100_000);
const KEYS: (usize, usize) = (10, 1_000);

/// The desk, as handlers get it.
pub(super) type Asks = State<Arc<dyn Desk>>;

/// Everything that can be asked of `desk`, and the page that shows it.
pub(super) fn all(desk: Arc<dyn Desk>, dashboard: &Dashboard) -> Router {
    Router::new()
        .route("/live", get(async || probe(&Probe::yes())))
        .route("/ready", get(async |State(desk): Asks| probe(&desk.ready())))
        .route("/config", get(async |State(desk): Asks| found(&desk.settings())))
        .route("/clients", get(clients))
        .route("/hotkeys", get(hot_keys))
        .route("/cache", get(async |State(desk): Asks| found(&desk.cache())))
        .route("/metrics", get(metrics))
        .route("/cache/flush", post(async |State(desk): Asks| done(|| desk.flush_cache(), "flushed")))
        .route("/drain", post(async |State(desk): Asks| done(|| desk.drain(), "draining")))
        .merge(dashboard.routes())
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown)
        .with_state(desk)
}

async fn clients(State(desk): Asks, uri: Uri) -> Answer {
    counted(&uri, "limit", CLIENTS).map_or_else(|answer| *answer, |most| found(&desk.clients(most)))
}

async fn hot_keys(State(desk): Asks, uri: Uri) -> Answer {
    counted(&uri, "count", KEYS).map_or_else(|answer| *answer, |most| found(&desk.hot_keys(most)))
}

/// In the format that is asked for.
async fn metrics(State(desk): Asks, headers: HeaderMap) -> Answer {
    let accepts: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::for_accept(&accepts.join(","));
    plain(StatusCode::OK, format.content_type(), desk.metrics(format))
}

fn probe(probe: &Probe) -> Answer {
    json(if probe.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, probe)
}

fn done(act: impl FnOnce(), what: &str) -> Answer {
    act();
    found(&serde_json::json!({ "done": what }))
}

/// The last value of `name` in what is asked.
pub(super) fn value(uri: &Uri, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
}

/// A number that is asked for, from 1 on; the second of `(usual, most)` is the most.
fn counted(uri: &Uri, name: &str, (usual, most): (usize, usize)) -> Result<usize, Box<Answer>> {
    let Some(text) = value(uri, name) else { return Ok(usual) };
    match text.parse::<usize>() {
        Ok(count) if count > 0 => Ok(count.min(most)),
        _ => Err(Box::new(wrong(
            StatusCode::BAD_REQUEST,
            &format!("{name} is a whole number from 1 to {most}: ?{name}={usual}"),
        ))),
    }
}

async fn unknown(uri: Uri) -> Answer {
    let path: String = uri.path().chars().take(100).collect();
    wrong(StatusCode::NOT_FOUND, &format!("there is no {path}: / says what there is"))
}

async fn wrong_method(method: Method, uri: Uri) -> Answer {
    let (path, method): (String, String) =
        (uri.path().chars().take(100).collect(), method.as_str().chars().take(20).collect());
    wrong(StatusCode::METHOD_NOT_ALLOWED, &format!("{path} does not take {method}: see Allow"))
}
