//! Time: nothing outlives its TTL, however slow the lane, whoever shortens it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::rig::{D, Scene, Setup, both, ms, short_staleness};

/// The server counts in whole milliseconds, and to the end of the last.
const GRAIN: Duration = Duration::from_millis(3);

/// Reads with everybody until `end`; every read that starts at `over` or later must say `gone`.
fn gone_after(clients: &mut [Client], read: &str, over: Instant, end: Instant, gone: &str) {
    while Instant::now() < end {
        for client in clients.iter_mut() {
            let started = Instant::now();
            let said = client.ask(read);
            assert!(started < over + GRAIN || said == gone, "{read}: {said} {:?} too late", started - over);
        }
        sleep(ms(1));
    }
}

#[test]
fn s27_no_read_that_starts_after_the_expiry_finds_the_value() {
    both(|scene| {
        // Nobody but a reader notices: there is no push.
        scene.e("DEBUG SET-ACTIVE-EXPIRE 0");
        let (mut a, mut readers) = (scene.seat(0), scene.seats());
        for slow in [false, true] {
            assert_eq!(a.ask("SET k v PX 300"), "OK");
            let over = Instant::now() + ms(300);
            if slow {
                scene.lanes(&mut readers).iter().for_each(|lane| lane.down().delay(ms(120)));
                readers.iter_mut().for_each(|reader| reader.say("GET k"));
                readers.iter_mut().for_each(|reader| assert_eq!(reader.reply(), "v"));
            } else {
                scene.warm_all(&mut readers, "GET k", "v");
            }
            scene.relay.release();
            gone_after(&mut readers, "GET k", over, over + ms(150), "nil");
        }
    });
}

#[test]
fn s27b_a_key_is_no_hit_longer_than_the_server_keeps_it() {
    both(|scene| {
        scene.e("DEBUG SET-ACTIVE-EXPIRE 0");
        let mut readers = scene.seats();
        for (set, read, gone) in [
            ("SET k v PX 120", "STRLEN k", "0"),
            ("SET k v PX 120", "EXISTS k", "0"),
            ("SET k v PX 120", "TYPE k", "none"),
            ("SET k v PX 120", "MGET k", "[nil]"),
        ] {
            scene.e("DEL k");
            readers.iter_mut().for_each(|reader| scene.settle(reader));
            assert_eq!(scene.e(set), "OK");
            let over = Instant::now() + ms(120);
            readers.iter_mut().for_each(|reader| drop((reader.ask(read), reader.ask(read))));
            gone_after(&mut readers, read, over, over + ms(60), gone);
        }
    });
}

#[test]
fn s28_a_ttl_that_is_set_later_holds() {
    Setup::new().tune(short_staleness).run(|scene| {
        scene.e("DEBUG SET-ACTIVE-EXPIRE 0");
        let (mut a, mut readers) = (scene.seat(0), scene.seats());
        for own in [true, false] {
            scene.e("SET k v");
            readers.iter_mut().for_each(|reader| scene.settle(reader));
            scene.warm_all(&mut readers, "GET k", "v");
            assert_eq!(if own { a.ask("PEXPIRE k 50") } else { scene.e("PEXPIRE k 50") }, "1");
            let over = Instant::now() + ms(50) + if own { Duration::ZERO } else { D };
            gone_after(&mut readers, "GET k", over, over + ms(60), "nil");
        }
        // One that is taken back does not.
        scene.e("SET k v PX 600");
        readers.iter_mut().for_each(|reader| scene.settle(reader));
        readers.iter_mut().for_each(|reader| assert_eq!(reader.ask("GET k"), "v"));
        assert_eq!(a.ask("PERSIST k"), "1");
        sleep(ms(650));
        scene.warm_all(&mut readers, "GET k", "v");
    });
}

/// Reads of a hash, what they say with fields `f` and `g`, and without `f`.
const FIELDS: &[(&str, &str, &str)] = &[
    ("HGET", "v", "nil"),
    ("HMGET", "[v w]", "[nil w]"),
    ("HEXISTS", "1", "0"),
    ("HSTRLEN", "1", "0"),
    ("HGETALL", "[f v g w]", "[g w]"),
    ("HKEYS", "[f g]", "[g]"),
    ("HVALS", "[v w]", "[w]"),
];

fn read_of(command: &str) -> String {
    let fields = match command {
        "HGET" | "HEXISTS" | "HSTRLEN" => " f",
        "HMGET" => " f g",
        _ => "",
    };
    format!("{command} {}{fields}", hash_of(command))
}

fn hash_of(command: &str) -> String {
    format!("hash:{command}")
}

/// Who gives the fields their time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// A client of the proxy, when they are warm.
    Client,
    /// Somebody else, when they are warm.
    Other,
    /// Somebody else, before they are read: no push will tell.
    Before,
}

const LIFE: Duration = Duration::from_millis(150);

fn fields_expire(scene: &Scene) {
    scene.e("HSET h f v");
    if scene.e("HPEXPIRE h 100 FIELDS 1 f").starts_with("-ERR unknown") {
        return;
    }
    scene.e("DEBUG SET-ACTIVE-EXPIRE 0");
    for who in [Who::Client, Who::Other, Who::Before] {
        let (mut a, mut readers) = (scene.seat(0), scene.seats());
        scene.e("FLUSHALL");
        for (command, ..) in FIELDS {
            scene.e(&format!("HSET {} f v g w", hash_of(command)));
        }
        let expire = |ask: &mut dyn FnMut(&str) -> String| {
            for (command, ..) in FIELDS {
                assert_eq!(ask(&format!("HPEXPIRE {} 150 FIELDS 1 f", hash_of(command))), "[1]");
            }
            Instant::now()
        };
        readers.iter_mut().for_each(|reader| scene.settle(reader));
        let mut set = (who == Who::Before).then(|| expire(&mut |line| scene.e(line)));
        for reader in &mut readers {
            for (command, before, _) in FIELDS {
                let said = [reader.ask(&read_of(command)), reader.ask(&read_of(command))];
                assert!(said == [*before; 2] || set.is_some_and(|set| set.elapsed() > LIFE / 2), "{said:?}");
            }
        }
        match who {
            Who::Client => set = Some(expire(&mut |line| a.ask(line))),
            Who::Other => set = Some(expire(&mut |line| scene.e(line)) + (D - LIFE)),
            Who::Before => {}
        }
        let over = set.expect("it is set") + LIFE;
        while over.elapsed() < ms(60) {
            for reader in &mut readers {
                for (command, _, after) in FIELDS {
                    let started = Instant::now();
                    let said = reader.ask(&read_of(command));
                    assert!(
                        started < over + GRAIN || said == *after,
                        "{who:?}: {command}: {said} {:?} late",
                        started - over
                    );
                }
            }
        }
    }
    // Who counts expired fields counts as the server does.
    for reader in &mut scene.seats() {
        assert_eq!(reader.ask("HLEN hash:HGET"), scene.e("HLEN hash:HGET"));
    }
}

#[test]
fn s29_no_field_outlives_its_own_ttl() {
    Setup::new().tune(short_staleness).run_on_all(fields_expire);
}
