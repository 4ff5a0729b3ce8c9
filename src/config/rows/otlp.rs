//! The rows of `[otlp]`. Only data.

use crate::config::field::{Bare, Field};
use crate::config::otlp::{endpoint, service_name};
use crate::config::setting::{Setting, fixed};

pub(in crate::config) const OTLP: &[Setting] = &[
    fixed(
        "otlp.endpoint",
        Field::Text(|c| &mut c.otlp.endpoint, endpoint),
        "The OpenTelemetry collector that gets metrics and traces by OTLP/HTTP, such as \
            http://127.0.0.1:4318; empty: none. Only in a build with the feature `otlp`.",
    )
    .env(&["OTEL_EXPORTER_OTLP_ENDPOINT"]),
    fixed(
        "otlp.headers",
        Field::Secret(|c| &mut c.otlp.headers),
        "Headers for it: name=value, several with commas between them, values percent-encoded.",
    )
    .env(&["OTEL_EXPORTER_OTLP_HEADERS"]),
    fixed(
        "otlp.service_name",
        Field::Text(|c| &mut c.otlp.service_name, service_name),
        "What this proxy is called there.",
    )
    .env(&["OTEL_SERVICE_NAME"]),
    fixed("otlp.every", Field::Wait(|c| &mut c.otlp.every, Bare::Refused), "How often metrics are sent."),
    fixed(
        "otlp.traces",
        Field::Bool(|c| &mut c.otlp.traces),
        "Whether the requests that log.access_sample picks are sent as traces.",
    ),
];
