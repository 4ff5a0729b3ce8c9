//! s48: what an upstream may say besides replies, and in pieces. A real server; the relay adds words
//! of its own between its replies, or changes them.

use crate::client::Client;
use crate::common::{Wire, eventually};
use crate::rig::{Scene, both, ms};

const NULL: &[u8] = b">2\r\n$10\r\ninvalidate\r\n_\r\n";

/// `k` and `l` are hits of `b`; its lane.
fn warm(scene: &Scene, b: &mut Client) -> Wire {
    scene.e("MSET k v0 l w0");
    scene.settle(b);
    assert_eq!(scene.warm(b, "GET k"), "v0");
    assert_eq!(scene.warm(b, "GET l"), "w0");
    scene.lane(b)
}

#[test]
fn s48_a_push_of_another_kind_or_an_empty_one_changes_nothing() {
    both(|scene| {
        let mut b = scene.seat(0);
        let lane = warm(scene, &mut b);
        for odd in [
            &b">2\r\n+message\r\n$1\r\nk\r\n"[..],
            b">3\r\n$6\r\nfuture\r\n:1\r\n%1\r\n+a\r\n*1\r\n_\r\n",
            b">1\r\n$10\r\ninvalidate\r\n",
            b">2\r\n$10\r\ninvalidate\r\n*0\r\n",
        ] {
            lane.down().inject(odd);
            scene.settle(&mut b);
            assert_eq!(scene.warm(&mut b, "GET k"), "v0", "{}", odd.escape_ascii());
            assert!(lane.is_open(), "{}", odd.escape_ascii());
        }
    });
}

#[test]
fn s48b_a_push_of_several_keys_and_one_of_all_end_their_hits() {
    both(|scene| {
        let mut b = scene.seat(0);
        let lane = warm(scene, &mut b);
        lane.down().inject(b">2\r\n$10\r\ninvalidate\r\n*3\r\n$1\r\nx\r\n$1\r\nk\r\n$1\r\nl\r\n");
        scene.settle(&mut b);
        assert_eq!(scene.look(&mut b, "GET k"), ("v0".into(), false));
        assert_eq!(scene.look(&mut b, "GET l"), ("w0".into(), false));
        scene.warm(&mut b, "GET k");
        scene.warm(&mut b, "GET l");
        lane.down().inject(NULL);
        scene.settle(&mut b);
        assert_eq!(scene.look(&mut b, "GET k"), ("v0".into(), false));
        assert_eq!(scene.look(&mut b, "GET l"), ("w0".into(), false));
    });
}

#[test]
fn s48c_a_push_inside_an_array_ends_the_lane_and_nothing_wrong_is_said() {
    both(|scene| {
        let mut b = scene.seat(0);
        let lane = warm(scene, &mut b);
        // As the servers 6.2.0 to 6.2.6 do.
        let push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
        let torn = [&b"*2\r\n$1\r\nx\r\n"[..], push, b"$1\r\ny\r\n"].concat();
        lane.down().replace(b"*2\r\n$1\r\nx\r\n$1\r\ny\r\n", &torn);
        scene.e("RPUSH list x y");
        let said = b.ask("LRANGE list 0 -1");
        assert!(said.starts_with('-') || said == "[x y]", "{said}");
        eventually("the lane is given up", || (!lane.is_open()).then_some(()));
        scene.e("SET k v1");
        assert_eq!(scene.settled(&mut b, "GET k"), "v1");
        assert_eq!(scene.warm(&mut b, "LRANGE list 0 -1"), "[x y]");
    });
}

#[test]
fn s48d_an_attribute_before_a_reply_is_no_reply() {
    both(|scene| {
        let mut b = scene.seat3(0);
        let lane = warm(scene, &mut b);
        scene.e("SET m odd");
        lane.down().replace(b"$3\r\nodd\r\n", b"|1\r\n+ttl\r\n:1\r\n$3\r\nodd\r\n");
        let said = b.0.ask(&["GET", "m"]);
        // With or without the attribute, or refused: but everything stays in step.
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.ends_with("$3\r\nodd\r\n") || said.starts_with('-'), "{said}");
        assert_eq!(scene.settled(&mut b, "GET k"), "v0");
        assert_eq!(scene.settled(&mut b, "GET m"), "odd");
    });
}

#[test]
fn s48e_replies_and_pushes_that_come_byte_by_byte_are_what_they_are() {
    both(|scene| {
        let mut b = scene.seat(0);
        let lane = warm(scene, &mut b);
        lane.down().drip(true);
        for turn in 0..10 {
            let value = format!("value-{turn}");
            scene.e(&format!("SET k {value}"));
            assert_eq!(scene.settled(&mut b, "GET k"), value);
            assert_eq!(
                b.ask_all(&["GET k", "GET l", "GET none", "LRANGE list 0 -1"]),
                [&value, "w0", "nil", "[]"]
            );
            assert_eq!(scene.warm(&mut b, "GET k"), value);
        }
        lane.down().drip(false);
    });
}

#[test]
fn s48f_pushes_between_the_replies_of_a_transaction_are_passed_on_in_order() {
    both(|scene| {
        let mut c = scene.seat3(0);
        scene.e("SET k v0");
        c.ask("CLIENT TRACKING ON");
        c.ask("GET k");
        assert_eq!(c.ask("MULTI"), "OK");
        assert_eq!(c.ask("GET l"), "QUEUED");
        scene.e("SET k v1");
        assert_eq!(c.reply_within(ms(5000)).as_deref(), Some(">[invalidate [k]]"));
        assert_eq!(c.ask("GET k"), "QUEUED");
        assert_eq!(c.ask("EXEC"), "[nil v1]");
    });
}

#[test]
fn s48g_a_reply_that_nobody_asked_for_ends_the_lane() {
    both(|scene| {
        let mut b = scene.seat(0);
        let lane = warm(scene, &mut b);
        lane.down().inject(b"$2\r\nv9\r\n");
        eventually("the lane is given up", || (!lane.is_open()).then_some(()));
        scene.e("SET k v1");
        assert_eq!(scene.settled(&mut b, "GET k"), "v1");
    });
}
