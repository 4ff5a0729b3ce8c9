//! s25: every write command, by every way, against every read that may be kept.

use crate::changes::{CHANGES, NEWER, OTHERWISE};
use crate::client::{Client, request};
use crate::common::Server;
use crate::reads;
use crate::rig::{Scene, Setup, both, two};

/// How a write gets to the server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Lane,
    /// All of it in one packet.
    Exec,
    /// Command by command.
    Stepwise,
    Script,
    External,
}

fn batch(client: &mut Client, reads: &[String]) -> Vec<String> {
    let bytes: Vec<_> = reads.iter().flat_map(|read| request(read)).collect();
    client.0.send(&bytes);
    reads.iter().map(|_| String::from_utf8_lossy(&client.0.reply()).into_owned()).collect()
}

/// Everybody has read both keys, and could be answered from what was read.
fn warm(readers: &mut [Client], reads: &[String]) {
    for reader in readers {
        batch(reader, reads);
        batch(reader, reads);
    }
}

fn write(scene: &Scene, a: &mut Client, readers: &mut [Client], way: Way, write: &str) {
    match way {
        Way::Lane => drop(a.ask(write)),
        Way::Exec => {
            a.ask_all(&["MULTI", write, "EXEC"]);
        }
        Way::Stepwise => {
            a.ask_each(&["MULTI", write, "EXEC"]);
        }
        Way::Script => {
            let words = ["EVAL", "return redis.pcall(unpack(ARGV))", "0"];
            a.0.ask(&words.into_iter().chain(write.split(' ')).collect::<Vec<_>>());
        }
        Way::External => {
            scene.e(write);
            readers.iter_mut().for_each(|reader| scene.settle(reader));
        }
    }
}

fn by(way: Way) {
    two(|scene| every(scene, CHANGES, way));
}

fn every(scene: &Scene, changes: &[(&str, &str)], way: Way) {
    let (mut direct, mut readers) = (scene.direct(), scene.seats());
    let mut writers = [scene.seat(0), scene.seat3(1)];
    for (turn, (setup, change)) in changes.iter().enumerate() {
        direct.ask("FLUSHDB");
        for line in setup.split(';').filter(|line| !line.is_empty()) {
            let said = direct.ask(line);
            assert!(!said.starts_with('-') || said.starts_with("-ERR unknown"), "{line}: {said}");
        }
        let named = |key: &&str| change.split(' ').any(|word| word == *key);
        let mut reads: Vec<_> = ["k", "l"].into_iter().filter(named).flat_map(reads::of).collect();
        // Errors are not kept.
        let before = batch(&mut direct, &reads);
        let mut before = before.iter();
        reads.retain(|_| !before.next().unwrap().starts_with('-'));
        readers.iter_mut().for_each(|reader| scene.settle(reader));
        warm(&mut readers, &reads);
        write(scene, &mut writers[turn % 2], &mut readers, way, change);
        let after = batch(&mut direct, &reads);
        for reader in &mut readers {
            // One by one: behind a miss there is no hit.
            for (read, after) in reads.iter().zip(&after) {
                let said = String::from_utf8_lossy(&reader.raw(read)).into_owned();
                assert_eq!(&said, after, "{setup}; {change} by {way:?}; {read}");
            }
        }
    }
}

#[test]
fn s25_after_a_write_on_the_lane_every_read_is_what_the_server_says() {
    by(Way::Lane);
}

#[test]
fn s25_after_a_write_in_a_transaction_every_read_is_what_the_server_says() {
    by(Way::Exec);
}

#[test]
fn s25_after_a_write_in_a_transaction_begun_earlier_every_read_is_what_the_server_says() {
    by(Way::Stepwise);
}

#[test]
fn s25_after_a_write_in_a_script_every_read_is_what_the_server_says() {
    by(Way::Script);
}

#[test]
fn s25_after_a_write_by_somebody_else_every_read_is_what_the_server_says() {
    by(Way::External);
}

#[test]
fn s25_after_a_write_of_a_newer_kind_every_read_is_what_the_server_says() {
    Setup::new().run_on_newer(|scene| {
        for way in [Way::Lane, Way::Exec, Way::Stepwise, Way::Script, Way::External] {
            every(scene, NEWER, way);
        }
    });
}

#[test]
fn s25_what_a_restore_brings_is_read() {
    both(|scene| {
        let (mut a, mut readers) = (scene.seat(1), scene.seats());
        scene.e("SET k old");
        scene.e("SET l new");
        readers.iter_mut().for_each(|reader| scene.settle(reader));
        scene.warm_all(&mut readers, "GET k", "old");
        let mut direct = scene.direct();
        let dump = direct.raw("DUMP l");
        let start = dump.iter().position(|&b| b == b'\n').unwrap() + 1;
        let payload = &dump[start..dump.len() - 2];
        a.0.say(&[b"RESTORE".as_slice(), b"k", b"0", payload, b"REPLACE"]);
        assert_eq!(a.reply(), "OK");
        readers.iter_mut().for_each(|reader| assert_eq!(reader.ask("GET k"), "new"));
    });
}

#[test]
fn s25_the_reads_that_are_warm_are_hits() {
    both(|scene| {
        let mut reader = scene.seat(0);
        scene.e("SET k v0");
        scene.settle(&mut reader);
        for read in ["GET k", "STRLEN k", "TYPE k", "EXISTS k", "MGET k", "GETRANGE k 0 2", "GET l"] {
            scene.warm(&mut reader, read);
        }
    });
}

#[test]
fn s25_every_write_command_of_the_servers_has_a_sample() {
    for program in Server::makes() {
        let server = Server::start_of(&program, &[]);
        let list = Client(server.connect()).ask("COMMAND LIST FILTERBY ACLCAT write");
        let sampled = |name: &str| {
            let line =
                |(_, write): &(&str, &str)| write.split(' ').next().unwrap().eq_ignore_ascii_case(name);
            let other = |(other, _): &(&str, &str)| other.eq_ignore_ascii_case(name);
            CHANGES.iter().chain(NEWER).any(line) || OTHERWISE.iter().any(other)
        };
        let names = list.trim_matches(['[', ']']).split(' ');
        let names = names.map(|name| name.split('|').next().unwrap());
        let missing: Vec<_> = names.filter(|name| !sampled(name)).collect();
        assert!(missing.is_empty(), "{program}: no sample of {missing:?}");
    }
}
