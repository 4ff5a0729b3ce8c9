//! What ships for Prometheus and Grafana speaks of metrics that exist, and of each as what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Output};

use nearside::telemetry::metrics::{Instrument, Kind, Values, instruments};
use serde_json::Value;

use crate::common::Dir;

/// The file of that name below `docker/`.
pub(crate) fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docker").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(shipped(name)).expect("a file that ships")
}

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/dashboards/nearside.json")).expect("JSON")
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().expect("panels").iter().collect()
}

/// Every expression of the dashboard, as Prometheus gets it: variables filled in.
pub(crate) fn dashboard_expressions() -> Vec<String> {
    let dashboard = dashboard();
    let targets = panels(&dashboard).into_iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let notes = dashboard["annotations"]["list"].as_array().expect("annotations");
    let expressions = targets.chain(notes).map(|target| target["expr"].as_str().expect("an expression"));
    let filled = expressions.map(|expression| {
        expression.replace("$__rate_interval", "5m").replace("$job", ".*").replace("$instance", ".*")
    });
    filled.collect()
}

/// What follows `expr:` in the rules, by the alert's name.
fn rules() -> BTreeMap<String, String> {
    let (mut found, mut name, mut within) = (BTreeMap::new(), String::new(), false);
    for line in read("prometheus/rules.yml").lines() {
        let text = line.trim();
        if let Some(alert) = text.strip_prefix("- alert: ") {
            name = alert.into();
        }
        if let Some(start) = text.strip_prefix("expr:") {
            within = true;
            found.insert(name.clone(), start.trim_start_matches(" >-").to_owned());
        } else if ["for:", "labels:"].iter().any(|next| text.starts_with(next)) {
            within = false;
        } else if within && let Some(expression) = found.get_mut(&name) {
            *expression = format!("{expression} {text}");
        }
    }
    found
}

/// A metric where an expression names it: its name, the matchers behind it, the range, and the function right
/// around it.
#[derive(Debug)]
struct Use {
    name: String,
    matchers: Vec<(String, String)>,
    ranged: bool,
    function: String,
}

fn uses(expression: &str) -> Vec<Use> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for start in ["nearside_", "process_"].iter().flat_map(|start| expression.match_indices(start)) {
        let (before, rest) = expression.split_at(start.0);
        if before.ends_with(is_word) {
            continue;
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (name, mut rest) = rest.split_at(end);
        let mut matchers = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}').expect("a brace that closes");
            for matcher in inner[..end].split(',') {
                let (label, value) = matcher.split_once(['=', '!']).expect("a matcher");
                matchers.push((label.to_owned(), value.trim_matches(['=', '~', '"']).to_owned()));
            }
            rest = &inner[end + 1..];
        }
        let around = before.strip_suffix('(').unwrap_or("");
        let function = around.rsplit(|c| !is_word(c)).next().unwrap_or("").to_owned();
        found.push(Use { name: name.into(), matchers, ranged: rest.starts_with('['), function });
    }
    found
}

/// What is wrong with an expression.
fn faults(expression: &str) -> Vec<String> {
    let all: BTreeMap<&str, &Instrument> = instruments().map(|one| (one.name, one)).collect();
    let mut faults = Vec::new();
    for one in uses(expression) {
        let parts = ["_bucket", "_sum", "_count"];
        let part = parts.iter().find_map(|part| Some((one.name.strip_suffix(part)?, *part)));
        let (base, part) = part.filter(|(base, _)| all.contains_key(base)).unwrap_or((&one.name, ""));
        let Some(instrument) = all.get(base) else {
            faults.push(format!("there is no {}", one.name));
            continue;
        };
        if (instrument.kind == Kind::Histogram) == part.is_empty() {
            faults.push(format!("{} is no series of a {}", one.name, instrument.kind.name()));
        }
        let rises = matches!(instrument.kind, Kind::Counter | Kind::Histogram);
        let of_rising = matches!(one.function.as_str(), "rate" | "increase" | "irate");
        if rises != of_rising || one.ranged != (of_rising || one.function == "changes") {
            faults.push(format!("{} of {}, a {}", one.function, one.name, instrument.kind.name()));
        }
        if part == "_bucket" && !expression.contains("histogram_quantile") {
            faults.push(format!("{}: buckets without a quantile", one.name));
        }
        for (label, value) in &one.matchers {
            let known = instrument.labels.iter().find(|known| known.name == label);
            match known.map(|known| known.values) {
                None if ["job", "instance"].contains(&label.as_str()) => {}
                None => faults.push(format!("{} has no label {label}", one.name)),
                Some(Values::These(values)) => {
                    let unknown = value.split('|').filter(|value| !values.contains(value));
                    faults.extend(unknown.map(|value| format!("{} has no {label} {value:?}", one.name)));
                }
                Some(_) => {}
            }
        }
    }
    faults
}

#[test]
fn what_is_wrong_with_an_expression_is_found() {
    for wrong in [
        "nearside_nobody",
        "rate(nearside_clients[5m])",
        "nearside_cache_hits_total",
        "sum(nearside_request_duration_seconds_bucket{class=\"script\"})",
        "rate(nearside_request_duration_seconds[5m])",
        "rate(nearside_request_duration_seconds_bucket[5m])",
        "rate(nearside_errors_total{cause=~\"OOM|NOSUCH\"}[5m])",
        "rate(nearside_errors_total{class=\"x\"}[5m])",
        "rate(nearside_errors_total)",
        "nearside_clients_bucket",
    ] {
        assert!(!faults(wrong).is_empty(), "{wrong}");
    }
    for right in [
        "sum by (job) (rate(nearside_errors_total{cause=~\"OOM|BUSY\",job=\"x\"}[5m])) > 1",
        "histogram_quantile(0.9, sum by (le) (rate(nearside_request_duration_seconds_bucket[5m])))",
        "nearside_clients_used_ratio > 0.9",
        "my_nearside_nobody",
    ] {
        assert_eq!(faults(right), Vec::<String>::new(), "{right}");
    }
}

#[test]
fn rules_and_dashboard_speak_of_what_there_is() {
    let rules = rules();
    assert!(rules.len() >= 15 && rules.values().all(|expression| !expression.trim().is_empty()), "{rules:?}");
    for (name, expression) in &rules {
        assert_eq!(faults(expression), Vec::<String>::new(), "{name}: {expression}");
    }
    let expressions = dashboard_expressions();
    assert!(expressions.len() > 60, "{}", expressions.len());
    for expression in &expressions {
        assert_eq!(faults(expression), Vec::<String>::new(), "{expression}");
    }
    // The other way round: what is measured of the path of requests is shown.
    let shown = expressions.join("\n");
    for start in ["nearside_request", "nearside_errors", "nearside_cache_hits", "nearside_cache_misses"] {
        for instrument in instruments().filter(|one| one.name.starts_with(start)) {
            assert!(shown.contains(instrument.name), "{} is shown nowhere", instrument.name);
        }
    }
}

#[test]
fn panels_have_names_and_room() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(!title.is_empty() && ids.insert(panel["id"].as_u64().expect("an id")), "{title}");
        let at = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        assert!(at("x") + at("w") <= 24, "{title} is too wide");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{title} stands on another");
            }
        }
        if panel["type"] != "row" {
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}

fn promtool(args: &[&str], file: &PathBuf) -> Output {
    let mut command = Command::new("promtool");
    command.args(args).arg(file).output().expect("promtool runs (make test installs the package prometheus)")
}

fn passes(args: &[&str], file: &PathBuf) -> String {
    let output = promtool(args, file);
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "promtool {args:?} {}: {text}", file.display());
    text
}

#[test]
fn promtool_finds_nothing_wrong() {
    passes(&["check", "config"], &shipped("prometheus/prometheus.yml"));
    passes(&["check", "rules", "--lint=all", "--lint-fatal"], &shipped("prometheus/rules.yml"));
    // Every alert, when it fires and when it does not.
    passes(&["test", "rules"], &shipped("prometheus/rules.test.yml"));
    let tests = read("prometheus/rules.test.yml");
    for alert in rules().into_keys() {
        assert!(
            tests.matches(&format!("alertname: {alert}\n")).count() >= 1,
            "nobody tests that {alert} fires"
        );
    }
}

#[test]
fn every_expression_of_the_dashboard_can_be_read() {
    let dir = Dir::new();
    let rule = |(at, text): (usize, String)| {
        format!("      - record: panel:expression:{at}\n        expr: {}\n", Value::String(text))
    };
    let rules: String = dashboard_expressions().into_iter().enumerate().map(rule).collect();
    let file = dir.join("rules.yml");
    std::fs::write(&file, format!("groups:\n  - name: panels\n    rules:\n{rules}")).expect("a file");
    passes(&["check", "rules"], &file);
}
