//! TLS between Nearside and a real Redis, with real certificates.

mod common;

#[path = "tls_upstream/certs.rs"]
mod certs;
#[path = "tls_upstream/rotation.rs"]
mod rotation;
#[path = "tls_upstream/service.rs"]
mod service;
#[path = "tls_upstream/symptoms.rs"]
mod symptoms;
