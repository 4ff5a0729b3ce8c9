//! Connections are few: who waits, who is refused, and that all come back.

use std::thread::{self, sleep};
use std::time::Instant;

use crate::rig::{Near, Redis, config, ms, until};

#[test]
fn many_databases_share_few_connections() {
    let redis = Redis::start(&[]);
    for cap in 2..=5 {
        let mut settings = config(redis.endpoint());
        settings.upstream.max_connections = cap;
        settings.workers = (cap / 2).max(1);
        let near = Near::start(settings);
        thread::scope(|scope| {
            for c in 0..12_usize {
                let near = &near;
                scope.spawn(move || {
                    let mut client = near.client();
                    let db = c % 8;
                    assert_eq!(client.ask(&format!("SELECT {db}")), "+OK", "cap {cap}");
                    for i in 0..20 {
                        let (key, value) = (format!("{cap}:{c}"), format!("{db}:{i}"));
                        assert_eq!(client.ask(&format!("SET {key} {value}")), "+OK", "cap {cap}");
                        assert_eq!(client.ask("MULTI"), "+OK");
                        assert_eq!(client.ask(&format!("GET {key}")), "+QUEUED");
                        assert_eq!(client.ask("EXEC"), format!("[{value}]"));
                        assert_eq!(client.ask(&format!("GET {key}")), value);
                    }
                });
            }
        });
        let (used, _) = near.connections();
        assert!(used <= cap, "{used} of {cap}");
        assert!(redis.of_proxy().len() <= cap, "cap {cap}");
    }
}

/// A lane that is never idle must not keep its connection from another.
#[test]
fn a_busy_lane_takes_turns() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    (settings.upstream.max_connections, settings.workers) = (2, 1);
    let near = Near::start(settings);
    let start = Instant::now();
    thread::scope(|scope| {
        for db in [0, 0, 1, 1, 2] {
            let near = &near;
            scope.spawn(move || {
                let mut client = near.client();
                assert_eq!(client.ask(&format!("SELECT {db}")), "+OK");
                while start.elapsed() < ms(2000) {
                    (0..100).for_each(|_| client.send("SET k v"));
                    (0..100).for_each(|_| assert_eq!(client.reply(), "+OK", "db {db}"));
                }
            });
        }
    });
}

#[test]
fn open_transactions_make_others_wait_and_then_say_why() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    (settings.upstream.max_connections, settings.workers) = (4, 2);
    settings.upstream.timeout = ms(300);
    let near = Near::start(settings);
    let mut holders: Vec<_> = (0..3).map(|_| near.client()).collect();
    for holder in &mut holders {
        assert_eq!(holder.ask("MULTI"), "+OK");
        assert_eq!(holder.ask("INCR n"), "+QUEUED");
    }
    let mut late = near.client();
    let start = Instant::now();
    let all = |lines: &[&str]| lines.iter().flat_map(|l| crate::rig::request(l)).collect::<Vec<_>>();
    // A `SELECT` among them needs a connection of its own.
    late.write(&all(&["MULTI", "INCR n", "SELECT 0", "EXEC"]));
    let reply = late.reply();
    assert!(reply.starts_with("-UPSTREAMBUSY ") && reply.contains("upstream.max_connections = 4"), "{reply}");
    assert!(start.elapsed() < ms(3000));
    assert!(late.is_closed(), "its commands must not run outside a transaction");
    let mut whole = near.client();
    whole.write(&all(&["MULTI", "GET n", "EXEC"]));
    assert_eq!([whole.reply(), whole.reply(), whole.reply()], ["+OK", "+QUEUED", "[nil]"], "it needs none");
    // Lanes of both workers live on what is left to them.
    for _ in 0..20 {
        for mut client in [near.client(), near.client()] {
            assert_eq!(client.ask("GET n"), "nil");
        }
    }
    for (i, holder) in holders.iter_mut().enumerate() {
        assert_eq!(holder.ask("EXEC"), format!("[:{}]", i + 1));
    }
}

#[test]
fn pinned_connections_run_out_with_a_clear_word_and_idle_ones_are_no_obstacle() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    (settings.upstream.max_pinned, settings.workers) = (3, 2);
    let near = Near::start(settings);
    // Leaves idle ones behind, in both workers.
    let mut clients: Vec<_> = (0..4).map(|_| near.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("BLPOP none 0.01"), "nil");
    }
    let mut subscribers: Vec<_> = (0..3).map(|_| near.client()).collect();
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.ask("SUBSCRIBE c"), "[subscribe c :1]");
    }
    let reply = near.client().ask("SUBSCRIBE c");
    assert!(reply.starts_with("-UPSTREAMBUSY ") && reply.contains("upstream.max_pinned = 3"), "{reply}");
    drop(subscribers);
    until("they come back", || near.client().ask("BLPOP none 0.01") == "nil");
}

#[test]
fn nothing_leaks_from_mixed_use() {
    let redis = Redis::start(&["--timeout", "2"]); // so that the pool closes what is idle soon
    let mut settings = config(redis.endpoint());
    (settings.upstream.max_connections, settings.workers) = (5, 2);
    let near = Near::start(settings);
    thread::scope(|scope| {
        for c in 0..24 {
            let near = &near;
            scope.spawn(move || {
                for round in 0..6 {
                    let mut client = near.client();
                    client.ask(&format!("SELECT {}", c % 3));
                    match (c + round) % 6 {
                        0 => drop(client.ask("SUBSCRIBE a b")),
                        1 => drop((client.ask("MULTI"), client.ask("SET k v"))),
                        2 => drop((client.ask("WATCH k"), client.ask("MULTI"), client.ask("EXEC"))),
                        3 => client.send("BLPOP none 0"),
                        4 => drop((client.ask("MULTI"), client.ask("SELECT 5"), client.ask("EXEC"))),
                        _ => drop((client.ask("GET k"), client.ask("RESET"), client.ask("PSUBSCRIBE x*"))),
                    }
                    sleep(ms(5));
                }
            });
        }
    });
    until("nothing is pinned", || near.connections().1 == 0);
    until("lanes only", || {
        near.connections().0 <= 4 && redis.of_proxy().iter().all(|l| l.contains("resp=3"))
    });
}
