//! s41: what is answered from the cache is, byte for byte, what the server says.

use crate::client::Client;
use crate::reads;
use crate::rig::{Scene, Setup, both, ms};

const VALUES: &[&str] = &[
    "SET string value",
    "SET binary \r\n\u{0}",
    "SET number 42",
    "SETRANGE empty 0 ",
    "SET brief v PX 600000",
    "HSET hash f v g w",
    "RPUSH list a b a",
    "SADD set a",
    "SADD numbers 3 1 2",
    "ZADD zset 1.5 a 2 b 3e20 c inf d",
    "ZADD lex 0 a 0 b",
    "GEOADD geo 13.361389 38.115556 a 15.087269 37.502669 b",
    "XADD stream 1-1 f v g w",
    "XADD stream 2-1 f x",
    "XGROUP CREATE hollow g 0 MKSTREAM",
    "PFADD hll a b",
];

const KEYS: &[&str] = &[
    "string", "binary", "number", "empty", "brief", "hash", "list", "set", "numbers", "zset", "lex", "geo",
    "stream", "hollow", "hll", "missing",
];

fn as_at_the_server(scene: &Scene) {
    let mut direct = [scene.direct(), scene.direct()];
    direct[1].ask("HELLO 3");
    for line in VALUES {
        direct[0].ask(line);
    }
    let field_ttls = !scene.e("HPTTL none FIELDS 1 f").starts_with("-ERR unknown");
    let mut switching = scene.seat(0);
    let mut clients = [scene.seat(0), scene.seat3(0), scene.seat3(1), scene.seat(1)];
    let mut hits = Vec::new();
    for key in KEYS {
        for read in reads::of(key) {
            let said = [direct[0].raw(&read), direct[1].raw(&read)];
            // First what fills, in one protocol, then what hits, in both, on every worker.
            for turn in 0..3 {
                for (i, client) in clients.iter_mut().enumerate() {
                    let expected = &said[usize::from(i == 1 || i == 2)];
                    same(&read, &client.raw(&read), expected, turn);
                }
            }
            if said[0][0] != b'-' && is_kept(key, &read, &said[1], field_ttls) {
                hits.push(read);
            }
        }
    }
    for read in &hits {
        switching.ask("HELLO 3");
        same(read, &switching.raw(read), &direct[1].raw(read), 9);
        switching.ask("HELLO 2");
        same(read, &switching.raw(read), &direct[0].raw(read), 9);
    }
    assert_hits(scene, &mut clients[0], &hits);
}

/// Whether this reply is kept.
fn is_kept(key: &str, read: &str, reply: &[u8], field_ttls: bool) -> bool {
    let there = !["missing", "empty"].contains(&key);
    match read.split(' ').next().unwrap() {
        // The server does not say what there is that is no string.
        "MGET" => !there || reply != b"*1\r\n_\r\n",
        // The reply alone does not tell that the key is missing.
        "BITPOS" => there,
        // Fields may expire that the reply does not name.
        "HVALS" | "HLEN" => !field_ttls,
        _ => true,
    }
}

fn same(read: &str, said: &[u8], expected: &[u8], turn: usize) {
    assert_eq!(said.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{read}, turn {turn}");
}

/// Of these reads, which have all been answered before, next to none is asked of the server.
fn assert_hits(scene: &Scene, client: &mut Client, reads: &[String]) {
    let before = crate::stats::calls(&mut scene.direct());
    reads.iter().for_each(|read| drop(client.raw(read)));
    let after = crate::stats::calls(&mut scene.direct());
    let asked = |name: &&str| {
        let name = name.to_lowercase();
        after.get(&name).unwrap_or(&0) - before.get(&name).unwrap_or(&0)
    };
    let mut names: Vec<&str> = reads.iter().filter_map(|read| read.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    let asked: Vec<_> = names.iter().map(|name| (*name, asked(name))).filter(|(_, n)| *n > 0).collect();
    assert!(asked.is_empty(), "asked again: {asked:?}");
}

#[test]
fn s41_every_reply_is_the_server_s_byte_for_byte() {
    Setup::new().run_on_all(as_at_the_server);
}

#[test]
fn s43_errors_are_never_hits() {
    both(|scene| {
        let mut b = scene.seat(0);
        scene.e("RPUSH list a");
        scene.e("SET k v");
        for _ in 0..5 {
            let (said, hit) = scene.look(&mut b, "GET list");
            assert!(said.starts_with("-WRONGTYPE") && !hit, "{said}");
        }
        // Somebody's script runs and runs.
        scene.e("CONFIG SET busy-reply-threshold 10");
        let mut busy = scene.direct();
        busy.0.say(&["EVAL", "while true do end", "0"]);
        crate::common::eventually("it is busy", || scene.e("GET k").starts_with("-BUSY").then_some(()));
        b.say("GET k");
        assert!(b.reply().starts_with("-BUSY"));
        assert_eq!(scene.e("SCRIPT KILL"), "OK");
        assert!(busy.reply().contains("killed"));
        assert_eq!(b.ask("GET k"), "v");
        // A replica without its master, that does not answer.
        scene.e("CONFIG SET replica-serve-stale-data no");
        scene.e("REPLICAOF 127.0.0.1 1");
        for _ in 0..3 {
            assert!(scene.settled(&mut b, "GET k2").starts_with("-MASTERDOWN"));
        }
        scene.e("REPLICAOF NO ONE");
        assert_eq!(scene.settled(&mut b, "GET k2"), "nil");
        // One that loads.
        scene.e("DEBUG POPULATE 1000");
        scene.e("CONFIG SET key-load-delay 300");
        let mut loads = scene.direct();
        loads.say("DEBUG RELOAD");
        let mut loading = false;
        while loads.reply_within(ms(1)).is_none() {
            loading |= b.ask("GET key:1").starts_with("-LOADING");
        }
        scene.e("CONFIG SET key-load-delay 0");
        eprintln!("s43: it was seen loading: {loading}");
        assert_eq!(scene.settled(&mut b, "GET key:1"), "value:1");
    });
}
