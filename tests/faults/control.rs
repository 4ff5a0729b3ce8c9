//! Commands that end what holds up everybody else, while everybody is held up; and whom a slow command
//! hurts.

use std::time::{Duration, Instant};

use crate::rig::{Client, Near, Redis, config, encode, ms, until};

const CAP: usize = 4;

/// Every lease is taken, and a script that never ends keeps every lane.
fn stuck(redis: &Redis, begin: &[&[u8]]) -> (Near, Vec<Client>, Client) {
    let mut settings = config(redis.endpoint());
    settings.upstream.max_connections = CAP;
    settings.upstream.timeout = ms(1000);
    let near = Near::start(settings);
    let mut holders: Vec<_> = (0..CAP + 2).map(|_| near.client()).collect();
    for holder in &mut holders {
        // Some are refused: there are more of them than connections.
        holder.send("MULTI");
    }
    for holder in &mut holders {
        let reply = holder.reply();
        assert!(reply == "+OK" || reply.starts_with("-UPSTREAMBUSY "), "{reply}");
    }
    let mut busy = near.client();
    busy.write(&encode(begin));
    let mut direct = redis.direct();
    until("the server is busy", || direct.ask("PING").starts_with("-BUSY "));
    (near, holders, busy)
}

#[test]
fn script_kill_gets_through() {
    let redis = Redis::start(&["--lua-time-limit", "10"]);
    let (near, _holders, mut busy) = stuck(&redis, &[b"EVAL", b"while true do end", b"0"]);
    let begun = Instant::now();
    assert_eq!(near.client().ask("SCRIPT KILL"), "+OK");
    assert!(begun.elapsed() < ms(900), "it waits for nobody: {:?}", begun.elapsed());
    assert!(busy.reply().contains("Script killed by user"));
    assert_eq!(near.client().ask("SET k v"), "+OK");
}

#[test]
fn function_kill_gets_through() {
    let redis = Redis::start(&["--lua-time-limit", "10"]);
    let code = b"#!lua name=lib\nredis.register_function('spin', function() while true do end end)";
    assert_eq!(
        {
            let mut direct = redis.direct();
            direct.write(&encode(&[b"FUNCTION", b"LOAD", code]));
            direct.reply()
        },
        "lib"
    );
    let (near, _holders, mut busy) = stuck(&redis, &[b"FCALL", b"spin", b"0"]);
    let begun = Instant::now();
    assert_eq!(near.client().ask("FUNCTION KILL"), "+OK");
    assert!(begun.elapsed() < ms(900), "it waits for nobody: {:?}", begun.elapsed());
    assert!(busy.reply().contains("Script killed by user"));
    assert_eq!(near.client().ask("SET k v"), "+OK");
}

/// `CLIENT PAUSE ALL` would hold `CLIENT UNPAUSE` itself, with a plain server too.
#[test]
fn client_unpause_gets_through() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.max_connections = CAP;
    settings.upstream.timeout = ms(1000);
    settings.upstream.socket_timeout = Duration::from_secs(20);
    let near = Near::start(settings);
    let mut holders: Vec<_> = (0..CAP + 2).map(|_| near.client()).collect();
    for holder in &mut holders {
        holder.send("MULTI");
        holder.send("INCR n");
    }
    let admitted = holders.iter_mut().filter_map(|holder| (holder.reply() == "+OK").then(|| holder.reply()));
    assert!(admitted.count() > 0);
    assert_eq!(near.client().ask("CLIENT PAUSE 60000 WRITE"), "+OK");
    let mut held: Vec<_> = (0..8).map(|_| near.client()).collect();
    held.iter_mut().for_each(|client| client.send("SET k v"));
    held[0].patience(ms(300));
    assert!(held[0].try_reply().is_err(), "the lanes are stuck");
    held[0].patience(ms(20_000));
    let begun = Instant::now();
    assert_eq!(near.client().ask("CLIENT UNPAUSE"), "+OK");
    assert!(begun.elapsed() < ms(900), "it waits for nobody: {:?}", begun.elapsed());
    held.iter_mut().for_each(|client| assert_eq!(client.reply(), "+OK"));
}

/// Who writes waits; who reads does not, though the two share a lane.
#[test]
fn a_pause_of_writes_is_no_pause_of_reads() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.workers = 1;
    let near = Near::start(settings);
    let (mut writer, mut reader) = (near.client(), near.client());
    assert_eq!(writer.ask("SET k old"), "+OK");
    assert_eq!(reader.ask("GET k"), "old");
    assert_eq!(near.client().ask("CLIENT PAUSE 3000 WRITE"), "+OK");
    let begun = Instant::now();
    writer.send("SET k new");
    let mut reads = 0;
    while begun.elapsed() < ms(2000) {
        let asked = Instant::now();
        assert_eq!(reader.ask("GET k"), "old");
        assert!(asked.elapsed() < ms(1000), "a read is held up: {:?}", asked.elapsed());
        reads += 1;
    }
    assert!(reads > 10, "{reads}");
    assert_eq!(writer.reply(), "+OK");
    assert!(begun.elapsed() >= ms(2900), "{:?}", begun.elapsed());
    assert_eq!(reader.ask("GET k"), "new");
}

/// Others wait for a server that sleeps, and no longer than for its sleep.
#[test]
fn a_sleep_or_a_script_hurts_others_as_long_as_it_takes() {
    let redis = Redis::start(&["--enable-debug-command", "yes", "--lua-time-limit", "60000"]);
    let near = Near::before(&redis);
    let spin = b"local t = redis.call('TIME') local s = t[1] * 1000000 + t[2] repeat t = redis.call('TIME') \
        until t[1] * 1000000 + t[2] - s > 4000000 return 'late'";
    for (slow, right) in
        [(encode(&[b"DEBUG", b"SLEEP", b"4"]), "+OK"), (encode(&[b"EVAL", spin, b"0"]), "late")]
    {
        let mut clients: Vec<_> = (0..8).map(|_| near.client()).collect();
        clients.iter_mut().for_each(|client| assert_eq!(client.ask("SET k v"), "+OK"));
        let mut direct = redis.direct();
        assert_eq!(direct.ask("PING"), "+PONG");
        let begun = Instant::now();
        let mut sleeper = near.client();
        sleeper.write(&slow);
        until("the server sleeps", || {
            direct.patience(ms(100));
            direct.try_ask("PING").is_err()
        });
        clients.iter_mut().for_each(|client| client.send("GET k"));
        let others = clients.iter_mut().map(|client| client.reply()).collect::<Vec<_>>();
        let waited = begun.elapsed();
        assert!(others.iter().all(|reply| reply == "v"), "{others:?}");
        assert!(waited < ms(6000), "{waited:?}");
        assert_eq!(sleeper.reply(), right);
        assert!(begun.elapsed() < ms(6000), "{:?}", begun.elapsed());
        assert_eq!(sleeper.ask("GET k"), "v");
    }
}
