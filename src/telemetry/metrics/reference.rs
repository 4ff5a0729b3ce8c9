//! The list, for people.

use std::fmt::Write;

use super::{Instrument, Unit, Values, instruments};

const HEAD: &str = "# Metrics

Everything that `GET /metrics` answers, in the order in which it does; `nearside check --metrics` prints this.
Counters start at 0 with the process. Units are base units: seconds, bytes, and ratios from 0 to 1; points in
time are seconds since 1970. There are no labels whose values clients choose: how many series there are is
decided by the configuration.

| metric | kind | unit | labels | what it says |
|---|---|---|---|---|
";

/// A table in Markdown of all there is.
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    for instrument in instruments() {
        let Instrument { name, kind, unit, help, when, .. } = instrument;
        let unit = if *unit == Unit::None { "–" } else { unit.name() };
        let labels: Vec<String> = instrument.labels.iter().map(label).collect();
        let labels = if labels.is_empty() { "–".into() } else { labels.join("; ") };
        let when = if when.is_empty() { String::new() } else { format!(" Only {when}.") };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{name}` | {} | {unit} | {labels} | {help}{when} |", kind.name());
    }
    out
}

fn label(label: &super::Label) -> String {
    let name = label.name;
    match label.values {
        Values::These(values) => {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("`{name}`: {}", values.join(" "))
        }
        Values::Configured(words) | Values::One(words) => format!("`{name}`: {words}"),
    }
}
