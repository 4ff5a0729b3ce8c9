//! Replies that are longer than a client may have.

use crate::common::{Proxy, Server, config};
use crate::{field, line, said};

const WITHHELD: &str = "-NOPERM the command was executed, but its reply has more than 1000 bytes and was withheld \
                        by Nearside (rules.max_reply)";

#[test]
fn a_reply_that_is_too_long_is_an_error_and_nothing_else_is_touched() {
    let server = Server::start(&[]);
    let mut direct = server.connect();
    let (value, large) = ("x".repeat(2000), "y".repeat(4 << 20));
    said(&mut direct, &["SET", "long", &value]);
    said(&mut direct, &["SET", "huge", &large]);
    line(&mut direct, "SET short v");
    let mut config = config(&server.place());
    config.rules.max_reply = 1000;
    let proxy = Proxy::start(config);
    for proto in ["2", "3"] {
        let mut talk = proxy.connect();
        talk.ask(&["HELLO", proto]);
        // On the lane, in the middle of a pipeline; and kept, or not.
        for key in ["long", "huge", "long"] {
            talk.send(format!("GET short\r\nGET {key}\r\nGET short\r\nPING\r\n").as_bytes());
            let replies: Vec<String> = (0..4).map(|_| String::from_utf8(talk.reply()).unwrap()).collect();
            assert_eq!(replies[0], "$1\r\nv\r\n");
            assert_eq!(replies[1].trim_end(), WITHHELD, "{key}");
            assert_eq!((&replies[2][..], &replies[3][..]), ("$1\r\nv\r\n", "+PONG\r\n"));
        }
        // In transactions, whole and not.
        talk.send(b"MULTI\r\nGET short\r\nGET long\r\nEXEC\r\nGET short\r\n");
        let replies: Vec<String> = (0..5).map(|_| String::from_utf8(talk.reply()).unwrap()).collect();
        assert_eq!((replies[3].trim_end(), &replies[4][..]), (WITHHELD, "$1\r\nv\r\n"));
        for (words, told) in [
            ("WATCH short", "+OK"),
            ("GET huge", WITHHELD),
            ("MULTI", "+OK"),
            ("GET long", "+QUEUED"),
            ("EXEC", WITHHELD),
            ("GET short", "$1\r\nv"),
        ] {
            assert_eq!(line(&mut talk, words), told, "{words}");
        }
    }
    let withheld = field(&mut proxy.connect(), "denied_rules_max_reply");
    assert_eq!(withheld.as_deref(), Some("12"));
}

#[test]
fn what_has_begun_to_pass_ends_with_its_connection() {
    let server = Server::start(&[]);
    let mut direct = server.connect();
    // So many short elements that nobody can tell from the beginning how long it will be.
    for part in 0..200 {
        let words: Vec<String> = (0..1000).map(|i| format!("{part:05}-{i:05}-{}", "x".repeat(40))).collect();
        let words: Vec<&str> =
            ["RPUSH", "list"].into_iter().chain(words.iter().map(String::as_str)).collect();
        said(&mut direct, &words);
    }
    let mut config = config(&server.place());
    config.rules.max_reply = 4 << 20;
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    assert_eq!(line(&mut talk, "WATCH k"), "+OK");
    talk.say(&["LRANGE", "list", "0", "-1"]);
    let got = talk.until_closed();
    assert!(got.starts_with(b"*200000\r\n") && got.len() <= 5 << 20, "{}", got.len());
    assert_eq!(line(&mut proxy.connect(), "PING"), "+PONG");
}
