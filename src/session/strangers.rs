//! Clients of other machines, which a test cannot be: sessions with a made-up origin, and no upstream.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;

use super::monitor::tests::worker;
use super::{Monitors, Session};
use crate::config::{Config, Endpoint, LocalUser, Secret};
use crate::net::Stream;
use crate::policy::Origin;
use crate::resp::request::encode;
use crate::resp::scan::reply::{Fed, ReplyScanner};

const DENIED: &str = "-DENIED Nearside is running in protected mode";
const NOAUTH: &str = "-NOAUTH ";
const ABORT: &str = "-EXECABORT Transaction discarded because of: ";

/// What they may not even ask, one command of every kind.
const KINDS: &[&str] = &[
    "GET k",
    "MGET k l",
    "TTL k",
    "SET k v",
    "MSET a 1 b 2",
    "DEL k",
    "EVAL x 0",
    "FCALL f 0",
    "SUBSCRIBE c",
    "PSUBSCRIBE *",
    "PUBLISH c x",
    "KEYS *",
    "SCAN 0",
    "CONFIG GET *",
    "CLIENT LIST",
    "CLIENT ID",
    "ACL WHOAMI",
    "SELECT 1",
    "WATCH k",
    "MULTI",
    "BLPOP k 0",
    "INFO",
    "MONITOR",
    "NEARSIDE INFO",
    "NEARSIDE MONITOR UPSTREAM",
    "HELLO 3",
    "HELLO 2 SETNAME x",
    "PING",
    "WAIT 0 0",
    "SHUTDOWN",
    "SYNC",
    "NOSUCH",
    "CLIENT REPLY OFF",
    "CLIENT TRACKING ON",
    "READONLY",
    "DISCARD",
];

fn request(line: &str) -> Vec<u8> {
    encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

/// What a client of another machine is told that sends these bytes in turn, each once the replies to those
/// before it have come: so many.
async fn told(config: &Config, sent: &[(Vec<u8>, usize)]) -> Vec<String> {
    let worker = worker(&Arc::new(Monitors::new(1)), 0, config.clone());
    let (ours, mut theirs) = Stream::pair().unwrap();
    let address = Some("10.0.0.7".parse().unwrap());
    let (mut session, _client) =
        Session::new(worker, ours, 1, Origin { listener: 0, address, names: Vec::new() });
    let talk = async {
        let (mut replies, mut unread) = (Vec::new(), Vec::new());
        for (bytes, count) in sent {
            theirs.write_all(bytes).unwrap();
            for _ in 0..*count {
                replies.push(next(&mut theirs, &mut unread).await);
            }
        }
        assert!(unread.is_empty(), "{}", unread.escape_ascii());
        replies
    };
    let local = LocalSet::new();
    local.spawn_local(async move { session.run().await });
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, local.run_until(talk)).await.expect("all replies come")
}

async fn next(from: &mut impl Read, unread: &mut Vec<u8>) -> String {
    loop {
        if let Ok(Fed::Whole(len)) = ReplyScanner::default().feed(unread) {
            return String::from_utf8(unread.drain(..len).collect()).unwrap();
        }
        let mut chunk = [0; 4096];
        match from.read(&mut chunk) {
            Ok(0) => panic!("closed after {}", unread.escape_ascii()),
            Ok(len) => unread.extend_from_slice(&chunk[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// No upstream is there: what is let through fails otherwise.
fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    config.upstream.endpoint = Endpoint::Unix("/nonexistent/s".into());
    config.upstream.timeout = Duration::from_millis(50);
    change(&mut config);
    config
}

fn users(config: &mut Config) {
    let user = |name: &str, acl| LocalUser { name: name.into(), acl: Secret::new(acl) };
    config.users = vec![user("app", "on >pw ~* &* +@all"), user("default", "on nopass ~* &* +@all")];
}

/// Every way to ask all kinds.
async fn refused(config: &Config, word: &str) {
    let is_refused = |said: &str, line: &str| {
        let said = if line == "EXEC" {
            said.strip_prefix(ABORT).map(|rest| format!("-{rest}"))
        } else {
            Some(said.into())
        };
        assert!(said.as_ref().is_some_and(|said| said.starts_with(word)), "{line}: {said:?}");
    };
    let reset = (request("RESET"), 1);
    for line in KINDS {
        let plain = (request(line), 1);
        let inline = (format!("{line}\r\n").into_bytes(), 1);
        let steps = ["MULTI", line, "EXEC"];
        let whole = (steps.iter().flat_map(|line| request(line)).collect(), 3);
        let sent = [
            &[plain.clone(), inline, whole][..],
            &steps.map(|line| (request(line), 1)),
            &[reset.clone(), plain],
        ]
        .concat();
        let said = told(config, &sent).await;
        let lines = [line, line, "MULTI", line, "EXEC", "MULTI", line, "EXEC", "RESET", line];
        assert_eq!(said.len(), lines.len());
        for (said, line) in said.iter().zip(lines) {
            if line == "RESET" { assert_eq!(said, "+RESET\r\n") } else { is_refused(said, line) }
        }
    }
    // All of them at once, and between them what everybody may.
    let lines: Vec<&str> = KINDS.iter().flat_map(|line| [*line, "RESET"]).chain(["QUIT"]).collect();
    let bytes = lines.iter().flat_map(|line| request(line)).collect();
    for (said, line) in told(config, &[(bytes, lines.len())]).await.iter().zip(lines) {
        match line {
            "RESET" => assert_eq!(said, "+RESET\r\n"),
            "QUIT" => assert_eq!(said, "+OK\r\n"),
            _ => is_refused(said, line),
        }
    }
}

#[tokio::test]
async fn a_stranger_is_refused_everything_in_every_way() {
    refused(&config(|_| {}), DENIED).await;
}

#[tokio::test]
async fn a_stranger_is_not_lent_our_password_in_any_way() {
    refused(&config(|config| config.upstream.password = Some(Secret::new("pw"))), NOAUTH).await;
}

#[tokio::test]
async fn a_stranger_is_no_open_default_user_of_ours_in_any_way() {
    let config = config(users);
    refused(&config, NOAUTH).await;
    let lines = ["AUTH default x", "HELLO 3 AUTH default x", "AUTH x", "GET k"];
    let sent = lines.map(|line| (request(line), 1));
    let said = told(&config, &sent).await;
    assert!(said[0].starts_with(DENIED) && said[1].starts_with(DENIED), "{said:?}");
    assert!(
        said[2].starts_with("-ERR AUTH <password> called without") && said[3].starts_with(NOAUTH),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_stranger_with_a_password_is_a_stranger_again_after_a_reset() {
    let lines = ["AUTH app no", "GET k", "AUTH app pw", "ACL WHOAMI", "RESET", "ACL WHOAMI", "GET k"];
    let heads = ["-WRONGPASS", NOAUTH, "+OK", "$3\r\napp", "+RESET", NOAUTH, NOAUTH];
    let at_once = [(lines.iter().flat_map(|line| request(line)).collect(), lines.len())];
    for sent in [&lines.map(|line| (request(line), 1))[..], &at_once] {
        let said = told(&config(users), sent).await;
        for ((line, head), said) in lines.iter().zip(heads).zip(&said) {
            assert!(said.starts_with(head), "{line}: {said}");
        }
    }
}
