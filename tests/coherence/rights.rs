//! s39: nobody gets from the cache what the server would not give them.

use std::thread::sleep;
use std::time::Instant;

use nearside::Config;

use crate::client::Client;
use crate::common::eventually;
use crate::rig::{Scene, Setup, ms};

const CHECK: std::time::Duration = ms(200);

fn checked_often(config: &mut Config) {
    config.cache.acl_check = CHECK;
}

/// A session of user `u` (who may do everything) or `v` (who may not touch `u:*`), on that seat.
fn login(scene: &Scene, user: &str, seat: usize) -> Client {
    let mut client = scene.seat(seat);
    assert_eq!(client.ask(&format!("AUTH {user} pw")), "OK");
    client
}

fn users(scene: &Scene) {
    scene.e("ACL SETUSER u on >pw ~* &* +@all");
    scene.e("ACL SETUSER v on >pw ~v:* &* +@all");
    scene.e("SET u:1 secret");
}

#[test]
fn s39_what_one_user_has_read_another_may_not() {
    Setup::new().tune(checked_often).run(|scene| {
        users(scene);
        for seat in 0..scene.workers {
            let (mut u, mut v) = (login(scene, "u", 0), login(scene, "v", seat));
            assert_eq!(scene.warm(&mut u, "GET u:1"), "secret");
            for _ in 0..5 {
                assert!(v.ask("GET u:1").starts_with("-NOPERM"));
                assert!(v.ask("MGET v:1 u:1").starts_with("-NOPERM"));
            }
            // In one packet with the change of identity.
            let said = u.ask_all(&["GET u:1", "AUTH v pw", "GET u:1", "AUTH u pw", "GET u:1"]);
            assert_eq!([&said[0], &said[1], &said[3], &said[4]], ["secret", "OK", "OK", "secret"]);
            assert!(said[2].starts_with("-NOPERM"), "{}", said[2]);
            // One that fails changes nothing.
            assert!(u.ask("AUTH v wrong").starts_with("-WRONGPASS"));
            assert_eq!(scene.warm(&mut u, "GET u:1"), "secret");
            assert!(v.ask("AUTH u wrong").starts_with("-WRONGPASS"));
            assert!(v.ask("GET u:1").starts_with("-NOPERM"));
            assert!(v.ask_all(&["HELLO 3 AUTH u wrong", "GET u:1"])[1].starts_with("-NOPERM"));
        }
    });
}

#[test]
fn s39b_rights_that_are_taken_away_are_gone_soon() {
    Setup::new().tune(checked_often).run(|scene| {
        for revoke in ["resetkeys", "resetkeys ~v:*", "-get", "-@read"] {
            users(scene);
            let mut sessions: Vec<_> = (0..scene.workers).map(|seat| login(scene, "u", seat)).collect();
            scene.warm_all(&mut sessions, "GET u:1", "secret");
            assert_eq!(scene.e(&format!("ACL SETUSER u {revoke}")), "OK");
            let revoked = Instant::now();
            while revoked.elapsed() < CHECK + ms(250) {
                for session in &mut sessions {
                    let started = Instant::now();
                    let said = session.ask("GET u:1");
                    assert!(
                        said.starts_with("-NOPERM") || started < revoked + CHECK + ms(100),
                        "{revoke}: {said} {:?} after",
                        started - revoked
                    );
                }
                sleep(ms(5));
            }
            scene.e("ACL DELUSER u");
        }
    });
}

#[test]
fn s39c_a_user_that_is_deleted_gets_nothing() {
    Setup::new().tune(checked_often).run(|scene| {
        users(scene);
        let mut u = login(scene, "u", 0);
        assert_eq!(scene.warm(&mut u, "GET u:1"), "secret");
        assert_eq!(scene.e("ACL DELUSER u"), "1");
        eventually("the session ends or is refused", || {
            u.0.say_if(&["GET", "u:1"]);
            let said = u.0.try_reply();
            said.map_or(Some(()), |said| (said.first() == Some(&b'-')).then_some(()))
        });
    });
}

#[test]
fn s39d_a_user_that_cannot_track_is_served_by_the_server() {
    Setup::new().run(|scene| {
        scene.e("ACL SETUSER w on >pw ~* &* +@all -client|tracking -client|caching -pttl");
        scene.e("SET k v0");
        let mut w = login(scene, "w", 0);
        for turn in 0..10 {
            let value = format!("v{turn}");
            scene.e(&format!("SET k {value}"));
            assert_eq!(scene.look(&mut w, "GET k"), (value, false));
        }
    });
}
