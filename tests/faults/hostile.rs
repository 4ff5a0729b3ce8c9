//! Clients that send nonsense, half of it, or nothing, and clients that leave.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;

use crate::rig::{Client, Near, Redis, config, encode, ms, request, until};

/// What a peer says to `bytes` until it closes, or is silent for a while.
fn says(port: u16, bytes: &[u8]) -> (String, bool) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(ms(300))).unwrap();
    let _ = stream.write_all(bytes);
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    let closed = loop {
        match stream.read(&mut chunk) {
            Ok(0) => break true,
            Ok(n) => all.extend_from_slice(&chunk[..n]),
            Err(error) => break error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    };
    (String::from_utf8_lossy(&all).into_owned(), closed)
}

#[test]
fn nonsense_gets_rediss_words_and_the_door() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let inline = vec![b'a'; 70_000]; // and no end of line
    let nested = b"*1\r\n".repeat(1000);
    let cases: [(&[u8], &str, bool); 10] = [
        (b"*1\r\n$99999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n", true),
        (b"*99999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n", true),
        (b"*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n", true),
        (&nested, "-ERR Protocol error: expected '$', got '*'\r\n", true),
        (b"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n", true),
        (b"SET \"k\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n", true),
        (&inline, "-ERR Protocol error: too big inline request\r\n", true),
        (b"*2\r\n$4\r\nECHO\r\n$3\r\n\0\r\n\r\n", "$3\r\n\0\r\n\r\n", false),
        (b"\r\n\r\n*0\r\n*-1\r\nPING\r\n", "+PONG\r\n", false),
        (b"PING\r\n*2\r\n$4\r\nECHO\r\n$500\r\nabc", "+PONG\r\n", false),
    ];
    for (bytes, reply, closes) in cases {
        let (said, closed) = says(near.port(), bytes);
        assert_eq!(
            (&*said, closed),
            (reply, closes),
            "{:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(60)])
        );
    }
    assert_eq!(near.client().ask("PING"), "+PONG");
}

#[test]
fn a_request_may_come_byte_by_byte_and_its_reply_follow_a_half_close() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let mut client = near.client();
    for byte in [request("SET k v"), b"GET k\r\n".to_vec()].concat() {
        client.write(&[byte]);
        sleep(ms(1));
    }
    assert_eq!((client.reply(), client.reply()), ("+OK".into(), "v".into()));
    for lines in
        [&["PING"][..], &["GET k", "MULTI", "GET k", "EXEC", "GET k"], &["EVAL return(1) 0", "SET k v"]]
    {
        let mut client = near.client();
        let packet: Vec<u8> = lines.iter().flat_map(|line| request(line)).collect();
        client.write(&packet);
        client.half_close();
        for line in lines {
            assert!(!client.reply().starts_with('-'), "{line}");
        }
        assert!(client.is_closed());
    }
}

#[test]
fn who_leaves_while_blocked_loses_nothing_for_others() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    let blocked = || redis.of_proxy().iter().filter(|line| line.contains("flags=b")).count();
    // With nothing, something that waits, and more than may overtake behind the blocking command.
    for behind in [vec![], vec!["CLIENT ID"], vec!["GET k"; 200]] {
        for half in [true, false] {
            let mut client = near.client();
            let mut packet = request("BRPOP l 0");
            behind.iter().for_each(|line| packet.extend(request(line)));
            client.write(&packet);
            until("it blocks", || blocked() == 1);
            if half {
                client.half_close();
            } else {
                drop(client);
            }
            until("it is unblocked", || blocked() == 0);
        }
    }
    let mut client = near.client();
    assert_eq!(client.ask("LPUSH l x"), ":1");
    assert_eq!(client.ask("RPOP l"), "x");
    until("nothing stays pinned but what may be used again", || near.connections().1 <= 32);
}

#[test]
fn who_leaves_in_the_middle_costs_nobody_anything() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    near.client().write(&encode(&[b"SET", b"big", &vec![b'b'; 5 << 20]]));
    let scripts: [&[u8]; 7] = [
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\nabc",
        b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n",
        b"MULTI\r\nINCR n\r\n",
        b"MULTI\r\nINCR n\r\nEX",
        b"WATCH k\r\nMULTI\r\n",
        b"SUBSCRIBE c\r\nPING\r\n",
        b"*100000\r\n$3\r\nDEL\r\n",
    ];
    for round in 0..10 {
        for script in scripts {
            let mut stream = TcpStream::connect(("127.0.0.1", near.port())).unwrap();
            stream.write_all(script).unwrap();
            if round % 2 == 0 {
                sleep(ms(5));
            }
            if round % 3 == 0 {
                // With data unread, closing resets.
                socket2::SockRef::from(&stream).set_linger(Some(ms(0))).unwrap();
            }
        }
    }
    let mut client = near.client();
    assert_eq!(client.ask("INCR n"), ":1", "no transaction ran");
    until("no lease leaks", || {
        redis.of_proxy().iter().all(|line| line.contains("multi=-1") && !line.contains("sub=1"))
    });
    for _ in 0..20 {
        assert_eq!(client.ask("MULTI"), "+OK");
        assert_eq!(client.ask("EXEC"), "[]");
    }
}

#[test]
fn connections_come_and_go() {
    let redis = Redis::start(&[]);
    let near = Near::before(&redis);
    for i in 0..3000 {
        let mut stream = TcpStream::connect(("127.0.0.1", near.port())).unwrap();
        match i % 3 {
            0 => {}
            1 => stream.write_all(b"PING\r\n").unwrap(),
            _ => stream.shutdown(Shutdown::Both).unwrap_or(()),
        }
    }
    let mut client = near.client();
    until("all are gone", || client.ask("NEARSIDE INFO").contains("nearside_connected_clients:1\r\n"));
}

#[test]
fn a_process_without_files_left_serves_on_when_some_are_back() {
    let redis = Redis::start(&[]);
    let socket = crate::rig::Dir::new();
    let listen = socket.0.join("n");
    let script = format!(
        "ulimit -n 64; exec {} --workers 1 --listen unix:{} --upstream unix://{}",
        env!("CARGO_BIN_EXE_nearside"),
        listen.display(),
        redis.socket().display()
    );
    let mut child =
        // Whatever settings the runner's own environment holds are not for this one.
        Command::new("sh").args(["-c", &script]).env_clear().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it listens", || Client::at(&listen).and_then(|mut c| c.try_ask("PING")).is_ok());
    let mut first = Client::at(&listen).unwrap();
    assert_eq!(first.ask("SET k v"), "+OK");
    let hogs: Vec<_> = (0..100).filter_map(|_| Client::at(&listen).ok()).collect();
    sleep(ms(300));
    assert_eq!(first.ask("GET k"), "v", "who is in is served");
    let reply = first.ask("BLPOP none 0.01");
    assert!(reply == "nil" || reply.starts_with("-UPSTREAMDOWN "), "{reply}");
    drop(hogs);
    until("it takes clients again", || {
        Client::at(&listen).and_then(|mut c| c.try_ask("GET k")).is_ok_and(|v| v == "v")
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_monitor_that_does_not_read_costs_no_memory_here() {
    let redis = Redis::start(&[]);
    let mut settings = config(redis.endpoint());
    settings.workers = 1;
    settings.client_output_buffer_limit.pubsub.hard = 1 << 20;
    let near = Near::start(settings);
    let (mut ours, mut upstreams) = (near.client(), near.client());
    assert_eq!(ours.ask("MONITOR"), "+OK");
    assert_eq!(upstreams.ask("NEARSIDE MONITOR UPSTREAM"), "+OK");
    let mut busy = near.client();
    let value = vec![b'v'; 100_000];
    for _ in 0..600 {
        busy.write(&encode(&[b"SET", b"k", &value]));
        assert_eq!(busy.reply(), "+OK");
    }
    // Both are cut, after what fitted the limit and the sockets; nobody else minds.
    for mut deaf in [ours, upstreams] {
        let mut lines = 0;
        while deaf.try_reply().is_ok() {
            lines += 1;
        }
        assert!(lines < 300, "{lines}");
    }
    assert_eq!(busy.ask("STRLEN k"), ":100000");
}
