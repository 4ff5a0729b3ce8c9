//! What was backed up is what comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::{Place, Server, Talk, eventually};
use crate::rig::{Home, contents, fill, good, names, number};

/// Counts two keys up together until it is told to end; `acknowledged` follows.
fn load(place: &Place, acknowledged: &AtomicU64, ended: &AtomicBool) {
    let mut talk = Talk::connect(place);
    while !ended.load(Ordering::SeqCst) {
        for words in [&["MULTI"][..], &["INCR", "load:a"], &["INCR", "load:b"], &["EXEC"]] {
            talk.say(words);
        }
        let replies = [(); 4].map(|()| talk.reply());
        assert!(replies[3].starts_with(b"*2"), "{}", replies[3].escape_ascii());
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_backup_under_load_is_the_data_of_one_moment_and_comes_back() {
    for server in Server::makes() {
        for appendonly in [true, false] {
            under_load(&server, appendonly);
        }
    }
}

fn under_load(server: &str, appendonly: bool) {
    let what = format!("{server}, appendonly {appendonly}");
    let home = Home::new(server, appendonly);
    let near = home.start();
    let mut talk = near.connect();
    fill(&mut talk, "kept");
    let before = contents(&mut talk);
    let (acknowledged, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let writers = [(); 3].map(|()| {
        let (place, acknowledged, ended) = (near.place(), Arc::clone(&acknowledged), Arc::clone(&ended));
        std::thread::spawn(move || load(&place, &acknowledged, &ended))
    });
    eventually("there is load", || (acknowledged.load(Ordering::SeqCst) > 200).then_some(()));
    let at_least = acknowledged.load(Ordering::SeqCst);
    let file = home.dir.join("backup.rdb");
    let said = good(&home.backup(&file));
    let at_most = acknowledged.load(Ordering::SeqCst) + 3;
    assert!(said.contains("read and found good by"), "{said}");
    ended.store(true, Ordering::SeqCst);
    writers.into_iter().for_each(|writer| writer.join().expect("it writes"));
    near.stop();

    let fresh = Home::new(server, appendonly);
    let said = good(&fresh.restore(&file));
    assert!(said.contains("now start Nearside") && fresh.replaced().is_empty(), "{said}");
    let near = fresh.start();
    let mut talk = near.connect();
    assert_eq!(contents(&mut talk), before, "{what}");
    let (a, b) = (number(&mut talk, "load:a"), number(&mut talk, "load:b"));
    assert!(a == b && (at_least..=at_most).contains(&a), "{what}: {at_least} <= {a} = {b} <= {at_most}");
    goes_on(&fresh, near, appendonly);
}

/// What is written after a restore is there after the next start too.
fn goes_on(home: &Home, near: crate::rig::Near, appendonly: bool) {
    assert_eq!(near.connect().ask(&["SET", "later", "yes"]), b"+OK\r\n");
    near.stop();
    assert_eq!(names(&home.data()).contains(&"appendonlydir".into()), appendonly);
    let near = home.start();
    let mut talk = near.connect();
    assert_eq!(talk.ask(&["GET", "later"]), b"$3\r\nyes\r\n");
    assert_eq!(talk.ask(&["GET", "text"]), b"$4\r\nkept\r\n");
    near.stop();
}

#[test]
fn with_nothing_running_it_is_the_same_and_nothing_is_left_running() {
    for appendonly in [true, false] {
        let home = Home::new("redis-server", appendonly);
        let near = home.start();
        fill(&mut near.connect(), "kept");
        let before = contents(&mut near.connect());
        near.stop();
        let file = home.dir.join("backup.rdb");
        good(&home.backup(&file));
        assert!(!home.data().join("server.sock").exists(), "a server is left running");
        let fresh = Home::new("redis-server", !appendonly);
        good(&fresh.restore(&file));
        let near = fresh.start();
        assert_eq!(contents(&mut near.connect()), before);
        goes_on(&fresh, near, !appendonly);
        // The data it was taken of is as it was.
        let near = home.start();
        assert_eq!(contents(&mut near.connect()), before);
        near.stop();
    }
}

#[test]
fn what_a_restore_replaces_is_kept_and_can_be_gone_back_to() {
    for (first, then) in [(true, true), (true, false), (false, true), (false, false)] {
        let home = Home::new("redis-server", first);
        let near = home.start();
        fill(&mut near.connect(), "kept");
        let kept = contents(&mut near.connect());
        let file = home.dir.join("backup.rdb");
        good(&home.backup(&file));
        // Later than the backup: more keys, and others gone.
        let mut talk = near.connect();
        fill(&mut talk, "newer");
        assert_eq!(talk.ask(&["DEL", "list"]), b":1\r\n");
        assert_eq!(talk.ask(&["SET", "only-newer", "1"]), b"+OK\r\n");
        let newer = contents(&mut talk);
        near.stop();

        let said = good(&home.restore(&file));
        let [aside] = &home.replaced()[..] else { panic!("{said}") };
        assert!(said.contains(&aside.display().to_string()), "{said}");
        let home = Home { appendonly: then, ..home };
        let near = home.start();
        assert_eq!(contents(&mut near.connect()), kept, "appendonly {first}, then {then}");
        goes_on(&home, near, then);

        let back = home.dir.join("back.rdb");
        good(&home.nearside_in(aside).arg("backup").arg(&back).output().expect("it runs"));
        good(&home.restore(&back));
        let near = home.start();
        assert_eq!(contents(&mut near.connect()), newer, "appendonly {first}, then {then}");
        near.stop();
        assert_eq!(home.replaced().len(), 2);
    }
}

#[test]
fn pipes_do_as_well() {
    let home = Home::new("redis-server", true);
    let near = home.start();
    fill(&mut near.connect(), "kept");
    let before = contents(&mut near.connect());
    let output = home.nearside().args(["backup", "-"]).output().expect("it runs");
    good(&output);
    assert!(output.stdout.starts_with(b"REDIS"), "only the snapshot is on standard output");
    near.stop();
    let file = home.dir.join("piped.rdb");
    std::fs::write(&file, &output.stdout).expect("written");
    let fresh = Home::new("redis-server", true);
    let from = std::fs::File::open(&file).expect("it is there");
    good(&fresh.nearside().args(["restore", "-"]).stdin(from).output().expect("it runs"));
    let near = fresh.start();
    assert_eq!(contents(&mut near.connect()), before);
    near.stop();
}

#[test]
fn a_server_whose_nearside_was_killed_can_still_be_backed_up() {
    let home = Home::new("redis-server", true);
    let near = home.start();
    fill(&mut near.connect(), "kept");
    let before = contents(&mut near.connect());
    drop(near); // kills it
    let file = home.dir.join("backup.rdb");
    good(&home.backup(&file));
    good(&home.restore(&file));
    let near = home.start();
    assert_eq!(contents(&mut near.connect()), before);
    near.stop();
}

#[test]
fn a_backup_replaces_the_last_one_and_takes_over_its_permissions_and_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Home::new("redis-server", false);
    let near = home.start();
    let (file, link) = (home.dir.join("backup.rdb"), home.dir.join("latest.rdb"));
    good(&home.backup(&file));
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600, "data is for its owner");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("set");
    symlink(&file, &link).expect("linked");
    fill(&mut near.connect(), "kept");
    let first = std::fs::read(&file).expect("read");
    good(&home.backup(&link));
    assert_ne!(std::fs::read(&file).expect("read"), first);
    assert!(std::fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(mode(&file), 0o640);
    near.stop();
}
