//! One message to a collector by HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::percent_decode_str;
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use super::OtlpError;
use crate::config::Otlp;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that is read of what it says about a refusal, bytes.
const SAID: usize = 4096;

/// Where messages go.
#[derive(Debug)]
pub(super) struct Post {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    headers: HeaderMap,
}

impl Post {
    /// To the collector that `settings` name.
    ///
    /// # Errors
    /// The address or a header cannot be used, or there is TLS to speak and no certificate to trust.
    pub(super) fn new(settings: &Otlp) -> Result<Self, OtlpError> {
        let base = settings.endpoint.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| OtlpError::Endpoint)?;
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(OtlpError::Endpoint);
        }
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new();
        let connector = if uri.scheme_str() == Some("https") {
            connector.with_provider_and_native_roots(provider).map_err(OtlpError::Roots)?
        } else {
            // No root is looked for where none is needed.
            let config = ClientConfig::builder_with_provider(Arc::new(provider));
            let config = config.with_safe_default_protocol_versions().map_err(OtlpError::Tls)?;
            let trusted = config.with_root_certificates(RootCertStore::empty());
            connector.with_tls_config(trusted.with_no_client_auth())
        };
        let client =
            Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        Ok(Self { client, base, headers: headers(settings)? })
    }

    /// Posts `message` to `path`; says why it was not taken. Cancelled, it may have been.
    pub(super) async fn send(&self, path: &str, message: &impl Message) -> Result<(), String> {
        let body = Full::new(Bytes::from(message.encode_to_vec()));
        let mut request =
            Request::post(format!("{}{path}", self.base)).body(body).map_err(|e| e.to_string())?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let answered = timeout(PATIENCE, self.client.request(request)).await;
        let answer = answered.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
        let answer = answer.map_err(|error| chain(&error))?;
        let status = answer.status();
        let said = timeout(PATIENCE, Limited::new(answer.into_body(), SAID).collect()).await;
        if status.is_success() {
            return Ok(());
        }
        let said = said.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).replace(char::is_control, " ");
        Err(format!("{status} {}", said.trim()))
    }
}

/// What is sent with every message.
fn headers(settings: &Otlp) -> Result<HeaderMap, OtlpError> {
    let mut headers = HeaderMap::new();
    let Some(written) = &settings.headers else { return Ok(headers) };
    for pair in written.expose().split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(OtlpError::Headers)?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| OtlpError::Headers)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| OtlpError::Headers)?;
        let mut value = HeaderValue::try_from(value.as_ref()).map_err(|_| OtlpError::Headers)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// An error and what it comes from: the outermost alone says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
