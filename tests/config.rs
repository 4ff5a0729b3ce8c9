//! Configuration from all its sources, as `main` and embedders see it.

#[path = "config/cache.rs"]
mod cache;
#[path = "config/gate.rs"]
mod gate;
#[path = "config/upstream_tls.rs"]
mod upstream_tls;

use nearside::config::cli::FlagValue;
use nearside::config::{
    Admin, Alerts, Config, Endpoint, Listen, Loaded, Profile, Secret, Sources, Value, load, reference,
    render, settings,
};
use std::time::Duration;

/// Sources built in one line per test.
#[derive(Default)]
struct Given(Sources);

impl Given {
    fn env(mut self, pairs: &[(&str, &str)]) -> Self {
        self.0.env.extend(pairs.iter().map(|(name, text)| ((*name).to_string(), (*text).to_string())));
        self
    }

    fn file(mut self, text: &str) -> Self {
        self.0.file = Some(("n.toml".into(), text.into()));
        self
    }

    fn flag(mut self, flag: &str, key: &str, text: &str) -> Self {
        self.0.flags.push(FlagValue { flag: flag.into(), key: key.into(), value: Value::One(text.into()) });
        self
    }

    fn cores(mut self, cores: usize) -> Self {
        self.0.cores = Some(cores);
        self
    }

    fn memory(mut self, bytes: u64) -> Self {
        self.0.memory = Some(bytes);
        self
    }

    #[track_caller]
    fn good(self) -> Loaded {
        load(&self.0).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// The problems as printed.
    #[track_caller]
    fn bad(self) -> Vec<String> {
        let problems = load(&self.0).expect_err("a configuration with a fault was accepted");
        problems.iter().map(ToString::to_string).collect()
    }
}

fn env(pairs: &[(&str, &str)]) -> Given {
    Given::default().env(pairs)
}

fn file(text: &str) -> Given {
    Given::default().file(text)
}

fn origin(loaded: &Loaded, key: &str) -> String {
    loaded.settings.iter().find(|setting| setting.key == key).expect("a known key").origin.to_string()
}

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.into(), port }
}

#[test]
fn without_any_source_the_defaults_hold_and_a_server_of_our_own_is_started() {
    let loaded = Given::default().good();
    let listen = vec![Listen::Tcp("127.0.0.1".into(), 9180)];
    let admin = Admin { listen, optional: true, ..Admin::default() };
    let alerts = Alerts { enabled: true, ..Alerts::default() };
    assert_eq!(loaded.config, Config { admin, alerts, ..Config::default() });
    assert_eq!(loaded.config.upstream.endpoint, Endpoint::Embedded);
    assert_eq!(loaded.config.listen, [Listen::Tcp("127.0.0.1".into(), 6380)]);
    assert!(loaded.warnings.is_empty());
    assert_eq!(loaded.settings.len(), settings().count());
}

#[test]
fn flags_beat_environment_beats_file_beats_profile_beats_defaults() {
    let key = "upstream.max_connections";
    let text = "profile = \"production\"\n";
    let of = |given: Given| {
        let loaded = given.good();
        (loaded.config.upstream.max_connections, origin(&loaded, key))
    };
    assert_eq!(of(Given::default()), (10, "default".into()));
    assert_eq!(of(file(text)), (20, "profile production".into()));
    let text = format!("{text}[upstream]\nmax_connections = 30\n");
    assert_eq!(of(file(&text)), (30, "file n.toml:3".into()));
    let all = || file(&text).env(&[("REDIS_MAX_CONNECTIONS", "40")]);
    assert_eq!(of(all()), (40, "env REDIS_MAX_CONNECTIONS".into()));
    assert_eq!(of(all().flag("--max-connections", key, "50")), (50, "flag --max-connections".into()));
}

#[test]
fn the_guides_environments_are_presets() {
    let preset = |name: &str| env(&[("NEARSIDE_PROFILE", name)]).good().config;
    assert_eq!(preset("development").upstream.max_connections, 5);
    assert_eq!(preset("staging").upstream.max_connections, 10);
    assert_eq!(preset("production").upstream.max_connections, 20);
    assert_eq!(preset("production").upstream.timeout, Duration::from_secs(10));
    assert_eq!(preset("production").upstream.min_idle, 2);
    assert_eq!(preset("default").upstream.min_idle, 0);
    assert!(!preset("transparent").features.rate_limiting);
    assert_eq!(preset("transparent").upstream.socket_timeout, Duration::from_secs(86_400));
    let asked = env(&[("NEARSIDE_PROFILE", "transparent"), ("REDIS_SOCKET_TIMEOUT", "7")]);
    assert_eq!(asked.good().config.upstream.socket_timeout, Duration::from_secs(7));
    for profile in Profile::ALL {
        assert_eq!(preset(profile.name()).profile, profile);
        for (key, _) in profile.sets() {
            assert!(settings().any(|setting| setting.key == *key), "{key}");
        }
    }
}

#[test]
fn the_guides_variables_are_understood() {
    let config = env(&[
        ("REDIS_URI", "redis://localhost:6379/0"),
        ("REDIS_HOST", "localhost"),
        ("REDIS_PORT", "6379"),
        ("REDIS_DATABASE", "0"),
        ("REDIS_USERNAME", "default"),
        ("REDIS_PASSWORD", "your_password_here"),
        ("REDIS_MAX_CONNECTIONS", "10"),
        ("REDIS_TIMEOUT", "5"),
        ("REDIS_SOCKET_CONNECT_TIMEOUT", "0.5"),
        ("REDIS_SOCKET_TIMEOUT", "7"),
        ("REDIS_HEALTH_CHECK_INTERVAL", "30"),
        ("REDIS_SSL", "false"),
        ("REDIS_SSL_CERT_REQS", "required"),
        ("REDIS_SSL_CA_CERTS", "/path/to/ca.crt"),
        ("REDIS_SSL_CERTFILE", "/path/to/client.crt"),
        ("REDIS_SSL_KEYFILE", "/path/to/client.key"),
        ("REDIS_CACHE_ENABLED", "true"),
        ("REDIS_PUBSUB_ENABLED", "False"),
        ("REDIS_SESSION_STORE_ENABLED", "0"),
        ("REDIS_RATE_LIMITING_ENABLED", "no"),
        ("ENABLE_REDIS", "true"),
    ])
    .good();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let config = config.config;
    assert_eq!(config.upstream.endpoint, tcp("localhost", 6379));
    assert_eq!(config.upstream.password.as_ref().unwrap().expose(), "your_password_here");
    assert_eq!(config.upstream.username.as_deref(), Some("default"));
    assert_eq!(config.upstream.connect_timeout, Duration::from_millis(500));
    assert_eq!(config.upstream.socket_timeout, Duration::from_secs(7));
    let features = (config.features.cache, config.features.pubsub, config.features.session_store);
    assert_eq!(features, (true, false, false));
    assert!(!config.features.rate_limiting && config.enabled);
}

#[test]
fn an_environment_file_shared_with_the_application_in_a_sidecar() {
    let loaded = env(&[
        ("NEARSIDE_UPSTREAM", "redis://real.example.com:6379/2"),
        ("REDIS_URI", "redis://:app@localhost:6380/0"),
        ("REDIS_PASSWORD", "s3cret"),
    ])
    .good();
    let upstream = &loaded.config.upstream;
    assert_eq!((&upstream.endpoint, upstream.database), (&tcp("real.example.com", 6379), 2));
    assert_eq!(upstream.password.as_ref().map(Secret::expose), Some("s3cret"));
    assert_eq!(upstream.origin, "env NEARSIDE_UPSTREAM");
    assert!(loaded.warnings.is_empty(), "the application's address is ours: {:?}", loaded.warnings);

    let elsewhere = [("NEARSIDE_UPSTREAM", "redis://a"), ("REDIS_URI", "redis://b")];
    let warnings = env(&elsewhere).good().warnings;
    assert_eq!(
        warnings,
        ["env NEARSIDE_UPSTREAM and env REDIS_URI name different upstreams; env NEARSIDE_UPSTREAM wins"]
    );
    let foreign = [("NEARSIDE_UPSTREAM", "redis://a"), ("REDIS_URI", "sentinel:whatever")];
    assert_eq!(env(&foreign).good().config.upstream.endpoint, tcp("a", 6379));
    let own = [("NEARSIDE_UPSTREAM", "embedded"), ("REDIS_URI", "redis://localhost:6380")];
    assert_eq!(env(&own).good().config.upstream.endpoint, Endpoint::Embedded);
}

#[test]
fn the_uri_wins_over_parts_and_conflicts_are_warnings() {
    let loaded = env(&[
        ("REDIS_URI", "redis://u:one@h:1/3"),
        ("REDIS_HOST", "other"),
        ("REDIS_PORT", "2"),
        ("REDIS_USERNAME", "v"),
        ("REDIS_PASSWORD", "two"),
        ("REDIS_DATABASE", "4"),
    ])
    .good();
    let upstream = &loaded.config.upstream;
    assert_eq!((&upstream.endpoint, upstream.database), (&tcp("h", 1), 3));
    assert_eq!(upstream.username.as_deref(), Some("u"));
    assert_eq!(upstream.password.as_ref().map(Secret::expose), Some("one"));
    assert_eq!(loaded.warnings.len(), 5, "{:?}", loaded.warnings);
    assert!(loaded.warnings.iter().all(|text| !text.contains("one") && !text.contains("two")));
}

#[test]
fn parts_make_an_address_of_their_own() {
    let config = env(&[("REDIS_HOST", "h"), ("REDIS_DATABASE", "4"), ("REDIS_PASSWORD", "")]).good().config;
    assert_eq!((config.upstream.endpoint, config.upstream.database), (tcp("h", 6379), 4));
    assert_eq!((config.upstream.password, config.upstream.origin), (None, "env REDIS_HOST".into()));
    let config = env(&[("REDIS_PORT", "7000")]).good().config;
    assert_eq!(config.upstream.endpoint, tcp("localhost", 7000));
    let config = env(&[("REDIS_HOST", "[::1]")]).good().config;
    assert_eq!(config.upstream.endpoint, tcp("::1", 6379));
}

#[test]
fn a_higher_source_overrides_one_part_of_a_lower_uri() {
    let text = "[upstream]\nuri = \"redis://u:filed@h:1/3\"\n";
    let upstream = |given: Given| given.good().config.upstream;
    let config = upstream(file(text).env(&[("REDIS_PASSWORD", "env"), ("REDIS_DATABASE", "5")]));
    assert_eq!(config.password.as_ref().map(Secret::expose), Some("env"));
    assert_eq!((config.endpoint, config.database), (tcp("h", 1), 5));
    assert_eq!(upstream(file(text).env(&[("REDIS_HOST", "x")])).endpoint, tcp("x", 6379));
    assert_eq!(upstream(file(text).env(&[("REDIS_PORT", "9")])).endpoint, tcp("h", 1));
    let short = "upstream = \"unix:///run/r.sock?db=1\"\n";
    let config = upstream(file(short));
    assert_eq!((config.endpoint, config.database), (Endpoint::Unix("/run/r.sock".into()), 1));
    assert_eq!(config.origin, "file n.toml:1");
}

#[test]
fn an_identity_that_cannot_be_used_is_dropped_with_a_warning() {
    let loaded = env(&[("REDIS_PASSWORD", "hunter2")]).good();
    assert_eq!(loaded.config.upstream.password, None);
    assert_eq!(loaded.warnings, ["env REDIS_PASSWORD is not used: no upstream is configured"]);
    let loaded = env(&[("REDIS_HOST", "h"), ("REDIS_USERNAME", "app")]).good();
    assert_eq!(loaded.config.upstream.username, None);
    assert_eq!(loaded.warnings, ["env REDIS_USERNAME is not used: there is no password"]);
    assert!(env(&[("REDIS_HOST", "h"), ("REDIS_USERNAME", "default")]).good().warnings.is_empty());
}

#[test]
fn an_upstream_that_is_ourselves_is_refused_naming_both_settings() {
    let problems = env(&[("REDIS_URI", "redis://:hunter2@localhost:6380/0")]).bad();
    let expected = "env REDIS_URI: names redis://localhost:6380, which is this proxy itself: it listens there \
        (listen = 127.0.0.1:6380, default)";
    assert!(problems[0].starts_with(expected), "{problems:?}");
    let problems =
        file("listen = [\"unix:/run/x\", \"[::]:7\"]\nupstream.uri = \"redis://127.0.0.1:7\"\n").bad();
    assert!(problems[0].starts_with("file n.toml:2: names redis://127.0.0.1:7,"), "{problems:?}");
    assert!(problems[0].contains("(listen = [::]:7, file n.toml:1)"), "{problems:?}");
    env(&[("REDIS_URI", "redis://localhost:6380"), ("ENABLE_REDIS", "false")]).good();
}

#[test]
fn workers_fit_the_connection_budget() {
    let workers = |given: Given| {
        let loaded = given.good();
        (loaded.config.workers, loaded.warnings.len())
    };
    assert_eq!(workers(Given::default().cores(3)), (3, 0));
    assert_eq!(workers(Given::default().cores(64)), (5, 0));
    assert_eq!(workers(env(&[("REDIS_MAX_CONNECTIONS", "5")]).cores(8)), (2, 0));
    assert_eq!(workers(env(&[("REDIS_MAX_CONNECTIONS", "1")]).cores(8)), (1, 1));
    assert_eq!(workers(file("workers = 4").cores(1)), (4, 0));
    assert_eq!(workers(file("workers = 9").cores(1)), (5, 1));
    let loaded = env(&[("REDIS_MAX_CONNECTIONS", "1")]).good();
    assert_eq!(loaded.config.upstream.max_connections, 2);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
    let text = "maxclients = 5\nmaxclient = 5\n\n[upstrem]\nuri = \"x\"\n[upstream]\nmax_conections = 3\n[log]\nx = 1\n";
    assert_eq!(
        file(text).bad(),
        [
            "file n.toml:2: unknown key maxclient, did you mean maxclients?",
            "file n.toml:4: unknown section upstrem, did you mean upstream?",
            "file n.toml:7: unknown key upstream.max_conections, did you mean upstream.max_connections?",
            "file n.toml:9: unknown key log.x",
        ]
    );
    let problems = env(&[("NEARSIDE_MAXCLIENT", "5"), ("REDIS_OTHER", "1")]).bad();
    assert_eq!(
        problems,
        ["env NEARSIDE_MAXCLIENT: there is no such setting, did you mean NEARSIDE_MAXCLIENTS?"]
    );
    let problems = Given::default().flag("--set loglevel", "loglevel", "info").bad();
    assert_eq!(problems, ["flag --set loglevel: there is no such setting, did you mean log.level?"]);
}

#[test]
fn all_problems_of_all_sources_come_at_once_with_what_was_expected() {
    let text = "maxclients = true\ntimeout = []\nlisten = \"nowhere\"\n[log]\nformat = \"xml\"\n[limits]\nmemory = \"1 mile\"\nwidth = 1\n";
    let problems = file(text)
        .env(&[
            ("REDIS_TIMEOUT", "soon"),
            ("REDIS_PORT", "x"),
            ("ENABLE_REDIS", "perhaps"),
            ("REDIS_URI", "h:1"),
        ])
        .flag("--workers", "workers", "0")
        .flag("--set drain_timeout", "drain_timeout", "5")
        .bad();
    let all = problems.join("\n");
    for expected in [
        "file n.toml:1: maxclients expects a whole number from 1 to 10000000, got a boolean",
        "file n.toml:2: timeout expects seconds or a duration such as \"5m\"; 0 for never, got an array",
        "file n.toml:3: listen \"nowhere\" has no port; write host:port, [v6]:port or unix:/path",
        "file n.toml:5: log.format expects text or json, got \"xml\"",
        "file n.toml:7: limits.memory expects a size such as \"64MiB\", at least 1MiB, got \"1 mile\"",
        "file n.toml:8: unknown key limits.width",
        "env REDIS_TIMEOUT: upstream.timeout expects a duration above 0, such as \"250ms\", or seconds, got \"soon\"",
        "env REDIS_PORT: upstream.port is not a port from 1 to 65535, got \"x\"",
        "env ENABLE_REDIS: enabled expects true or false, got \"perhaps\"",
        "env REDIS_URI: upstream.uri is not the address of an upstream: no scheme: write redis://host:port/db or unix:///path",
        "flag --workers: workers expects a whole number from 1 to 1024, got \"0\"",
        "flag --set drain_timeout: drain_timeout expects a duration above 0 with its unit, such as \"250ms\", got \"5\"",
    ] {
        assert!(all.contains(expected), "{expected}\nis not in\n{all}");
    }
    assert_eq!(problems.len(), 12, "{all}");
}

#[test]
fn a_loser_with_a_fault_is_still_a_problem() {
    let problems = file("maxclients = \"many\"").flag("--maxclients", "maxclients", "5").bad();
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_file_that_is_not_toml_says_where_without_showing_the_line() {
    let problems = file("maxclients = 5\nupstream.password = \"hunter2\nlog.levle = \"info\"\n").bad();
    assert!(problems[0].starts_with("file n.toml:2: not TOML: "), "{problems:?}");
    assert!(problems.iter().all(|text| !text.contains("hunter2")), "{problems:?}");
    assert!(problems.iter().any(|text| text.contains("n.toml:3: unknown key log.levle")), "{problems:?}");
}

#[test]
fn settings_that_pass_one_another_are_problems() {
    let problems = file("[limits]\nlarge = \"16MiB\"\n[upstream]\nreconnect_min = \"5s\"\n").bad();
    assert_eq!(
        problems,
        [
            "file n.toml:2: limits.reply_buffer (8MiB) is below limits.large (16MiB)",
            "file n.toml:4: upstream.reconnect_max (2s) is below upstream.reconnect_min (5s)",
        ]
    );
}

#[test]
fn idle_connections_leave_room_for_lanes() {
    let loaded = file("workers = 2\n[upstream]\nmin_idle = 9\n").good();
    assert_eq!(loaded.config.upstream.min_idle, 7);
    let warning = loaded.warnings.join("\n");
    assert!(warning.contains("9 idle connections do not fit into 10 upstream connections"), "{warning}");
}

#[test]
fn zero_means_never_where_redis_says_so() {
    let config =
        file("timeout = 0\ntcp_keepalive = 0\n").env(&[("REDIS_HEALTH_CHECK_INTERVAL", "0")]).good().config;
    assert_eq!((config.timeout, config.tcp_keepalive), (None, None));
    assert_eq!(config.upstream.health_check_interval, Duration::from_secs(86_400));
    let patient = env(&[("REDIS_SOCKET_TIMEOUT", "0")]).good().config;
    assert_eq!(patient.upstream.socket_timeout, Duration::from_secs(86_400));
    assert_eq!(file("timeout = 300").good().config.timeout, Some(Duration::from_secs(300)));
}

#[test]
fn lists_and_nested_keys_from_the_environment() {
    let config = env(&[
        ("NEARSIDE_LISTEN", "0.0.0.0:1, unix:/run/n.sock"),
        ("NEARSIDE_LIMITS_MAX_BULK", "1mb"),
        ("NEARSIDE_FEATURES_SESSION_PATTERNS", "session:*,sess_*"),
        ("NEARSIDE_LOG_LEVEL", ""),
        ("NEARSIDE_CONFIG", "n.toml"),
        ("XDG_STATE_HOME", "/state"),
        ("HOME", "/home/me"),
    ])
    .good()
    .config;
    assert_eq!(config.listen, [Listen::Tcp("0.0.0.0".into(), 1), Listen::Unix("/run/n.sock".into())]);
    assert_eq!(config.limits.max_bulk, 1 << 20);
    assert_eq!(config.features.session_patterns, ["session:*", "sess_*"]);
    assert_eq!(config.embedded.data_dir.to_str(), Some("/state/nearside"));
    let config = env(&[("XDG_STATE_HOME", "relative"), ("HOME", "/home/me")]).good().config;
    assert_eq!(config.embedded.data_dir.to_str(), Some("/home/me/.local/state/nearside"));
}

#[test]
fn variables_kubernetes_makes_for_services_are_not_settings() {
    let loaded = env(&[
        ("REDIS_PORT", "tcp://10.0.0.1:6379"),
        ("REDIS_HOST", "redis"),
        ("NEARSIDE_PORT", "tcp://10.0.0.2:6380"),
        ("NEARSIDE_SERVICE_HOST", "10.0.0.2"),
        ("NEARSIDE_SERVICE_PORT_RESP", "6380"),
        ("NEARSIDE_PORT_6380_TCP_ADDR", "10.0.0.2"),
    ])
    .good();
    assert_eq!(loaded.config.upstream.endpoint, tcp("redis", 6379));
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
}

#[test]
fn two_variables_for_one_key_are_a_warning_if_they_differ() {
    let loaded = env(&[("NEARSIDE_UPSTREAM_TIMEOUT", "1s"), ("REDIS_TIMEOUT", "2")]).good();
    assert_eq!(loaded.config.upstream.timeout, Duration::from_secs(1));
    assert_eq!(
        loaded.warnings,
        ["env NEARSIDE_UPSTREAM_TIMEOUT and env REDIS_TIMEOUT differ; env NEARSIDE_UPSTREAM_TIMEOUT wins"]
    );
}

#[test]
fn check_prints_values_origins_profile_and_warnings_and_no_secret() {
    let loaded = file("profile = \"production\"\ndrain_timeout = \"1s\"\n")
        .env(&[("REDIS_URI", "redis://app:hunter2@h:1/2"), ("REDIS_PASSWORD", "hunter3")])
        .good();
    let text = render(&loaded);
    let row = |key: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("upstream.uri"), "redis://h:1 env REDIS_URI");
    assert_eq!(row("upstream.password"), "****** env REDIS_URI");
    assert_eq!(row("upstream.username"), "app env REDIS_URI");
    assert_eq!(row("upstream.timeout"), "10s profile production");
    assert_eq!(row("drain_timeout"), "1s file n.toml:2");
    assert_eq!(row("maxclients"), "10000 default");
    assert!(text.contains("\nprofile production sets:\n"));
    assert!(text.contains("  drain_timeout = 30s  (overridden)\n"));
    assert!(text.contains("  upstream.timeout = 10s\n"));
    assert!(
        text.contains(
            "warning: env REDIS_PASSWORD differs from what env REDIS_URI says; env REDIS_URI wins\n"
        )
    );
    let debug = format!("{loaded:?}");
    for secret in ["hunter2", "hunter3"] {
        assert!(!text.contains(secret) && !debug.contains(secret));
    }
}

#[test]
fn no_error_shows_a_password_wherever_it_was_put() {
    let secret = "hunter2";
    let uri = format!("redis://u:{secret}@h:notaport");
    let quoted = format!("\"{uri}\"");
    for setting in settings().filter(|setting| !setting.is_secret()) {
        for given in [
            env(&[(&setting.env_names()[0], &uri)]),
            file(&format!("{} = {quoted}\n", setting.key)),
            Given::default().flag("--set", setting.key, &uri),
        ] {
            if let Err(problems) = load(&given.0) {
                assert!(!format!("{problems:?}").contains(secret), "{}: {problems:?}", setting.key);
            }
        }
    }
    let problems = file("upstream.password = [\"hunter2\"]\n").bad();
    assert!(!problems[0].contains(secret), "{problems:?}");
    let set = nearside::config::cli::Flags::default();
    assert!(set.values().is_empty());
}

#[test]
fn the_committed_reference_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/nearside.toml");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == reference(), "run: nearside check --reference > docker/nearside.toml");
}

#[test]
fn the_debug_form_of_a_configuration_masks_secrets() {
    let mut config = Config::default();
    config.upstream.password = Some(Secret::new("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(Secret::new("hunter2").to_string(), Secret::MASK);
}

/// A small generator of its own, so that a failure is replayed by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "[",
            "]",
            "=",
            "\"",
            "'",
            "\n",
            ".",
            ",",
            ":",
            "/",
            "//",
            "@",
            "%",
            "%4",
            "?",
            "#",
            " ",
            "redis",
            "unix",
            "upstream",
            "listen",
            "limits",
            "memory",
            "uri",
            "true",
            "0",
            "9",
            "99999999999999999999",
            "-1",
            "1e9",
            "mb",
            "ms",
            "é",
            "\u{0}",
            "\\u00",
            "{",
            "}",
            "normal 0 0 0",
            "save",
            "a:*",
            " max_age=1s",
            "info",
            "::1",
            "[::1]",
            "\"\"\"",
            "-",
            "[[users]]",
            "[{",
            "}]",
            "name = \"a\", ",
            "acl = \"on\"",
            "rate = \"1/s\"",
            "commands = [\"GET\"]",
            "{KEYS = \"x\"}",
            "none",
            "get",
            "@write",
            "optional",
        ];
        (0..self.roll(24)).map(|_| PIECES[self.roll(PIECES.len())]).collect()
    }
}

#[test]
fn arbitrary_text_gives_a_configuration_or_problems_never_a_panic() {
    let keys: Vec<_> = settings().collect();
    for seed in 0..2000 {
        let mut dice = Dice(seed);
        let setting = keys[dice.roll(keys.len())];
        let names = setting.env_names();
        let (name, text) = (&names[dice.roll(names.len())], dice.text());
        let of_key = format!("{} = {}\n{}", keys[dice.roll(keys.len())].key, dice.text(), dice.text());
        let given = file(&of_key).env(&[(name, &text)]).flag("--set", setting.key, &dice.text());
        if let Ok(loaded) = load(&given.0) {
            assert!(loaded.config.workers >= 1 && !loaded.config.listen.is_empty(), "seed {seed}");
            assert!(!render(&loaded).is_empty());
        }
    }
}

#[test]
fn every_text_a_setting_shows_is_a_text_it_reads() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut given = Given::default().cores(1);
        // The rules of users are masked, and so is a token.
        let is_shown = |key: &str| {
            !key.starts_with("upstream.") && !matches!(key, "users" | "admin.token" | "otlp.headers")
        };
        let all = settings().filter(|setting| is_shown(setting.key));
        for setting in all {
            given = given.flag("--set", setting.key, &dice.text());
            if load(&given.0).is_err() {
                given.0.flags.pop();
            }
        }
        let loaded = given.good();
        let mut again = Given::default().cores(1);
        let shown = loaded.settings.iter().filter(|setting| is_shown(setting.key));
        for setting in shown {
            // A path may keep blanks that a list of paths cannot tell from its own.
            if setting.value.is_empty()
                && setting.key != "embedded.save"
                && !["features.session_patterns", "rules.block"].contains(&setting.key)
            {
                continue;
            }
            again = again.flag("--set", setting.key, &setting.value);
        }
        let mut config = loaded.config;
        // What is shown is asked for by now.
        config.admin.optional = false;
        assert_eq!(again.good().config, config, "seed {seed}");
    }
}
