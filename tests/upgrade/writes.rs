//! Reading one's writes across a hand-over, with the cache on: whoever reads after a write was acknowledged, by
//! whichever process, sees it or a later one.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nearside::resp::request::encode;

use crate::common::{PATIENCE, Place, Relay, Run, Talk, binary};
use crate::rig::{Rig, figure, reply_or_end, send, until_alone, until_connected};
use crate::takeover::{CACHING, until_hit};

const KEYS: usize = 4;
/// Reads that one client keeps on their way: as long as it is owed something, its process cannot end it.
const WINDOW: usize = 8;

/// The last acknowledged value of each key.
type Acked = Arc<[AtomicU64; KEYS]>;

fn number(reply: &[u8]) -> u64 {
    let text = std::str::from_utf8(reply).expect("text");
    text.lines().nth(1).and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("{text:?}"))
}

/// Writes one key after the other, on a connection for each round or on one for as long as it lasts.
fn write(place: &Place, acked: &Acked, over: &AtomicBool, hops: bool) {
    let (mut talk, mut n) = (Talk::connect(place), 0);
    while !over.load(Ordering::Relaxed) {
        n += 1;
        for key in 0..KEYS {
            let set = encode(&[b"SET", format!("k{key}").as_bytes(), n.to_string().as_bytes()]);
            while send(&mut talk, &set).is_err() || reply_or_end(&mut talk).is_none() {
                talk = Talk::connect(place);
            }
            acked[key].store(n, Ordering::SeqCst);
        }
        if hops {
            talk = Talk::connect(place);
        }
    }
}

/// Reads without a pause, and so stays with its process for as long as that lets it. Answers how many replies it
/// has had.
fn read(place: &Place, acked: &Acked, over: &AtomicBool, hops: bool) -> u64 {
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        let mut talk = Talk::connect(place);
        let mut expected = VecDeque::new();
        let ask = |talk: &mut Talk, expected: &mut VecDeque<(usize, u64)>| {
            let key = fastrand::usize(..KEYS);
            // What is acknowledged by now is the least that may be read.
            expected.push_back((key, acked[key].load(Ordering::SeqCst)));
            send(talk, &encode(&[b"GET", format!("k{key}").as_bytes()])).is_ok()
        };
        let mut open = (0..WINDOW).all(|_| ask(&mut talk, &mut expected));
        let rounds = if hops { 50 } else { u64::MAX };
        for _ in 0..rounds {
            if !open || over.load(Ordering::Relaxed) {
                break;
            }
            let (Some(reply), Some((key, least))) = (reply_or_end(&mut talk), expected.pop_front()) else {
                break;
            };
            let got = number(&reply);
            assert!(got >= least, "k{key}: read {got} after {least} was acknowledged");
            count += 1;
            open = ask(&mut talk, &mut expected);
        }
    }
    count
}

#[test]
fn nobody_reads_what_was_before_a_write_they_know_of() {
    let rig = Rig::new();
    let mut flags = CACHING.to_vec();
    flags.extend(["--drain-timeout", "1s"]);
    let mut old = rig.start_next(&flags);
    let mut control = rig.server.connect();
    (0..KEYS).for_each(|key| drop(control.ask(&["SET", &format!("k{key}"), "0"])));
    let (acked, over) = (Acked::default(), Arc::new(AtomicBool::new(false)));
    let mut writers = Vec::new();
    let mut readers = Vec::new();
    for hops in [true, false] {
        let (place, acked, over) = (rig.place(), Arc::clone(&acked), Arc::clone(&over));
        // One writer only: what it wrote last is the last.
        if hops {
            let (place, acked, over) = (place.clone(), Arc::clone(&acked), Arc::clone(&over));
            writers.push(std::thread::spawn(move || write(&place, &acked, &over, true)));
        }
        for _ in 0..2 {
            let (place, acked, over) = (place.clone(), Arc::clone(&acked), Arc::clone(&over));
            readers.push(std::thread::spawn(move || read(&place, &acked, &over, hops)));
        }
    }
    for _ in 0..4 {
        let mut new = rig.start_next(&flags);
        assert!(old.end().success());
        until_alone(&mut new);
        until_hit(&mut rig.connect(), "k0");
        old = new;
    }
    over.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().expect("no error at the client"));
    let counts = readers.into_iter().map(|reader| reader.join().expect("no older value"));
    assert!(counts.sum::<u64>() > 1000);
}

/// The one case in which it matters, made to last: the old process has not heard of a write that the new one has
/// acknowledged, and one of its clients reads. `None`: that client was too late.
fn read_from_the_old_one() -> Option<Vec<u8>> {
    let rig = Rig::new();
    let relay = Relay::before(&rig.server.place());
    let mut old = binary();
    old.args(["--listen", &format!("127.0.0.1:{}", rig.port), "--admin-listen", "none"]);
    old.args(["--upstream", &format!("redis://127.0.0.1:{}", relay.place().port())]);
    // What it is vouched for now it is vouched for long enough.
    old.args(CACHING).args(["--set", "cache.max_staleness=10s", "--takeover"]).arg(rig.takeover());
    let mut old = Run::start(&mut old);
    old.says("listening on");
    let mut warm = rig.connect();
    assert_eq!(warm.ask(&["SET", "k", "before"]), b"+OK\r\n");
    until_hit(&mut warm, "k");
    let mut late = rig.connect();
    until_connected(&mut warm, 2);
    relay.lanes().iter().for_each(|lane| lane.down().hold());
    let hits = figure(&mut warm, "cache_hits");
    assert_eq!(warm.ask(&["GET", "k"]), b"$6\r\nbefore\r\n");
    assert_ne!(figure(&mut warm, "cache_hits"), hits, "it needs no server for this");
    let _new = rig.start_next(&CACHING);
    assert_eq!(rig.connect().ask(&["SET", "k", "after"]), b"+OK\r\n");
    send(&mut late, &encode(&[b"GET", b"k"])).ok()?;
    late.set_patience(Duration::from_millis(200));
    // Nothing comes for as long as the server is not heard.
    let early = late.try_reply();
    if early.as_ref().is_err_and(|error| error.kind() == ErrorKind::UnexpectedEof) {
        return None;
    }
    relay.lanes().iter().for_each(|lane| lane.down().release());
    late.set_patience(PATIENCE);
    early.ok().or_else(|| reply_or_end(&mut late))
}

#[test]
fn the_old_one_gives_out_nothing_that_was_changed_through_the_next_one() {
    let read = (0..20).find_map(|_| read_from_the_old_one()).expect("in time, once");
    assert_eq!(String::from_utf8_lossy(&read), "$5\r\nafter\r\n");
}
