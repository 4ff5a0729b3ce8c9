//! The page at `/`.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::answer::{Answer, plain};
use crate::telemetry::Desk;

/// What there is to ask.
const LIST: &str = "\
Nearside. What can be asked here, as JSON:

GET  /live          this process answers
GET  /ready         new clients may be sent here
GET  /config        the settings in force, and where each came from
GET  /clients       who is connected (?limit=1000)
GET  /hotkeys       the keys read most (?count=10)
GET  /cache         the near cache and what it has counted
POST /cache/flush   make every entry of the near cache void
POST /drain         take no new clients, finish what has begun, and end
";

/// The page, and what it is made of.
pub(super) fn routes() -> Router<Arc<dyn Desk>> {
    Router::new().route("/", get(page))
}

async fn page() -> Answer {
    plain(StatusCode::OK, "text/plain; charset=utf-8", LIST)
}
