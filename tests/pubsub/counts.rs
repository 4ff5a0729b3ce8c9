//! What PUBLISH and PUBSUB say through the proxy.

use crate::common::{Server, Talk};
use crate::{Crowded, push, same};

#[test]
fn counts_asked_through_the_proxy_are_those_of_its_clients() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let subscribed: Vec<Talk> = (0..10)
        .map(|i| {
            let mut talk = crowded.connect(2 + i % 2);
            talk.ask(&["SUBSCRIBE", "news"]);
            if i < 4 {
                talk.ask(&["PSUBSCRIBE", "n*"]);
            }
            if i < 3 {
                talk.ask(&["SSUBSCRIBE", "shard"]);
            }
            talk
        })
        .collect();
    let mut outside = server.connect();
    outside.ask(&["SUBSCRIBE", "news"]);
    for resp in [2, 3] {
        let mut talk = crowded.connect(resp);
        same(
            &talk.ask(&["PUBSUB", "NUMSUB", "news", "none", "dedicated"]),
            b"*6\r\n$4\r\nnews\r\n:11\r\n$4\r\nnone\r\n:0\r\n$9\r\ndedicated\r\n:1\r\n",
        );
        same(&talk.ask(&["PUBSUB", "SHARDNUMSUB", "shard"]), b"*2\r\n$5\r\nshard\r\n:3\r\n");
        same(&talk.ask(&["PUBSUB", "NUMPAT"]), b":1\r\n");
        same(&talk.ask(&["PUBLISH", "news", "m"]), b":15\r\n");
        same(&talk.ask(&["PUBLISH", "nest", "m"]), b":4\r\n");
        same(&talk.ask(&["SPUBLISH", "shard", "m"]), b":3\r\n");
        same(&talk.ask(&["PUBLISH", "other", "m"]), b":0\r\n");
    }
    // An outsider sees one receiver per worker.
    let direct = server.connect().ask_text(&["PUBSUB", "NUMSUB", "news"]);
    assert_eq!(direct, "*2\r\n$4\r\nnews\r\n:3\r\n");
    drop(subscribed);
}

#[test]
fn a_count_is_right_as_soon_as_the_change_is_confirmed() {
    let server = Server::start(&[]);
    let crowded = Crowded::with(&server, |config| config.workers = 1);
    let mut asks = crowded.connect(2);
    let mut members: Vec<Talk> = (0..5).map(|i| crowded.connect(2 + i % 2)).collect();
    let count = |n: usize| format!("*2\r\n$1\r\nc\r\n:{n}\r\n").into_bytes();
    for _ in 0..20 {
        for (i, member) in members.iter_mut().enumerate() {
            member.ask(&["SUBSCRIBE", "c"]);
            same(&asks.ask(&["PUBSUB", "NUMSUB", "c"]), &count(i + 1));
        }
        for (i, member) in members.iter_mut().enumerate() {
            member.ask(&["UNSUBSCRIBE", "c"]);
            same(&asks.ask(&["PUBSUB", "NUMSUB", "c"]), &count(4 - i));
        }
    }
}

#[test]
fn publishing_to_oneself_counts_everybody() {
    let server = Server::start(&[]);
    let crowded = Crowded::with(&server, |config| config.workers = 1);
    let mut one = crowded.connect(3);
    let mut two = crowded.connect(3);
    one.ask(&["SUBSCRIBE", "c"]);
    two.ask(&["SUBSCRIBE", "c"]);
    // Redis 7.0 sends the message before the reply, later ones after it.
    let mut alone = server.connect();
    alone.ask(&["HELLO", "3"]);
    alone.ask(&["SUBSCRIBE", "alone"]);
    let message_first = alone.ask(&["PUBLISH", "alone", "m"]).starts_with(b">");
    one.say(&["PUBLISH", "c", "m"]);
    let (message, count) = (push(3, &["message", "c", "m"]), b":2\r\n".to_vec());
    let order = if message_first { [message, count] } else { [count, message] };
    order.iter().for_each(|frame| same(&one.reply(), frame));
    same(&two.reply(), &push(3, &["message", "c", "m"]));
    let wrong = one.ask_text(&["PUBLISH", "c"]);
    assert_eq!(wrong, "-ERR wrong number of arguments for 'publish' command\r\n");
}
