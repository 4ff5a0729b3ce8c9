use std::sync::Arc;

use super::*;
use crate::config::{CacheMode, Config};
use crate::net::tls::Certificates;
use crate::session::Limiting;
use crate::telemetry::metrics::{Value, Values, instruments};

fn figures(config: Config) -> Figures {
    let limiting = Limiting::new(&config);
    Figures {
        shared: Arc::new(Shared::new(config.upstream.clone(), None, config.limits.clone(), 0)),
        stats: Arc::clone(&limiting.stats),
        shares: Arc::default(),
        near: Arc::new(Near::new(config.cache.clone(), CacheMode::Auto, config.workers, 1)),
        certificates: Arc::new(Certificates::default()),
        monitors: Arc::new(Monitors::new(config.workers)),
        started: SystemTime::now(),
        force: watch::channel(Arc::new(InForce::new(&config).unwrap())).1,
    }
}

#[test]
fn everything_on_the_list_is_filled_and_nothing_else() {
    let figures = figures(Config { workers: 2, ..Config::default() });
    let sheet = figures.sheet();
    assert_eq!((sheet.faults(), missing(&sheet)), ([].as_slice(), vec![]));
    // What there is only sometimes is looked at where it is there: tests/metrics.rs.
    let sometimes = instruments().filter(|instrument| !instrument.when.is_empty()).count();
    assert!(sheet.unfilled().count() <= sometimes);
}

#[test]
fn whatever_the_rules_are_called_there_is_a_series_for_each_and_a_line_for_each_series() {
    let figures = figures(Config::default());
    // Who asks makes workers look how the upstream is: from then on there is a series that says so.
    figures.sheet();
    let before = (figures.sheet().len(), figures.metrics(Format::OpenMetrics).lines().count());
    let hostile = ["a\"} 1\nb{c=\"", "\\", "é\u{0}\r\n# EOF\n", &"x".repeat(5000)];
    for rule in hostile.iter().cycle().take(1000) {
        figures.stats.denials.count(rule);
    }
    let (sheet, text) = (figures.sheet(), figures.metrics(Format::OpenMetrics));
    assert_eq!(sheet.len(), before.0 + hostile.len());
    assert_eq!(text.split('\n').count() - 1, before.1 + hostile.len() + 2); // HELP, TYPE
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(sheet.get("nearside_denied_total", &["\\"]), Some(&Value::Whole(250)));
}

#[test]
fn each_figure_of_the_cache_arrives() {
    let figures = figures(Config::default());
    let counts = figures.near.figures(0);
    counts.hits.add();
    counts.missed(crate::cache::Miss::Changed);
    counts.missed(crate::cache::Miss::PassedBy);
    counts.killed_by_stamp.add();
    counts.unfit.add();
    let sheet = figures.sheet();
    for (name, labels) in [
        ("nearside_cache_hits_total", &[][..]),
        ("nearside_cache_misses_total", &["changed"]),
        ("nearside_cache_misses_total", &["passed_by"]),
        ("nearside_cache_discards_total", &["stamp"]),
        ("nearside_cache_discards_total", &["unfit"]),
    ] {
        assert_eq!(sheet.get(name, labels), Some(&Value::Whole(1)), "{name}{labels:?}");
    }
    assert_eq!(sheet.get("nearside_cache_hit_ratio", &[]), Some(&Value::Real(1.0 / 3.0)));
}

#[test]
fn every_alert_there_is_has_its_series() {
    use crate::telemetry::alerts::Alerts;
    let sheet = figures(Config::default()).sheet();
    let names: Vec<_> = Alerts::names().collect();
    assert!(names.iter().all(|name| sheet.get("nearside_alert_firing", &[name]) == Some(&Value::Whole(0))));
    let list = instruments().find(|instrument| instrument.name == "nearside_alert_firing").unwrap();
    let Values::These(listed) = list.labels[0].values else { panic!("a list") };
    assert_eq!(listed, names);
}
