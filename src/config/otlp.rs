//! Where metrics and traces are sent to, as ready values.

use super::Secret;
use std::time::Duration;

/// The OpenTelemetry collector that is told what happens. Only a build with the feature `otlp` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// Its address, `http://host:4318` or `https://...`; empty: there is none. Default empty.
    pub endpoint: String,
    /// Headers for it: `name=value`, several with commas between them, values percent-encoded.
    pub headers: Option<Secret>,
    /// What this proxy is called there. Default `nearside`.
    pub service_name: String,
    /// How often metrics are sent. Default 30 s.
    pub every: Duration,
    /// Whether the requests that `log.access_sample` picks are sent as traces. Default `true`.
    pub traces: bool,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            headers: None,
            service_name: "nearside".into(),
            every: Duration::from_secs(30),
            traces: true,
        }
    }
}

/// Whether a text can be the address of a collector.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let text = text.trim();
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        _ if text.is_empty() => Ok(String::new()),
        Some(rest) if !rest.is_empty() && !rest.contains('@') => Ok(text.into()),
        Some(_) => Err("expects an address without a password; otlp.headers is the place for that".into()),
        None => Err("expects an address such as http://127.0.0.1:4318".into()),
    }
}

/// A name is one line.
pub(super) fn service_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expects a name".into()),
        name if name.contains(char::is_control) => Err("expects a name without control characters".into()),
        name => Ok(name.into()),
    }
}
