//! Requests that are passed on in pieces, and users who may not touch every key.

use super::{asked, deny, gate, origin};
use crate::config::{LocalUser, Secret};
use crate::policy::{Gate, Login};

/// What is said of a request of which only `line` has arrived, and which has `count` arguments, the next of
/// them of `arriving` bytes.
fn told_early(gate: &Gate, line: &str, announced: (usize, usize)) -> String {
    let rights = gate.admitted(&origin(0), "default");
    asked(line, |command, args| rights.check_so_far(command, args, announced).err())
}

#[test]
fn a_request_in_pieces_is_refused_unless_all_is_there_that_is_looked_at() {
    let keys = gate(|config| config.rules.deny = vec![deny("s", &[], &[], &["secret:*"])]);
    assert_eq!(told_early(&keys, "SET a", (3, 9)), "");
    assert!(told_early(&keys, "SET secret:1", (3, 9)).contains("with this key"));
    for unseen in ["MSET a", "SET", "EVAL", "SORT a"] {
        assert!(told_early(&keys, unseen, (9, 9)).contains("has not arrived"), "{unseen}");
    }
    let args = gate(|config| config.rules.deny = vec![deny("a", &["SET"], &["*", "*", "nx"], &[])]);
    assert_eq!(told_early(&args, "GET", (9, 9)), "");
    assert!(told_early(&args, "SET a", (9, 9)).contains("has not arrived"));
    assert_eq!(told_early(&args, "SET a b xx", (9, 9)), "");
    let block = gate(|config| config.rules.block = vec!["ACL|NEWONE".into(), "FLUSHALL".into()]);
    assert!(told_early(&block, "ACL", (9, 9)).contains("has not arrived"));
    assert!(told_early(&block, "FLUSHALL", (9, 9)).contains("is blocked"));
    let sizes = gate(|config| (config.rules.max_value, config.rules.max_args) = (8, 5));
    assert_eq!(told_early(&sizes, "SET a", (3, 8)), "");
    assert!(told_early(&sizes, "SET a", (3, 9)).contains("rules.max_value"));
    assert!(told_early(&sizes, "SET a", (6, 1)).contains("rules.max_args"));
    assert!(told_early(&sizes, "SET a", (5, 1)).contains("has not arrived"));
}

#[test]
fn own_users_with_few_keys_have_no_scripts() {
    let gate = gate(|config| {
        let user = |name: &str, acl: &str| LocalUser { name: name.into(), acl: Secret::new(acl) };
        config.users = vec![
            user("few", "on nopass +@all ~app:*"),
            user("mixed", "on nopass +@all ~app:* (+get ~*)"),
            user("all", "on nopass +@all ~*"),
        ];
    });
    let told = |user: &str, line: &str| {
        let Login::Granted(rights, _) = gate.login(&origin(0), Some(user.as_bytes()), b"x") else {
            panic!("{user}")
        };
        asked(line, |command, args| rights.check(command, args).err())
    };
    let scripts = ["EVAL x 1 app:1", "EVAL_RO x 0", "EVALSHA x 0", "FCALL f 0", "FUNCTION LOAD x"];
    for (user, line) in ["few", "mixed"].iter().flat_map(|user| scripts.map(|line| (user, line))) {
        let refused = told(user, line);
        assert!(
            refused.contains("could touch keys that user") && refused.ends_with("(users)"),
            "{line}: {refused}"
        );
    }
    for line in ["GET app:1", "FUNCTION LIST", "SCRIPT EXISTS x", "SORT app:1"] {
        assert_eq!(told("few", line), "", "{line}");
    }
    assert!(scripts.iter().all(|line| told("all", line).is_empty()));
    // What has not arrived could be a key that it may not touch.
    let Login::Granted(rights, _) = gate.login(&origin(0), Some(b"few"), b"x") else { panic!("few") };
    let early = |line| asked(line, |command, args| rights.check_so_far(command, args, (9, 1 << 20)).err());
    assert_eq!(early("SET app:1"), "");
    assert!(early("MSET app:1").contains("has not arrived"));
    assert!(early("SET other").starts_with("NOPERM"));
}
