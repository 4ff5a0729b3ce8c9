//! Sizes: empty and huge values both ways, many replies, deep pipelines.

use std::io::Write;
use std::thread;

use nearside::resp::request::encode;

use crate::common::{Proxy, Server, Talk, config};
use crate::side::PATIENCE;

const MIB: usize = 1 << 20;
/// Around what leaves the lane, and well beyond.
const SIZES: [usize; 5] = [0, 1, MIB - 1, MIB + 1, 20 * MIB];

/// Both ends, each said the same.
struct Pair {
    direct: Talk,
    through: Talk,
}

/// Two servers, a proxy, and connections that speak `resp`.
fn pair(servers: &[Server; 2], proxy: &Proxy, resp: &str) -> Pair {
    let mut pair = Pair { direct: servers[0].connect(), through: proxy.connect() };
    pair.direct.ask(&["HELLO", resp]);
    pair.through.ask(&["HELLO", resp]);
    pair
}

fn rig() -> ([Server; 2], Proxy) {
    let servers = [Server::start(&[]), Server::start(&[])];
    let mut settings = config(&servers[1].place());
    settings.upstream.socket_timeout = PATIENCE; // a busy machine takes its time for much
    let proxy = Proxy::start(settings);
    (servers, proxy)
}

impl Pair {
    /// Sends `bytes` to both while reading `count` replies from each; they must be equal.
    fn same(&mut self, what: &str, bytes: &[u8], count: usize) {
        let direct = exchange(&mut self.direct, bytes, count);
        let through = exchange(&mut self.through, bytes, count);
        for (index, (direct, through)) in direct.iter().zip(&through).enumerate() {
            let shown = |bytes: &[u8]| bytes[..bytes.len().min(200)].escape_ascii().to_string();
            assert!(
                direct == through,
                "{what}, reply {index}: {} bytes {} / {} bytes {}",
                direct.len(),
                shown(direct),
                through.len(),
                shown(through)
            );
        }
    }

    fn ask(&mut self, words: &[&[u8]]) {
        let what = words
            .iter()
            .map(|word| word[..word.len().min(20)].escape_ascii().to_string() + " ")
            .collect::<String>();
        self.same(&what, &encode(words), 1);
    }
}

fn exchange(talk: &mut Talk, bytes: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut stream = talk.stream.again();
    thread::scope(|scope| {
        scope.spawn(move || stream.write_all(bytes).expect("it takes all that is sent"));
        (0..count).map(|_| talk.reply()).collect()
    })
}

fn value(size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(size as u64);
    // Quick in a debug build, and every kind of byte is in it.
    let block: Vec<u8> = (0..4096).map(|_| random.u8(..)).collect();
    block.iter().copied().cycle().take(size).collect()
}

#[test]
fn values_of_every_size() {
    let (servers, proxy) = rig();
    for resp in ["2", "3"] {
        let mut pair = pair(&servers, &proxy, resp);
        for size in SIZES {
            let value = value(size);
            pair.ask(&[b"SET", b"k", &value]);
            pair.ask(&[b"STRLEN", b"k"]);
            pair.ask(&[b"GET", b"k"]);
            pair.ask(&[b"GETRANGE", b"k", b"-3", b"-1"]);
            pair.ask(&[b"RPUSH", b"l", &value]);
            pair.ask(&[b"HSET", b"h", b"f", &value]);
            pair.ask(&[b"HGETALL", b"h"]);
            pair.ask(&[b"GETSET", b"k", b"small"]);
            pair.ask(&[b"ECHO", &value]);
            pair.ask(&[b"PING"]);
        }
        pair.ask(&[b"LRANGE", b"l", b"0", b"-1"]);
        pair.ask(&[b"DEL", b"h", b"k", b"l"]);
    }
}

#[test]
fn large_and_small_in_one_pipeline() {
    let (servers, proxy) = rig();
    for resp in ["2", "3"] {
        let mut pair = pair(&servers, &proxy, resp);
        let large = value(3 * MIB);
        let mut bytes = Vec::new();
        let mut count = 0;
        let mut say = |words: &[&[u8]]| {
            bytes.extend(encode(words));
            count += 1;
        };
        for round in 0..3 {
            let key = format!("large{round}");
            say(&[b"SET", b"small", b"s"]);
            say(&[b"GET", b"small"]);
            say(&[b"SET", key.as_bytes(), &large]);
            say(&[b"GET", b"small"]);
            say(&[b"GET", key.as_bytes()]);
            say(&[b"INCR", b"n"]);
            say(&[b"MULTI"]);
            say(&[b"SET", key.as_bytes(), &large]);
            say(&[b"GET", key.as_bytes()]);
            say(&[b"EXEC"]);
            say(&[b"GET", key.as_bytes()]);
            say(&[b"GET", b"small"]);
        }
        pair.same("a mixed pipeline", &bytes, count);
        pair.ask(&[b"FLUSHALL"]);
    }
}

#[test]
fn many_large_values_at_once() {
    let (servers, proxy) = rig();
    let mut pair = pair(&servers, &proxy, "2");
    let large = value(MIB + 4096);
    let keys: Vec<String> = (0..12).map(|n| format!("k{n}")).collect();
    for key in &keys {
        pair.ask(&[b"SET", key.as_bytes(), &large]);
    }
    let mut words: Vec<&[u8]> = vec![b"MGET"];
    words.extend(keys.iter().map(|key| key.as_bytes()));
    pair.ask(&words);
    pair.ask(&words);
    // Each a little below what leaves the lane, all in flight at once.
    let below = value(MIB - 4096);
    let mut bytes = Vec::new();
    for key in &keys {
        bytes.extend(encode(&[b"SET", key.as_bytes(), &below]));
    }
    for key in &keys {
        bytes.extend(encode(&[b"GET", key.as_bytes()]));
    }
    pair.same("values below the limit", &bytes, 2 * keys.len());
}

#[test]
fn replies_of_a_hundred_thousand_elements() {
    let (servers, proxy) = rig();
    let fill = "for i = 1, 100000 do redis.call('RPUSH', 'l', 'element ' .. i) \
                redis.call('ZADD', 'z', i + 0.5, i) end return redis.call('LLEN', 'l')";
    for resp in ["2", "3"] {
        let mut pair = pair(&servers, &proxy, resp);
        pair.ask(&[b"DEL", b"l", b"z"]);
        pair.ask(&[b"EVAL", fill.as_bytes(), b"0"]);
        for _ in 0..2 {
            pair.ask(&[b"LRANGE", b"l", b"0", b"-1"]);
            pair.ask(&[b"ZRANGE", b"z", b"0", b"-1", b"WITHSCORES"]);
            pair.ask(&[b"PING"]);
        }
        let mut keys: Vec<Vec<u8>> = vec![b"MGET".to_vec()];
        keys.extend((0..100_000).map(|n| format!("none{n}").into_bytes()));
        pair.ask(&keys.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
}

#[test]
fn pipelines_five_thousand_deep() {
    let (servers, proxy) = rig();
    for resp in ["2", "3"] {
        let mut pair = pair(&servers, &proxy, resp);
        let (mut bytes, mut count) = (Vec::new(), 0);
        for n in 0..5000_u32 {
            let (key, text) = (format!("k{}", n % 100), n.to_string());
            match n % 7 {
                0 => bytes.extend(encode(&[b"SET", key.as_bytes(), text.as_bytes()])),
                1 => bytes.extend(encode(&[b"INCR", b"counter"])),
                2 => bytes.extend(encode(&[b"HSET", b"h", key.as_bytes(), text.as_bytes()])),
                3 => bytes.extend(encode(&[b"HGET", b"h", key.as_bytes()])),
                4 => bytes.extend(encode(&[b"ECHO", text.as_bytes()])),
                5 => bytes.extend(format!("PING {n}\r\n").bytes()),
                _ => bytes.extend(encode(&[b"GET", key.as_bytes()])),
            }
            count += 1;
            if n % 1000 == 999 {
                for words in
                    [&[&b"MULTI"[..]][..], &[b"INCR", b"counter"], &[b"EXEC"], &[b"BLPOP", b"none", b"0.01"]]
                {
                    bytes.extend(encode(words));
                    count += 1;
                }
            }
        }
        pair.same("a deep pipeline", &bytes, count);
        pair.ask(&[b"FLUSHALL"]);
    }
}
