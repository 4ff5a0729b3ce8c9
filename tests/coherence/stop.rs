//! s32: a proxy that is stopped for a while must not believe what it held before.

use std::thread::sleep;

use crate::client::Client;
use crate::common::{Dir, Place, Run, Server, Talk, binary, eventually, signal, stop};
use crate::rig::{D, ms};
use crate::stats::calls;

fn program(server: &Server, dir: &Dir, workers: &str) -> Run {
    let Place::Unix(upstream) = server.place() else { panic!("servers are on Unix sockets") };
    let mut run = Run::start(binary().envs([
        ("NEARSIDE_LISTEN", format!("unix:{}", dir.join("n").display())),
        ("NEARSIDE_UPSTREAM", format!("unix://{}", upstream.display())),
        ("NEARSIDE_WORKERS", workers.to_owned()),
        ("NEARSIDE_CACHE_ADMIT_AFTER", "0".to_owned()),
        ("NEARSIDE_CACHE_MAX_STALENESS", format!("{}ms", D.as_millis())),
    ]));
    run.says("listening on");
    run
}

fn warm(client: &mut Client, e: &mut Client) {
    let mut gets = || calls(e).get("get").copied().unwrap_or(0);
    eventually("a hit", || {
        let before = gets();
        client.ask("GET k");
        (gets() == before).then_some(())
    });
}

#[test]
fn s32_after_a_stop_the_first_read_is_the_server_s() {
    for workers in ["1", "2"] {
        let (server, dir) = (Server::start(&[]), Dir::new());
        let run = program(&server, &dir, workers);
        let mut e = Client(server.connect());
        // One after the other: each goes to the worker with fewer.
        let mut clients = [0, 1].map(|_| {
            let mut client = Client(Talk::connect(&Place::Unix(dir.join("n"))));
            client.ask("ECHO x");
            client
        });
        for turn in 0..3 {
            let (old, new) = (format!("old{turn}"), format!("new{turn}"));
            e.ask(&format!("SET k {old}"));
            clients.iter_mut().for_each(|client| {
                client.ask("ECHO x");
                warm(client, &mut e);
            });
            stop(run.pid());
            e.ask(&format!("SET k {new}"));
            // The read is there when it wakes up, with the push, before it, or long after.
            clients[turn % 2].say("GET k");
            sleep(3 * D);
            clients[1 - turn % 2].say("GET k");
            sleep(ms(1));
            signal(run.pid(), "CONT");
            assert_eq!(clients.each_mut().map(Client::reply), [new.as_str(); 2]);
            assert_eq!(clients.each_mut().map(|client| client.ask("GET k")), [new.as_str(); 2]);
        }
    }
}
