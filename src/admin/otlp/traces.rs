//! A picked request as spans: one for all of it, and one within for the upstream's part.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::{attribute, nanos};
use crate::telemetry::spans::Picked;

const MICRO: u64 = 1000;

/// The spans of one request; the first is all of it.
pub(super) fn spans(picked: &Picked) -> Vec<Span> {
    let trace_id = fastrand::u128(1..).to_be_bytes().to_vec();
    let end = nanos(picked.end);
    let all = Span {
        trace_id: trace_id.clone(),
        span_id: id(),
        name: picked.command.to_ascii_uppercase(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: end.saturating_sub(picked.total_us * MICRO),
        end_time_unix_nano: end,
        attributes: vec![
            attribute("db.system.name", "redis"),
            attribute("db.operation.name", &picked.command),
            attribute("db.namespace", &picked.db.to_string()),
            attribute("client.address", &picked.address),
            attribute("nearside.request.id", &picked.id),
            attribute("nearside.client.id", &picked.client.to_string()),
            attribute("nearside.user", &picked.user),
            attribute("nearside.outcome", picked.outcome),
        ],
        ..Span::default()
    };
    if picked.upstream_us == 0 {
        return vec![all];
    }
    let upstream = Span {
        trace_id,
        span_id: id(),
        parent_span_id: all.span_id.clone(),
        name: "upstream".into(),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: end.saturating_sub(picked.upstream_us * MICRO),
        end_time_unix_nano: end,
        attributes: vec![
            attribute("db.system.name", "redis"),
            attribute("db.operation.name", &picked.command),
        ],
        ..Span::default()
    };
    vec![all, upstream]
}

/// Any but zero, which is none.
fn id() -> Vec<u8> {
    fastrand::u64(1..).to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn the_upstreams_part_lies_within_the_whole() {
        let picked = Picked {
            id: "0-1".into(),
            command: "get".into(),
            outcome: "upstream",
            client: 7,
            address: "127.0.0.1:1".into(),
            user: "default".into(),
            db: 0,
            end: UNIX_EPOCH + Duration::from_secs(5),
            total_us: 300,
            upstream_us: 200,
        };
        let both = spans(&picked);
        assert_eq!((both.len(), both[0].name.as_str()), (2, "GET"));
        assert_eq!(both[0].end_time_unix_nano - both[0].start_time_unix_nano, 300_000);
        assert_eq!(both[1].end_time_unix_nano - both[1].start_time_unix_nano, 200_000);
        assert_eq!((&both[1].parent_span_id, &both[1].trace_id), (&both[0].span_id, &both[0].trace_id));
        assert_eq!(spans(&Picked { upstream_us: 0, outcome: "hit", ..picked }).len(), 1);
    }
}
