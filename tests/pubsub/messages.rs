//! Who hears what, and when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::{Server, Talk, eventually};
use crate::{Crowded, confirmed, push, same, upstream_subscribers};

#[test]
fn fifty_subscribers_hear_everything_once_and_in_order() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let mut subscribers: Vec<(usize, Talk)> = (0..50)
        .map(|i| {
            let resp = 2 + i % 2;
            let mut talk = crowded.connect(resp);
            talk.say(&["SUBSCRIBE", "all", &format!("third{}", i % 3)]);
            same(&talk.reply(), &confirmed(resp, "subscribe", "all", 1));
            same(&talk.reply(), &confirmed(resp, "subscribe", &format!("third{}", i % 3), 2));
            (resp, talk)
        })
        .collect();
    assert_eq!(upstream_subscribers(&server), 3, "one per worker, and the dedicated one");
    let mut publisher = server.connect();
    for n in 0..200 {
        publisher.ask(&["PUBLISH", "all", &n.to_string()]);
        publisher.ask(&["PUBLISH", &format!("third{}", n % 3), &n.to_string()]);
    }
    for (i, (resp, talk)) in subscribers.iter_mut().enumerate() {
        for n in 0..200 {
            same(&talk.reply(), &push(*resp, &["message", "all", &n.to_string()]));
            if n % 3 == i % 3 {
                same(&talk.reply(), &push(*resp, &["message", &format!("third{}", n % 3), &n.to_string()]));
            }
        }
        let pong: &[u8] = if *resp == 2 { b"*2\r\n$4\r\npong\r\n$0\r\n\r\n" } else { b"+PONG\r\n" };
        same(&talk.ask(&["PING"]), pong);
    }
}

/// The number in a message, `None` for a confirmation.
fn number(frame: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(frame).expect("text");
    let words: Vec<&str> = text.split("\r\n").collect();
    (words[2] == "message").then(|| words[6].parse().expect("a number"))
}

#[test]
fn newcomers_hear_nothing_before_their_confirmation_and_everything_after() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let mut first = crowded.connect(2);
    first.ask(&["SUBSCRIBE", "c"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = server.connect();
            let mut n = 0_u64;
            while !over.load(Ordering::Relaxed) {
                publisher.ask(&["PUBLISH", "c", &n.to_string()]);
                n += 1;
            }
        });
        for round in 0..60 {
            let resp = 2 + round % 2;
            let mut talk = crowded.connect(resp);
            same(&talk.ask(&["SUBSCRIBE", "c"]), &confirmed(resp, "subscribe", "c", 1));
            let start = number(&talk.reply()).expect("a message");
            for n in 1..20 {
                assert_eq!(number(&talk.reply()), Some(start + n));
            }
            // What was published before the end of the subscription comes before its confirmation.
            talk.say(&["UNSUBSCRIBE", "c"]);
            let mut next = start + 20;
            while let Some(n) = number(&talk.reply()) {
                assert_eq!(n, next);
                next += 1;
            }
            same(&talk.ask(&["ECHO", "over"]), b"$4\r\nover\r\n");
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_published_before_an_unsubscribe_is_heard() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let mut publisher = server.connect();
    let mut stays = crowded.connect(2);
    stays.ask(&["SUBSCRIBE", "c"]);
    let mut talk = crowded.connect(3);
    for _ in 0..50 {
        talk.ask(&["SUBSCRIBE", "c"]);
        publisher.ask(&["PUBLISH", "c", "m"]);
        talk.say(&["UNSUBSCRIBE", "c"]);
        same(&talk.reply(), &push(3, &["message", "c", "m"]));
        same(&talk.reply(), &confirmed(3, "unsubscribe", "c", 0));
        publisher.ask(&["PUBLISH", "c", "unheard"]);
        same(&talk.ask(&["PING"]), b"+PONG\r\n");
        same(&stays.reply(), &push(2, &["message", "c", "m"]));
        same(&stays.reply(), &push(2, &["message", "c", "unheard"]));
    }
}

#[test]
fn patterns_shards_and_keyspace_events() {
    let server = Server::start(&["--notify-keyspace-events", "KEA"]);
    let crowded = Crowded::before(&server);
    for resp in [2, 3] {
        let mut talk = crowded.connect(resp);
        let mut other = crowded.connect(5 - resp);
        other.ask(&["PSUBSCRIBE", "n*"]);
        same(&talk.ask(&["PSUBSCRIBE", "n*"]), &confirmed(resp, "psubscribe", "n*", 1));
        same(&talk.ask(&["SUBSCRIBE", "news"]), &confirmed(resp, "subscribe", "news", 2));
        same(&talk.ask(&["SSUBSCRIBE", "news"]), &confirmed(resp, "ssubscribe", "news", 1));
        same(
            &talk.ask(&["PSUBSCRIBE", "__keyspace@0__:k"]),
            &confirmed(resp, "psubscribe", "__keyspace@0__:k", 3),
        );
        let mut publisher = server.connect();
        publisher.ask(&["PUBLISH", "news", "m\r\nm"]);
        publisher.ask(&["SPUBLISH", "news", "s"]);
        publisher.ask(&["PUBLISH", "never", "n"]);
        publisher.ask(&["SET", "k", "v"]);
        same(&talk.reply(), &push(resp, &["message", "news", "m\r\nm"]));
        same(&talk.reply(), &push(resp, &["pmessage", "n*", "news", "m\r\nm"]));
        same(&talk.reply(), &push(resp, &["smessage", "news", "s"]));
        same(&talk.reply(), &push(resp, &["pmessage", "n*", "never", "n"]));
        same(&talk.reply(), &push(resp, &["pmessage", "__keyspace@0__:k", "__keyspace@0__:k", "set"]));
        same(&other.reply(), &push(5 - resp, &["pmessage", "n*", "news", "m\r\nm"]));
        // All patterns in the order they were subscribed to.
        talk.say(&["PUNSUBSCRIBE"]);
        same(&talk.reply(), &confirmed(resp, "punsubscribe", "n*", 2));
        same(&talk.reply(), &confirmed(resp, "punsubscribe", "__keyspace@0__:k", 1));
        same(&talk.ask(&["SUNSUBSCRIBE"]), &confirmed(resp, "sunsubscribe", "news", 0));
        same(&talk.ask(&["UNSUBSCRIBE", "news"]), &confirmed(resp, "unsubscribe", "news", 0));
        same(&talk.ask(&["GET", "k"]), b"$1\r\nv\r\n");
    }
}

#[test]
fn a_slow_subscriber_is_cut_and_nobody_else_is_late() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 0 0 0"]);
    let crowded = Crowded::with(&server, |config| {
        config.workers = 1;
        config.client_output_buffer_limit.pubsub.hard = 1 << 20;
    });
    let mut slow = crowded.connect(2);
    slow.ask(&["SUBSCRIBE", "c"]);
    let mut quick = crowded.connect(3);
    quick.ask(&["SUBSCRIBE", "c"]);
    let mut publisher = server.connect();
    let message = "x".repeat(100_000);
    for _ in 0..100 {
        publisher.ask(&["PUBLISH", "c", &message]);
        same(&quick.reply(), &push(3, &["message", "c", &message]));
    }
    let heard = slow.until_closed().len();
    assert!(heard < 8_000_000, "{heard} bytes");
    assert!(heard >= 100_000, "{heard} bytes");
    same(&quick.ask(&["GET", "k"]), b"_\r\n");
}

#[test]
fn a_refusal_is_told_to_who_asked_and_to_nobody_else() {
    let server = Server::start(&[]);
    server.connect().ask(&["ACL", "SETUSER", "u", "on", ">p", "+@all", "~*", "resetchannels", "&open*"]);
    let crowded = Crowded::before(&server);
    let mut talk = crowded.connect(2);
    talk.ask(&["AUTH", "u", "p"]);
    same(&talk.ask(&["SUBSCRIBE", "open1"]), &confirmed(2, "subscribe", "open1", 1));
    let mut other = crowded.connect(2);
    other.ask(&["AUTH", "u", "p"]);
    let refused = other.ask_text(&["SUBSCRIBE", "open2", "closed"]);
    assert!(refused.starts_with("-NOPERM"), "{refused}");
    same(&other.ask(&["PING"]), b"+PONG\r\n");
    same(&talk.ask(&["SUBSCRIBE", "open2"]), &confirmed(2, "subscribe", "open2", 2));
    server.connect().ask(&["PUBLISH", "open1", "m"]);
    same(&talk.reply(), &push(2, &["message", "open1", "m"]));
    // The default user's subscriptions are its own affair.
    let mut default = crowded.connect(2);
    same(&default.ask(&["SUBSCRIBE", "closed"]), &confirmed(2, "subscribe", "closed", 1));
}

#[test]
fn another_user_on_the_way_hears_each_message_once() {
    let server = Server::start(&[]);
    server.connect().ask(&["ACL", "SETUSER", "u", "on", ">p", "+@all", "~*", "allchannels"]);
    let crowded = Crowded::before(&server);
    let mut talk = crowded.connect(3);
    talk.ask(&["SUBSCRIBE", "a"]);
    talk.ask(&["AUTH", "u", "p"]);
    same(&talk.ask(&["SUBSCRIBE", "a"]), &confirmed(3, "subscribe", "a", 1));
    same(&talk.ask(&["SUBSCRIBE", "b"]), &confirmed(3, "subscribe", "b", 2));
    let mut publisher = server.connect();
    publisher.ask(&["PUBLISH", "a", "1"]);
    same(&talk.reply(), &push(3, &["message", "a", "1"]));
    publisher.ask(&["PUBLISH", "b", "2"]);
    same(&talk.reply(), &push(3, &["message", "b", "2"]));
    talk.say(&["UNSUBSCRIBE"]);
    same(&talk.reply(), &confirmed(3, "unsubscribe", "a", 1));
    same(&talk.reply(), &confirmed(3, "unsubscribe", "b", 0));
    same(&talk.ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn who_goes_leaves_nothing_behind() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let subscribed: Vec<Talk> = (0..20)
        .map(|i| {
            let mut talk = crowded.connect(2 + i % 2);
            talk.ask(&["SUBSCRIBE", "c"]);
            talk
        })
        .collect();
    let mut reset = crowded.connect(2);
    reset.ask(&["PSUBSCRIBE", "p*"]);
    same(&reset.ask(&["RESET"]), b"+RESET\r\n");
    same(&reset.ask(&["PING"]), b"+PONG\r\n");
    drop(subscribed);
    let mut direct = server.connect();
    eventually("nothing is subscribed upstream", || {
        let channels = direct.ask_text(&["PUBSUB", "CHANNELS"]);
        let patterns = direct.ask_text(&["PUBSUB", "NUMPAT"]);
        (channels == "*1\r\n$9\r\ndedicated\r\n" && patterns == ":0\r\n").then_some(())
    });
    same(&reset.ask(&["PUBLISH", "c", "m"]), b":0\r\n");
}

#[test]
fn commands_go_on_between_pushes() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let mut talk = crowded.connect(3);
    talk.ask(&["SUBSCRIBE", "c"]);
    same(&talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    talk.say(&["MULTI"]);
    talk.say(&["GET", "k"]);
    same(&talk.reply(), b"+OK\r\n");
    same(&talk.reply(), b"+QUEUED\r\n");
    server.connect().ask(&["PUBLISH", "c", "m"]);
    same(&talk.reply(), &push(3, &["message", "c", "m"]));
    same(&talk.ask(&["EXEC"]), b"*1\r\n$1\r\nv\r\n");
    server.connect().ask(&["PUBLISH", "c", "n"]);
    same(&talk.reply(), &push(3, &["message", "c", "n"]));
    assert_eq!(Talk::connect(crowded.place()).ask(&["PUBLISH", "c", "o"]), b":1\r\n");
    same(&talk.reply(), &push(3, &["message", "c", "o"]));
    // RESP2 puts it in the restricted mode.
    talk.ask(&["HELLO", "2"]);
    let refused = talk.ask_text(&["GET", "k"]);
    assert!(refused.starts_with("-ERR Can't execute 'get'"), "{refused}");
    server.connect().ask(&["PUBLISH", "c", "p"]);
    same(&talk.reply(), &push(2, &["message", "c", "p"]));
}

#[test]
fn behind_a_command_with_a_connection_of_its_own() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let subscribed = upstream_subscribers(&server);
    for resp in [2, 3] {
        let mut talk = crowded.connect(resp);
        let nothing: &[u8] = if resp == 2 { b"*-1\r\n" } else { b"_\r\n" };
        // One after the other in one packet: the subscription leaves the blocked command's connection.
        talk.send(b"BLPOP l 0.01\r\nSUBSCRIBE c\r\n");
        same(&talk.reply(), nothing);
        same(&talk.reply(), &confirmed(resp, "subscribe", "c", 1));
        if resp == 3 {
            talk.send(b"BLPOP l 0.01\r\nSUBSCRIBE d\r\nBLPOP l 0.01\r\nUNSUBSCRIBE c\r\nGET k\r\n");
            same(&talk.reply(), nothing);
            same(&talk.reply(), &confirmed(3, "subscribe", "d", 2));
            same(&talk.reply(), nothing);
            same(&talk.reply(), &confirmed(3, "unsubscribe", "c", 1));
            same(&talk.reply(), b"_\r\n");
            server.connect().ask(&["PUBLISH", "d", "m"]);
            same(&talk.reply(), &push(3, &["message", "d", "m"]));
        }
        let list = crowded.connect(2).ask_text(&["CLIENT", "LIST", "TYPE", "pubsub"]);
        assert_eq!(list.matches(" sub=1 ").count(), 2, "{list}");
    }
    assert!(upstream_subscribers(&server) <= subscribed + 2, "one per worker");
}
