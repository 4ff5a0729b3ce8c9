//! What the upstream says of itself, and what is made of it.

use nearside::telemetry::alerts::State;
use nearside::telemetry::health::Status;
use nearside::telemetry::upstream_view::{Figures, Said};

use crate::common::{Proxy, Server, eventually};
use crate::rig::{alert, is_ready, quick, until_alert, until_ready, until_status, vitals};

fn figures(proxy: &Proxy) -> Figures {
    eventually("the upstream has said something of itself", || match &vitals(proxy).upstream.get().said {
        Said::Figures(figures) => Some((**figures).clone()),
        Said::Unknown(_) => None,
    })
}

fn unknown(proxy: &Proxy) -> String {
    eventually("the upstream has refused", || {
        let seen = vitals(proxy).upstream.get();
        match (&seen.said, seen.at) {
            (Said::Unknown(why), Some(_)) => Some(why.to_string()),
            _ => None,
        }
    })
}

#[test]
fn every_server_tells_its_figures() {
    for make in Server::makes() {
        let server = Server::start_of(&make, &["--maxclients", "77", "--maxmemory", "100mb"]);
        let proxy = Proxy::start(quick(&server.place()));
        let first = figures(&proxy);
        assert!(first.used_memory > 100_000 && first.maxmemory == 100 << 20, "{make}: {first:?}");
        assert_eq!((first.role.as_str(), first.maxmemory_policy.as_str()), ("master", "noeviction"));
        assert!(first.maxclients == 77 && first.connected_clients > 0, "{make}: {first:?}");
        assert!(!first.version.is_empty() && !first.loading, "{make}: {first:?}");
        // The next ones are asked for by the names of sections.
        let at = vitals(&proxy).upstream.get().at;
        eventually("it has been asked again", || (vitals(&proxy).upstream.get().at > at).then_some(()));
        let again = figures(&proxy);
        assert_eq!((again.version, again.maxclients), (first.version, 77));
        let info = proxy.connect().ask(&["INFO"]);
        let info = String::from_utf8_lossy(&info);
        for line in
            ["nearside_status:healthy", "nearside_alerts_firing:\r\n", "nearside_upstream_role:master"]
        {
            assert!(info.contains(line), "{line}: {info}");
        }
    }
}

#[test]
fn one_that_does_not_tell_is_fine_all_the_same() {
    let server = Server::start(&["--rename-command", "INFO", ""]);
    let proxy = Proxy::start(quick(&server.place()));
    let why = unknown(&proxy);
    assert!(why.starts_with("the upstream does not answer INFO"), "{why}");
    until_status(&proxy, Status::Healthy);
    assert!(is_ready(&proxy));
    let server = Server::start(&[]);
    server.connect().ask(&["ACL", "SETUSER", "default", "-info"]);
    let proxy = Proxy::start(quick(&server.place()));
    let why = unknown(&proxy);
    assert!(why.starts_with("the upstream's user may not INFO"), "{why}");
    until_status(&proxy, Status::Healthy);
}

#[test]
fn full_memory_is_wrong_where_nothing_is_evicted() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(quick(&server.place()));
    until_ready(&proxy, true);
    assert_eq!(alert(&proxy, "memory").value, None, "it has no maxmemory");
    let mut direct = server.connect();
    assert_eq!(direct.ask(&["SET", "big", &"x".repeat(4_000_000)]), b"+OK\r\n");
    let used =
        eventually("that is seen", || Some(figures(&proxy).used_memory).filter(|used| *used > 4_000_000));
    direct.ask(&["CONFIG", "SET", "maxmemory", &(used * 11 / 10).to_string()]);
    let found = until_alert(&proxy, "memory", State::Firing);
    assert!(found.text.contains("evicts nothing") && found.value > Some(0.8), "{found:?}");
    let health = until_status(&proxy, Status::Degraded);
    assert!(health.reasons.iter().any(|why| why.starts_with("memory: ")), "{health:?}");
    // It touches nothing else.
    let now = std::time::Instant::now();
    assert!(is_ready(&proxy) && vitals(&proxy).live(now).ok && vitals(&proxy).startup(now).ok);
    direct.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    until_alert(&proxy, "memory", State::Ok);
    until_status(&proxy, Status::Healthy);
    // Full as a matter of course; wrong is how fast it has to make room.
    let since = std::time::Instant::now();
    let evicting = eventually("so many evictions are said", || {
        for i in 0..200 {
            direct.ask(&["SET", &format!("k{i}:{:?}", since.elapsed()), &"x".repeat(4000)]);
        }
        Some(alert(&proxy, "memory")).filter(|alert| alert.state == State::Firing)
    });
    assert!(evicting.text.contains("keys per second"), "{evicting:?}");
    until_alert(&proxy, "memory", State::Ok);
}

#[test]
fn clients_of_the_upstream_are_counted_against_its_own_limit() {
    let server = Server::start(&["--maxclients", "12"]);
    let proxy = Proxy::start(quick(&server.place()));
    until_ready(&proxy, true);
    let known = figures(&proxy).connected_clients;
    let more: Vec<_> = (known..11).map(|_| server.connect()).collect();
    let found = until_alert(&proxy, "upstream_clients", State::Firing);
    assert!(found.text.contains("of 12"), "{found:?}");
    assert!(is_ready(&proxy));
    drop(more);
    until_alert(&proxy, "upstream_clients", State::Ok);
}
