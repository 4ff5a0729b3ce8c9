//! A session that has seen something on another connection than its lane takes no hit that is older.

use nearside::Config;

use crate::rig::{Scene, Setup, ms};

/// Commands that depend on the data set, wherever they go.
const SHOWS: &[&str] = &[
    "GETEX k",
    "DUMP k",
    "OBJECT ENCODING k",
    "OBJECT FREQ k",
    "DEBUG OBJECT k",
    "MEMORY USAGE k",
    "SCAN 0",
    "KEYS k",
    "DBSIZE",
    "RANDOMKEY",
    "LCS k k",
    "SORT_RO list",
    "SORT list",
    "SINTERCARD 1 set",
    "ZRANDMEMBER zset 1 WITHSCORES",
    "HRANDFIELD hash 1 WITHVALUES",
    "XREAD STREAMS stream 0",
    "XREAD COUNT 1 STREAMS stream 0",
    "XPENDING stream g",
    "XPENDING stream g - + 1",
    "XINFO STREAM stream",
    "XINFO GROUPS stream",
    "ZUNION 1 zset WITHSCORES",
    "ZINTER 1 zset WITHSCORES",
    "PFCOUNT k2",
    "TOUCH k",
    "WAIT 0 1",
    "NOSUCHCOMMAND k",
    "INFO keyspace",
    "COMMAND COUNT",
];

/// Whoever got this reply while the lane heard nothing has it from elsewhere.
fn shown(scene: &Scene, resp3: bool) {
    for command in SHOWS {
        let mut a = if resp3 { scene.seat3(0) } else { scene.seat(0) };
        scene.e("SET k v0");
        scene.settle(&mut a);
        assert_eq!(scene.warm(&mut a, "GET k"), "v0");
        // Once before, so that whatever it needs is there.
        a.ask(command);
        scene.warm(&mut a, "GET k");
        let lane = scene.lane(&mut a);
        lane.down().hold();
        scene.e("SET k v1");
        a.say(command);
        let elsewhere = a.reply_within(ms(40)).is_some();
        if elsewhere {
            assert_eq!(scene.ask_held(&mut a, "GET k"), "v1", "after {command}");
        }
        scene.relay.release();
        if !elsewhere {
            a.reply();
            assert_eq!(a.ask("GET k"), "v1", "after {command}, on the lane");
        }
    }
}

fn furnish(scene: &Scene) {
    for line in [
        "RPUSH list 1 2",
        "SADD set a",
        "ZADD zset 1 a",
        "HSET hash f v",
        "XADD stream 1-1 f v",
        "XGROUP CREATE stream g 0",
        "PFADD k2 a",
    ] {
        scene.e(line);
    }
}

#[test]
fn what_another_connection_has_shown_ends_older_hits() {
    Setup::new().run(|scene| {
        furnish(scene);
        shown(scene, false);
        shown(scene, true);
    });
}

fn small_is_large(config: &mut Config) {
    config.limits.large = 64 << 10;
}

#[test]
fn what_a_large_reply_has_shown_ends_older_hits() {
    Setup::new().tune(small_is_large).run(|scene| {
        let mut a = scene.seat(0);
        let element = "x".repeat(1000);
        (0..200).for_each(|_| drop(scene.e(&format!("RPUSH big {element}"))));
        for turn in 0..4 {
            scene.e("SET k v0");
            scene.settle(&mut a);
            assert!(a.ask("LRANGE big 0 -1").len() > 64 << 10);
            assert_eq!(scene.warm(&mut a, "GET k"), "v0");
            let lane = scene.lane(&mut a);
            lane.down().hold();
            scene.e("SET k v1");
            scene.e(&format!("LSET big 0 turn{turn}"));
            a.say("LRANGE big 0 -1");
            assert!(scene.reply_held(&mut a).contains(&format!("turn{turn}")));
            assert_eq!(scene.ask_held(&mut a, "GET k"), "v1");
            scene.relay.release();
        }
    });
}

#[test]
fn a_lane_of_another_database_or_user_is_no_older_than_what_the_session_has_seen() {
    Setup::new().run(|scene| {
        scene.e("ACL SETUSER u on >pw ~* &* +@all");
        let mut e = scene.direct();
        for change in ["SELECT 5", "AUTH u pw", "HELLO 3 AUTH u pw", "RESET"] {
            // Somebody keeps it warm where the session goes.
            let (mut there, mut a) = (scene.seat(0), scene.seat(0));
            if change == "RESET" {
                a.ask("SELECT 7");
            } else {
                there.ask(change);
            }
            e.ask(if change.starts_with("SELECT") { "SELECT 5" } else { "SELECT 0" });
            e.ask("SET k v0");
            assert_eq!(scene.settled(&mut there, "GET k"), "v0");
            assert_eq!(scene.warm(&mut there, "GET k"), "v0");
            scene.settle(&mut a);
            let lane = scene.lane(&mut there);
            lane.down().hold();
            e.ask_all(&["SET k v1", "PUBLISH c x"]);
            // It sees, by its own lane, what was written after.
            e.ask("SELECT 0");
            e.ask("SET seen 1");
            a.ask("EXISTS seen");
            a.say(change);
            scene.reply_held(&mut a);
            assert_eq!(scene.ask_held(&mut a, "GET k"), "v1", "after {change}");
            scene.relay.release();
            e.ask("DEL seen");
        }
    });
}
