//! Blocked commands inside scripts: said to be open until the upstream has been told the line that closes it.

use nearside::config::Rules;
use nearside::{Config, Proxy as Program};

use crate::common::{Proxy, Server, Talk, config, eventually};
use crate::{field, line, said};

/// What can be called from a script at all, of what is blocked by default, with arguments.
const CALLED: [&str; 4] = ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "MIGRATE 127.0.0.1 1 k 0 1"];

fn blocking(server: &Server) -> Config {
    let mut config = config(&server.place());
    config.rules = Rules::default();
    config
}

/// The ways in which a script may call `command`, each as a request.
fn scripts(command: &str) -> Vec<Vec<String>> {
    let quoted: Vec<String> = command.split(' ').map(|word| format!("'{word}'")).collect();
    let (head, tail) = command.split_at(2);
    let built =
        format!("local n = '{head}' .. string.upper('{}')", tail.split(' ').next().unwrap_or_default());
    let rest = quoted[1..].iter().map(|word| format!(", {word}")).collect::<String>();
    let eval = |body: String| vec!["EVAL".to_owned(), body, "0".to_owned()];
    vec![
        eval(format!("return redis.call({})", quoted.join(", "))),
        eval(format!("return redis.pcall({})", quoted.join(", "))),
        eval(format!("{built} return redis.call(n{rest})")),
    ]
}

/// Whether the server has refused it by its ACL, in the words of one version or another.
fn is_refusal(told: &str) -> bool {
    told.starts_with('-') && (told.contains("can't run this command") || told.contains("permission"))
}

/// Has the function `f` call `command`, and calls it.
fn function(talk: &mut Talk, command: &str) -> String {
    let quoted: Vec<String> = command.split(' ').map(|word| format!("'{word}'")).collect();
    let body = format!(
        "#!lua name=l\nredis.register_function('f', function() return redis.call({}) end)",
        quoted.join(", ")
    );
    assert_eq!(said(talk, &["FUNCTION", "LOAD", "REPLACE", &body]), "$1\r\nl");
    line(talk, "FCALL f 0")
}

#[test]
fn what_is_left_open_is_said_and_the_line_closes_it() {
    Server::makes().iter().for_each(|make| open_until_closed(&Server::start_of(make, &[])));
}

fn open_until_closed(server: &Server) {
    let proxy = Proxy::start(blocking(server));
    let mut talk = proxy.connect();
    // Directly and in a transaction nothing of it can be done, whatever the upstream would allow.
    for name in Rules::BLOCKED {
        let words = format!("{} a b c d e", name.replace('|', " "));
        let told = format!("-NOPERM {name} is blocked by Nearside (rules.block)");
        assert_eq!(line(&mut talk, &words), told);
        assert_eq!(line(&mut talk, "MULTI"), "+OK");
        assert_eq!(line(&mut talk, &words), told);
        assert!(line(&mut talk, "EXEC").starts_with("-EXECABORT"));
    }
    let mut other = proxy.connect();
    let state = eventually("it is known", || field(&mut other, "rules_in_scripts"));
    assert_eq!(state, "open");
    let closes = field(&mut other, "rules_in_scripts_close_with").expect("the line");
    assert_eq!(closes, "ACL SETUSER default -migrate -flushall -flushdb -swapdb");
    let met = Program::visit(&blocking(server)).expect("it answers");
    assert!(met.contains(&closes) && met.contains("scripts can run"), "{met}");
    // It is true: scripts can.
    assert_eq!(line(&mut other, "SET k v"), "+OK");
    assert_eq!(said(&mut other, &scripts("FLUSHALL")[2]), "+OK");
    assert_eq!(line(&mut other, "EXISTS k"), ":0");
    // And cannot any more.
    assert_eq!(line(&mut server.connect(), &closes), "+OK");
    assert_eq!(line(&mut other, "SET k v"), "+OK");
    for command in CALLED {
        for script in scripts(command) {
            let told = said(&mut other, &script);
            assert!(is_refusal(&told), "{command}: {told}");
        }
        let told = function(&mut other, command);
        assert!(is_refusal(&told), "{command}: {told}");
    }
    // What is not called from scripts anyway.
    for command in ["SHUTDOWN", "DEBUG SLEEP 0", "REPLICAOF NO ONE", "FAILOVER", "MODULE LOAD x"] {
        let told = said(&mut other, &scripts(command)[0]);
        assert!(told.starts_with('-'), "{command}: {told}");
    }
    assert_eq!(line(&mut other, "GET k"), "$1\r\nv");
    let after = Proxy::start(blocking(server));
    let mut talk = after.connect();
    assert_eq!(line(&mut talk, "GET k"), "$1\r\nv");
    assert_eq!(eventually("it is known", || field(&mut talk, "rules_in_scripts")), "closed");
    assert_eq!(field(&mut talk, "rules_in_scripts_close_with"), None);
    assert!(!Program::visit(&blocking(server)).expect("it answers").contains("warning"));
}

#[test]
fn who_has_no_scripts_need_not_ask() {
    let server = Server::start(&[]);
    let mut config = blocking(&server);
    config.rules.scripts = false;
    assert!(!Program::visit(&config).expect("it answers").contains("warning"));
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    let told = "-NOPERM EVAL is refused by Nearside: scripts are off (rules.scripts)";
    assert_eq!(said(&mut talk, &scripts("FLUSHALL")[0]), told);
}

#[test]
fn a_user_that_may_not_ask_leaves_it_unknown() {
    let server = Server::start(&[]);
    let rules = "ACL SETUSER app on >pw ~* &* +@all -acl";
    assert_eq!(line(&mut server.connect(), rules), "+OK");
    let mut config = blocking(&server);
    config.upstream.username = Some("app".into());
    config.upstream.password = Some(nearside::config::Secret::new("pw"));
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    assert_eq!(line(&mut talk, "PING"), "+PONG");
    assert_eq!(eventually("it is known", || field(&mut talk, "rules_in_scripts")), "unknown");
}
