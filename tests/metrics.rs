//! What is measured, by a real proxy; and that what ships with it for Prometheus and Grafana fits.

mod common;

#[path = "tls/certs.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod certs;
#[path = "metrics/fits.rs"]
mod fits;
#[path = "metrics/live.rs"]
mod live;
#[path = "metrics/prometheus.rs"]
mod prometheus;
#[path = "metrics/scrape.rs"]
mod scrape;

use nearside::telemetry::metrics::reference;

#[test]
fn the_reference_is_what_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/metrics.md");
    let committed = std::fs::read_to_string(path).expect("docker/metrics.md");
    assert!(committed == reference(), "run: nearside check --metrics > docker/metrics.md");
}
