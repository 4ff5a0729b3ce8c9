//! The shared connection is lost.

use nearside::config::OnLoss;

use crate::common::{Server, Talk, eventually};
use crate::{Crowded, confirmed, push, same};

fn subscribers(crowded: &Crowded) -> Vec<(usize, Talk)> {
    let subscribe = |i: usize| {
        let resp = 2 + i % 2;
        let mut talk = crowded.connect(resp);
        talk.ask(&["SUBSCRIBE", "c"]);
        talk.ask(&["PSUBSCRIBE", "p*"]);
        (resp, talk)
    };
    (0..10).map(subscribe).collect()
}

fn kill(server: &Server) {
    let killed = server.connect().ask_text(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(killed, ":3\r\n");
}

#[test]
fn subscribers_are_told_by_a_close() {
    let server = Server::start(&[]);
    let crowded = Crowded::before(&server);
    let lost = subscribers(&crowded);
    let mut bystander = crowded.connect(2);
    bystander.ask(&["PING"]);
    kill(&server);
    for (_, mut talk) in lost {
        same(&talk.until_closed(), b"");
    }
    same(&bystander.ask(&["PING"]), b"+PONG\r\n");
    // And whoever comes next is served.
    for (resp, mut talk) in subscribers(&crowded) {
        server.connect().ask(&["PUBLISH", "c", "m"]);
        same(&talk.reply(), &push(resp, &["message", "c", "m"]));
    }
}

#[test]
fn or_subscribed_again_if_so_set() {
    let server = Server::start(&[]);
    let crowded = Crowded::with(&server, |config| config.pubsub_on_loss = OnLoss::Resubscribe);
    let mut waiting = subscribers(&crowded);
    kill(&server);
    let mut direct = server.connect();
    eventually("both workers have subscribed again", || {
        (direct.ask_text(&["PUBSUB", "NUMSUB", "c"]) == "*2\r\n$1\r\nc\r\n:2\r\n").then_some(())
    });
    eventually("patterns too", || (direct.ask_text(&["PUBLISH", "p1", "x"]) == ":2\r\n").then_some(()));
    direct.ask(&["PUBLISH", "c", "m"]);
    for (resp, talk) in &mut waiting {
        let mut frame = talk.reply();
        while frame == push(*resp, &["pmessage", "p*", "p1", "x"]) {
            frame = talk.reply();
        }
        same(&frame, &push(*resp, &["message", "c", "m"]));
        same(&talk.ask(&["SUBSCRIBE", "d"]), &confirmed(*resp, "subscribe", "d", 3));
    }
    let info = crowded.connect(2).ask_text(&["INFO", "nearside"]);
    assert!(info.contains("nearside_pubsub_shared_losses:2\r\n"), "{info}");
    let counted = crowded.connect(2).ask_text(&["PUBSUB", "NUMSUB", "c"]);
    assert_eq!(counted, "*2\r\n$1\r\nc\r\n:10\r\n");
}

#[test]
fn without_an_upstream_a_subscription_fails_with_a_clear_error() {
    let server = Server::start(&[]);
    let crowded = Crowded::with(&server, |config| {
        config.pubsub_dedicated = 0;
        config.upstream.reconnect_max = std::time::Duration::from_millis(50);
    });
    let mut talk = crowded.connect(2);
    drop(server);
    let refused = talk.ask_text(&["SUBSCRIBE", "c"]);
    assert!(refused.starts_with("-UPSTREAMDOWN "), "{refused}");
    let again = talk.ask_text(&["PSUBSCRIBE", "c"]);
    assert!(again.starts_with("-UPSTREAMDOWN "), "{again}");
}
