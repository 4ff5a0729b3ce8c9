//! Nearside's own users: who a client is, and what it may do, by Nearside's configuration alone.

mod common;

use common::{Proxy, Server, Talk, config};
use nearside::Config;
use nearside::config::{LocalUser, Secret};

fn user(name: &str, acl: &str) -> LocalUser {
    LocalUser { name: name.into(), acl: Secret::new(acl) }
}

/// A server, and a proxy before it with these users.
fn scene(users: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> (Server, Proxy) {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.users = users.iter().map(|(name, acl)| user(name, acl)).collect();
    change(&mut config);
    (server, Proxy::start(config))
}

const APP: (&str, &str) = ("app", "on >pw ~app:* &news +@all -@dangerous +acl|whoami +client");
const ADMIN: (&str, &str) = ("admin", "on >root ~* &* +@all");

fn ask(talk: &mut Talk, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    String::from_utf8_lossy(&talk.ask(&words)).into_owned()
}

#[test]
fn nobody_may_anything_before_saying_who_he_is() {
    let (_server, proxy) = scene(&[APP, ADMIN], |_| {});
    let mut talk = proxy.connect();
    for words in ["GET app:1", "NOSUCH", "CLIENT ID", "MULTI", "SUBSCRIBE news", "NEARSIDE INFO"] {
        assert_eq!(ask(&mut talk, words), "-NOAUTH Authentication required.\r\n", "{words}");
    }
    assert!(ask(&mut talk, "HELLO 3").starts_with("-NOAUTH HELLO must be called with the client already"));
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    for words in ["AUTH pw", "AUTH app root", "AUTH nosuch pw", "HELLO 3 AUTH app no"] {
        assert_eq!(ask(&mut talk, words), wrong, "{words}");
    }
    assert_eq!(ask(&mut talk, "AUTH a b c"), "-ERR syntax error\r\n");
    assert_eq!(ask(&mut talk, "GET app:1"), "-NOAUTH Authentication required.\r\n");
    assert_eq!(ask(&mut talk, "AUTH app pw"), "+OK\r\n");
    assert_eq!(ask(&mut talk, "GET app:1"), "$-1\r\n");
    assert_eq!(ask(&mut talk, "RESET"), "+RESET\r\n");
    assert_eq!(ask(&mut talk, "GET app:1"), "-NOAUTH Authentication required.\r\n");
}

#[test]
fn a_user_is_who_it_says_and_may_what_its_rules_say() {
    let (_server, proxy) = scene(&[APP, ADMIN], |_| {});
    let mut talk = proxy.connect();
    assert!(ask(&mut talk, "HELLO 3 AUTH app pw SETNAME me").contains("proto\r\n:3\r\n"));
    assert_eq!(ask(&mut talk, "ACL WHOAMI"), "$3\r\napp\r\n");
    assert_eq!(ask(&mut talk, "CLIENT GETNAME"), "$2\r\nme\r\n");
    assert!(ask(&mut talk, "CLIENT INFO").contains(" user=app "));
    assert_eq!(ask(&mut talk, "SET app:1 x"), "+OK\r\n");
    for words in ["GET other", "SET other x", "MGET app:1 other", "KEYS *", "FLUSHALL", "ACL SETUSER x"] {
        assert!(ask(&mut talk, words).starts_with("-NOPERM "), "{words}");
    }
    assert_eq!(ask(&mut talk, "GET"), "-ERR wrong number of arguments for 'get' command\r\n");
    assert_eq!(ask(&mut talk, "PUBLISH news x"), ":0\r\n");
    assert!(ask(&mut talk, "PUBLISH other x").starts_with("-NOPERM "));
    assert!(ask(&mut talk, "SUBSCRIBE other").starts_with("-NOPERM "));
    assert_eq!(ask(&mut talk, "AUTH admin root"), "+OK\r\n");
    assert_eq!(ask(&mut talk, "ACL WHOAMI"), "$5\r\nadmin\r\n");
    assert_eq!(ask(&mut talk, "GET other"), "_\r\n");
    assert!(ask(&mut talk, "ACL USERS").contains("admin\r\n$3\r\napp\r\n"));
    assert!(ask(&mut talk, "ACL LIST").contains("~app:*"));
    assert!(ask(&mut talk, "ACL SETUSER x on").starts_with("-ERR users are Nearside's own"));
    assert_eq!(ask(&mut talk, "ACL DRYRUN app GET app:1"), "+OK\r\n");
    assert!(ask(&mut talk, "ACL DRYRUN app GET other").contains("no permissions to access the 'other' key"));
}

#[test]
fn rights_hold_in_the_middle_of_a_pipeline() {
    let (_server, proxy) = scene(&[APP, ADMIN], |_| {});
    let mut talk = proxy.connect();
    let requests =
        ["AUTH app pw", "GET other", "AUTH admin root", "GET other", "AUTH app pw", "GET other", "PING"];
    for words in requests {
        talk.say(&words.split(' ').collect::<Vec<_>>());
    }
    let replies: Vec<String> =
        requests.iter().map(|_| String::from_utf8_lossy(&talk.reply()).chars().take(7).collect()).collect();
    assert_eq!(replies, ["+OK\r\n", "-NOPERM", "+OK\r\n", "$-1\r\n", "+OK\r\n", "-NOPERM", "+PONG\r\n"]);
}

#[test]
fn rights_hold_on_a_connection_of_ones_own() {
    let (_server, proxy) = scene(&[APP, ADMIN], |_| {});
    let mut talk = proxy.connect();
    ask(&mut talk, "AUTH app pw");
    for (words, answer) in [
        ("WATCH app:1", "+OK"),
        ("MULTI", "+OK"),
        ("SET app:1 x", "+QUEUED"),
        ("AUTH admin root", "-ERR users are Nearside's own"),
        ("EXEC", "-EXECABORT"),
        ("MULTI", "+OK"),
        ("GET other", "-NOPERM"),
        ("EXEC", "-EXECABORT"),
        ("WATCH app:1", "+OK"),
        ("AUTH admin root", "+OK"),
        ("ACL WHOAMI", "$5\r\nadmin"),
        ("GET other", "$-1"),
        ("HELLO 2 AUTH app pw", "*"),
        ("GET other", "-NOPERM"),
        ("HELLO 3 AUTH app no", "-WRONGPASS"),
        ("MULTI", "+OK"),
        ("ACL WHOAMI", "-ERR users are Nearside's own"),
        ("EXEC", "-EXECABORT"),
        ("MULTI", "+OK"),
        ("GET app:1", "+QUEUED"),
        ("EXEC", "*1\r\n$-1"),
    ] {
        let reply = ask(&mut talk, words);
        assert!(reply.starts_with(answer), "{words}: {reply}");
    }
    // A transaction that arrives whole.
    for words in ["MULTI", "ACL WHOAMI", "EXEC"] {
        talk.say(&words.split(' ').collect::<Vec<_>>());
    }
    assert_eq!(talk.reply(), b"+OK\r\n");
    assert!(talk.reply().starts_with(b"-ERR users are"));
    assert!(talk.reply().starts_with(b"-EXECABORT"));
}

#[test]
fn an_exec_that_is_refused_ends_its_transaction() {
    let (_server, proxy) = scene(&[("app", "on >pw ~app:* +@all -exec"), ADMIN], |_| {});
    let mut talk = proxy.connect();
    ask(&mut talk, "AUTH app pw");
    for before in ["PING", "WATCH app:w"] {
        ask(&mut talk, before);
        for (words, answer) in [
            ("MULTI", "+OK"),
            ("SET app:1 x", "+QUEUED"),
            ("EXEC", "-EXECABORT Transaction discarded because of: NOPERM"),
            ("GET app:1", "$-1"),
            ("DISCARD", "-ERR DISCARD without MULTI"),
            ("EXEC", "-EXECABORT Transaction discarded because of: NOPERM"),
        ] {
            let reply = ask(&mut talk, words);
            assert!(reply.starts_with(answer), "after {before}, {words}: {reply}");
        }
    }
}

#[test]
fn a_default_user_that_is_open_needs_no_words() {
    let (_server, proxy) = scene(&[("default", "on nopass ~pub:* +@read"), APP], |_| {});
    let mut talk = proxy.connect();
    assert_eq!(ask(&mut talk, "GET pub:1"), "$-1\r\n");
    assert!(ask(&mut talk, "GET app:1").starts_with("-NOPERM"));
    assert!(ask(&mut talk, "AUTH x").starts_with("-ERR AUTH <password> called without any password"));
    assert_eq!(ask(&mut talk, "AUTH app pw"), "+OK\r\n");
    assert_eq!(ask(&mut talk, "GET app:1"), "$-1\r\n");
}

#[test]
fn another_user_never_sees_what_one_has_warmed() {
    let (_server, proxy) = scene(&[APP, ADMIN, ("other", "on >o ~other:* +@read")], |config| {
        config.workers = 1;
        config.cache.admit_after = 0;
    });
    let (mut app, mut other) = (proxy.connect(), proxy.connect());
    ask(&mut app, "AUTH app pw");
    ask(&mut app, "SET app:1 secret");
    (0..20).for_each(|_| assert_eq!(ask(&mut app, "GET app:1"), "$6\r\nsecret\r\n"));
    ask(&mut other, "AUTH other o");
    for words in ["GET app:1", "MGET other:1 app:1", "STRLEN app:1", "EXISTS app:1", "TTL app:1"] {
        assert!(ask(&mut other, words).starts_with("-NOPERM"), "{words}");
    }
    assert!(ask(&mut other, "NEARSIDE CACHE KEYS *").starts_with("-NOPERM"));
}

#[test]
fn rules_that_cannot_be_read_keep_it_from_starting_and_show_no_password() {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.users = vec![user("app", "on >hunter2 +nosuchcommand")];
    let error = Proxy::try_start(config).expect_err("it does not start").to_string();
    assert!(
        error.contains("app") && error.contains("nosuchcommand") && !error.contains("hunter2"),
        "{error}"
    );
}
