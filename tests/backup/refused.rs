//! What is in the way is said, and nothing is changed.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{Dir, Server, binary};
use crate::rig::{Home, bad, contents, fill, good, names};

#[test]
fn a_running_nearside_is_named_and_goes_on() {
    let home = Home::new("redis-server", true);
    let near = home.start();
    fill(&mut near.connect(), "kept");
    let file = home.dir.join("backup.rdb");
    good(&home.backup(&file));
    let before = contents(&mut near.connect());
    let said = bad(&home.restore(&file), 1);
    assert!(said.contains(&format!("pid {}", near.run.pid())) && said.contains("stop it first"), "{said}");
    assert_eq!(contents(&mut near.connect()), before);
    assert!(home.replaced().is_empty());
    near.stop();
}

#[test]
fn what_is_no_snapshot_is_not_taken_for_one() {
    let home = Home::new("redis-server", true);
    let near = home.start();
    fill(&mut near.connect(), "kept");
    let before = contents(&mut near.connect());
    let good_one = home.dir.join("good.rdb");
    good(&home.backup(&good_one));
    near.stop();
    let files = names(&home.data());
    let bytes = std::fs::read(&good_one).expect("read");
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let later = [&b"REDIS0999"[..], &bytes[9..]].concat();
    for (name, content, words) in [
        ("empty", &b""[..], "it is empty"),
        ("text", b"hello, this is no snapshot", "does not begin with REDIS"),
        ("gz", b"\x1f\x8b\x08\0\0\0\0\0\0", "gunzip -c"),
        ("aof", b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "append-only file"),
        ("cut", &bytes[..bytes.len() / 2], "damaged"),
        ("short", &bytes[..9], "damaged"),
        ("flipped", &flipped, "damaged"),
        ("later", &later, "999"),
    ] {
        let file = home.dir.join(name);
        std::fs::write(&file, content).expect("written");
        let said = bad(&home.restore(&file), 1);
        assert!(said.contains(words) && said.contains(&file.display().to_string()), "{name}: {said}");
        assert_eq!(names(&home.data()), files, "{name} left something");
    }
    let said = bad(&home.restore(&home.dir.join("nowhere")), 1);
    assert!(said.contains("cannot open") && said.contains("No such file"), "{said}");
    let near = home.start();
    assert_eq!(contents(&mut near.connect()), before);
    near.stop();
}

#[test]
fn a_snapshot_of_another_make_is_for_that_make() {
    let [redis, others @ ..] = &Server::makes()[..] else { panic!("there is redis-server") };
    for other in others {
        let from = Home::new(other, false);
        let near = from.start();
        fill(&mut near.connect(), "kept");
        let file = from.dir.join("backup.rdb");
        good(&from.backup(&file));
        near.stop();
        let to = Home::new(redis, false);
        let said = bad(&to.restore(&file), 1);
        assert!(said.contains("not for ") && said.contains("redis-server"), "{other}: {said}");
    }
}

#[test]
fn an_upstream_of_somebody_elses_is_not_ours_to_back_up() {
    for command in ["backup", "restore"] {
        let output = binary().args([command, "f", "--upstream", "redis://db.example:6379"]).output();
        let said = bad(&output.expect("it runs"), 78);
        assert!(said.contains("db.example") && said.contains("redis-cli"), "{said}");
    }
}

#[test]
fn without_data_there_is_nothing_to_back_up_and_nothing_is_made() {
    let home = Home::new("redis-server", true);
    let file = home.dir.join("backup.rdb");
    let said = bad(&home.backup(&file), 1);
    assert!(said.contains("there is no data in"), "{said}");
    DirBuilder::new().mode(0o700).create(home.data()).expect("made");
    let said = bad(&home.backup(&file), 1);
    assert!(said.contains("there is no data in"), "{said}");
    assert!(!file.exists());
}

#[test]
fn places_that_are_none_for_a_file_are_refused() {
    let home = Home::new("redis-server", false);
    let near = home.start();
    let before = names(home.dir.path());
    let inside = home.data().join("mine.rdb");
    for (to, words) in [
        (home.dir.path(), "it is a directory"),
        (Path::new("/dev/null"), "not an ordinary file"),
        (&home.data().join("dump.rdb"), "the data directory itself"),
        (&inside, "the data directory itself"),
        (&home.dir.join("no/such/dir.rdb"), "No such file or directory"),
        (Path::new("/proc/mine.rdb"), "/proc"),
    ] {
        let said = bad(&home.backup(to), 1);
        assert!(said.contains(words), "{}: {said}", to.display());
    }
    assert_eq!(names(home.dir.path()), before);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there");
    let output = home.nearside().args(["backup", "-"]).stdout(full).output().expect("it runs");
    let said = bad(&output, 1);
    assert!(said.contains("No space left"), "{said}");
    near.stop();
}

/// What `script` says as root of a user namespace with mounts of its own; `None` where there are none.
fn in_own_mounts(script: &str) -> Option<Output> {
    let run = |script: &str| {
        let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c", script];
        let path = std::env::var_os("PATH").unwrap_or_default();
        Command::new("unshare").args(unshare).env_clear().env("PATH", path).output().ok()
    };
    run("mount -t tmpfs none /mnt").filter(|output| output.status.success())?;
    run(script)
}

#[test]
fn a_full_disk_leaves_the_old_backup_and_no_half_of_a_new_one() {
    let home = Home::new("redis-server", false);
    let near = home.start();
    fill(&mut near.connect(), "kept");
    let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(1 << 20).collect();
    assert_eq!(near.connect().ask(&["SET", "noise", &noise]), b"+OK\r\n");
    let place = Dir::new();
    let mut command = home.nearside();
    command.arg("backup").arg(place.join("f"));
    let command: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let dir = place.path().display();
    let script = format!(
        "mount -t tmpfs -o size=256k none {dir} && echo old >{dir}/f && {}; \
         echo \"ended $?, there is: $(ls -A {dir}), $(cat {dir}/f)\"",
        command.join(" ")
    );
    let Some(output) = in_own_mounts(&script) else { return };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(err.contains("No space left on device"), "{err}");
    assert!(out.contains("ended 1, there is: f, old"), "{out}{err}");
    near.stop();
}

#[test]
fn a_server_that_cannot_save_says_why() {
    let home = Home::new("redis-server", true);
    let near = home.start();
    fill(&mut near.connect(), "kept");
    // What it writes cannot take that name.
    std::fs::create_dir_all(home.data().join("dump.rdb/taken")).expect("made");
    let file = home.dir.join("backup.rdb");
    let said = bad(&home.backup(&file), 1);
    assert!(said.contains("BGSAVE failed") && said.contains("dump.rdb"), "{said}");
    assert!(!file.exists());
    std::fs::remove_dir_all(home.data().join("dump.rdb")).expect("removed");
    near.stop();
}

#[test]
fn without_a_checker_a_backup_says_that_it_is_not_checked() {
    let home = Home::new("redis-server", false);
    let near = home.start();
    let file = home.dir.join("backup.rdb");
    let mut command = binary();
    command.env("PATH", "/nowhere").arg("--data-dir").arg(home.data()).arg("backup").arg(&file);
    let said = good(&command.output().expect("it runs"));
    assert!(said.contains("not checked"), "{said}");
    near.stop();
}
