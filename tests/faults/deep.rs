//! Keys of a megabyte, replies of very many elements and pipelines of everything at once, as directly.

use crate::rig::{Client, Near, Redis, encode, request};

const MIB: usize = 1 << 20;
const ELEMENTS: usize = 100_000;

/// What comes back when everything is written before anything is read.
fn poured(client: &mut Client, packet: &[u8], replies: usize) -> Vec<String> {
    client.write(packet);
    (0..replies).map(|_| client.reply()).collect()
}

#[test]
fn a_key_of_a_megabyte_is_a_key_like_any_other() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let (mut client, mut direct) = (near.client(), redis.direct());
    let (key, other) = (vec![b'k'; MIB], vec![b'o'; MIB + 7]);
    let lines: [&[&[u8]]; 12] = [
        &[b"SET", &key, b"v"],
        &[b"GET", &key],
        &[b"INCR", &other],
        &[b"MGET", &key, &other, &key],
        &[b"EXISTS", &key, &other],
        &[b"BLPOP", b"none", b"0.01"],
        &[b"WATCH", &key],
        &[b"MULTI"],
        &[b"APPEND", &key, b"w"],
        &[b"EXEC"],
        &[b"RENAME", &key, &other],
        &[b"DEL", &key, &other],
    ];
    let packet: Vec<u8> = lines.iter().flat_map(|words| encode(words)).collect();
    let expected = poured(&mut direct, &packet, lines.len());
    assert_eq!(expected[9], "[:2]");
    for _ in 0..3 {
        assert_eq!(poured(&mut client, &packet, lines.len()), expected);
    }
}

#[test]
fn replies_of_a_hundred_thousand_elements_are_what_they_are_directly() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let (mut client, mut direct) = (near.client(), redis.direct());
    let names: Vec<String> = (0..ELEMENTS).map(|i| format!("element:{i}")).collect();
    let scores: Vec<String> = (0..ELEMENTS).map(|i| format!("{i}.5")).collect();
    let fill = |command: &str, key: &str, pick: &dyn Fn(usize) -> Vec<usize>| {
        let mut words = vec![command.as_bytes(), key.as_bytes()];
        let parts = [&names, &scores];
        (0..ELEMENTS).for_each(|i| words.extend(pick(i).into_iter().map(|part| parts[part][i].as_bytes())));
        encode(&words)
    };
    let packet = [
        fill("RPUSH", "list", &|_| vec![0]),
        fill("HSET", "hash", &|_| vec![0, 1]),
        fill("SADD", "set", &|_| vec![0]),
        fill("ZADD", "zset", &|_| vec![1, 0]),
    ];
    assert!(poured(&mut client, &packet.concat(), 4).iter().all(|reply| reply == ":100000"));
    let lines = ["LRANGE list 0 -1", "HGETALL hash", "SMEMBERS set", "ZRANGE zset 0 -1 WITHSCORES"];
    for hello in ["HELLO 2", "HELLO 3"] {
        client.ask(hello);
        direct.ask(hello);
        // The first time nobody knows how large they are.
        for _ in 0..2 {
            for line in lines {
                assert!(client.ask(line) == direct.ask(line), "{line} after {hello}");
            }
        }
    }
}

/// All that changes the way a request goes, in one packet: shared and own connections take turns.
#[test]
fn ten_thousand_requests_of_all_kinds_written_before_the_first_reply_is_read() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let (mut packet, mut replies) = (request("FLUSHALL"), 1);
    for i in 0..10_000 {
        let lines: &[&str] = match i % 100 {
            10 => &["MULTI", "INCR n", "EXEC"],
            20 => &["RPUSH q x", "BLPOP q 0"],
            30 => &["SUBSCRIBE c", "UNSUBSCRIBE c"],
            40 => &["WATCH n", "MULTI", "GET n", "DISCARD"],
            50 => &["EVAL return{KEYS[1],ARGV[1]} 1 n x"],
            60 => &["NOSUCH command"],
            70 => &["SELECT 1", "GET n", "SELECT 0"],
            // Redis looks for what has timed out ten times a second.
            80 if i % 5000 == 80 => &["BLPOP q 0.001"],
            _ => &["INCR n"],
        };
        replies += lines.len();
        lines.iter().for_each(|line| packet.extend(request(line)));
    }
    for hello in ["HELLO 2", "HELLO 3"] {
        let (mut client, mut direct) = (near.client(), redis.direct());
        client.ask(hello);
        direct.ask(hello);
        let expected = poured(&mut direct, &packet, replies);
        let got = poured(&mut client, &packet, replies);
        let differs = got.iter().zip(&expected).position(|(got, expected)| got != expected);
        assert_eq!(differs.map(|i| (i, &got[i], &expected[i])), None);
    }
}
