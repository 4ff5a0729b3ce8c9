//! Sessions that are not plain: transactions, watched keys, tracking of their own, silenced replies.

use crate::rig::{Setup, both};

#[test]
fn s22_who_watches_a_key_reads_it_at_the_server() {
    both(|scene| {
        let mut a = scene.seat(0);
        for changed in [false, true] {
            scene.e("SET k v0");
            scene.settle(&mut a);
            assert_eq!(scene.warm(&mut a, "GET k"), "v0");
            let lane = scene.lane(&mut a);
            lane.down().hold();
            scene.e("SET k v1");
            assert_eq!(a.ask_all(&["WATCH k", "GET k"]), ["OK", "v1"]);
            if changed {
                scene.e("SET k v2");
            }
            let exec = if changed { "nil" } else { "[OK]" };
            assert_eq!(a.ask_all(&["MULTI", "SET k mine", "EXEC"]), ["OK", "QUEUED", exec]);
            assert_eq!(scene.ask_held(&mut a, "GET k"), if changed { "v2" } else { "mine" });
            scene.relay.release();
        }
    });
}

#[test]
fn s40_a_client_s_own_tracking_works_and_its_reads_reach_the_server() {
    both(|scene| {
        let (mut a, mut c) = (scene.seat(1), scene.seat3(0));
        scene.e("SET k v0");
        scene.warm(&mut a, "GET k");
        scene.warm(&mut c, "GET k");
        for (on, caching) in [("ON", false), ("ON OPTIN", true), ("ON BCAST", false), ("ON OPTOUT", false)] {
            assert_eq!(c.ask(&format!("CLIENT TRACKING {on}")), "OK");
            for turn in 0..5 {
                if caching {
                    assert_eq!(c.ask("CLIENT CACHING YES"), "OK");
                }
                let (_, hit) = scene.look(&mut c, "GET k");
                assert!(!hit, "the server must know what {on} reads");
                assert_eq!(a.ask(&format!("SET k {turn}")), "OK");
                assert_eq!(c.reply(), ">[invalidate [k]]", "{on}");
                assert_eq!(c.ask("PING"), "PONG", "and only once");
            }
            assert_eq!(c.ask("CLIENT TRACKING OFF"), "OK");
        }
    });
}

#[test]
fn s40b_a_redirect_between_two_clients_of_resp2_works() {
    both(|scene| {
        let [mut a, mut reader, mut ear] = [1, 0, 0].map(|seat| scene.seat(seat));
        let id = ear.ask("CLIENT ID");
        assert_eq!(ear.ask("SUBSCRIBE __redis__:invalidate"), "[subscribe __redis__:invalidate 1]");
        assert_eq!(reader.ask(&format!("CLIENT TRACKING ON REDIRECT {id}")), "OK");
        for turn in 0..5 {
            let (_, hit) = scene.look(&mut reader, "GET k");
            assert!(!hit);
            a.ask(&format!("SET k {turn}"));
            assert_eq!(ear.reply(), "[message __redis__:invalidate [k]]");
        }
    });
}

#[test]
fn s44_in_a_transaction_a_warm_read_is_queued_and_after_it_is_a_hit_again() {
    both(|scene| {
        let mut a = scene.seat(0);
        scene.e("SET k v");
        for end in [&["DISCARD"][..], &["EXEC"], &["RESET"], &["SET", "EXEC"]] {
            assert_eq!(scene.warm(&mut a, "GET k"), "v");
            assert_eq!(a.ask("MULTI"), "OK");
            assert_eq!(a.ask_all(&["GET k", "GET k"]), ["QUEUED", "QUEUED"]);
            let last = end.iter().map(|line| a.ask(line)).last().unwrap();
            match *end {
                ["EXEC"] => assert_eq!(last, "[v v]"),
                ["RESET"] => assert_eq!(last, "RESET"),
                ["SET", "EXEC"] => assert!(last.starts_with("-EXECABORT"), "{last}"),
                _ => assert_eq!(last, "OK"),
            }
            assert_eq!(scene.warm(&mut a, "GET k"), "v", "{end:?}");
        }
        // In one packet, too.
        let said = a.ask_all(&["GET k", "MULTI", "GET k", "SET k w", "GET k", "EXEC", "GET k"]);
        assert_eq!(said, ["v", "OK", "QUEUED", "QUEUED", "QUEUED", "[v OK w]", "w"]);
    });
}

#[test]
fn s45_a_write_that_gets_no_reply_is_seen_by_what_follows() {
    both(|scene| {
        for turn in 0..20 {
            let (mut a, value) = (scene.seat(0), format!("v{turn}"));
            scene.warm(&mut a, "GET k");
            a.say_all(&["CLIENT REPLY SKIP", &format!("SET k {value}"), "GET k"]);
            assert_eq!(a.reply(), value);
            let value = format!("w{turn}");
            a.say_all(&["CLIENT REPLY OFF", &format!("SET k {value}"), "GET k", "CLIENT REPLY ON", "GET k"]);
            assert_eq!([a.reply(), a.reply()], ["OK", value.as_str()]);
            // Who has heard of it by now may be anybody.
            assert_eq!(scene.settled(&mut scene.seat(1), "GET k"), value);
        }
    });
}

#[test]
fn s44b_a_session_that_selects_renames_itself_or_greets_anew_keeps_its_hits_right() {
    Setup::new().run(|scene| {
        let mut a = scene.seat(0);
        scene.e("SET k v");
        assert_eq!(scene.warm(&mut a, "GET k"), "v");
        let said = a.ask_all(&["GET k", "SELECT 3", "GET k", "SET k 3", "GET k", "SELECT 0", "GET k"]);
        assert_eq!(said, ["v", "OK", "nil", "OK", "3", "OK", "v"]);
        assert_eq!(a.0.ask(&["HELLO", "3"]).first(), Some(&b'%'));
        assert_eq!(scene.warm(&mut a, "GET k"), "v");
        assert_eq!(a.ask_all(&["SELECT 3", "GET k", "RESET", "GET k"]), ["OK", "3", "RESET", "v"]);
    });
}
