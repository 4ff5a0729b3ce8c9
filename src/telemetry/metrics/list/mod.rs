//! The one list of instruments, by what they are about.

mod cache;
mod clients;
mod health;
mod policy;
mod process;
mod requests;
mod upstream;

use super::{Instrument, Label, Values};

/// Everything that is measured, in the order in which it is shown.
pub fn instruments() -> impl Iterator<Item = &'static Instrument> {
    [process::ALL, health::ALL, requests::ALL, clients::ALL, policy::ALL, upstream::ALL, cache::ALL]
        .into_iter()
        .flatten()
}

/// A label with these values.
const fn label(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values: Values::These(values) }
}

/// A label with as many values as the configuration names.
const fn configured(name: &'static str, words: &'static str) -> Label {
    Label { name, values: Values::Configured(words) }
}

/// A label that says what is so at the moment.
const fn one(name: &'static str, words: &'static str) -> Label {
    Label { name, values: Values::One(words) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::telemetry::metrics::{Kind, Unit};

    fn is_word(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    }

    #[test]
    fn names_are_unique_and_say_kind_and_unit() {
        let mut names = HashSet::new();
        for instrument in instruments() {
            let (name, family) = (instrument.name, instrument.family());
            assert!(names.insert(family), "{name} is there twice");
            assert!(is_word(name), "{name}");
            assert!(name.starts_with("nearside_") || name.starts_with("process_"), "{name}");
            assert!(family.ends_with(instrument.unit.name()), "{name} does not end in its unit");
            assert_eq!(name.ends_with("_total"), instrument.kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_info"), instrument.kind == Kind::Info, "{name}");
            for end in ["_bucket", "_sum", "_count", "_created"] {
                assert!(!name.ends_with(end), "{name}: a histogram's part is called so");
            }
            let base = ["seconds", "bytes", "ratio"].iter().any(|unit| family.ends_with(unit));
            assert_eq!(base, instrument.unit != Unit::None, "{name}: its unit is missing");
            for unit in ["ms", "milliseconds", "percent", "kb", "mb", "days", "minutes"] {
                assert!(!family.ends_with(&format!("_{unit}")), "{name}: no base unit");
            }
        }
    }

    #[test]
    fn each_is_described_and_its_labels_are_bounded() {
        for Instrument { name, help, labels, when, .. } in instruments() {
            assert!(help.ends_with('.') && help.starts_with(char::is_uppercase), "{name}: {help}");
            assert!(
                !help.contains(['\\', '"', '\n', '|']) && !when.contains('|') && !when.ends_with('.'),
                "{name}"
            );
            let mut seen = HashSet::new();
            for label in *labels {
                assert!(is_word(label.name) && seen.insert(label.name), "{name}: {}", label.name);
                assert!(!["le", "job", "instance"].contains(&label.name), "{name}: {} is taken", label.name);
                match label.values {
                    Values::These(values) => assert!((2..=64).contains(&values.len()), "{name}"),
                    Values::Configured(words) | Values::One(words) => assert!(!words.is_empty(), "{name}"),
                }
            }
        }
    }
}
