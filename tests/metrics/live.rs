//! A proxy that does a bit of everything, and what is measured of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nearside::Config;
use nearside::config::{AuthClients, DenyRule, Listen, LocalUser, Per, Rate, RateUnit, Secret};
use nearside::telemetry::metrics::{Format, instruments};

use crate::certs::Certs;
use crate::common::{Proxy, Server, Talk, config, eventually};
use crate::scrape::Scrape;

fn scene(change: impl FnOnce(&mut Config)) -> (Server, Proxy) {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.workers = 1;
    config.cache.admit_after = 2;
    change(&mut config);
    (server, Proxy::start(config))
}

fn ask(talk: &mut Talk, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    String::from_utf8_lossy(&talk.ask(&words)).into_owned()
}

fn scrape(proxy: &Proxy) -> Scrape {
    Scrape::of(proxy, Format::Prometheus)
}

/// Reads `key` until that is a hit.
fn warm(proxy: &Proxy, talk: &mut Talk, key: &str) {
    let hits = |proxy: &Proxy| scrape(proxy).value("nearside_cache_hits_total");
    eventually("a hit", || {
        let before = hits(proxy);
        ask(talk, &format!("GET {key}"));
        (hits(proxy) > before).then_some(())
    });
}

#[test]
fn each_miss_has_one_reason() {
    let (server, proxy) = scene(|_| {});
    let mut talk = proxy.connect();
    let reason = |scrape: &Scrape, why: &str| {
        scrape.value(&format!("nearside_cache_misses_total{{reason=\"{why}\"}}"))
    };
    assert_eq!(ask(&mut talk, "SET k v"), "+OK\r\n");
    ask(&mut talk, "GET once");
    let first = scrape(&proxy);
    assert_eq!(first.sum("nearside_cache_misses_total"), 1.0);
    warm(&proxy, &mut talk, "k");
    let kept = scrape(&proxy);
    assert!(reason(&kept, "not_admitted") >= 1.0 && reason(&kept, "cold") >= 1.0, "{}", kept.text);
    assert_eq!(reason(&kept, "changed"), 0.0);
    // Somebody else writes: the lane is told, and the entry is void.
    let mut other = Talk::connect(&server.place());
    assert_eq!(ask(&mut other, "SET k w"), "+OK\r\n");
    eventually("the new value", || (ask(&mut talk, "GET k") == "$1\r\nw\r\n").then_some(()));
    let changed = scrape(&proxy);
    assert_eq!(reason(&changed, "changed"), 1.0, "{}", changed.text);
    assert!(changed.value("nearside_cache_invalidations_total") >= 1.0);
    // What stands behind something unanswered is not looked for.
    warm(&proxy, &mut talk, "k");
    let before = scrape(&proxy);
    talk.send(b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    for _ in 0..2 {
        talk.reply();
    }
    assert_eq!(reason(&scrape(&proxy), "order"), reason(&before, "order") + 1.0);
    // All keys at once.
    warm(&proxy, &mut talk, "k");
    assert_eq!(ask(&mut talk, "FLUSHALL"), "+OK\r\n");
    ask(&mut proxy.connect(), "GET k");
    let last = scrape(&proxy);
    assert!(
        reason(&last, "epoch") + reason(&last, "cold") > reason(&before, "epoch") + reason(&before, "cold")
    );
    let talked = ["hits", "misses", "joins"].map(|of| last.sum(&format!("nearside_cache_{of}_total")));
    assert!(last.value("nearside_cache_hit_ratio") > 0.0 && talked[0] > 0.0);
    assert_eq!(last.value("nearside_cache_mode{mode=\"tracked\"}"), 1.0);
    assert_eq!(last.sum("nearside_cache_mode"), 1.0);
}

/// Words that would end a line or a label if nobody escaped them.
const HOSTILE: [&str; 4] = ["a\"} 1\nx{y=\"", "\\", "\u{e9}\r\n# EOF\n", "*"];

#[test]
fn whatever_clients_are_called_and_ask_for_there_are_no_more_series() {
    let rate = |name: &str, per| Rate {
        name: name.into(),
        per,
        commands: Vec::new(),
        keys: Vec::new(),
        users: Vec::new(),
        listeners: Vec::new(),
        unit: RateUnit::Commands,
        rate: 1_000_000,
        period: Duration::from_secs(1),
        burst: 1_000_000,
        enforce: true,
        delay: None,
    };
    let (_server, proxy) = scene(|config| {
        config.rates = vec![rate("by_user", Per::User), rate(HOSTILE[0], Per::Key)];
        config.rules.deny =
            vec![DenyRule { name: HOSTILE[1].into(), commands: vec!["SET".into()], ..DenyRule::default() }];
        let user = |name: &str| LocalUser { name: name.into(), acl: Secret::new("on nopass ~* &* +@all") };
        config.users =
            ["a\"}{=", "\\", "\u{e9}#EOF", "*"].map(user).into_iter().chain([user("default")]).collect();
    });
    let doings = |talk: &mut Talk, round: usize| {
        let unknown = format!("NOT{round}");
        for word in HOSTILE {
            talk.ask(&["AUTH", word, "x"]);
            talk.ask(&["AUTH", &word.replace(['\r', '\n', ' ', '1', 'x', 'y'], ""), "x"]);
            talk.ask(&["CLIENT", "SETNAME", "x"]);
            talk.ask(&["GET", &format!("{word}{round}")]);
            talk.ask(&["SET", &format!("{word}{round}"), word]);
            talk.ask(&["HGET", word, word]);
            talk.ask(&["SETBIT", word, "x", "y"]);
            talk.ask(&[&unknown, word]);
            talk.ask(&["PUBLISH", &format!("{word}{round}"), word]);
            talk.ask(&["EVAL", &format!("return redis.error_reply('E{round} x')"), "0"]);
        }
    };
    let mut talk = proxy.connect();
    doings(&mut talk, 0);
    // Who asks makes workers look how the upstream is: from then on there are series that say so.
    eventually("a look", || scrape(&proxy).get("nearside_upstream_latency_seconds"));
    let first = scrape(&proxy);
    assert_eq!(first.value("nearside_denied_total{rule=\"rules.deny: \\\\\"}"), 4.0);
    let name = "a\\\"} 1\\nx{y=\\\"";
    assert_eq!(
        first.value(&format!("nearside_rate_decisions_total{{rate=\"{name}\",decision=\"refused\"}}")),
        0.0
    );
    (1..50).for_each(|round| doings(&mut talk, round));
    let last = scrape(&proxy);
    assert_eq!(last.count(), first.count(), "\n{}\n{}", first.text, last.text);
    assert!(last.sum("nearside_denied_total") >= 200.0);
}

#[test]
fn what_there_is_only_sometimes_is_there_then() {
    let certs = Certs::new();
    let (_server, proxy) = scene(|config| {
        config.tls.listen = vec![Listen::Tcp("127.0.0.1".into(), 0)];
        config.tls.cert_file = Some(certs.path("server.crt"));
        config.tls.key_file = Some(certs.path("server.key"));
        config.tls.auth_clients = AuthClients::Optional;
        config.tls.ca_cert_file = Some(certs.path("ca.crt"));
        config.rules.block = vec!["DEBUG".into()];
    });
    let mut talk = proxy.connect();
    assert!(ask(&mut talk, "DEBUG SLEEP 0").starts_with('-'));
    let scrape = scrape(&proxy);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    for file in ["tls.cert_file", "tls.ca_cert_file"] {
        let end =
            scrape.value(&format!("nearside_tls_certificate_expiry_timestamp_seconds{{file=\"{file}\"}}"));
        assert!(end > now + 86400.0, "{file}: {end}");
    }
    assert_eq!(scrape.value("nearside_denied_total{rule=\"rules.block\"}"), 1.0);
    assert!((now - scrape.value("nearside_start_time_seconds")).abs() < 60.0);
    // The one client there is, and what the limits are.
    assert_eq!((scrape.sum("nearside_clients"), scrape.value("nearside_clients_limit")), (1.0, 10_000.0));
    assert_eq!(scrape.value("nearside_clients_used_ratio"), 0.0001);
    for instrument in instruments().filter(|instrument| instrument.name.starts_with("process_")) {
        assert!(scrape.value(instrument.name) > 0.0, "{}", instrument.name);
    }
}

#[test]
fn lanes_that_are_lost_and_opened_again_are_counted() {
    let (server, proxy) = scene(|_| {});
    let mut talk = proxy.connect();
    assert_eq!(ask(&mut talk, "PING"), "+PONG\r\n");
    assert_eq!(ask(&mut talk, "SET k v"), "+OK\r\n");
    let first = scrape(&proxy);
    let opened = first.value("nearside_upstream_lanes_opened_total");
    assert!(opened >= 1.0);
    assert_eq!(first.value("nearside_upstream_lanes_lost_total"), 0.0);
    let killed = ask(&mut Talk::connect(&server.place()), "CLIENT KILL TYPE normal SKIPME yes");
    assert!(killed.starts_with(':'), "{killed}");
    eventually("another lane", || {
        ask(&mut talk, "GET k");
        let now = scrape(&proxy);
        let again = now.value("nearside_upstream_lanes_opened_total") > opened;
        (again && now.value("nearside_upstream_lanes_lost_total") >= 1.0).then_some(())
    });
}
