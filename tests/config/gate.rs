//! The gate's settings from all sources: TLS, users, rules, rates, admission, audit.

use super::{Given, env, file};
use nearside::config::{
    Admin, Admission, Alerts, Audit, AuthClients, CertificateUser, Config, DenyRule, Health, Listen,
    LocalUser, Per, Rate, RateUnit, Rules, Secret, Tls, TlsVersion, render,
};
use std::time::Duration;

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn pairs(items: &[(&str, &str)]) -> Vec<(String, String)> {
    items.iter().map(|(from, to)| ((*from).to_string(), (*to).to_string())).collect()
}

fn rate(name: &str, rate: u64) -> Rate {
    Rate {
        name: name.into(),
        per: Per::All,
        commands: vec![],
        keys: vec![],
        users: vec![],
        listeners: vec![],
        unit: RateUnit::Commands,
        rate,
        period: Duration::from_secs(1),
        burst: rate,
        enforce: true,
        delay: None,
    }
}

const EVERYTHING: &str = r#"
protected_mode = false
listen = ["127.0.0.1:6380"]

[[users]]
name = "app"
acl = "on >hunter2 ~app:* +@read"
[[users]]
name = "ops"
acl = "on #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 ~* &* +@all"

[[rates]]
name = "per-app"
per = "user"
commands = ["get", "@write", "config set"]
keys = ["app:*", "a,b"]
users = ["app"]
listeners = ["127.0.0.1:6380"]
rate = "6000/m"
burst = 200
mode = "observe"
[[rates]]
name = "bytes"
per = "address"
rate = "1MiB/s"
action = "delay"
max_delay = "200ms"

[tls]
listen = ["0.0.0.0:6381"]
cert_file = "/tls/server.crt"
key_file = "/tls/server.key"
ca_cert_file = "/tls/ca.crt"
auth_clients = "optional"
min_version = 1.3
handshake_timeout = "3s"
max_handshakes = 7
reload_every = "1m"
[[tls.users]]
cert = "app-*.example.com"
user = "app"

[rules]
block = ["flushall", "CONFIG|SET", "module load", "@Dangerous"]
read_only = true
scripts = "deny"
max_key = "1kb"
max_value = "1MiB"
max_args = 100
max_reply = "8mb"
[[rules.deny]]
name = "no-keys"
commands = "keys"
args = ["*"]
users = ["app", "ops"]
listeners = ["0.0.0.0:6381"]
[[rules.deny]]
name = "secrets"
keys = ["secret:*"]
[rules.rename]
config = "CONFIG_9a8b7c6d"
KEYS = ""

[upstream]
rename = { HELLO = "hi_42", "JSON.SET" = "JS" }

[admission]
clients_per_address = 10
clients_per_user = 20
connection_rate = 30
auth_timeout = 5
auth_failures = 0

[audit]
enabled = false
redact_keys = true

[admin]
listen = ["0.0.0.0:9180", "unix:/run/nearside/admin.sock"]
token = "a-token"
open = true
tls = true

[health]
every = "2s"
timeout = "500ms"
stalled = "1m"
upstream_info = 0

[alerts]
enabled = false
window = "5m"
hold = "0s"
memory = 0.7
evictions = 5
connections = 0.5
latency = "20ms"
error_rate = 0
least_commands = 10
hit_rate = 0.25
least_reads = 50
certificate = "30d"
"#;

/// What [`EVERYTHING`] says.
fn everything() -> Config {
    Config {
        protected_mode: false,
        users: vec![
            LocalUser { name: "app".into(), acl: Secret::new("on >hunter2 ~app:* +@read") },
            LocalUser {
                name: "ops".into(),
                acl: Secret::new(
                    "on #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 ~* &* +@all",
                ),
            },
        ],
        rates: vec![
            Rate {
                per: Per::User,
                commands: texts(&["GET", "@write", "CONFIG|SET"]),
                keys: texts(&["app:*", "a,b"]),
                users: texts(&["app"]),
                listeners: texts(&["127.0.0.1:6380"]),
                period: Duration::from_secs(60),
                burst: 200,
                enforce: false,
                ..rate("per-app", 6000)
            },
            Rate {
                per: Per::Address,
                unit: RateUnit::Bytes,
                delay: Some(Duration::from_millis(200)),
                ..rate("bytes", 1 << 20)
            },
        ],
        tls: Tls {
            listen: vec![Listen::Tcp("0.0.0.0".into(), 6381)],
            cert_file: Some("/tls/server.crt".into()),
            key_file: Some("/tls/server.key".into()),
            ca_cert_file: Some("/tls/ca.crt".into()),
            auth_clients: AuthClients::Optional,
            min_version: TlsVersion::V13,
            handshake_timeout: Duration::from_secs(3),
            max_handshakes: 7,
            users: vec![CertificateUser { cert: "app-*.example.com".into(), user: "app".into() }],
            reload_every: Duration::from_secs(60),
        },
        rules: Rules {
            block: texts(&["FLUSHALL", "CONFIG|SET", "MODULE|LOAD", "@dangerous"]),
            deny: vec![
                DenyRule {
                    name: "no-keys".into(),
                    commands: texts(&["KEYS"]),
                    args: texts(&["*"]),
                    users: texts(&["app", "ops"]),
                    listeners: texts(&["0.0.0.0:6381"]),
                    ..DenyRule::default()
                },
                DenyRule { name: "secrets".into(), keys: texts(&["secret:*"]), ..DenyRule::default() },
            ],
            rename: pairs(&[("CONFIG", "CONFIG_9a8b7c6d"), ("KEYS", "")]),
            read_only: true,
            scripts: false,
            max_key: 1024,
            max_value: 1 << 20,
            max_args: 100,
            max_reply: 8 << 20,
        },
        admission: Admission {
            clients_per_address: 10,
            clients_per_user: 20,
            connection_rate: 30,
            auth_timeout: Some(Duration::from_secs(5)),
            auth_failures: 0,
        },
        audit: Audit { enabled: false, redact_keys: true },
        admin: Admin {
            listen: vec![
                Listen::Tcp("0.0.0.0".into(), 9180),
                Listen::Unix("/run/nearside/admin.sock".into()),
            ],
            token: Some(Secret::new("a-token")),
            open: true,
            tls: true,
            ..Admin::default()
        },
        health: Health {
            every: Duration::from_secs(2),
            timeout: Duration::from_millis(500),
            stalled: Duration::from_secs(60),
            upstream_info: None,
        },
        alerts: Alerts {
            enabled: false,
            window: Duration::from_secs(300),
            hold: Duration::ZERO,
            memory: 0.7,
            evictions: 5,
            connections: 0.5,
            latency: Duration::from_millis(20),
            error_rate: 0.0,
            least_commands: 10,
            hit_rate: 0.25,
            least_reads: 50,
            certificate: Duration::from_secs(30 * 24 * 3600),
        },
        ..Config::default()
    }
}

#[test]
fn every_setting_from_a_file() {
    let mut expected = everything();
    expected.upstream.rename = pairs(&[("HELLO", "hi_42"), ("JSON.SET", "JS")]);
    assert_eq!(file(EVERYTHING).good().config, expected);
}

#[test]
fn what_check_shows_is_read_back_from_every_source() {
    let loaded = file(EVERYTHING).good();
    let sections = ["tls.", "rules.", "admission.", "audit.", "admin.", "health.", "alerts."];
    let gate = [&sections[..], &["protected_mode", "rates", "upstream.rename"]].concat();
    // What is masked, or not set, cannot be read back.
    let token = "admin.token";
    let rows = || {
        let rows = loaded.settings.iter().filter(|row| !row.key.starts_with(token));
        rows.filter(|row| gate.iter().any(|head| row.key.starts_with(head)))
    };
    let users = "[{name = \"app\", acl = \"on >hunter2 ~app:* +@read\"}, {name = \"ops\", acl = \"on \
        #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 ~* &* +@all\"}]";
    let given = Given::default().flag("--set users", "users", users).flag("--set", token, "a-token");
    let flags = rows().fold(given, |given, row| given.flag("--set", row.key, &row.value));
    assert_eq!(flags.good().config, loaded.config);
    let name = |key: &str| format!("NEARSIDE_{}", key.replace('.', "_").to_ascii_uppercase());
    let all: Vec<(String, String)> = rows().map(|row| (name(row.key), row.value.clone())).collect();
    let mut all: Vec<(&str, &str)> = all.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    all.extend([("NEARSIDE_USERS", users), ("NEARSIDE_ADMIN_TOKEN", "a-token")]);
    assert_eq!(env(&all).good().config, loaded.config);
}

#[test]
fn without_any_source_nothing_dangerous_is_allowed() {
    let config = Given::default().good().config;
    assert!(config.protected_mode && config.rules.scripts && config.audit.enabled);
    assert_eq!(config.rules.block, Rules::BLOCKED);
    assert_eq!((config.users.len(), config.rates.len(), config.tls.listen.len()), (0, 0, 0));
    let transparent = env(&[("NEARSIDE_PROFILE", "transparent")]).good();
    assert!(transparent.config.rules.block.is_empty(), "Redis's own tests empty their server");
    assert!(render(&transparent).contains("  rules.block = none\n"));
}

#[test]
fn an_empty_list_can_be_said_in_one_word() {
    let of = |text| env(&[("NEARSIDE_RULES_BLOCK", text)]).good().config.rules.block;
    assert!(of("none").is_empty() && of(" none ").is_empty());
    assert_eq!(of("").len(), Rules::BLOCKED.len(), "an empty variable is not set");
    assert_eq!(of("config get,debug,"), ["CONFIG|GET", "DEBUG"]);
}

#[test]
fn lists_and_maps_of_none() {
    let text = "users = []\nrates = \"none\"\n[rules]\nrename = {}\nblock = []\ndeny = []\n";
    let config = file(text).good().config;
    assert_eq!((config.users.len(), config.rates.len()), (0, 0));
    assert_eq!((config.rules.block.len(), config.rules.deny.len(), config.rules.rename.len()), (0, 0, 0));
    let beaten = file("[[users]]\nname = \"a\"\nacl = \"on\"\n").env(&[("NEARSIDE_USERS", "none")]);
    assert!(beaten.good().config.users.is_empty(), "the environment beats the file");
}

#[test]
fn every_fault_of_every_table_comes_at_once_with_its_line() {
    let text = r#"
[[users]]
name = "app"
acl = "on"
[[users]]
nam = "b"
acl = ""
[[users]]
name = "app"
acl = "on"
password = "hunter2"
[[rates]]
name = "with blank"
rate = "0/s"
per = "usr"
burst = "x"
[[rates]]
name = "a"
rate = "1MiB/s"
unit = "commands"
max_delay = "5"
mode = ["observe"]
[[rules.deny]]
name = "all"
[[rules.deny]]
name = "some"
command = "GET"
commands = ["GTE", "@dangerus"]
listeners = ["nowhere"]
[[tls.users]]
cert = 5
"#;
    let expected = [
        "5: users table 2: name is missing",
        "6: users table 2: has no such option, did you mean name?",
        "7: users table 2: acl is empty",
        "9: users table 3: name is that of a table before it",
        "11: users table 3: has an option that is none of name, acl",
        "13: rates table 1: name expects at most 64 letters, digits and _ . : -",
        "14: rates table 1: rate expects an amount above 0 per time, such as \"100/s\", \"6000/m\" or \"1MiB/s\" (to \
         let nothing pass is what rules.deny is for), got \"0/s\"",
        "15: rates table 1: per expects all, user, address, listener, client or key, got \"usr\", did you mean user?",
        "16: rates table 1: burst expects a number or a size, at least 1, got \"x\"",
        "20: rates table 2: unit is commands, and the amounts are bytes: write unit = \"bytes\" or plain numbers",
        "21: rates table 2: max_delay expects a duration with its unit, from 1ms to 1m, got \"5\"",
        "21: rates table 2: max_delay holds nothing back: write action = \"delay\" beside it",
        "22: rates table 2: mode expects one value, not a list",
        "23: rules.deny table 1: commands or another condition is missing: it would refuse every request",
        "27: rules.deny table 2: has no such option, did you mean commands?",
        "28: rules.deny table 2: commands names a command there is not: \"GTE\", did you mean GET?",
        "28: rules.deny table 2: commands has a category there is not, did you mean @dangerous?",
        "29: rules.deny table 2: listeners \"nowhere\" has no port; write host:port, [v6]:port or unix:/path",
        "30: tls.users table 1: user is missing",
    ];
    let expected: Vec<String> = expected.iter().map(|line| format!("file n.toml:{line}")).collect();
    assert_eq!(file(text).bad(), expected);
}

#[test]
fn a_table_of_the_wrong_shape_says_which_brackets_to_write() {
    for (text, why) in [
        ("[users]\nname = \"a\"\n", "users is a list: write [[ ]] around its name, above each of its tables"),
        ("[[rules.rename]]\nGET = \"G\"\n", "rules.rename is one table: write [ ] around its name, once"),
        (
            "users = [\"a\"]\n",
            "users expects a list of tables such as [{name = \"app\", acl = \"on >password ~app:* +@read\"}], got an array",
        ),
        (
            "rules.rename = 5\n",
            "rules.rename expects a table such as {CONFIG = \"CONFIG_9a8b7c6d\", KEYS = \"\"}, got an integer",
        ),
    ] {
        assert_eq!(file(text).bad(), [format!("file n.toml:1: {why}")]);
    }
    let problems = env(&[("NEARSIDE_USERS", "app:hunter2")]).bad();
    assert!(
        problems[0].starts_with("env NEARSIDE_USERS: users expects a list of tables such as [{name"),
        "{problems:?}"
    );
    assert!(!problems[0].contains("hunter2"), "{problems:?}");
    let problems = env(&[("NEARSIDE_RULES_RENAME", "[\"a\"]")]).bad();
    assert!(problems[0].ends_with("got another kind of value (array)"), "{problems:?}");
}

#[test]
fn renames_that_would_break_things_are_refused() {
    for (text, why) in [
        ("{GTE = \"X\"}", "names a command there is not: \"GTE\", did you mean GET?"),
        ("{\"CONFIG|SET\" = \"X\"}", "takes whole commands: write CONFIG, or a rule in rules.deny"),
        ("{CONFIG = \"get\"}", "of CONFIG is the name of a command already, \"get\""),
        ("{CONFIG = \"a b\"}", "of CONFIG expects a name without blanks, of at most 128 bytes"),
        ("{CONFIG = \"X\", config = \"Y\"}", "has CONFIG twice"),
        ("{CONFIG = \"X\", KEYS = \"x\"}", "gives KEYS the name of CONFIG"),
        ("{CONFIG = [1]}", "of CONFIG expects a name, or \"\" to disable it"),
        ("{AUTH = \"X\"}", "of AUTH would lock every client out: it is how one says who it is"),
        ("{hello = \"\"}", "of HELLO would lock every client out: it is how one says who it is"),
    ] {
        assert_eq!(
            env(&[("NEARSIDE_RULES_RENAME", text)]).bad(),
            [format!("env NEARSIDE_RULES_RENAME: rules.rename {why}")]
        );
    }
    let upstream = |text| env(&[("NEARSIDE_UPSTREAM_RENAME", text)]);
    assert_eq!(upstream("{AUTH = \"X\", KEYS = \"\", CONFIG = \"\"}").good().config.upstream.rename.len(), 3);
    assert!(upstream("{HELLO = \"\"}").bad()[0].ends_with("it cannot be done without"));
}

#[test]
fn redis_own_directives_lead_to_what_to_write() {
    let text = "rename_command = \"x\"\n[rules]\nrename-command = 1\n";
    for (line, problem) in [(1, &file(text).bad()[0]), (3, &file(text).bad()[1])] {
        assert!(problem.starts_with(&format!("file n.toml:{line}: unknown key ")), "{problem}");
        assert!(
            problem.contains("; write [rules.rename] and below it CONFIG = \"CONFIG_9a8b7c6d\""),
            "{problem}"
        );
    }
    let copied = file("maxclients = 5\nrename-command CONFIG \"hunter2\"\nuser app on >hunter3 ~*\n").bad();
    assert!(copied[0].starts_with("file n.toml:2: not TOML: "), "{copied:?}");
    assert!(copied[0].contains("; write [rules.rename] and below it"), "{copied:?}");
    assert!(
        copied.iter().any(|line| line.starts_with("file n.toml:3:") && line.contains("write [[users]]")),
        "{copied:?}"
    );
    assert!(!copied.concat().contains("hunter"), "{copied:?}");
    let problems = env(&[("NEARSIDE_RENAME_COMMAND", "CONFIG x")]).bad();
    assert!(
        problems[0]
            .starts_with("env NEARSIDE_RENAME_COMMAND: there is no such setting; write [rules.rename]")
    );
    let problems = Given::default().flag("--set requirepass", "requirepass", "hunter2").bad();
    assert!(problems[0].contains("write [[users]]") && !problems[0].contains("hunter2"), "{problems:?}");
}

#[test]
fn certificates_keys_and_who_signs_them_belong_together() {
    assert_eq!(
        file("[tls]\nlisten = [\"127.0.0.1:1\"]\nauth_clients = \"yes\"\n").bad(),
        [
            "file n.toml:2: tls.listen needs tls.cert_file: the path of a file (PEM)",
            "file n.toml:2: tls.listen needs tls.key_file: the path of a file (PEM)",
            "file n.toml:3: tls.auth_clients needs tls.ca_cert_file: who signs the certificates of clients (PEM)",
        ]
    );
    assert_eq!(
        env(&[("NEARSIDE_TLS_CERT_FILE", "/c")]).good().warnings,
        ["env NEARSIDE_TLS_CERT_FILE: tls.cert_file is not used: there is no tls.listen"]
    );
    let users = file("[[tls.users]]\ncert = \"*\"\nuser = \"app\"\n").good().warnings;
    assert!(
        users[0].starts_with("file n.toml:1: tls.users are not used: tls.auth_clients = \"no\""),
        "{users:?}"
    );
    let twice = file(
        "listen = [\"[::1]:7\"]\n[tls]\nlisten = [\"[::1]:7\"]\ncert_file = \"/c\"\nkey_file = \"/k\"\n",
    );
    assert_eq!(twice.bad(), ["file n.toml:3: tls.listen names [::1]:7, as does listen (file n.toml:1)"]);
    let free = file(
        "listen = [\"[::1]:0\"]\n[tls]\nlisten = [\"[::1]:0\"]\ncert_file = \"/c\"\nkey_file = \"/k\"\n",
    );
    free.good();
    let own = [
        ("NEARSIDE_TLS_LISTEN", "127.0.0.1:7"),
        ("NEARSIDE_TLS_CERT_FILE", "/c"),
        ("NEARSIDE_TLS_KEY_FILE", "/k"),
        ("NEARSIDE_UPSTREAM", "redis://localhost:7"),
    ];
    assert!(env(&own).bad()[0].contains("(tls.listen = 127.0.0.1:7, env NEARSIDE_TLS_LISTEN)"));
    for (key, text, why) in [
        ("auth_clients", "maybe", "expects no, optional or yes, got \"maybe\""),
        ("auth_clients", "optinal", "expects no, optional or yes, got \"optinal\", did you mean optional?"),
        ("min_version", "1.1", "expects 1.2 or 1.3, got \"1.1\", did you mean 1.2?"),
        ("handshake_timeout", "0s", "expects a duration with its unit, from 100ms to 10m, got \"0s\""),
        ("max_handshakes", "0", "expects a whole number from 1 to 100000, got \"0\""),
    ] {
        let key = format!("tls.{key}");
        assert_eq!(Given::default().flag("--set", &key, text).bad(), [format!("flag --set: {key} {why}")]);
    }
}

#[test]
fn names_that_lead_nowhere_are_refused_where_all_are_known() {
    let text = "[[users]]\nname = \"app\"\nacl = \"on\"\n[[tls.users]]\ncert = \"*\"\nuser = \"ap\"\n\
        [[rules.deny]]\nname = \"a\"\nusers = [\"app\"]\n[[rules.deny]]\nname = \"b\"\nusers = [\"x\"]\n\
        listeners = [\"h:1\"]\n[[rates]]\nname = \"r\"\nrate = \"1/s\"\nusers = [\"y\"]\n";
    assert_eq!(
        file(text).bad(),
        [
            "file n.toml:4: tls.users table 1: there is no user \"ap\", only app",
            "file n.toml:10: rules.deny table 2: there is no user \"x\", only app",
            "file n.toml:10: rules.deny table 2: there is no listener \"h:1\", only 127.0.0.1:6380",
            "file n.toml:14: rates table 1: there is no user \"y\", only app",
        ]
    );
    let upstreams = "[[rules.deny]]\nname = \"a\"\nusers = [\"whoever\"]\n";
    file(upstreams).good();
    let faulty = format!("listen = \"x\"\n{upstreams}listeners = [\"x:1\"]\n[[users]]\nname = \"a\"\n");
    assert_eq!(file(&faulty).bad().len(), 2, "what is not known is not judged");
}

#[test]
fn open_doors_are_said_aloud() {
    let warnings = |pairs: &[(&str, &str)]| env(pairs).good().warnings;
    let open = ("NEARSIDE_PROTECTED_MODE", "false");
    let far = ("NEARSIDE_LISTEN", "0.0.0.0:1,unix:/s");
    let users = ("NEARSIDE_USERS", "[{name = \"a\", acl = \"on >hunter2\"}]");
    let loud = warnings(&[open, far]);
    assert!(loud[0].starts_with("env NEARSIDE_PROTECTED_MODE: NOBODY HAS TO SAY WHO IT IS: "), "{loud:?}");
    assert!(loud[0].contains("whoever reaches 0.0.0.0:1 may"), "{loud:?}");
    assert!(warnings(&[open]).is_empty() && warnings(&[far]).is_empty());
    assert!(warnings(&[open, ("NEARSIDE_LISTEN", "localhost:1,[::1]:2,unix:/s")]).is_empty());
    let clear = warnings(&[open, far, users]);
    assert_eq!(clear.len(), 1, "{clear:?}");
    assert!(
        clear[0].starts_with("env NEARSIDE_LISTEN: passwords of [[users]] travel in clear to 0.0.0.0:1: ")
    );
    let tls = [
        ("NEARSIDE_TLS_LISTEN", "0.0.0.0:1"),
        ("NEARSIDE_TLS_CERT_FILE", "/c"),
        ("NEARSIDE_TLS_KEY_FILE", "/k"),
        ("NEARSIDE_TLS_CA_CERT_FILE", "/ca"),
    ];
    assert!(warnings(&[&tls[..], &[users]].concat()).is_empty());
    assert!(warnings(&[&tls[..], &[open, ("NEARSIDE_TLS_AUTH_CLIENTS", "yes")]].concat()).is_empty());
    assert_eq!(warnings(&[&tls[..], &[open, ("NEARSIDE_TLS_AUTH_CLIENTS", "optional")]].concat()).len(), 1);
}

#[test]
fn rates_that_are_switched_off_are_said_to_be() {
    let rates = ("NEARSIDE_RATES", "[{name = \"a\", rate = \"1/s\"}]");
    let off = env(&[rates, ("REDIS_RATE_LIMITING_ENABLED", "false")]).good();
    assert_eq!(
        off.warnings,
        ["env REDIS_RATE_LIMITING_ENABLED: no rate limit is applied, whatever rates says"]
    );
    assert_eq!(off.config.rates, [rate("a", 1)]);
}

#[test]
fn amounts_and_times_of_rates() {
    let read = |text: &str| {
        let config = env(&[("NEARSIDE_RATES", &format!("[{{name = \"a\", {text}}}]"))]).good().config;
        let Rate { unit, rate, period, burst, delay, .. } = config.rates[0];
        (unit == RateUnit::Bytes, rate, period.as_millis(), burst, delay.map(|delay| delay.as_millis()))
    };
    assert_eq!(read("rate = \"100/s\""), (false, 100, 1000, 100, None));
    assert_eq!(read("rate = \"5 / 10s\", burst = 1"), (false, 5, 10_000, 1, None));
    assert_eq!(read("rate = \"7/h\", action = \"delay\""), (false, 7, 3_600_000, 7, Some(1000)));
    assert_eq!(read("rate = \"1kb/ms\""), (true, 1024, 1, 1024, None));
    assert_eq!(read("rate = \"500/s\", unit = \"bytes\", burst = \"1kb\""), (true, 500, 1000, 1024, None));
    assert_eq!(
        read("rate = \"2000/s\", burst = \"1mb\", unit = \"bytes\""),
        (true, 2000, 1000, 1 << 20, None)
    );
    for bad in ["100", "100/", "/s", "100/x", "1/0s", "-1/s", "1e3/s", "0/s", "1/s/s", ""] {
        let given = env(&[("NEARSIDE_RATES", &format!("[{{name = \"a\", rate = \"{bad}\"}}]"))]);
        assert!(given.bad()[0].starts_with("env NEARSIDE_RATES: rates table 1: rate "), "{bad}");
    }
}

#[test]
fn check_prints_users_without_their_rules() {
    let loaded = file(EVERYTHING).good();
    let text = render(&loaded);
    for shown in [
        "[{name = \"app\", acl = \"******\"}, {name = \"ops\", acl = \"******\"}]  file n.toml:5\n",
        "{name = \"bytes\", per = \"address\", rate = \"1MiB/s\", unit = \"bytes\", action = \"delay\", max_delay = \"200ms\"}",
        "{CONFIG = \"CONFIG_9a8b7c6d\", KEYS = \"\"}",
        "FLUSHALL,CONFIG|SET,MODULE|LOAD,@dangerous",
    ] {
        assert!(text.contains(shown), "{shown}\nis not in\n{text}");
    }
    for secret in ["hunter2", "5e884898"] {
        assert!(!text.contains(secret) && !format!("{loaded:?}").contains(secret), "{secret}");
    }
}

#[test]
fn no_message_shows_a_users_password_or_a_key_wherever_it_was_put() {
    let hash = format!("#hunter2{}", "0".repeat(57));
    let key = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n";
    for secret in ["on >hunter2 ~* +@all", "[{name = \"app\", acl = \"on >hunter2\"}]", &hash, key] {
        for setting in nearside::config::settings().filter(|setting| !setting.is_secret()) {
            let quoted = format!("{secret:?}");
            for given in [
                env(&[(&setting.env_names()[0], secret)]),
                file(&format!("{} = {quoted}\n", setting.key)),
                file(&format!("{} = [{quoted}]\n", setting.key)),
                file(&format!("{} = {{ name = {quoted} }}\n", setting.key)),
                file(&format!("{} = [{{ name = {quoted}, {quoted} = 1 }}]\n", setting.key)),
                file(&format!("{} = {secret}\n", setting.key)),
                Given::default().flag("--set", setting.key, secret),
            ] {
                match nearside::config::load(&given.0) {
                    Err(problems) => assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}"),
                    Ok(loaded) => {
                        let all = format!("{loaded:?}{}", render(&loaded));
                        assert!(!all.contains("hunter2"), "{} takes it and shows it", setting.key);
                    }
                }
            }
        }
    }
    for option in ["name", "acl", "nam", "hunter2", "rules"] {
        let text = format!(
            "[[users]]\n{option} = \"on >hunter2\"\n{option}x = [\"on >hunter2\"]\n\">hunter2\" = 1\n"
        );
        let problems = format!("{:?}", file(&text).bad());
        assert!(!problems.contains("hunter2"), "{problems}");
    }
    for line in
        ["\">hunter2\" = 1", "[\">hunter2\"]", "users = [{acl = on >hunter2}]", "[users]\nacl = on >hunter2"]
    {
        let problems = format!("{:?}", file(line).bad());
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}

#[test]
fn who_could_ask_without_a_token_must_be_on_this_machine() {
    let refused = |toml: &str| file(toml).bad().join("\n");
    let everybody = "[admin]\nlisten = [\"0.0.0.0:9180\"]\n";
    assert!(refused(everybody).contains("set admin.token (or admin.token_file), or admin.open = true"));
    for more in ["open = true", "token = \"t\"", "token_file = \"/run/t\""] {
        file(&format!("{everybody}{more}\n")).good();
    }
    for local in ["localhost:1", "127.0.0.1:1", "[::1]:1", "unix:/a", "none"] {
        assert!(!env(&[("NEARSIDE_ADMIN_LISTEN", local)]).good().config.admin.optional, "{local}");
    }
    let both = "[admin]\ntoken = \"zqs3cr3t\"\ntoken_file = \"/run/t\"\n";
    assert!(refused(both).contains("keep one") && !refused(both).contains("zqs3cr3t"));
    assert!(refused("[admin]\ntls = true\n").contains("tls.cert_file"));
    let bad = refused("[admin]\ntoken = \"zqs3cr3t zq\"\n");
    assert!(bad.contains("admin.token") && !bad.contains("zqs3cr3t"), "{bad}");
    let shown = render(&env(&[("NEARSIDE_ADMIN_TOKEN", "zqs3cr3t")]).good());
    assert!(shown.contains("******") && !shown.contains("zqs3cr3t"), "{shown}");
}
