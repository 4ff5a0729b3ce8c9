//! Nobody notices a change that does not concern him.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::{Talk, eventually};
use crate::scene::{Scene, ask};

const CLIENTS: usize = 24;
const RELOADS: usize = 50;

/// Settings that differ from one reload to the next in what none of the clients does.
fn text(round: usize) -> String {
    let odd = round % 2;
    format!(
        "maxclients = {}\ntimeout = {}\n\
         [rules]\nblock = [\"{}\"]\nmax_key = {}\n[[rules.deny]]\nname = \"d{round}\"\ncommands = [\"SORT\"]\n\
         [rules.rename]\nLOLWUT = \"ART{odd}\"\n\
         [[rates]]\nname = \"r\"\nper = \"client\"\nrate = \"{}/s\"\n\
         [[rates]]\nname = \"same\"\nper = \"key\"\nrate = \"1000000/s\"\n\
         [limits]\nsession_inflight = {}\n[cache]\nadmit_after = 1\nexclude = [\"x{round}:*\"]\n\
         max_staleness = \"{}ms\"\n[upstream]\nsocket_timeout = \"{}s\"\nmax_pinned = {}\n",
        1000 + round,
        1000 + round,
        ["KEYS", "DEBUG"][odd],
        1000 + round,
        1_000_000 + round,
        500 + round,
        500 + 100 * odd,
        30 + round,
        100 + round,
    )
}

#[test]
fn fifty_reloads_under_load_cost_nobody_a_reply_or_a_connection() {
    let scene = Scene::new(&text(0));
    let (over, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut blocked, mut open, mut listener) = (scene.connect(), scene.connect(), scene.connect());
    blocked.say(&["BRPOP", "queue", "0"]);
    assert_eq!(ask(&mut open, "MULTI"), "+OK\r\n");
    assert_eq!(ask(&mut open, "INCR opened"), "+QUEUED\r\n");
    assert!(ask(&mut listener, "SUBSCRIBE news").contains("subscribe"));
    let clients: Vec<Talk> = (0..CLIENTS).map(|_| scene.connect()).collect();
    let mut speaker = scene.connect();
    assert_eq!(ask(&mut speaker, "PING"), "+PONG\r\n");
    let received = || scene.figure("total_connections_received").parse::<u64>().expect("a number");
    let before = received();
    std::thread::scope(|scope| {
        for (number, mut talk) in clients.into_iter().enumerate() {
            let (over, done) = (&over, &done);
            scope.spawn(move || {
                let mut round = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    round += 1;
                    let (key, value) = (format!("k{}:{number}", round % 8), format!("{round}"));
                    assert_eq!(talk.ask(&["SET", &key, &value]), b"+OK\r\n");
                    talk.send(
                        &[request(&["GET", &key]), request(&["INCR", "all"]), request(&["GET", &key])]
                            .concat(),
                    );
                    let told = format!("${}\r\n{value}\r\n", value.len());
                    assert_eq!(talk.reply(), told.as_bytes());
                    assert!(talk.reply().starts_with(b":"));
                    assert_eq!(talk.reply(), told.as_bytes());
                    if round.is_multiple_of(16) {
                        let all = [request(&["MULTI"]), request(&["GET", &key]), request(&["EXEC"])].concat();
                        talk.send(&all);
                        assert_eq!(talk.reply(), b"+OK\r\n");
                        assert_eq!(talk.reply(), b"+QUEUED\r\n");
                        assert_eq!(talk.reply(), format!("*1\r\n{told}").as_bytes());
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=RELOADS {
            let so_far = done.load(Ordering::Relaxed);
            let reloaded = scene.apply(&text(round));
            assert!(reloaded.applied.len() >= 8, "{reloaded:?}");
            assert!(reloaded.needs_restart.is_empty(), "{reloaded:?}");
            assert_eq!(ask(&mut speaker, &format!("PUBLISH news {round}")), ":1\r\n");
            eventually("all go on", || {
                (done.load(Ordering::Relaxed) > so_far + CLIENTS as u64).then_some(())
            });
        }
        over.store(true, Ordering::Relaxed);
    });
    for round in 1..=RELOADS {
        let heard = String::from_utf8_lossy(&listener.reply()).into_owned();
        assert!(heard.ends_with(&format!("\r\n{round}\r\n")), "{heard}");
    }
    assert_eq!(ask(&mut speaker, "LPUSH queue x"), ":1\r\n");
    assert_eq!(blocked.reply(), b"*2\r\n$5\r\nqueue\r\n$1\r\nx\r\n");
    assert_eq!(ask(&mut open, "EXEC"), "*1\r\n:1\r\n");
    // Who asks for figures has a connection of its own each time.
    assert_eq!(received(), before + 1);
}

fn request(words: &[&str]) -> Vec<u8> {
    nearside::resp::request::encode(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
}
