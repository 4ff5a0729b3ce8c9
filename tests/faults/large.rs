//! Sizes: values, replies, pipelines and requests far beyond a buffer.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Instant;

use crate::rig::{Client, Near, PATIENCE, Redis, config, encode, ms, request};

const MIB: usize = 1 << 20;

/// The highest resident size this process has had, MiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// Writes everything while the replies are read at leisure.
fn pour(client: &Client, bytes: Vec<u8>) -> thread::JoinHandle<()> {
    let mut writer = client.writer();
    thread::spawn(move || writer.write_all(&bytes).unwrap())
}

fn fill(redis: &Redis, key: &str, len: usize, byte: u8) {
    let value = vec![byte; len];
    let mut direct = redis.direct();
    direct.write(&encode(&[b"SET", key.as_bytes(), &value]));
    assert_eq!(direct.reply(), "+OK");
}

#[test]
fn large_and_small_replies_keep_their_order() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    fill(&redis, "huge", 20 * MIB, b'h');
    fill(&redis, "big", 2 * MIB, b'b');
    for hello in ["HELLO 2", "HELLO 3"] {
        let mut client = near.client();
        client.ask(hello);
        for round in 0..3 {
            let mut packet = Vec::new();
            let lines = [
                "GET huge",
                "GET small",
                "SET small",
                "GET big",
                "GET huge",
                "INCR n",
                "ECHO x",
                "GET big",
                "MULTI",
                "GET big",
                "EXEC",
                "GET small",
            ];
            for line in lines {
                let line = if line == "SET small" { format!("SET small {round}") } else { line.to_owned() };
                packet.extend(request(&line));
            }
            client.write(&packet);
            let short = |reply: String| match reply.len() {
                0..100 => reply,
                n => format!("{}{}", &reply[..1], n / MIB),
            };
            let replies: Vec<String> = lines.iter().map(|_| short(client.reply())).collect();
            assert_eq!(replies[0], "h20");
            assert_eq!(&replies[2..5], ["+OK", "b2", "h20"]);
            assert_eq!(&replies[6..11], ["x", "b2", "+OK", "+QUEUED", "[2"]);
            assert_eq!(replies[11], round.to_string());
        }
    }
}

#[test]
fn a_value_of_two_hundred_megabytes_goes_through_both_ways() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut client = near.client();
    let value: Vec<u8> = (0..200 * MIB as u64).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
    let before = peak();
    client.write(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).as_bytes());
    client.write(&value);
    client.write(b"\r\n");
    assert_eq!(client.reply(), "+OK");
    let mut reader = client.writer();
    client.send("GET k");
    let (mut chunk, mut at) = (vec![0; 256 * 1024], 0);
    let head = format!("${}\r\n", value.len());
    let mut first = vec![0; head.len()];
    reader.read_exact(&mut first).unwrap();
    assert_eq!(first, head.as_bytes());
    while at < value.len() {
        let most = chunk.len().min(value.len() - at);
        let n = reader.read(&mut chunk[..most]).unwrap();
        assert!(n > 0 && chunk[..n] == value[at..at + n], "byte equal at {at}");
        at += n;
    }
    // Other tests run beside this one: what counts is that it is not the value's size.
    assert!(peak() < before + 150, "{} MiB, was {before}", peak());
}

#[test]
fn effects_with_large_replies_are_delivered_once() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.socket_timeout = PATIENCE; // a busy server takes its time for them
    let near = Near::start(settings);
    let mut client = near.client();
    fill(&redis, "k", 20 * MIB, b'x');
    client.send("GETDEL k");
    client.send("GET k");
    assert_eq!(client.reply().len(), 20 * MIB);
    assert_eq!(client.reply(), "nil");
    client.send("EVAL return{redis.call('incr','runs'),string.rep('y',20000000)} 0");
    let reply = client.reply();
    assert_eq!(reply.len(), 20_000_000 + 5, "{}", &reply[..reply.len().min(200)]);
    assert_eq!(client.ask("GET runs"), "1");
    let elements = "0123456789".repeat(60_000);
    let args: Vec<&[u8]> = elements.as_bytes().chunks(10).collect();
    client.write(&encode(&[&[b"RPUSH".as_slice(), b"l"], &args[..]].concat()));
    assert_eq!(client.reply(), ":60000");
    client.send("LPOP l 60000");
    assert_eq!(client.reply().len(), 60_000 * 11 + 1);
    assert_eq!(client.ask("LLEN l"), ":0");
}

#[test]
fn slow_readers_of_large_values_cost_no_memory_and_nobody_else_time() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    fill(&redis, "big", 20 * MIB, b'b');
    fill(&redis, "small", 64, b's');
    assert_eq!(near.client().ask("GET big").len(), 20 * MIB); // it is known as large from here on
    let (before, done) = (peak(), AtomicBool::new(false));
    let slowest = thread::scope(|scope| {
        let readers: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = near.client();
                    let mut reader = client.writer();
                    client.send("GET big");
                    let (mut chunk, mut left) = (vec![0; MIB], 20 * MIB + 13);
                    while left > 0 {
                        left -= reader.read(&mut chunk).unwrap();
                        if !done.load(Ordering::Relaxed) {
                            sleep(ms(50));
                        }
                    }
                })
            })
            .collect();
        let (mut client, mut slowest) = (near.client(), ms(0));
        for _ in 0..300 {
            let start = Instant::now();
            assert_eq!(client.ask("GET small").len(), 64);
            slowest = slowest.max(start.elapsed());
            sleep(ms(5));
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        slowest
    });
    assert!(slowest < ms(2500), "{slowest:?}");
    assert!(peak() < before + 200, "{} MiB, was {before}", peak());
}

/// Replies below the size of large ones, so many in flight that together they are far above the budget.
#[test]
fn pipelined_reads_nobody_reads_stay_within_the_memory_for_buffers() {
    let redis = Redis::start(&[]);
    fill(&redis, "k", 900 * 1024, b'k');
    fill(&redis, "huge", 10 * MIB, b'h');
    let mut settings = config(redis.endpoint());
    settings.limits.memory = 32 * MIB as u64;
    settings.upstream.socket_timeout = PATIENCE; // a gigabyte goes over the lanes
    let near = Near::start(settings);
    let before = peak();
    let mut clients: Vec<_> = (0..4).map(|_| near.client()).collect();
    let mut lines = vec!["GET huge"];
    lines.extend(["GET k"; 300]);
    let packet: Vec<u8> = lines.iter().flat_map(|line| request(line)).collect();
    for client in &mut clients {
        client.ask("PING");
        client.write(&packet);
    }
    let mut other = near.client();
    for _ in 0..100 {
        assert_eq!(other.ask("PING"), "+PONG");
        sleep(ms(10));
    }
    assert!(peak() < before + 250, "{} MiB, was {before}", peak());
    for client in &mut clients {
        assert_eq!(client.reply().len(), 10 * MIB);
        (0..300).for_each(|i| assert_eq!(client.reply().len(), 900 * 1024, "reply {i}"));
    }
}

#[test]
fn a_client_that_writes_everything_before_it_reads_is_served() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut client = near.client();
    for count in [10_000, 200_000] {
        let mut packet = Vec::new();
        (0..count).for_each(|i| packet.extend(request(&format!("SET k{} {i}", i % 100))));
        client.write(&packet);
        (0..count).for_each(|i| assert_eq!(client.reply(), "+OK", "{i}"));
        let packet: Vec<u8> = (0..count).flat_map(|i| request(&format!("ECHO {i}"))).collect();
        client.write(&packet);
        (0..count).for_each(|i| assert_eq!(client.reply(), i.to_string()));
    }
    let mut packet = request("MULTI");
    (0..100_000).for_each(|_| packet.extend(request("INCR n")));
    packet.extend(request("EXEC"));
    client.write(&packet);
    assert_eq!(client.reply(), "+OK");
    (0..100_000).for_each(|_| assert_eq!(client.reply(), "+QUEUED"));
    assert!(client.reply().ends_with(" :100000]"));
}

#[test]
fn requests_of_very_many_words_and_replies_of_very_many_elements() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut client = near.client();
    let keys: Vec<String> = (0..200_000).map(|i| format!("key:{i}")).collect();
    let mut words: Vec<&[u8]> = vec![b"MSET"];
    keys.iter().for_each(|key| words.extend([key.as_bytes(), b"v"]));
    let writing = pour(&client, encode(&words));
    assert_eq!(client.reply(), "+OK");
    writing.join().unwrap();
    let all = client.ask("KEYS *");
    assert_eq!(all.split(' ').count(), 200_000);
    let mut words: Vec<&[u8]> = vec![b"RPUSH", b"l"];
    keys[..100_000].iter().for_each(|key| words.push(key.as_bytes()));
    client.write(&encode(&words));
    assert_eq!(client.reply(), ":100000");
    let list = client.ask("LRANGE l 0 -1");
    assert_eq!(list.split(' ').count(), 100_000);
    client.ask("HELLO 3");
    assert_eq!(client.ask("LRANGE l 0 -1"), list);
    let mut words: Vec<&[u8]> = vec![b"DEL"];
    keys.iter().for_each(|key| words.push(key.as_bytes()));
    client.write(&encode(&words));
    assert_eq!(client.reply(), ":200000");
}

#[test]
fn what_changes_a_connection_does_so_however_large_it_is() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.workers = 1;
    let near = Near::start(settings);
    let names: Vec<String> = (0..1500).map(|i| format!("{i}:{}", "n".repeat(1000))).collect();
    let large = |command: &[u8]| {
        let mut words = vec![command];
        words.extend(names.iter().map(String::as_bytes));
        encode(&words)
    };
    // The keys of one client are watched by nobody else, and by it until EXEC.
    let mut watcher = near.client();
    watcher.write(&large(b"WATCH"));
    assert_eq!(watcher.reply(), "+OK");
    let mut other = near.client();
    assert_eq!(other.ask(&format!("SET {} x", names[7])), "+OK");
    assert_eq!(other.ask("MULTI"), "+OK");
    assert_eq!(other.ask("PING"), "+QUEUED");
    assert_eq!(other.ask("EXEC"), "[+PONG]");
    assert_eq!(watcher.ask("MULTI"), "+OK");
    assert_eq!(watcher.ask("PING"), "+QUEUED");
    assert_eq!(watcher.ask("EXEC"), "nil");
    // A subscriber's connection is never anybody else's.
    let mut subscriber = near.client();
    subscriber.write(&large(b"SUBSCRIBE"));
    for (i, name) in names.iter().enumerate() {
        assert_eq!(subscriber.reply(), format!("[subscribe {name} :{}]", i + 1));
    }
    assert_eq!(other.ask(&format!("PUBLISH {} hello", names[9])), ":1");
    assert_eq!(subscriber.reply(), format!("[message {} hello]", names[9]));
    other.send("BLPOP none 0.01");
    assert_eq!(other.reply(), "nil");
}
