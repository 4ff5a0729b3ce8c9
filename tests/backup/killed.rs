//! Killed in the middle: a file is whole or absent, and the data is all old or all new.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use crate::common::{PATIENCE, Talk, eventually, signal};
use crate::rig::{Home, contents, fill, good, names};

/// Makes a snapshot take a moment to copy and check.
fn much(talk: &mut Talk) {
    let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(1 << 20).collect();
    for n in 0..40 {
        assert_eq!(talk.ask(&["SET", &format!("load:noise:{n}"), &noise]), b"+OK\r\n");
    }
}

/// Runs until `sign` shows, or until it ends. Looked for without a pause: it does not last.
fn until(child: &mut Child, mut sign: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if sign() {
            return true;
        }
        if child.try_wait().expect("its status").is_some() {
            return sign();
        }
    }
    panic!("it neither shows nor ends");
}

/// Waits until SIGTERM is not fatal to it any more.
fn catches_signals(pid: u32) {
    eventually("it catches SIGTERM", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        (u64::from_str_radix(caught.trim(), 16).ok()? & 1 << 14 != 0).then_some(())
    });
}

fn part_of(dir: &Path, name: &str) -> bool {
    names(dir).iter().any(|each| each.starts_with(&format!(".{name}.")) && each.ends_with(".part"))
}

#[test]
fn a_killed_backup_leaves_the_last_one_as_it_was() {
    let home = Home::new("redis-server", true);
    let near = home.start();
    much(&mut near.connect());
    let place = home.dir.join("backups");
    std::fs::create_dir(&place).expect("made");
    let file = place.join("b.rdb");
    std::fs::write(&file, "the last one").expect("written");
    for name in ["KILL", "TERM", "INT"] {
        let mut child = home.nearside().arg("backup").arg(&file).spawn().expect("it runs");
        catches_signals(child.id());
        assert!(until(&mut child, || part_of(&place, "b.rdb")));
        signal(child.id(), name);
        let ended = child.wait().expect("it ends");
        assert_eq!(ended.code(), if name == "KILL" { None } else { Some(130) });
        assert_eq!(std::fs::read(&file).expect("it is there"), b"the last one");
        // Only what nobody could clean up is left, under a name that says so.
        assert_eq!(part_of(&place, "b.rdb"), name == "KILL", "{:?}", names(&place));
        for left in names(&place).iter().filter(|name| name.ends_with(".part")) {
            std::fs::remove_file(place.join(left)).expect("removed");
        }
    }
    good(&home.backup(&file));
    assert!(std::fs::read(&file).expect("it is there").starts_with(b"REDIS"));
    near.stop();
}

#[test]
fn a_killed_restore_leaves_all_of_the_old_data_or_all_of_the_new() {
    for appendonly in [true, false] {
        let home = Home::new("redis-server", appendonly);
        let near = home.start();
        let mut talk = near.connect();
        fill(&mut talk, "new");
        much(&mut talk);
        let new = contents(&mut talk);
        let file = home.dir.join("backup.rdb");
        good(&home.backup(&file));
        fill(&mut talk, "old");
        let old = contents(&mut talk);
        near.stop();
        let data = home.data();
        let snapshot = std::fs::metadata(data.join("dump.rdb")).map(|meta| meta.len()).ok();
        let is_replaced = || std::fs::metadata(data.join("dump.rdb")).map(|meta| meta.len()).ok() != snapshot;
        let conf = |word: &str| {
            std::fs::read_to_string(data.join("nearside.conf")).is_ok_and(|text| text.contains(word))
        };
        let signs: [&dyn Fn() -> bool; 5] = [
            &|| part_of(&data, "dump.rdb"),
            &|| !home.replaced().is_empty(),
            &is_replaced,
            &|| conf("nearside restore"),
            &|| home.replaced().iter().any(|aside| aside.join("appendonlydir").exists()),
        ];
        for (turn, sign) in signs.iter().enumerate() {
            let mut child =
                home.nearside().arg("restore").arg(&file).stdout(Stdio::null()).spawn().expect("it runs");
            let shown = until(&mut child, sign);
            let _ = child.kill();
            child.wait().expect("it ends");
            let near = home.start();
            let mut talk = near.connect();
            let there = contents(&mut talk);
            let what = format!("appendonly {appendonly}, turn {turn}, shown {shown}");
            assert!(there == old || there == new, "{what}: neither, {} keys", there.len());
            assert!(turn > 0 || there == old, "{what}: the new data is in force too soon");
            fill(&mut talk, "old");
            near.stop();
            for aside in home.replaced() {
                std::fs::remove_dir_all(aside).expect("removed");
            }
        }
        // Leftovers of the killed are gone with the next one that ends.
        good(&home.restore(&file));
        assert!(!part_of(&data, "dump.rdb"), "{:?}", names(&data));
        let near = home.start();
        assert_eq!(contents(&mut near.connect()), new);
        near.stop();
    }
}

#[test]
fn a_signal_ends_a_restore_that_waits_for_its_input() {
    let home = Home::new("redis-server", true);
    let mut child = home.nearside().args(["restore", "-"]).stdin(Stdio::piped()).spawn().expect("it runs");
    // Held open: nothing comes, and no end.
    let input = child.stdin.take();
    eventually("it has begun", || home.data().join("owner.lock").exists().then_some(()));
    catches_signals(child.id());
    signal(child.id(), "TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    drop(input);
    home.start().stop();
}
