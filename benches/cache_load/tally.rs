//! What is counted in a run, and its JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Counts and times of a run.
#[derive(Default)]
pub(crate) struct Tally {
    counts: BTreeMap<&'static str, u64>,
    /// Nanoseconds.
    times: BTreeMap<&'static str, Vec<u64>>,
}

impl Tally {
    pub(crate) fn add(&mut self, name: &'static str, count: u64) {
        *self.counts.entry(name).or_default() += count;
    }

    pub(crate) fn took(&mut self, name: &'static str, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.times.entry(name).or_default().push(nanoseconds);
    }

    /// One line: counts by name, and under `times` each kind's number and percentiles in microseconds.
    pub(crate) fn json(mut self, seconds: f64) -> String {
        let mut out = format!("{{\"seconds\": {seconds:.6}");
        for (name, count) in &self.counts {
            let _ = write!(out, ", \"{name}\": {count}");
        }
        out.push_str(", \"times\": {");
        for (i, (name, times)) in self.times.iter_mut().enumerate() {
            times.sort_unstable();
            let comma = if i == 0 { "" } else { ", " };
            let _ = write!(out, "{comma}\"{name}\": {{\"n\": {}", times.len());
            for (label, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
                let at = ((times.len() as f64 * part) as usize).min(times.len() - 1);
                let _ = write!(out, ", \"{label}\": {:.1}", times[at] as f64 / 1000.0);
            }
            out.push('}');
        }
        out.push_str("}}\n");
        out
    }
}
