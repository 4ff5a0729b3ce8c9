//! Sheets as text. Written here and not by a crate: `prometheus-client` writes OpenMetrics only, from a
//! registry of metrics that it owns; here values are gathered when somebody asks, for both formats.

use std::fmt::Write;

use super::sheet::{Series, Sheet, Value};
use super::{Distribution, Format, Instrument, Kind, Unit};

/// `sheet` as text. Instruments without series do not appear.
pub fn render(sheet: &Sheet, format: Format) -> String {
    let mut out = String::with_capacity(64 * 1024);
    for (instrument, series) in sheet.rows.iter().filter(|(_, series)| !series.is_empty()) {
        // Writing to a string cannot fail.
        let _ = family(&mut out, instrument, series, format);
    }
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

fn family(out: &mut String, instrument: &Instrument, series: &Series, format: Format) -> std::fmt::Result {
    let (name, kind) = match (format, instrument.kind) {
        (Format::OpenMetrics, kind) => (instrument.family(), kind),
        (Format::Prometheus, Kind::Info) => (instrument.name, Kind::Gauge),
        (Format::Prometheus, kind) => (instrument.name, kind),
    };
    write!(out, "# HELP {name} ")?;
    escape(out, instrument.help, format == Format::OpenMetrics);
    writeln!(out, "\n# TYPE {name} {}", kind.name())?;
    if format == Format::OpenMetrics && instrument.unit != Unit::None {
        writeln!(out, "# UNIT {name} {}", instrument.unit.name())?;
    }
    for (labels, value) in series {
        let labels = pairs(instrument, labels);
        match value {
            Value::Whole(value) => sample(out, instrument.name, "", &labels, value)?,
            Value::Real(value) => sample(out, instrument.name, "", &labels, &number(*value))?,
            Value::Distribution(value) => distribution(out, instrument.name, &labels, value)?,
        }
    }
    Ok(())
}

/// The parts of a histogram; each bucket holds those before it, too.
fn distribution(out: &mut String, name: &str, labels: &str, of: &Distribution) -> std::fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut count = 0;
    for (bound, within) in &of.buckets {
        count += within;
        sample(out, name, "_bucket", &format!("{labels}{comma}le=\"{bound:?}\""), &count)?;
    }
    count += of.above;
    sample(out, name, "_bucket", &format!("{labels}{comma}le=\"+Inf\""), &count)?;
    sample(out, name, "_sum", labels, &number(of.sum))?;
    sample(out, name, "_count", labels, &count)
}

fn sample(
    out: &mut String,
    name: &str,
    end: &str,
    labels: &str,
    value: &dyn std::fmt::Display,
) -> std::fmt::Result {
    match labels {
        "" => writeln!(out, "{name}{end} {value}"),
        _ => writeln!(out, "{name}{end}{{{labels}}} {value}"),
    }
}

fn pairs(instrument: &Instrument, values: &[String]) -> String {
    let mut out = String::new();
    for (label, value) in instrument.labels.iter().zip(values) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(label.name);
        out.push_str("=\"");
        escape(&mut out, value, true);
        out.push('"');
    }
    out
}

/// Both formats want these three written so, in the values of labels; the older one no quotes in help.
fn escape(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::{Label, Values};

    const LABELS: &[Label] = &[Label { name: "who", values: Values::Configured("anybody") }];

    fn written(instrument: &Instrument, labels: &[&str], value: impl Into<Value>, format: Format) -> String {
        let mut out = String::new();
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        family(&mut out, instrument, &Series::from([(labels, value.into())]), format).unwrap();
        out
    }

    #[test]
    fn a_counter_is_called_differently_and_counts_the_same() {
        let counter = Instrument::counter("a_bytes_total", "Of \"a\" \\.").of(Unit::Bytes);
        let open = "# HELP a_bytes Of \\\"a\\\" \\\\.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total 3\n";
        assert_eq!(written(&counter, &[], 3_u64, Format::OpenMetrics), open);
        let plain = "# HELP a_bytes_total Of \"a\" \\\\.\n# TYPE a_bytes_total counter\na_bytes_total 3\n";
        assert_eq!(written(&counter, &[], 3_u64, Format::Prometheus), plain);
    }

    #[test]
    fn an_info_is_a_gauge_to_who_does_not_know_it() {
        let info = Instrument::info("b_info", "B.").by(LABELS);
        let open = "# HELP b B.\n# TYPE b info\nb_info{who=\"x\"} 1\n";
        assert_eq!(written(&info, &["x"], 1_u64, Format::OpenMetrics), open);
        let plain = "# HELP b_info B.\n# TYPE b_info gauge\nb_info{who=\"x\"} 1\n";
        assert_eq!(written(&info, &["x"], 1_u64, Format::Prometheus), plain);
    }

    #[test]
    fn no_value_of_a_label_ends_its_line_or_its_quotes() {
        let gauge = Instrument::gauge("c", "C.").by(LABELS);
        let hostile = "\\\"} 1\nc{who=\"\u{fffd}é\r";
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let text = written(&gauge, &[hostile], 0.25, format);
            assert!(text.ends_with("c{who=\"\\\\\\\"} 1\\nc{who=\\\"\u{fffd}é\r\"} 0.25\n"), "{text}");
            assert_eq!(text.matches('\n').count(), 3);
        }
    }

    #[test]
    fn buckets_hold_what_is_below_them() {
        let times = Instrument::times("d_seconds", "D.").by(LABELS);
        let value = Distribution { buckets: vec![(0.000_05, 1), (0.1, 0), (1.0, 4)], above: 2, sum: 12.5 };
        let text = written(&times, &["x"], value, Format::Prometheus);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "d_seconds_bucket{who=\"x\",le=\"5e-5\"} 1",
                "d_seconds_bucket{who=\"x\",le=\"0.1\"} 1",
                "d_seconds_bucket{who=\"x\",le=\"1.0\"} 5",
                "d_seconds_bucket{who=\"x\",le=\"+Inf\"} 7",
                "d_seconds_sum{who=\"x\"} 12.5",
                "d_seconds_count{who=\"x\"} 7",
            ]
        );
    }

    #[test]
    fn numbers_are_written_as_everybody_reads_them() {
        let written = [0.1, 1.0, 1e-7, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(number);
        assert_eq!(written, ["0.1", "1", "0.0000001", "NaN", "+Inf", "-Inf"]);
    }

    #[test]
    fn an_end_is_written_where_one_is_awaited() {
        assert_eq!(render(&Sheet::default(), Format::OpenMetrics), "# EOF\n");
        assert_eq!(render(&Sheet::default(), Format::Prometheus), "");
    }
}
