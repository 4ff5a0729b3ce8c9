use super::*;
use crate::config::{
    Admin, Admission, Audit, AuthClients, Cache, CacheMode, CachePattern, CachePolicy, CertificateUser,
    DenyRule, Endpoint, Listen, LogFormat, OutputLimit, Per, Profile, Rate, RateUnit, Rules, Sources, Tls,
    TlsVersion, load,
};
use std::time::Duration;

/// `config` as a file: every key that has a default of its own, uncommented.
fn as_file(config: &Config) -> String {
    let mut config = config.clone();
    let mut out = String::new();
    // Paths that none is set by default: examples are all the reference has of them.
    let shown = ["tls.cert_file", "tls.key_file", "tls.ca_cert_file", "admin.listen"];
    for setting in settings().filter(|setting| setting.unset.is_none() || shown.contains(&setting.key)) {
        // Dotted keys name the section without a header.
        let value = toml_value(setting.field, &mut config);
        out.push_str(&format!("{} = {value}\n", setting.key));
    }
    out
}

fn read(text: &str) -> Config {
    let file = Some(("nearside.toml".into(), text.to_string()));
    load(&Sources { file, ..Sources::default() }).unwrap_or_else(|all| panic!("{all:?}\n{text}")).config
}

#[test]
fn the_reference_as_it_stands_is_the_defaults() {
    assert_eq!(read(&reference()), read(""));
}

#[test]
fn the_reference_with_every_default_uncommented_is_the_defaults() {
    let mut sets = 0;
    let text = reference();
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(bare) if !bare.starts_with(' ') && !bare.is_empty() => {
            sets += 1;
            let setting = settings().find(|s| s.unset.is_some() && bare.ends_with(s.unset.unwrap().1));
            if setting.is_some_and(|s| bare.starts_with(s.key.rsplit('.').next().unwrap())) {
                ""
            } else {
                bare
            }
        }
        _ => line,
    });
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let none = read("");
    let mut expected = Config { embedded: none.embedded, admin: none.admin, ..Config::default() };
    expected.alerts.enabled = none.alerts.enabled;
    assert_eq!(read(&text), expected);
    assert_eq!(sets, settings().count());
}

#[test]
fn the_examples_of_what_has_no_default_are_good() {
    for setting in settings() {
        if let Some((_, example)) = setting.unset {
            read(&format!("{} = {example}\n", setting.key));
        }
    }
}

#[test]
fn printing_and_reading_again_gives_the_same_configuration() {
    let mut config = read("workers = 1");
    config.profile = Profile::Default;
    config.enabled = false;
    config.listen = vec![Listen::Unix("/run/a \"b\\".into()), Listen::Tcp("::1".into(), 7)];
    config.timeout = Some(Duration::from_millis(1500));
    config.tcp_keepalive = None;
    config.client_output_buffer_limit.normal =
        OutputLimit { hard: 1000, soft: 5 << 20, soft_for: Duration::from_millis(250) };
    config.drain_timeout = Duration::from_micros(1);
    config.pubsub_on_loss = crate::config::OnLoss::Resubscribe;
    config.upstream.max_connections = 2;
    config.upstream.health_check_interval = Duration::from_secs(3601);
    config.embedded.save = String::new();
    config.embedded.maxmemory = 0;
    config.limits.large = 1 << 30;
    config.limits.reply_buffer = (1 << 30) + 1;
    config.limits.memory = u64::MAX;
    config.cache = Cache {
        mode: CacheMode::Ttl,
        policy: CachePolicy::Lfu,
        max_value: 1,
        max_age: Duration::from_millis(1500),
        admit_after: 0,
        verify: 0.015_625,
        scripts_declare_keys: true,
        include: vec![
            CachePattern { glob: "api:*".into(), max_age: Some(Duration::from_secs(90)), serve_stale: None },
            CachePattern {
                glob: "\"[a-z,]\\\\*".into(),
                max_age: None,
                serve_stale: Some(Duration::from_secs(1)),
            },
        ],
        exclude: vec!["lock:*".into(), "a,b".into()],
        ..config.cache
    };
    gate(&mut config);
    config.log.format = LogFormat::Json;
    config.log.level = "info,nearside::upstream=debug".into();
    config.features.session_patterns = vec!["a,b:*".into(), "\u{7f}\n\"é".into()];
    let again = read(&format!("workers = 1\n{}", as_file(&config)));
    assert_eq!(again, config);
    assert_eq!(again.upstream.endpoint, Endpoint::Embedded);
}

/// Every setting of the gate but users, whose rules are masked.
fn gate(config: &mut Config) {
    let texts = |items: &[&str]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    config.protected_mode = false;
    config.tls = Tls {
        listen: vec![Listen::Tcp("127.0.0.1".into(), 1)],
        cert_file: Some("/a \"b\\".into()),
        key_file: Some("5".into()),
        ca_cert_file: Some("true".into()),
        auth_clients: AuthClients::Yes,
        min_version: TlsVersion::V13,
        handshake_timeout: Duration::from_millis(100),
        max_handshakes: 1,
        users: vec![CertificateUser { cert: "*\"\nx".into(), user: "é".into() }],
        reload_every: Duration::from_secs(90),
    };
    config.rules = Rules {
        block: texts(&["CONFIG|SET", "@write"]),
        deny: vec![DenyRule {
            name: "a".into(),
            commands: texts(&["GET"]),
            args: texts(&["*", "a,\"b"]),
            keys: texts(&["\\*"]),
            users: texts(&["u"]),
            listeners: texts(&["127.0.0.1:1"]),
        }],
        rename: vec![("KEYS".into(), String::new()), ("CONFIG".into(), "c\"\\".into())],
        read_only: true,
        scripts: false,
        max_key: 1,
        max_value: 1 << 30,
        max_args: u64::MAX,
        max_reply: 1000,
    };
    config.upstream.rename = vec![("JSON.GET".into(), "x".into())];
    config.rates = vec![
        Rate {
            name: "a".into(),
            per: Per::Key,
            commands: texts(&["@read"]),
            keys: texts(&["k*"]),
            users: texts(&["u"]),
            listeners: texts(&["127.0.0.1:1"]),
            unit: RateUnit::Bytes,
            rate: 1000,
            period: Duration::from_millis(1500),
            burst: 1 << 20,
            enforce: false,
            delay: Some(Duration::from_millis(1)),
        },
        Rate {
            name: "b".into(),
            per: Per::Client,
            commands: Vec::new(),
            keys: Vec::new(),
            users: Vec::new(),
            listeners: Vec::new(),
            unit: RateUnit::Commands,
            rate: 1024,
            period: Duration::from_secs(3600),
            burst: 1,
            enforce: true,
            delay: None,
        },
    ];
    config.admission = Admission {
        clients_per_address: 1,
        clients_per_user: 2,
        connection_rate: 3,
        auth_timeout: None,
        auth_failures: 4,
    };
    config.audit = Audit { enabled: false, redact_keys: true };
    config.admin = Admin {
        listen: vec![Listen::Unix("/a".into()), Listen::Tcp("0.0.0.0".into(), 0)],
        open: true,
        tls: true,
        ..Admin::default()
    };
}
