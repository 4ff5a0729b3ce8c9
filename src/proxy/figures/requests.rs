//! Of requests: what workers count on their path.

use super::Figures;
use crate::telemetry::meters::{BOUNDS, By, Cause, Class, Latency};
use crate::telemetry::metrics::{Distribution, Sheet};

impl Figures {
    pub(super) fn requests(&self, sheet: &mut Sheet) {
        let meters = self.stats.meters();
        for class in Class::ALL {
            let (name, at) = (class.name(), class.index());
            sheet.put("nearside_requests_total", &[name], meters.commands[at]);
            for (histogram, latency) in [
                ("nearside_request_duration_seconds", &meters.total[at]),
                ("nearside_request_upstream_duration_seconds", &meters.upstream[at]),
            ] {
                if latency.count() > 0 {
                    sheet.put(histogram, &[name], distribution(latency));
                }
            }
        }
        for by in By::ALL {
            sheet.put("nearside_requests_answered_total", &[by.name()], meters.answered_by(by));
        }
        for cause in Cause::ALL {
            sheet.put("nearside_errors_total", &[cause.name()], meters.errors_of(*cause));
        }
        for (name, bytes) in [
            ("nearside_clients_received_bytes_total", meters.client_in),
            ("nearside_clients_sent_bytes_total", meters.client_out),
            ("nearside_upstream_received_bytes_total", meters.upstream_in),
            ("nearside_upstream_sent_bytes_total", meters.upstream_out),
        ] {
            sheet.put(name, &[], bytes);
        }
    }
}

/// In seconds.
#[allow(clippy::cast_precision_loss)] // nobody reads so many digits
fn distribution(latency: &Latency) -> Distribution {
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let [within @ .., above] = latency.buckets;
    Distribution {
        buckets: BOUNDS.into_iter().map(seconds).zip(within).collect(),
        above,
        sum: seconds(latency.sum_ns),
    }
}
