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
use crate::telemetry::desk::{Asked, Probe, Question};
use crate::telemetry::health::{Health, Status};
use crate::telemetry::metrics::Format;

/// Clients, and keys or slow requests, that are shown unless it is asked for more, and the most that are.
const CLIENTS: (usize, usize) = (1_000, 100_000);
const KEYS: (usize, usize) = (10, 1_000);

/// The desk, as handlers get it.
pub(super) type Asks = State<Arc<dyn Desk>>;

/// Everything that can be asked of `desk`, and the page that shows it.
pub(super) fn all(desk: Arc<dyn Desk>, dashboard: &Dashboard) -> Router {
    Router::new()
        .route("/health", get(async |State(desk): Asks| health(&desk.health())))
        .route("/live", get(async |State(desk): Asks| probe(&desk.live())))
        .route("/ready", get(async |State(desk): Asks| probe(&desk.ready())))
        .route("/startup", get(async |State(desk): Asks| probe(&desk.startup())))
        .route("/alerts", get(async |State(desk): Asks| found(&desk.alerts())))
        .route("/config", get(async |State(desk): Asks| found(&desk.settings())))
        .route("/clients", get(clients))
        .route("/hotkeys", get(hot_keys))
        .route("/slowlog", get(slow_log))
        .route("/slowlog/reset", post(async |State(desk): Asks| done(|| desk.slow_log_reset(), "reset")))
        .route("/explain", get(explain))
        .route("/cache", get(async |State(desk): Asks| found(&desk.cache())))
        .route("/metrics", get(metrics))
        .route("/cache/flush", post(async |State(desk): Asks| done(|| desk.flush_cache(), "flushed")))
        .route("/log", get(async |State(desk): Asks| level(&*desk)).post(set_level))
        .route("/reload", post(reload))
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

async fn slow_log(State(desk): Asks, uri: Uri) -> Answer {
    counted(&uri, "count", KEYS).map_or_else(|answer| *answer, |most| found(&desk.slow_log(most)))
}

async fn explain(State(desk): Asks, uri: Uri) -> Answer {
    let Some(command) = value(&uri, "command").filter(|line| !line.trim().is_empty()) else {
        let how = "which command? /explain?command=GET+key, and user= and listener= where they matter";
        return wrong(StatusCode::BAD_REQUEST, how);
    };
    let named = |name| value(&uri, name).filter(|text| !text.is_empty());
    let (user, listener) = (named("user"), named("listener"));
    match desk.explain(&Question { user, listener, command: Asked::Line(command) }) {
        Ok(explained) => found(&explained),
        Err(why) => wrong(StatusCode::BAD_REQUEST, &why),
    }
}

fn level(desk: &dyn Desk) -> Answer {
    found(&serde_json::json!({ "level": desk.log_level() }))
}

async fn set_level(State(desk): Asks, uri: Uri) -> Answer {
    let how = || "which level? POST /log?level=debug, or info,nearside::upstream=debug".to_owned();
    match value(&uri, "level").ok_or_else(how).and_then(|wanted| desk.set_log_level(&wanted)) {
        Ok(()) => level(&*desk),
        Err(why) => wrong(StatusCode::BAD_REQUEST, &why),
    }
}

/// Reads files, and waits for workers: not on this thread.
async fn reload(State(desk): Asks) -> Answer {
    match tokio::task::spawn_blocking(move || desk.reload()).await {
        Ok(Ok(reloaded)) => found(&reloaded),
        Ok(Err(error)) => {
            let body = serde_json::json!({ "error": error.to_string(), "problems": error.problems });
            json(StatusCode::UNPROCESSABLE_ENTITY, &body)
        }
        Err(error) => wrong(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// What works, if not as it should, is no reason to answer with an error.
fn health(health: &Health) -> Answer {
    let works = health.status != Status::Unhealthy;
    json(if works { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, health)
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
