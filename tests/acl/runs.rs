//! What servers decide only when a command runs, and how they word a refusal.

use nearside::command::lookup;
use nearside::policy::acl::{Dialect, User, refusal_text};

use crate::server::{Server, binaries};
use crate::spans;

/// Rules, and requests that a user with them runs.
const RUNS: [(&str, &[&str]); 6] = [
    (
        "~a* %R~r* &c* +@all",
        &["GET a", "GET b", "GET r", "SET r 1", "PUBLISH c 1", "PUBLISH d 1", "SPUBLISH d 1"],
    ),
    ("~* +get +config|get", &["SET a 1", "CONFIG SET a 1", "CONFIG GET maxmemory", "PING", "RESET"]),
    ("~a %R~* +@all", &["SORT a BY w*", "SORT a GET #", "SORT a BY w* STORE b", "SORT a BY w* STORE a"]),
    (
        "~a ~w* +@all",
        &["SORT a", "SORT a BY w", "SORT a BY w*", "SORT a LIMIT 0 1 GET w* BY w*", "SORT_RO a GET #"],
    ),
    ("~a* +sort (%R~* +get)", &["SORT a BY w*", "SORT a", "SORT b"]),
    ("+@all &c", &["SUBSCRIBE d", "PSUBSCRIBE c*", "SSUBSCRIBE d", "EVAL x 1 k", "MGET a b"]),
];

#[test]
fn refusals_are_worded_as_the_servers_word_them() {
    for binary in binaries() {
        let server = Server::start(&binary, false);
        let mut client = server.connect("2");
        let info = client.say(&["INFO", "SERVER"]);
        let is_old = String::from_utf8_lossy(&info).contains("redis_version:7.0");
        let dialect = if is_old { Dialect::Redis70 } else { Dialect::Newer };
        for (rules, requests) in RUNS {
            let rules = format!("on >pw {rules}");
            let user = User::parse("app", &rules).unwrap();
            let words: Vec<&str> =
                ["ACL", "SETUSER", "app", "reset"].into_iter().chain(rules.split(' ')).collect();
            assert_eq!(client.say(&words), b"+OK\r\n");
            for request in requests {
                let mut app = server.connect("2");
                assert_eq!(app.say(&["AUTH", "app", "pw"]), b"+OK\r\n");
                let words: Vec<String> = request.split(' ').map(str::to_owned).collect();
                let ours = spans::with(&words, |args| user.decide(lookup(&args), &args));
                let theirs = String::from_utf8(app.say(&words)).unwrap();
                match ours {
                    Ok(()) => assert!(
                        !theirs.starts_with("-NOPERM") && !theirs.contains("denied"),
                        "{binary}: {rules}: {request}: {theirs}"
                    ),
                    Err(refusal) => {
                        let ours = format!("-{}\r\n", refusal_text(&refusal, "app", dialect));
                        assert_eq!(ours, theirs, "{binary}: {rules}: {request}");
                    }
                }
            }
        }
    }
}

/// Passwords as the servers take them.
#[test]
fn passwords_are_those_the_servers_take() {
    let rules = [
        "on >one >two",
        "on nopass",
        "on nopass >one",
        "off >one",
        "on >one nopass resetpass",
        "on >one >two <one",
        "on",
    ];
    for binary in binaries() {
        let server = Server::start(&binary, false);
        let mut client = server.connect("2");
        for rules in rules {
            let user = User::parse("app", rules).unwrap();
            let words: Vec<&str> =
                ["ACL", "SETUSER", "app", "reset"].into_iter().chain(rules.split(' ')).collect();
            assert_eq!(client.say(&words), b"+OK\r\n");
            for password in ["one", "two", "", "ONE"] {
                let theirs = server.connect("2").say(&["AUTH", "app", password]) == b"+OK\r\n";
                assert_eq!(
                    user.check_password(password.as_bytes()),
                    theirs,
                    "{binary}: {rules}: {password:?}"
                );
            }
        }
    }
}
