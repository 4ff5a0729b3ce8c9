//! Just enough of a reader of the text formats.

use std::collections::BTreeMap;

use nearside::telemetry::metrics::Format;

use crate::common::Proxy;

/// What one scrape has answered: series as they are written, `name{label="value"}`.
pub(crate) struct Scrape {
    pub(crate) text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    pub(crate) fn of(proxy: &Proxy, format: Format) -> Self {
        let text = proxy.handle().metrics(format);
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let series = samples.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        });
        let series: BTreeMap<String, f64> = series.collect();
        Self { series, text }
    }

    /// The value of a series; `None`: there is none.
    pub(crate) fn get(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    /// The value of a series that is there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.get(series).unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// What all series of that metric come to.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of = |series: &&String| series.split('{').next() == Some(name);
        self.series.iter().filter(|(series, _)| of(series)).map(|(_, value)| value).sum()
    }

    pub(crate) fn count(&self) -> usize {
        self.series.len()
    }
}
