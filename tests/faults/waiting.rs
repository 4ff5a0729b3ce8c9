//! Blocked clients: many at once, gone at the wrong moment, for as long as they like, and refused.

use std::net::{Shutdown, TcpStream};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::rig::{Client, Near, Redis, config, ms, request, until};

fn blocked(direct: &mut Client) -> usize {
    let info = direct.ask("INFO clients");
    let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
    line.and_then(|n| n.trim().parse().ok()).expect("a count")
}

fn until_blocked(redis: &Redis, count: usize) {
    let mut direct = redis.direct();
    until("so many are blocked", || blocked(&mut direct) == count);
}

#[test]
fn whoever_leaves_while_blocked_takes_nothing_along() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut direct = redis.direct();
    for leave in ["close", "reset", "half close", "with a request behind", "killed"] {
        for command in ["BLPOP l 0", "BLMOVE l m LEFT RIGHT 0", "BLMPOP 0 1 l LEFT", "BRPOPLPUSH l m 0"] {
            if leave == "killed" {
                killed_while_blocked(&near, &redis, command);
            } else {
                let mut client = near.client();
                client.send(command);
                until_blocked(&redis, 1);
                match leave {
                    "reset" => reset(client.writer()),
                    "half close" => client.half_close(),
                    "with a request behind" => client.send("PING"),
                    _ => {}
                }
                if leave != "half close" {
                    drop(client);
                }
                until_blocked(&redis, 0);
            }
            assert_eq!(direct.ask("RPUSH l x"), ":1", "{leave}, {command}");
            assert_eq!(direct.ask("LPOP l"), "x", "{leave}, {command}");
            assert_eq!(direct.ask("EXISTS m"), ":0", "{leave}, {command}");
        }
    }
    until("nothing is pinned", || near.connections().1 == 0);
}

fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket can be reset");
    stream.shutdown(Shutdown::Read).expect("nothing more is read");
}

/// A client process that has no time to say goodbye.
fn killed_while_blocked(near: &Near, redis: &Redis, command: &str) {
    let mut child = std::process::Command::new("redis-cli")
        .args(["-p", &near.port().to_string()])
        .args(command.split(' '))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("redis-cli runs");
    until_blocked(redis, 1);
    child.kill().expect("it dies");
    child.wait().expect("it has died");
    until_blocked(redis, 0);
}

/// What is lost when a client leaves at the moment of a push: directly, and through Nearside.
#[test]
fn elements_lost_with_their_clients_are_counted() {
    const ROUNDS: u64 = 300;
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}"); // shown when it fails
    let redis = Redis::start(&["--bind", "127.0.0.1"]);
    let near = Near::before(&redis);
    let mut random = fastrand::Rng::with_seed(seed);
    let directly = rounds(&redis, ROUNDS, &mut random, || redis.direct());
    let through = rounds(&redis, ROUNDS, &mut random, || near.client());
    let counted = lost_by_its_own_account(&near);
    eprintln!(
        "of {ROUNDS} elements {directly} are lost directly and {through} through Nearside: it says {counted}"
    );
    // What is on its way to a socket that closes is lost directly, too; within what chance makes of it.
    let chance = 10 + 2 * directly;
    assert!(
        through <= counted + chance,
        "{through} lost; {counted} counted; {directly} directly (seed {seed})"
    );
}

fn lost_by_its_own_account(near: &Near) -> u64 {
    let info = near.client().ask("INFO nearside");
    let line = info.lines().find_map(|line| line.strip_prefix("nearside_popped_elements_lost:"));
    line.expect("it counts them").trim().parse().expect("a count")
}

/// In each round a client is blocked, and leaves about when an element is pushed. How many elements are
/// neither in the list nor had reached the client when it left.
fn rounds(redis: &Redis, count: u64, random: &mut fastrand::Rng, connect: impl Fn() -> Client) -> u64 {
    let mut direct = redis.direct();
    let mut lost = 0;
    for round in 0..count {
        let mut client = connect();
        client.send("BLPOP l 0");
        until("it is blocked", || blocked(&mut direct) == 1);
        let mut received = false;
        let (before_push, before_leave) = (random.u64(0..400), random.u64(0..400));
        thread::scope(|scope| {
            scope.spawn(|| {
                pause(before_leave);
                received = client.has_something();
                drop(client);
            });
            pause(before_push);
            direct.write(&request(&format!("RPUSH l {round}")));
        });
        assert_eq!(direct.reply(), ":1");
        until("nobody is blocked", || blocked(&mut direct) == 0);
        let kept = direct.ask("LPOP l") != "nil";
        assert!(!(kept && received), "an element was popped, and is still there");
        lost += u64::from(!kept && !received);
    }
    lost
}

/// Microseconds are too short for a sleep.
fn pause(micros: u64) {
    let end = Instant::now() + Duration::from_micros(micros);
    while Instant::now() < end {
        thread::yield_now();
    }
}

#[test]
fn five_hundred_are_woken_in_the_order_they_came() {
    const COUNT: usize = 500;
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.max_pinned = COUNT + 10;
    let near = Near::start(settings);
    let mut clients = Vec::new();
    let mut direct = redis.direct();
    for n in 0..COUNT {
        let mut client = near.client();
        client.send("BLPOP l 0");
        until("it is blocked", || blocked(&mut direct) == n + 1);
        clients.push(client);
    }
    for n in 0..COUNT {
        direct.send(&format!("RPUSH l {n}"));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.reply(), format!("[l {n}]"), "first come, first served");
    }
    (0..COUNT).for_each(|_| drop(direct.reply()));
    // Each has its session back, and nobody its neighbour's.
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("ECHO {n}")), n.to_string());
    }
}

#[test]
fn waiting_is_no_timeout() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.socket_timeout = ms(1000);
    let near = Near::start(settings);
    let commands = [
        "BLPOP l 30",
        "BLPOP l 0",
        "BRPOP l 30",
        "BLMOVE l m LEFT RIGHT 0",
        "BRPOPLPUSH l m 30",
        "BLMPOP 0 1 l LEFT",
        "BZPOPMIN z 30",
        "BZPOPMAX z 0",
        "BZMPOP 0 1 z MIN",
        "XREAD BLOCK 0 STREAMS s $",
        "XREAD BLOCK 30000 STREAMS s $",
        "WAIT 1 30000",
        "WAIT 1 0",
        "BLPOP l 2",
    ];
    let mut clients: Vec<_> = commands.iter().map(|_| near.client()).collect();
    for (client, command) in clients.iter_mut().zip(commands) {
        client.send(command);
    }
    until_blocked(&redis, commands.len());
    // In a queue behind its own blocked command, too.
    let mut queued = near.client();
    queued.write(&[request("BLPOP q 30"), request("PING")].concat());
    sleep(ms(2500)); // what is tested is time itself
    until_blocked(&redis, commands.len()); // without the one that may end, with the one that came
    let waits = commands.len() - 1;
    assert_eq!(clients[waits].reply(), "nil");
    for client in &mut clients[..waits] {
        client.patience(ms(10));
        assert!(client.try_reply().is_err(), "it still waits");
        client.patience(ms(20_000));
    }
    let mut direct = redis.direct();
    assert_eq!(direct.ask("RPUSH q x"), ":1");
    assert_eq!([queued.reply(), queued.reply()], ["[q x]", "+PONG"]);
    // The last one pops what the move put back.
    for n in 0..6 {
        direct.ask(&format!("RPUSH l {n}"));
    }
    for n in 0..3 {
        direct.ask(&format!("ZADD z 1 m{n}"));
    }
    direct.ask("XADD s 1-1 f v");
    for (client, command) in clients[..waits].iter_mut().zip(commands) {
        if !command.starts_with("WAIT") {
            let reply = client.reply();
            assert!(!reply.starts_with('-'), "{command}: {reply}");
        }
    }
}

#[test]
fn what_is_pushed_after_a_drain_is_nobodys() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut clients: Vec<_> = (0..20).map(|_| near.client()).collect();
    for client in &mut clients {
        client.send("BLPOP l 0");
    }
    until_blocked(&redis, 20);
    let begun = Instant::now();
    near.drain();
    assert!(clients.iter_mut().all(Client::is_closed));
    near.wait();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    until_blocked(&redis, 0);
    let mut direct = redis.direct();
    for n in 1..=20 {
        assert_eq!(direct.ask("RPUSH l x"), format!(":{n}"));
    }
}

/// Each blocked client is served, or let go by the upstream itself.
#[test]
fn a_drain_amid_pushes_loses_nothing() {
    const BLOCKED: i64 = 20;
    const PUSHED: i64 = 200;
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut clients: Vec<_> = (0..BLOCKED).map(|_| near.client()).collect();
    for client in &mut clients {
        client.send("BLPOP l 0");
    }
    until_blocked(&redis, 20);
    let mut direct = redis.direct();
    let pusher = thread::spawn(move || {
        for n in 0..PUSHED {
            direct.ask(&format!("RPUSH l {n}"));
            pause(200);
        }
    });
    let begun = Instant::now();
    clients[0].reply();
    near.drain();
    let mut served = 1;
    for client in &mut clients {
        while let Ok(reply) = client.try_reply() {
            assert!(reply.starts_with("[l "), "{reply}");
            served += 1;
        }
    }
    near.wait();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    pusher.join().unwrap();
    until_blocked(&redis, 0);
    let left: i64 = redis.direct().ask("LLEN l")[1..].parse().unwrap();
    assert_eq!(served + left, PUSHED, "{served} were served, {left} are left");
}

#[test]
fn one_more_than_may_be_pinned_is_told_so_until_another_leaves() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    (settings.upstream.max_pinned, settings.workers) = (3, 1);
    let near = Near::start(settings);
    let mut clients = Vec::new();
    for n in 1..=3 {
        let mut client = near.client();
        client.send("BLPOP l 0");
        until_blocked(&redis, n);
        clients.push(client);
    }
    let mut late = near.client();
    for command in ["BLPOP l 0", "BRPOP l 1", "XREAD BLOCK 0 STREAMS s $"] {
        let reply = late.ask(command);
        assert!(reply.starts_with("-UPSTREAMBUSY ") && reply.contains("max_pinned"), "{command}: {reply}");
    }
    assert_eq!(late.ask("ECHO fine"), "fine", "a refused blocking command costs nothing else");
    drop(clients.pop());
    until_blocked(&redis, 2);
    until("the place is free", || late.ask("BLPOP none 0.01") == "nil");
    // One that is served leaves its place, too.
    let mut direct = redis.direct();
    assert_eq!(direct.ask("RPUSH l x"), ":1");
    assert_eq!(clients[0].reply(), "[l x]");
    until("its place is free", || late.ask("BLPOP none 0.01") == "nil");
}
