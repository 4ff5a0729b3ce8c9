//! Metrics and traces to an OpenTelemetry collector: OTLP by HTTP, as protobuf (feature `otlp`).
//!
//! Metrics are what `/metrics` shows, every `otlp.every`. Traces are the requests that the access log has
//! picked: one span each, and one within it for the upstream's part. What cannot be sent is dropped, and
//! counted: a collector that is away costs nothing but its figures.

mod metrics;
mod post;
mod traces;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use tokio::time::{MissedTickBehavior, interval};

use self::metrics::Times;
use self::post::Post;
use crate::config::Otlp;
use crate::telemetry::Desk;
use crate::telemetry::Share;

/// How often what has been picked is sent.
const SPANS: Duration = Duration::from_secs(1);

/// Settings that no collector can be reached with.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The address is none.
    #[error("otlp.endpoint expects http://host:port or https://host:port, such as http://127.0.0.1:4318")]
    Endpoint,
    /// A header is none.
    #[error("otlp.headers expects name=value pairs with commas between them")]
    Headers,
    /// The system has no certificates to trust.
    #[error("otlp.endpoint is https, and the system's root certificates cannot be read: {0}")]
    Roots(std::io::Error),
    /// TLS cannot be had.
    #[error("otlp.endpoint: {0}")]
    Tls(rustls::Error),
}

/// Tells a collector. Does nothing until [`Self::run`].
#[derive(Debug)]
pub struct Teller {
    post: Post,
    settings: Otlp,
    desk: Arc<dyn Desk>,
    share: Arc<Share>,
    resource: Resource,
    start: u64,
    /// It has been said that the collector takes nothing.
    failing: std::cell::Cell<bool>,
}

impl Teller {
    /// Tells the collector that `settings` name, if they name one, what `desk` knows and `share` picks.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: &Otlp, desk: Arc<dyn Desk>, share: Arc<Share>) -> Result<Option<Self>, OtlpError> {
        if settings.endpoint.is_empty() {
            return Ok(None);
        }
        let attributes = vec![
            attribute("service.name", &settings.service_name),
            attribute("service.version", env!("CARGO_PKG_VERSION")),
            attribute("service.instance.id", &format!("{:016x}", fastrand::u64(..))),
        ];
        let resource = Resource { attributes, ..Resource::default() };
        let (post, settings) = (Post::new(settings)?, settings.clone());
        let failing = std::cell::Cell::new(false);
        Ok(Some(Self { post, settings, desk, share, resource, start: nanos(SystemTime::now()), failing }))
    }

    /// Tells until dropped. Never ready.
    pub async fn run(&self) {
        if self.settings.traces {
            self.share.spans.want();
        }
        let (mut metrics, mut spans) = (interval(self.settings.every), interval(SPANS));
        metrics.set_missed_tick_behavior(MissedTickBehavior::Delay);
        spans.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = metrics.tick() => self.tell_metrics().await,
                _ = spans.tick() => self.tell_spans().await,
            }
        }
    }

    /// What there is left to tell, in no more time than `limit`.
    pub async fn finish(&self, limit: Duration) {
        let last = async {
            self.tell_spans().await;
            self.tell_metrics().await;
        };
        let _ = tokio::time::timeout(limit, last).await;
    }

    async fn tell_metrics(&self) {
        let times = Times { start: self.start, now: nanos(SystemTime::now()) };
        let metrics = metrics::metrics(&self.desk.sheet(), times);
        let scope = ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() };
        let all = ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        };
        let request = ExportMetricsServiceRequest { resource_metrics: vec![all] };
        let told = self.post.send("/v1/metrics", &request).await;
        self.note(told);
    }

    async fn tell_spans(&self) {
        let picked = self.share.spans.take();
        if picked.is_empty() {
            return;
        }
        let spans = picked.iter().flat_map(traces::spans).collect();
        let scope = ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() };
        let all = ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        };
        let request = ExportTraceServiceRequest { resource_spans: vec![all] };
        let told = self.post.send("/v1/traces", &request).await;
        self.note(told);
    }

    /// Says it when the collector begins to refuse, and when it does so no more.
    fn note(&self, told: Result<(), String>) {
        let failed = told.is_err();
        match (self.failing.replace(failed), told) {
            (false, Err(why)) => {
                tracing::warn!(
                    endpoint = self.settings.endpoint,
                    "the collector (otlp.endpoint) takes nothing: {why}"
                );
            }
            (true, Ok(())) => {
                let lost = self.share.spans.lost();
                tracing::info!(
                    endpoint = self.settings.endpoint,
                    lost,
                    "the collector takes what it is told again"
                );
            }
            _ => {}
        }
    }
}

fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "nearside".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Any::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}
