//! The forms answers have.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde::Serialize;

/// How a response is made here.
pub(super) type Answer = Response<Body>;

/// What every answer says to a browser: keep nothing, guess nothing, show it in no frame, and run only what
/// came from here.
const HEADERS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; \
         form-action 'none'; base-uri 'none'",
    ),
];

/// `answer` with the headers every answer has, but for those it has itself.
pub(super) fn dressed(mut answer: Answer) -> Answer {
    for (name, value) in HEADERS {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

/// A body of some kind.
pub(super) fn plain(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Answer {
    let mut answer = Answer::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Any value as JSON, a line of it.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(mut body) => {
            body.push(b'\n');
            plain(status, "application/json", body)
        }
        Err(error) => wrong(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// A value that was asked for.
pub(super) fn found(value: &impl Serialize) -> Answer {
    json(StatusCode::OK, value)
}

/// What is wrong, and what to do instead.
pub(super) fn wrong(status: StatusCode, error: &str) -> Answer {
    json(status, &serde_json::json!({ "error": error }))
}

/// Why nothing was looked at.
pub(super) fn refused(status: StatusCode, why: &str) -> Answer {
    let mut answer = wrong(status, why);
    if status == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nearside\""));
    }
    answer
}
