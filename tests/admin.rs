//! What those who operate a proxy ask it over HTTP: by a client of a few lines, and by curl.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

mod common;

#[path = "admin/answers.rs"]
mod answers;
#[allow(dead_code)] // a part of it is used
#[path = "tls/certs.rs"]
mod certs;
#[path = "admin/doors.rs"]
mod doors;
#[path = "admin/hostile.rs"]
mod hostile;
#[path = "admin/http.rs"]
mod http;
#[path = "admin/resp.rs"]
mod resp;
