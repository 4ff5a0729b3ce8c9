//! TLS to the upstream: who asks for it, and how it is spoken.

use super::*;
use nearside::config::{CertReqs, UpstreamTls};

fn spoken(given: Given) -> (UpstreamTls, Vec<String>) {
    let loaded = given.good();
    (loaded.config.upstream.tls, loaded.warnings)
}

#[test]
fn whoever_asks_for_tls_gets_it() {
    for pair in [
        ("REDIS_URI", "rediss://:hunter2@h"),
        ("NEARSIDE_UPSTREAM", "redis://h?ssl=true"),
        ("NEARSIDE_UPSTREAM", "valkeys://h"),
    ] {
        let (tls, warnings) = spoken(env(&[pair]));
        assert!(tls.enabled && warnings.is_empty(), "{pair:?} {warnings:?}");
        assert_eq!(tls.cert_reqs, CertReqs::Required);
    }
    for pair in [("REDIS_SSL", "true"), ("NEARSIDE_UPSTREAM_SSL", "yes")] {
        let (tls, warnings) = spoken(env(&[pair, ("REDIS_HOST", "h")]));
        assert!(tls.enabled && warnings.is_empty(), "{pair:?} {warnings:?}");
    }
    assert!(!spoken(env(&[("REDIS_URI", "redis://h"), ("REDIS_SSL", "")])).0.enabled);
    let ours = env(&[("REDIS_HOST", "h"), ("REDIS_SSL", "true"), ("NEARSIDE_UPSTREAM_SSL", "false")]);
    assert!(!spoken(ours).0.enabled);
    assert!(env(&[("REDIS_SSL", "maybe")]).bad()[0].starts_with("env REDIS_SSL: upstream.ssl is neither"));
}

#[test]
fn the_guides_environments_speak_tls_as_they_mean_it() {
    // Staging: an address without TLS, and a switch that says otherwise.
    let staging = env(&[
        ("REDIS_URI", "redis://default:staging_pass@staging-redis.example.com:6379/0"),
        ("REDIS_PASSWORD", "staging_pass"),
        ("REDIS_SSL", "true"),
        ("REDIS_MAX_CONNECTIONS", "10"),
    ]);
    let loaded = staging.good();
    assert!(loaded.config.upstream.tls.enabled);
    assert_eq!(loaded.config.upstream.address(), "rediss://staging-redis.example.com:6379");
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("env REDIS_URI is an address without TLS, but env REDIS_SSL asks"));

    let production = env(&[
        ("REDIS_URI", "rediss://default:prod_pass@prod-redis.example.com:6380/0"),
        ("REDIS_PASSWORD", "prod_pass"),
        ("REDIS_SSL", "true"),
    ]);
    let loaded = production.good();
    assert!(loaded.config.upstream.tls.enabled && loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let shown = loaded.settings.iter().find(|setting| setting.key == "upstream.uri").expect("a key");
    assert_eq!(shown.value, "rediss://prod-redis.example.com:6380");

    let development = env(&[("REDIS_URI", "redis://localhost:6379/0"), ("REDIS_SSL", "false")]);
    assert_eq!(spoken(development), (UpstreamTls::default(), vec![]));
}

#[test]
fn what_one_asks_for_the_other_does_not_take_away() {
    let (tls, warnings) = spoken(env(&[("REDIS_URI", "rediss://h"), ("REDIS_SSL", "false")]));
    assert!(tls.enabled);
    assert_eq!(warnings, ["env REDIS_SSL says no TLS, but env REDIS_URI asks for it: TLS is spoken"]);
    // In a sidecar it is the application that speaks without TLS, to Nearside.
    let sidecar = [
        ("NEARSIDE_UPSTREAM", "rediss://h"),
        ("REDIS_URI", "redis://localhost:6380"),
        ("REDIS_SSL", "false"),
    ];
    let (tls, warnings) = spoken(env(&sidecar));
    assert!(tls.enabled && warnings.is_empty(), "{warnings:?}");
    let of_file = file("upstream = \"rediss://h\"").env(&[("REDIS_SSL", "false")]);
    assert!(spoken(of_file).0.enabled);
    assert!(spoken(file("[upstream]\nssl = true").env(&[("REDIS_URI", "redis://h")])).0.enabled);
}

#[test]
fn tls_is_for_tcp() {
    let (tls, warnings) = spoken(env(&[("REDIS_URI", "unix:///run/r"), ("REDIS_SSL", "true")]));
    assert!(!tls.enabled);
    assert!(
        warnings[0].starts_with("env REDIS_SSL is not used: TLS is spoken over TCP only"),
        "{warnings:?}"
    );
    let (tls, warnings) = spoken(env(&[("REDIS_SSL", "true")]));
    assert!(!tls.enabled && warnings == ["env REDIS_SSL is not used: no upstream is configured"]);
}

#[test]
fn the_details_come_from_the_address_or_beside_it() {
    let details = [
        ("REDIS_URI", "rediss://h"),
        ("REDIS_SSL_CERT_REQS", "optional"),
        ("REDIS_SSL_CA_CERTS", "/ca"),
        ("REDIS_SSL_CERTFILE", "/cert"),
        ("REDIS_SSL_KEYFILE", "/key"),
        ("NEARSIDE_UPSTREAM_SSL_SERVER_NAME", "other.example"),
    ];
    let expected = UpstreamTls {
        enabled: true,
        cert_reqs: CertReqs::Optional,
        ca_certs: Some("/ca".into()),
        certfile: Some("/cert".into()),
        keyfile: Some("/key".into()),
        server_name: Some("other.example".into()),
    };
    assert_eq!(spoken(env(&details)), (expected.clone(), vec![]));
    let uri = "rediss://h?ssl_cert_reqs=CERT_OPTIONAL&ssl_ca_certs=/ca&ssl_certfile=/cert&ssl_keyfile=%2Fkey\
               &ssl_server_name=other.example";
    assert_eq!(spoken(env(&[("REDIS_URI", uri)])), (expected, vec![]));
    // Within one source the address wins, and says so; a higher source beats it.
    let both = [("REDIS_URI", "rediss://h?ssl_ca_certs=/a"), ("REDIS_SSL_CA_CERTS", "/b")];
    let (tls, warnings) = spoken(env(&both));
    assert_eq!(tls.ca_certs, Some("/a".into()));
    assert_eq!(warnings, ["env REDIS_SSL_CA_CERTS differs from what env REDIS_URI says; env REDIS_URI wins"]);
    let flag = env(&both).flag("--set", "upstream.ssl_ca_certs", "/c");
    assert_eq!(spoken(flag).0.ca_certs, Some("/c".into()));
}

#[test]
fn details_that_cannot_be_are_problems_of_their_source() {
    let with = |name: &'static str, text: &'static str| {
        let mut problems = env(&[("REDIS_URI", "rediss://h"), (name, text)]).bad();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    };
    let wrong = with("REDIS_SSL_CERT_REQS", "sometimes");
    assert!(
        wrong.starts_with("env REDIS_SSL_CERT_REQS: upstream.ssl_cert_reqs is none of required"),
        "{wrong}"
    );
    let wrong = with("REDIS_SSL_KEYFILE", "/key");
    assert!(wrong.starts_with("env REDIS_SSL_KEYFILE: ") && wrong.contains("REDIS_SSL_CERTFILE"), "{wrong}");
    let wrong = with("NEARSIDE_UPSTREAM_SSL_SERVER_NAME", "a b");
    assert!(wrong.contains("neither a host name nor an address"), "{wrong}");
    let wrong = env(&[("REDIS_URI", "rediss://:hunter2@h?ssl_cert_reqs=hunter2")]).bad();
    assert!(wrong[0].starts_with("env REDIS_URI: ") && !wrong[0].contains("hunter2"), "{wrong:?}");
}

#[test]
fn trust_without_looking_is_loud() {
    for given in [
        env(&[("REDIS_URI", "rediss://h"), ("REDIS_SSL_CERT_REQS", "none")]),
        env(&[("REDIS_URI", "rediss://h?ssl_cert_reqs=none")]),
        env(&[("REDIS_URI", "rediss://h?skip_verify=true")]),
    ] {
        let loaded = given.good();
        assert_eq!(loaded.config.upstream.tls.cert_reqs, CertReqs::None);
        assert!(loaded.warnings[0].contains("CERTIFICATE IS NOT VERIFIED"), "{:?}", loaded.warnings);
        assert!(render(&loaded).contains("CERTIFICATE IS NOT VERIFIED"));
    }
}

#[test]
fn details_without_tls_are_no_mistake_in_the_guides_environment_and_worth_a_word_elsewhere() {
    let guides = env(&[
        ("REDIS_HOST", "h"),
        ("REDIS_SSL", "false"),
        ("REDIS_SSL_CERT_REQS", "none"),
        ("REDIS_SSL_KEYFILE", "/path/to/client.key"),
    ]);
    assert_eq!(spoken(guides), (UpstreamTls::default(), vec![]));
    let (_, warnings) = spoken(file("[upstream]\nhost = \"h\"\nssl_ca_certs = \"/ca\"\n"));
    assert_eq!(warnings, ["file n.toml:3 is not used: TLS to the upstream is off (upstream.ssl)"]);
    let (_, warnings) = spoken(env(&[("REDIS_URI", "redis://h?ssl_ca_certs=/ca")]));
    assert_eq!(
        warnings,
        ["what env REDIS_URI says of TLS is not used: TLS to the upstream is off (upstream.ssl)"]
    );
}
