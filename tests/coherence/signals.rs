//! Messages, popped elements and transactions tell somebody of a change: what is read after them
//! shows it, on whatever worker, in whatever database.

use crate::client::Client;
use crate::common::{Wire, eventually};
use crate::rig::{D, Scene, Setup, both, ms};

#[test]
fn s13_a_read_in_a_transaction_ends_the_session_s_own_hits() {
    both(|scene| {
        let [mut a, mut b] = [0, 0].map(|seat| scene.seat(seat));
        scene.e("SET k v0");
        scene.warm_all(std::slice::from_mut(&mut a), "GET k", "v0");
        let lane = scene.lane(&mut a);
        lane.down().hold();
        scene.e("SET k v1");
        // Somebody who knows of nothing may be told the old value, for a while.
        let (other, _) = scene.look(&mut b, "GET k");
        assert!(["v0", "v1"].contains(&other.as_str()), "{other}");
        assert_eq!(a.ask_each(&["MULTI", "GET k", "EXEC"]), ["OK", "QUEUED", "[v1]"]);
        assert_eq!(scene.ask_held(&mut a, "GET k"), "v1");
        lane.release();
        assert_eq!(scene.settled(&mut b, "GET k"), "v1");
    });
}

/// Everybody's `GET k` says `v0` and is a hit.
fn all_warm(scene: &Scene, clients: &mut [Client]) -> Vec<Wire> {
    scene.e("SET k v0");
    clients.iter_mut().for_each(|client| scene.settle(client));
    scene.warm_all(clients, "GET k", "v0");
    scene.lanes(clients)
}

/// A subscriber or consumer hears of a change while every lane is held: whoever reads then sees it.
fn nobody_is_told_too_early(scene: &Scene, b: &mut Client, wait: Option<&str>, cause: &str, heard: &str) {
    let mut readers = scene.seats();
    for reader in 0..readers.len() {
        let lanes = all_warm(scene, &mut readers);
        if let Some(wait) = wait {
            b.say(wait);
            scene.wait_blocked(1);
        }
        lanes.iter().for_each(|lane| lane.down().hold());
        let mut e = scene.direct();
        e.say_all(&["SET k v1", cause]);
        let reply = scene.reply_held(b);
        assert!(reply.contains(heard), "{reply}");
        assert_eq!(scene.ask_held(&mut readers[reader], "GET k"), "v1", "after {reply}");
        scene.relay.release();
    }
}

/// Found by the soak: the first message was passed on at once when it came in one read with the confirmation.
#[test]
fn s14e_a_message_that_comes_with_its_subscription_waits_as_well() {
    both(|scene| {
        let mut readers = scene.seats();
        for seat in 0..scene.workers {
            let lanes = all_warm(scene, &mut readers);
            let mut b = scene.seat(seat);
            b.ask("WATCH other");
            let own = scene.relay.wires().pop().expect("a connection of its own");
            own.down().hold();
            b.say("SUBSCRIBE c");
            eventually("it is subscribed", || (scene.e("PUBSUB NUMSUB c") == "[c 1]").then_some(()));
            lanes.iter().for_each(|lane| lane.down().hold());
            scene.direct().say_all(&["SET k v1", "PUBLISH c x"]);
            eventually("the message is there", || own.down().has(0, b"$7\r\nmessage").then_some(()));
            own.down().release();
            assert_eq!(b.reply(), "[subscribe c 1]");
            assert_eq!(scene.reply_held(&mut b), "[message c x]");
            for reader in &mut readers {
                assert_eq!(scene.ask_held(reader, "GET k"), "v1");
            }
            scene.relay.release();
        }
    });
}

#[test]
fn s14_who_acts_on_a_message_sees_what_caused_it() {
    both(|scene| {
        for seat in 0..scene.workers {
            let mut b = scene.seat(seat);
            b.ask("SUBSCRIBE c");
            nobody_is_told_too_early(scene, &mut b, None, "PUBLISH c x", "[message c x]");
            let mut b = scene.seat(seat);
            b.ask("PSUBSCRIBE c*");
            nobody_is_told_too_early(scene, &mut b, None, "PUBLISH c x", "[pmessage c* c x]");
            let mut b = scene.seat(seat);
            b.ask("SSUBSCRIBE s");
            nobody_is_told_too_early(scene, &mut b, None, "SPUBLISH s x", "[smessage s x]");
        }
    });
}

#[test]
fn s14b_who_acts_on_a_popped_element_sees_what_was_there_before() {
    both(|scene| {
        for seat in 0..scene.workers {
            for (wait, cause, heard) in [
                ("BRPOP q 0", "LPUSH q job", "[q job]"),
                ("BLMOVE q d LEFT LEFT 0", "LPUSH q job", "job"),
                ("BZPOPMAX z 0", "ZADD z 1 job", "[z job 1]"),
                ("XREAD BLOCK 0 STREAMS s $", "XADD s * f job", "job"),
            ] {
                let mut b = scene.seat(seat);
                nobody_is_told_too_early(scene, &mut b, Some(wait), cause, heard);
            }
        }
    });
}

#[test]
fn s14c_a_message_tells_of_another_database_too() {
    both(|scene| {
        let mut b = scene.seat(0);
        b.ask("SUBSCRIBE c");
        let mut readers = scene.seats();
        readers.iter_mut().for_each(|client| drop(client.ask("SELECT 5")));
        let mut e = scene.direct();
        e.ask("SELECT 5");
        for reader in 0..readers.len() {
            e.ask("SET k v0");
            readers.iter_mut().for_each(|client| scene.settle(client));
            scene.warm_all(&mut readers, "GET k", "v0");
            scene.lanes(&mut readers).iter().for_each(|lane| lane.down().hold());
            e.ask_all(&["SET k v1", "PUBLISH c x"]);
            assert_eq!(scene.reply_held(&mut b), "[message c x]");
            assert_eq!(scene.ask_held(&mut readers[reader], "GET k"), "v1");
            scene.relay.release();
        }
    });
}

#[test]
fn s14d_a_client_s_own_invalidation_tells_others_no_earlier_than_a_message_would() {
    both(|scene| {
        let (mut c, mut readers) = (scene.seat3(0), scene.seats());
        assert_eq!(c.ask("CLIENT TRACKING ON"), "OK");
        for reader in 0..readers.len() {
            let lanes = all_warm(scene, &mut readers);
            c.ask("GET k");
            lanes.iter().for_each(|lane| lane.down().hold());
            scene.e("SET k v1");
            assert_eq!(scene.reply_held(&mut c), ">[invalidate [k]]");
            assert_eq!(scene.ask_held(&mut readers[reader], "GET k"), "v1");
            scene.relay.release();
        }
    });
}

#[test]
fn s15_a_keyspace_message_is_no_earlier_than_the_change() {
    Setup::new().args(&["--notify-keyspace-events", "KEA"]).run(|scene| {
        for (kind, channel, heard) in [
            ("SUBSCRIBE", "__keyspace@0__:k", "set]"),
            ("PSUBSCRIBE", "__key*__:*", "__keyspace@0__:k set]"),
            ("SUBSCRIBE", "__keyevent@0__:set", "k]"),
        ] {
            for seat in 0..scene.workers {
                let mut b = scene.seat(seat);
                let mut readers = scene.seats();
                let lanes = all_warm(scene, &mut readers);
                b.ask(&format!("{kind} {channel}"));
                lanes.iter().for_each(|lane| lane.down().hold());
                scene.e("SET k v1");
                let reply = scene.reply_held(&mut b);
                assert!(reply.ends_with(heard), "{reply}");
                for reader in &mut readers {
                    assert_eq!(scene.ask_held(reader, "GET k"), "v1");
                }
                scene.relay.release();
            }
        }
    });
}

#[test]
fn s15b_a_subscriber_that_reads_on_the_same_connection_sees_it() {
    both(|scene| {
        for seat in 0..scene.workers {
            let mut b = scene.seat3(seat);
            scene.e("SET k v0");
            b.ask("SUBSCRIBE c");
            assert_eq!(b.ask("GET k"), "v0");
            for turn in 0..50 {
                let mut e = scene.direct();
                e.say_all(&[&format!("SET k {turn}"), "PUBLISH c x"]);
                assert_eq!(b.reply(), ">[message c x]");
                assert_eq!(b.ask("GET k"), turn.to_string());
                assert_eq!(b.ask("GET k"), turn.to_string());
            }
        }
    });
}

#[test]
fn s16_the_payload_of_a_job_is_there_when_the_job_is() {
    both(|scene| {
        let [mut b, mut same, mut other] = [0, 0, 1].map(|seat| scene.seat(seat));
        let (mut a, mut e) = (scene.seat(1), scene.direct());
        for turn in 0..150 {
            let read = format!("GET payload:{turn}");
            for client in [&mut same, &mut other] {
                assert_eq!(client.ask(&read), "nil");
                assert_eq!(client.ask(&read), "nil");
            }
            b.say("BLPOP q 0");
            let writer = if turn % 2 == 0 { &mut e } else { &mut a };
            writer.say_all(&["MULTI", &format!("SET payload:{turn} v"), "LPUSH q job", "EXEC"]);
            assert_eq!(b.reply(), "[q job]");
            assert_eq!([&mut other, &mut same, &mut b].map(|client| client.ask(&read)), ["v"; 3]);
            (0..4).for_each(|_| drop(writer.reply()));
        }
    });
}

#[test]
fn s17_who_popped_an_element_does_not_find_it_again() {
    both(|scene| {
        let (mut a, mut readers) = (scene.seat(0), scene.seats());
        for _ in 0..100 {
            for reader in &mut readers {
                assert_eq!(reader.ask("LLEN q"), "0");
                assert_eq!(reader.ask("LRANGE q 0 -1"), "[]");
            }
            a.say("BLPOP q 0");
            scene.wait_blocked(1);
            scene.e("RPUSH q x");
            assert_eq!(a.reply(), "[q x]");
            for reader in &mut readers {
                assert_eq!(reader.ask("LLEN q"), "0");
                assert_eq!(reader.ask("LRANGE q 0 -1"), "[]");
            }
        }
    });
}

/// What blocks, what wakes it, what is warm, and what that says after.
const MOVES: &[(&str, &str, &str, &str)] = &[
    ("BLMOVE q d LEFT LEFT 0", "RPUSH q x", "LRANGE d 0 -1", "[x]"),
    ("BRPOPLPUSH q d 0", "RPUSH q x", "LLEN d", "1"),
    ("BLMPOP 0 2 q d LEFT", "RPUSH d x y", "LRANGE d 0 -1", "[y]"),
    ("BZPOPMIN z 0", "ZADD z 1 a 2 b", "ZRANGE z 0 -1", "[b]"),
    ("BZPOPMAX z 0", "ZADD z 1 a 2 b", "ZCARD z", "1"),
    ("BZMPOP 0 1 z MIN", "ZADD z 1 a 2 b", "ZSCORE z a", "nil"),
    ("XREADGROUP GROUP g me BLOCK 0 STREAMS s >", "XADD s 1-1 f v", "XLEN s", "1"),
];

#[test]
fn s18_what_a_blocked_command_did_is_seen_after_its_reply() {
    both(|scene| {
        let (mut a, mut readers) = (scene.seat(0), scene.seats());
        for &(blocks, wakes, read, after) in MOVES {
            for turn in 0..6 {
                scene.e("FLUSHALL");
                scene.e("XGROUP CREATE s g 0 MKSTREAM");
                for reader in &mut readers {
                    scene.settle(reader);
                    scene.warm(reader, read);
                }
                a.say(blocks);
                scene.wait_blocked(1);
                if turn % 2 == 0 {
                    scene.lanes(&mut readers).iter().for_each(|lane| lane.down().hold());
                }
                scene.e(wakes);
                assert_ne!(scene.reply_held(&mut a), "nil");
                for reader in &mut readers {
                    assert_eq!(scene.ask_held(reader, read), after, "{blocks}; {wakes}; {read}");
                }
                scene.relay.release();
            }
        }
    });
}

#[test]
fn s18b_a_writer_s_own_reply_is_not_kept_back_for_long() {
    // A fence that no lane answers has a deadline: the message goes out, the lane's entries do not.
    both(|scene| {
        let mut readers = scene.seats();
        let lanes = all_warm(scene, &mut readers);
        let mut b = scene.seat(0);
        b.ask("SUBSCRIBE c");
        lanes.iter().for_each(|lane| lane.down().hold());
        let since = std::time::Instant::now();
        scene.e("PUBLISH c x");
        assert_eq!(b.reply_within(ms(5000)).as_deref(), Some("[message c x]"));
        assert!(since.elapsed() < ms(1000) + D, "{:?}", since.elapsed());
        scene.relay.release();
    });
}
