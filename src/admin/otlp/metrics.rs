//! Sheets of metrics as OTLP has them: cumulative from the start, one point a series.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};

use super::attribute;
use crate::telemetry::metrics::{Distribution, Instrument, Kind, Sheet, Unit, Value};
use opentelemetry_proto::tonic::common::v1::KeyValue;

/// Since when a sheet's counters count and when it was gathered, nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) now: u64,
}

/// The metrics of `sheet`. An `info` is a gauge that is always 1.
pub(super) fn metrics(sheet: &Sheet, times: Times) -> Vec<Metric> {
    let filled = sheet.rows().filter(|(_, series)| !series.is_empty());
    filled
        .map(|(instrument, series)| Metric {
            name: instrument.family().to_owned(),
            description: instrument.help.to_owned(),
            unit: unit(instrument.unit).to_owned(),
            data: Some(data(instrument, series.iter(), times)),
            ..Metric::default()
        })
        .collect()
}

/// The unit's UCUM code.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::None | Unit::Ratio => "1",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
    }
}

fn data<'a>(
    instrument: &Instrument,
    series: impl Iterator<Item = (&'a Vec<String>, &'a Value)>,
    times: Times,
) -> Data {
    let labelled = series.map(|(labels, value)| (attributes(instrument, labels), value));
    let cumulative = AggregationTemporality::Cumulative.into();
    match instrument.kind {
        Kind::Histogram => {
            let points = labelled.filter_map(|(labels, value)| distribution(labels, value, times));
            Data::Histogram(Histogram { data_points: points.collect(), aggregation_temporality: cumulative })
        }
        Kind::Counter => {
            let points = labelled.filter_map(|(labels, value)| number(labels, value, times)).collect();
            Data::Sum(Sum { data_points: points, aggregation_temporality: cumulative, is_monotonic: true })
        }
        Kind::Gauge | Kind::Info => {
            let times = Times { start: 0, ..times };
            let points = labelled.filter_map(|(labels, value)| number(labels, value, times)).collect();
            Data::Gauge(Gauge { data_points: points })
        }
    }
}

fn attributes(instrument: &Instrument, values: &[String]) -> Vec<KeyValue> {
    instrument.labels.iter().zip(values).map(|(label, value)| attribute(label.name, value)).collect()
}

fn number(attributes: Vec<KeyValue>, value: &Value, times: Times) -> Option<NumberDataPoint> {
    let value = match value {
        Value::Whole(value) => Number::AsInt(i64::try_from(*value).unwrap_or(i64::MAX)),
        Value::Real(value) => Number::AsDouble(*value),
        Value::Distribution(_) => return None,
    };
    Some(NumberDataPoint {
        attributes,
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn distribution(attributes: Vec<KeyValue>, value: &Value, times: Times) -> Option<HistogramDataPoint> {
    let Value::Distribution(Distribution { buckets, above, sum }) = value else { return None };
    let counts: Vec<u64> = buckets.iter().map(|(_, within)| *within).chain([*above]).collect();
    Some(HistogramDataPoint {
        attributes,
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        count: counts.iter().sum(),
        sum: Some(*sum),
        bucket_counts: counts,
        explicit_bounds: buckets.iter().map(|(bound, _)| *bound).collect(),
        ..HistogramDataPoint::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_sums_gauges_are_gauges_and_histograms_keep_their_buckets() {
        let mut sheet = Sheet::default();
        sheet.put("nearside_clients_limit", &[], 5_u64);
        sheet.put("nearside_cache_misses_total", &["cold"], 7_u64);
        let found = metrics(&sheet, Times { start: 1, now: 2 });
        let named = |name: &str| found.iter().find(|metric| metric.name == name).expect("it is there");
        let Some(Data::Gauge(gauge)) = &named("nearside_clients_limit").data else { panic!("a gauge") };
        assert_eq!(gauge.data_points[0].value, Some(Number::AsInt(5)));
        let Some(Data::Sum(sum)) = &named("nearside_cache_misses").data else { panic!("a sum") };
        assert!(sum.is_monotonic && sum.data_points[0].start_time_unix_nano == 1);
        assert_eq!(sum.data_points[0].attributes.len(), 1);
        let value =
            Value::Distribution(Distribution { buckets: vec![(0.1, 3), (1.0, 2)], above: 4, sum: 9.5 });
        let point = distribution(Vec::new(), &value, Times { start: 1, now: 2 }).expect("a point");
        assert_eq!(
            (point.count, point.bucket_counts, point.explicit_bounds),
            (9, vec![3, 2, 4], vec![0.1, 1.0])
        );
    }
}
