//! `WAIT`: what the client has written before, on whatever connection, is what is waited for.

use std::net::TcpListener;
use std::time::Instant;

use crate::rig::{Near, Redis, ms, until};

#[test]
fn wait_is_about_what_the_client_wrote_before() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let redis = Redis::start(&["--port", &port, "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"]);
    let replica = Redis::start(&["--replicaof", "127.0.0.1", &port]);
    let near = Near::before(&redis);
    let mut client = near.client();
    until("the replica follows", || client.ask("WAIT 1 100") == ":1");

    replica.signal("-STOP");
    assert_eq!(client.ask("SET k v"), "+OK");
    assert_eq!(client.ask("WAIT 1 200"), ":0", "the replica cannot have it");
    assert_eq!(client.ask("WAIT 0 0"), ":0", "nobody need have it");
    replica.signal("-CONT");
    assert_eq!(client.ask("WAIT 1 0"), ":1");

    // As long as it takes, whatever a reply may take otherwise.
    let mut settings = crate::rig::config(redis.endpoint());
    settings.upstream.socket_timeout = ms(200);
    let near = Near::start(settings);
    let mut client = near.client();
    replica.signal("-STOP");
    assert_eq!(client.ask("SET k w"), "+OK");
    let begun = Instant::now();
    assert_eq!(client.ask("WAIT 1 700"), ":0");
    assert!(begun.elapsed() >= ms(700));
    replica.signal("-CONT");
    assert_eq!(client.ask("WAIT 1 0"), ":1");
}
