//! Scripts and functions write what they do not name.

use crate::client::{Client, request};
use crate::rig::{Scene, Setup, both};

const LUA: &str = "return redis.call('SET','k',ARGV[1])";

/// A command whose script has blanks in it.
fn eval(script: &str, rest: &str) -> Vec<u8> {
    let words: Vec<&[u8]> = ["EVAL", script].into_iter().chain(rest.split(' ')).map(str::as_bytes).collect();
    nearside::resp::request::encode(&words)
}

fn load(e: &mut Client, script: &str) -> String {
    e.0.say(&["SCRIPT", "LOAD", script]);
    e.reply()
}

/// `a` runs `script`, which sets `k` to `v1`; its own lane is held behind the reply, the others whole.
fn seen_after(scene: &Scene, a: &mut Client, readers: &mut [Client], script: &[u8]) {
    for reader in 0..readers.len() {
        for late in [false, true] {
            readers[0].ask("SET k v0");
            for client in readers.iter_mut() {
                scene.settle(client);
                assert_eq!(scene.warm(client, "GET k"), "v0");
            }
            let own = scene.lane(a);
            scene.lanes(readers).iter().for_each(|lane| lane.down().hold());
            if late {
                own.down().hold_after(b"+OK\r\n");
            }
            a.0.send(script);
            assert_eq!(scene.reply_held(a), "OK");
            assert_eq!(scene.ask_held(&mut readers[reader], "GET k"), "v1");
            scene.relay.release();
        }
    }
}

#[test]
fn s19_a_script_s_undeclared_write_is_seen_after_its_reply() {
    both(|scene| {
        for seat in 0..scene.workers {
            let (mut a, mut readers) = (scene.seat(seat), scene.seats());
            seen_after(scene, &mut a, &mut readers, &eval(LUA, "0 v1"));
        }
    });
}

#[test]
fn s20_so_is_that_of_a_script_by_its_hash_of_a_function_and_in_another_database() {
    Setup::new().run_on_all(|scene| {
        let (mut e, mut a, mut readers) = (scene.direct(), scene.seat(0), scene.seats());
        let sha = load(&mut e, LUA);
        seen_after(scene, &mut a, &mut readers, &request(&format!("EVALSHA {sha} 0 v1")));
        let code = "#!lua name=lib\nredis.register_function('put', function(keys, args) return redis.call('SET', 'k', args[1]) end)";
        e.0.say(&["FUNCTION", "LOAD", code]);
        assert_eq!(e.reply(), "lib");
        seen_after(scene, &mut a, &mut readers, &request("FCALL put 0 v1"));
        // From database 0 into database 5, where it is warm.
        readers.iter_mut().for_each(|client| drop(client.ask("SELECT 5")));
        let script = "redis.call('SELECT', 5) return redis.call('SET', 'k', ARGV[1])";
        seen_after(scene, &mut a, &mut readers, &eval(script, "0 v1"));
    });
}

#[test]
fn s21_a_script_in_a_transaction_is_seen_after_exec() {
    both(|scene| {
        let [mut a, mut b, mut c] = [0, 0, 1].map(|seat| scene.seat(seat));
        for turn in 0..100 {
            b.ask("GET k");
            c.ask("GET k");
            let n = turn.to_string();
            a.ask("MULTI");
            a.0.send(&eval(LUA, &format!("0 {n}")));
            a.reply();
            assert_eq!(a.ask("EXEC"), "[OK]");
            assert_eq!([&mut b, &mut c, &mut a].map(|client| client.ask("GET k")), [n.as_str(); 3]);
        }
        let all = [&mut b, &mut c, &mut a].map(|client| scene.warm(client, "GET k"));
        assert_eq!(all, ["99", "99", "99"]);
    });
}

#[test]
fn s21b_pipelined_scripts_are_seen_by_what_stands_behind_them() {
    both(|scene| {
        let (mut a, mut other) = (scene.seat(0), scene.seat(1));
        for turn in 0..100 {
            let n = turn.to_string();
            other.ask("GET k");
            let packet = [request("GET k"), eval(LUA, &format!("0 {n}")), request("GET k")].concat();
            a.0.send(&packet);
            a.reply();
            assert_eq!([a.reply(), a.reply()], ["OK", n.as_str()]);
            assert_eq!(other.ask("GET k"), n);
        }
    });
}
