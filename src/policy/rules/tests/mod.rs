mod early;

use std::sync::Arc;

use crate::command::{Command, lookup};
use crate::config::{Config, DenyRule};
use crate::policy::acl::Dialect;
use crate::policy::{Denied, Gate, Origin};
use crate::resp::rename::Names;
use crate::resp::request::{Args, encode};
use crate::resp::scan::request::{Limits, RequestScanner};

const LIMITS: Limits =
    Limits { max_bulk: 1 << 30, max_multibulk: 1 << 20, large: 1 << 20, unauthenticated: false };

fn gate(change: impl FnOnce(&mut Config)) -> Gate {
    let mut config = Config::default();
    change(&mut config);
    Gate::new(&config).unwrap()
}

fn origin(listener: usize) -> Origin {
    Origin { listener, address: None, names: Vec::new() }
}

/// What `check` says of the request `line`; empty: nothing.
fn asked(line: &str, check: impl FnOnce(Option<&'static Command>, &Args<'_>) -> Option<Denied>) -> String {
    asked_as(None, line, check)
}

fn asked_as(
    names: Option<Arc<Names>>,
    line: &str,
    check: impl FnOnce(Option<&'static Command>, &Args<'_>) -> Option<Denied>,
) -> String {
    let bytes = encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    let mut scanner = RequestScanner::with_names(names);
    scanner.scan(&bytes, &LIMITS).unwrap();
    let args = scanner.args(&bytes);
    let denied = check(lookup(&args), &args);
    denied.map(|denied| String::from_utf8(denied.text(Dialect::Newer)).unwrap()).unwrap_or_default()
}

/// What `user` on a listener is told; empty: it may.
fn told_as(gate: &Gate, user: &str, listener: usize, line: &str) -> String {
    let rights = gate.admitted(&origin(listener), user);
    asked_as(gate.renames().cloned(), line, |command, args| rights.check(command, args).err())
}

fn told(gate: &Gate, line: &str) -> String {
    told_as(gate, "default", 0, line)
}

fn deny(name: &str, commands: &[&str], args: &[&str], keys: &[&str]) -> DenyRule {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    DenyRule {
        name: name.into(),
        commands: texts(commands),
        args: texts(args),
        keys: texts(keys),
        ..DenyRule::default()
    }
}

#[track_caller]
fn only(gate: &Gate, refused: &[&str], allowed: &[&str]) {
    for line in refused {
        assert!(told(gate, line).starts_with("NOPERM "), "{line}: {:?}", told(gate, line));
    }
    for line in allowed {
        assert_eq!(told(gate, line), "", "{line}");
    }
}

#[test]
fn what_is_blocked_by_default_is_nothing_of_the_guide() {
    let gate = gate(|_| {});
    assert_eq!(told(&gate, "flushall ASYNC"), "NOPERM FLUSHALL is blocked by Nearside (rules.block)");
    only(
        &gate,
        &[
            "FLUSHDB",
            "SHUTDOWN",
            "DEBUG SLEEP 1",
            "SWAPDB 0 1",
            "MODULE LOAD x",
            "MIGRATE a 1 k 0 1",
            "CLUSTER RESET",
        ],
        &[
            "MONITOR",
            "INFO memory",
            "KEYS *",
            "TYPE k",
            "TTL k",
            "BGSAVE",
            "CONFIG GET maxmemory",
            "CONFIG SET requirepass x",
            "PUBLISH c m",
            "SUBSCRIBE c",
            "MULTI",
            "EXEC",
            "EVAL x 0",
            "BRPOP q 0",
            "LPUSH q v",
            "INCR k",
            "EXPIRE k 1",
            "AUTH x",
            "MODULE LIST",
            "CLUSTER INFO",
            "FT.SEARCH i *",
            "NEARSIDE INFO",
        ],
    );
}

#[test]
fn containers_categories_and_names_nobody_knows_can_be_blocked() {
    let gate = gate(|config| {
        let names = ["config", "ACL|setuser", "@scripting", "ft.dropindex", "CLIENT|NEWONE"];
        config.rules.block = names.map(str::to_owned).to_vec();
    });
    only(
        &gate,
        &[
            "CONFIG GET x",
            "CONFIG",
            "config nosuch",
            "ACL SETUSER x",
            "EVAL x 0",
            "FUNCTION LIST",
            "FT.DROPINDEX i",
            "client newone x",
        ],
        &["ACL LIST", "FT.SEARCH i", "CLIENT LIST", "FLUSHALL", "ACL"],
    );
}

#[test]
fn arguments_are_looked_at_one_by_one_and_without_case() {
    let gate = gate(|config| {
        config.rules.deny = vec![
            deny("all keys", &["KEYS"], &["\\*"], &[]),
            deny("passwords", &["CONFIG|SET"], &["requirepass"], &[]),
            deny("no saving", &["CONFIG"], &["set", "save"], &[]),
            deny("no kill by type", &["CLIENT|KILL"], &["TYPE", "*"], &[]),
        ];
    });
    assert_eq!(
        told(&gate, "KEYS *"),
        "NOPERM KEYS with these arguments is refused by Nearside (rules.deny: all keys)"
    );
    only(
        &gate,
        &[
            "CONFIG SET RequirePass x",
            "CONFIG SET maxmemory 1 requirepass x",
            "config Set SAVE x",
            "CLIENT KILL type normal",
        ],
        &[
            "KEYS a*",
            "KEYS",
            "CONFIG SET maxmemory requirepass",
            "CONFIG GET save",
            "CLIENT KILL TYPE",
            "CLIENT KILL ID 5",
        ],
    );
}

#[test]
fn key_rules_hold_for_every_key_and_where_nobody_can_tell() {
    let gate = gate(|config| config.rules.deny = vec![deny("secrets", &[], &[], &["secret:*"])]);
    let refused = "NOPERM MGET with this key is refused by Nearside (rules.deny: secrets)";
    assert_eq!(told(&gate, "MGET a secret:1"), refused);
    only(
        &gate,
        &[
            "GET secret:1",
            "EVAL x 1 secret:1",
            "EVAL x 1 a",
            "FCALL_RO f 0",
            "SORT a BY w_*",
            "SORT a STORE secret:x",
            "XREAD STREAMS secret:s 0",
            "NOSUCH a",
        ],
        &["GET a", "MSET a 1 b secret:1", "SORT a", "PING", "PUBLISH secret:c x", "EXEC", "SCRIPT LOAD x"],
    );
}

#[test]
fn rules_can_be_for_users_and_listeners() {
    let gate = gate(|config| {
        config.listen =
            ["127.0.0.1", "10.0.0.1"].map(|host| crate::config::Listen::Tcp(host.into(), 1)).to_vec();
        let mut rules = [deny("u", &["GET"], &[], &[]), deny("l", &["SET"], &[], &[])];
        rules[0].users = vec!["app".into()];
        rules[1].listeners = vec!["10.0.0.1:1".into()];
        config.rules.deny = rules.to_vec();
    });
    let may = |user, listener, line| told_as(&gate, user, listener, line).is_empty();
    assert!(!may("app", 0, "GET k") && may("default", 0, "GET k") && !may("app", 1, "GET k"));
    assert!(may("app", 0, "SET k v") && !may("default", 1, "SET k v"));
}

#[test]
fn a_rule_for_no_listener_is_odd() {
    let gate = gate(|config| {
        let mut rule = deny("l", &["SET"], &[], &[]);
        rule.listeners = vec!["10.*".into()];
        config.rules.deny = vec![rule];
    });
    assert_eq!(gate.doubts(), ["rules.deny: l concerns no listener that there is: it refuses nothing"]);
}

#[test]
fn read_only_is_what_a_replica_is_and_scripts() {
    let gate = gate(|config| config.rules.read_only = true);
    assert_eq!(told(&gate, "SET k v"), "NOPERM SET is refused: Nearside is read-only (rules.read_only)");
    only(
        &gate,
        &[
            "DEL k",
            "EVAL x 0",
            "FCALL f 0",
            "SORT k",
            "GETEX k",
            "CONFIG SET a b",
            "ACL SETUSER x",
            "FUNCTION LOAD x",
            "NOSUCH x",
        ],
        &[
            "GET k",
            "EVAL_RO x 0",
            "SORT_RO k",
            "PUBLISH c m",
            "CLIENT LIST",
            "CLIENT KILL ID 1",
            "CONFIG GET x",
            "MULTI",
            "EXEC",
            "WATCH k",
            "SUBSCRIBE c",
            "INFO",
            "MONITOR",
            "BGSAVE",
            "HELLO 3",
            "AUTH x",
            "SCRIPT LOAD x",
            "NEARSIDE INFO",
        ],
    );
}

#[test]
fn scripts_can_be_off() {
    let gate = gate(|config| config.rules.scripts = false);
    let refused = [
        "EVAL x 0",
        "EVALSHA x 0",
        "EVAL_RO x 0",
        "FCALL f 0",
        "FCALL_RO f 0",
        "SCRIPT LOAD x",
        "FUNCTION LOAD x",
        "FUNCTION RESTORE x",
    ];
    only(&gate, &refused, &["SCRIPT EXISTS x", "FUNCTION LIST", "SORT k BY w_*", "SCRIPT KILL"]);
}

#[test]
fn sizes_are_limits_of_keys_and_of_what_is_none() {
    let gate = gate(|config| {
        (config.rules.max_key, config.rules.max_value, config.rules.max_args) = (4, 8, 5);
    });
    assert_eq!(told(&gate, "GET abcde"), "NOPERM GET has a key of more than 4 bytes (rules.max_key)");
    assert_eq!(
        told(&gate, "SET k 123456789"),
        "NOPERM SET has an argument of more than 8 bytes (rules.max_value)"
    );
    assert_eq!(told(&gate, "DEL a b c d e"), "NOPERM DEL has more than 5 arguments (rules.max_args)");
    only(
        &gate,
        &["SET abcde v", "PUBLISH c 123456789"],
        &["SET abcd 12345678", "PUBLISH 12345678 x", "DEL a b c d", "PING"],
    );
}

#[test]
fn a_name_that_is_taken_away_is_unknown_in_redis_words() {
    let gate = gate(|config| {
        config.rules.rename =
            vec![("CONFIG".into(), "CONFIG_9a8b7c6d".into()), ("KEYS".into(), String::new())];
    });
    assert_eq!(
        told(&gate, "config GET x"),
        "ERR unknown command 'config', with args beginning with: 'GET' 'x' "
    );
    assert_eq!(told(&gate, "KEYS *"), "ERR unknown command 'KEYS', with args beginning with: '*' ");
    assert_eq!(told(&gate, "CONFIG_9a8b7c6d GET x"), "");
    assert_eq!(told(&gate, "NOSUCH x"), "");
    let long = format!("KEYS {} b c", "a".repeat(200));
    let said = format!("ERR unknown command 'KEYS', with args beginning with: '{}' ", "a".repeat(128));
    assert_eq!(told(&gate, &long), said);
}
