//! An upstream that is not what it says it is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Instant;

use crate::rig::{Near, config, ms};
use nearside::config::Endpoint;

const HELLO: &[u8] =
    b"%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:3\r\n";

/// A listener whose connections are answered by `script`, called with each whole request's words.
pub(crate) struct Liar {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Liar {
    pub(crate) fn start(script: impl Fn(&mut TcpStream, &[String]) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, script) = (Arc::new(AtomicUsize::new(0)), Arc::new(script));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, script) = (stream.unwrap(), Arc::clone(&script));
                let _ = stream.set_nodelay(true);
                count.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || {
                    let mut read = Words::new(stream.try_clone().unwrap());
                    while let Some(words) = read.next() {
                        let mut greeted = match &*words[0] {
                            "NEARSIDE" => stream.write_all(b"-ERR unknown command\r\n").is_ok(),
                            _ => false,
                        };
                        greeted = greeted || script(&mut stream, &words);
                        if !greeted {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, connections }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp { host: "127.0.0.1".into(), port: self.port }
    }
}

/// Reads requests word by word.
struct Words(std::io::BufReader<TcpStream>);

impl Words {
    fn new(stream: TcpStream) -> Self {
        Self(std::io::BufReader::new(stream))
    }

    fn next(&mut self) -> Option<Vec<String>> {
        let count: usize = self.line()?.strip_prefix('*')?.parse().ok()?;
        (0..count)
            .map(|_| {
                let len: usize = self.line()?.strip_prefix('$')?.parse().ok()?;
                let mut word = vec![0; len + 2];
                self.0.read_exact(&mut word).ok()?;
                Some(String::from_utf8_lossy(&word[..len]).into_owned())
            })
            .collect()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut self.0, &mut line).ok()?;
        Some(line.trim_end().to_owned())
    }
}

/// Greets like a Redis; `None` for everything that is not part of the greeting.
pub(crate) fn greet(stream: &mut TcpStream, words: &[String]) -> Option<bool> {
    let answer: &[u8] = match &*words[0] {
        "HELLO" => HELLO,
        "CONFIG" => b"%0\r\n",
        "SELECT" => b"+OK\r\n",
        "CLIENT" => b"-ERR unknown command\r\n",
        _ => return None,
    };
    Some(stream.write_all(answer).is_ok())
}

#[test]
fn replies_in_single_bytes_are_whole_replies() {
    let liar = Liar::start(|stream, words| {
        let answer = match &*words[0] {
            "HELLO" => HELLO.to_vec(),
            "CONFIG" => b"%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n".to_vec(),
            "GET" => format!("${}\r\n{}\r\n", words[1].len(), words[1]).into_bytes(),
            _ => b"*2\r\n%1\r\n+a\r\n:1\r\n*-1\r\n".to_vec(),
        };
        answer.iter().all(|byte| {
            sleep(std::time::Duration::from_micros(200));
            stream.write_all(&[*byte]).is_ok()
        })
    });
    let mut client = Near::start(config(liar.endpoint()));
    let mut client = (client.client(), &mut client).0;
    assert!(client.ask("HELLO 3").starts_with("[server"));
    for line in ["GET one", "GET two", "LRANGE l 0 -1", "GET three"] {
        client.send(line);
    }
    let replies: Vec<String> = (0..4).map(|_| client.reply()).collect();
    assert_eq!(replies, ["one", "two", "[[+a :1] nil]", "three"]);
}

/// Every one of these costs the request that met it, and nobody else anything.
#[test]
fn what_is_not_a_reply_costs_the_connection_only() {
    for lie in
        ["garbage\r\n", "$5\r\nhal", "$-7\r\n", "*1\r\n", "$99999999999999999999\r\n", "+OK\r\n+unasked\r\n"]
    {
        let liar = Liar::start(move |stream, words| {
            greet(stream, words).unwrap_or_else(|| match &*words[1] {
                "lie" => {
                    let _ = stream.write_all(lie.as_bytes());
                    false
                }
                _ => stream.write_all(b"+honest\r\n").is_ok(),
            })
        });
        let near = Near::start(config(liar.endpoint()));
        let mut client = near.client();
        assert_eq!(client.ask("GET k"), "+honest", "before {lie:?}");
        let reply = client.ask("SET lie v");
        assert!(reply.starts_with("-UPSTREAMLOST ") || reply == "+OK", "{lie:?}: {reply}");
        assert_eq!(client.ask("GET k"), "+honest", "after {lie:?}");
    }
}

#[test]
fn an_upstream_that_does_not_greet_is_down_in_time() {
    let liar = Liar::start(|_, _| true);
    let mut settings = config(liar.endpoint());
    (settings.upstream.connect_timeout, settings.upstream.timeout) = (ms(200), ms(400));
    let near = Near::start(settings);
    let start = Instant::now();
    let reply = near.client().ask("GET k");
    assert!(reply.starts_with("-UPSTREAMDOWN "), "{reply}");
    assert!(start.elapsed() < ms(5000), "{:?}", start.elapsed());
}

#[test]
fn an_upstream_without_resp3_is_named() {
    let liar = Liar::start(|stream, _| {
        stream.write_all(b"-ERR unknown command `HELLO`, with args beginning with:\r\n").is_ok()
    });
    let near = Near::start(config(liar.endpoint()));
    let reply = near.client().ask("GET k");
    assert!(reply.starts_with("-ERR the upstream does not speak RESP3"), "{reply}");
}

/// Attempts per lane are counted: a client that asks again at once must not make them more.
#[test]
fn nobody_storms_an_upstream_that_hangs_up() {
    type Script = fn(&mut TcpStream, &[String]) -> bool;
    let scripts: [(&str, Script); 4] = [
        ("closes at once", |_, _| false),
        ("greets and closes", |stream, words| {
            let greets = words[0] != "CONFIG";
            if !greets {
                let _ = stream.write_all(&[HELLO, b"%0\r\n"].concat());
            }
            greets
        }),
        ("refuses", |stream, _| stream.write_all(b"-WRONGPASS invalid\r\n").is_ok()),
        ("closes instead of answering", |stream, words| greet(stream, words).unwrap_or(false)),
    ];
    for (what, script) in scripts {
        let liar = Liar::start(script);
        let mut settings = config(liar.endpoint());
        settings.workers = 4;
        settings.upstream.timeout = ms(200);
        let near = Near::start(settings);
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = near.client();
                    while start.elapsed() < ms(2000) {
                        let reply = client.ask("SET k v");
                        assert!(reply.starts_with('-'), "{what}: {reply}");
                    }
                });
            }
        });
        // 20 ms doubling to 2 s, halved at most by jitter: about 12 in 2 s.
        let attempts = liar.connections.load(Ordering::Relaxed);
        assert!(attempts <= 4 * 16 + 1, "{what}: {attempts} attempts in 2 s");
    }
}

#[test]
fn a_silent_host_is_given_up_in_the_end() {
    // Answers once, then never again, but keeps the connection: a host that lost its power.
    let asked = Arc::new(AtomicUsize::new(0));
    let liar = Liar::start(move |stream, words| {
        greet(stream, words).unwrap_or_else(|| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            !first || stream.write_all(b"+first\r\n").is_ok()
        })
    });
    let mut settings = config(liar.endpoint());
    settings.workers = 1;
    settings.upstream.socket_timeout = ms(100);
    settings.upstream.health_check_interval = ms(200);
    let near = Near::start(settings);
    let mut client = near.client();
    assert_eq!(client.ask("GET k"), "+first");
    let before = liar.connections.load(Ordering::Relaxed);
    crate::rig::until("another connection is tried", || {
        assert!(client.ask("GET k").starts_with("-UPSTREAM"));
        liar.connections.load(Ordering::Relaxed) > before
    });
}
