//! Many clients, random pipelines, random cuts: every reply is the right one, or one of the documented
//! errors. `NEARSIDE_SOAK_SECONDS` makes it longer, `NEARSIDE_SOAK_SEED` repeats one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::rig::{Client, Near, Redis, config, ms, request};

const CLIENTS: u64 = 16;
const DOCUMENTED: [&str; 4] = ["-UPSTREAMLOST ", "-UPSTREAMDOWN ", "-UPSTREAMTIMEOUT ", "-UPSTREAMBUSY "];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What a reply must be, if it is not an error.
enum Must {
    Be(String),
    /// A value of this client's own key, or nil.
    BeMine,
    BeQueued,
    /// The reply to `EXEC`: this in brackets, or nil if a watched key has changed.
    BeExec(String),
}

struct Player<'a> {
    id: u64,
    near: &'a Near,
    random: fastrand::Rng,
    seq: u64,
    replies: u64,
    errors: u64,
}

impl Player<'_> {
    fn play(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let mut client = self.near.client();
            if self.random.bool() {
                client.ask("HELLO 3");
            }
            for _ in 0..self.random.u32(1..40) {
                if !self.turn(&mut client) || stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
    }

    /// One pipeline and its replies; `false` once the connection has ended or is left.
    fn turn(&mut self, client: &mut Client) -> bool {
        let mut packet = Vec::new();
        let mut musts = Vec::new();
        for _ in 0..self.random.u32(1..30) {
            self.command(&mut packet, &mut musts);
        }
        let cut = self.random.usize(0..packet.len() + 1);
        let sent = client.try_write(&packet[..cut]).and_then(|()| client.try_write(&packet[cut..]));
        if sent.is_err() || self.random.u32(0..50) == 0 {
            return false; // leaves without a look at its replies
        }
        for must in musts {
            let Ok(reply) = client.try_reply() else { return false };
            self.replies += 1;
            if reply.starts_with('-') {
                let known = DOCUMENTED.iter().any(|code| reply.starts_with(code));
                assert!(known || reply.starts_with("-EXECABORT "), "client {}: {reply}", self.id);
                self.errors += 1;
                continue;
            }
            let mine = format!("c{}:", self.id);
            let right = match &must {
                Must::Be(what) => reply == *what,
                Must::BeMine => reply == "nil" || reply.starts_with(&mine),
                Must::BeQueued => reply == "+QUEUED",
                Must::BeExec(what) => reply == *what || reply == "nil",
            };
            let wanted = match must {
                Must::Be(what) | Must::BeExec(what) => what,
                Must::BeMine => mine,
                Must::BeQueued => "+QUEUED".into(),
            };
            let head = |text: &str| text.chars().take(80).collect::<String>();
            assert!(right, "client {}: got {:?}, not {:?}", self.id, head(&reply), head(&wanted));
        }
        true
    }

    fn command(&mut self, packet: &mut Vec<u8>, musts: &mut Vec<Must>) {
        self.seq += 1;
        let (id, word) = (self.id, format!("c{}:{}", self.id, self.seq));
        let key = format!("k{id}:{}", self.random.u32(0..4));
        let mut add = |line: &str, must: Must| {
            packet.extend(request(line));
            musts.push(must);
        };
        match self.random.u32(0..100) {
            0..40 => add(&format!("ECHO {word}"), Must::Be(word)),
            40..60 => add(&format!("GET {key}"), Must::BeMine),
            60..80 => add(&format!("SET {key} {word}"), Must::Be("+OK".into())),
            80..85 => {
                let long = format!("{word}{}", "x".repeat(self.random.usize(0..100_000)));
                add(&format!("SET {key} {long}"), Must::Be("+OK".into()));
            }
            85..90 => {
                add("MULTI", Must::Be("+OK".into()));
                add(&format!("ECHO {word}"), Must::BeQueued);
                add("EXEC", Must::BeExec(format!("[{word}]")));
            }
            90..95 => {
                add(&format!("WATCH {key}"), Must::Be("+OK".into()));
                add(&format!("GET {key}"), Must::BeMine);
                add("UNWATCH", Must::Be("+OK".into()));
            }
            95 => add(&format!("BLPOP none:{id} 0.01"), Must::Be("nil".into())),
            96 => {
                // Larger than a lane's reply, so that it is asked again.
                add(&format!("EVAL return(ARGV[1]..string.rep('z',3000000)) 0 {word}"), Must::BeMine);
            }
            _ => add("CLIENT SETNAME x", Must::Be("+OK".into())),
        }
    }
}

#[test]
fn whatever_happens_every_reply_is_the_right_one_or_a_documented_error() {
    let seed = setting("NEARSIDE_SOAK_SEED", fastrand::u64(..));
    let length = Duration::from_secs(setting("NEARSIDE_SOAK_SECONDS", 12));
    let mut random = fastrand::Rng::with_seed(seed);
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.upstream.reconnect_max = ms(50);
    settings.upstream.max_connections = 6;
    let near = Near::start(settings);
    let stop = AtomicBool::new(false);
    let (replies, errors) = (AtomicU64::new(0), AtomicU64::new(0));
    eprintln!("NEARSIDE_SOAK_SEED={seed}"); // shown when it fails
    let (near, stop, replies, errors) = (&near, &stop, &replies, &errors);
    thread::scope(|scope| {
        let players: Vec<_> = (0..CLIENTS)
            .map(|id| {
                let random = fastrand::Rng::with_seed(seed ^ id);
                scope.spawn(move || {
                    let mut player = Player { id, near, random, seq: 0, replies: 0, errors: 0 };
                    player.play(stop);
                    replies.fetch_add(player.replies, Ordering::Relaxed);
                    errors.fetch_add(player.errors, Ordering::Relaxed);
                })
            })
            .collect();
        let end = Instant::now() + length;
        let mut killer = redis.direct();
        while Instant::now() < end && !players.iter().any(thread::ScopedJoinHandle::is_finished) {
            sleep(ms(random.u64(1..200)));
            let list = killer.ask("CLIENT LIST");
            let ids: Vec<&str> = list
                .lines()
                .filter(|line| line.contains("name=nearside"))
                .filter_map(|line| line.strip_prefix("id=")?.split(' ').next())
                .collect();
            if !ids.is_empty() {
                killer.ask(&format!("CLIENT KILL ID {}", ids[random.usize(..ids.len())]));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (replies, errors) = (replies.load(Ordering::Relaxed), errors.load(Ordering::Relaxed));
    eprintln!("{replies} replies, {errors} errors");
    assert!(replies > 200 && errors < replies / 2, "{replies} replies, {errors} errors");
    let mut client = near.client();
    assert_eq!(client.ask("SET after v"), "+OK");
}
