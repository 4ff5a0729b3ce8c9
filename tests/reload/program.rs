//! The program: a signal, and a file that is looked at.

use std::fs;
use std::os::unix::fs::symlink;

use crate::common::{Dir, Place, Run, Server, Talk, binary, eventually, signal};
use crate::scene::ask;

/// The program before a server, with this configuration file.
fn start(server: &Server, file: &std::path::Path) -> (Run, Talk) {
    let Place::Unix(path) = server.place() else { panic!("it is on a Unix socket") };
    let mut command = binary();
    command.args(["--config".as_ref(), file.as_os_str()]);
    command.env("NEARSIDE_UPSTREAM", format!("unix://{}", path.display()));
    let mut run = Run::start(&mut command);
    let line = run.says("listening on 127.0.0.1:");
    let port = line.rsplit("127.0.0.1:").next().and_then(|rest| rest.split(' ').next()).expect("a port");
    let talk = Talk::connect(&Place::Tcp(format!("127.0.0.1:{port}").parse().expect("an address")));
    (run, talk)
}

const HEAD: &str = "listen = [\"127.0.0.1:0\"]\nworkers = 1\n";

#[test]
fn a_hangup_has_the_file_read_again() {
    let (server, dir) = (Server::start(&[]), Dir::new());
    let file = dir.join("nearside.toml");
    fs::write(&file, HEAD).expect("a file");
    let (mut run, mut talk) = start(&server, &file);
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
    fs::write(
        &file,
        format!("{HEAD}tcp_backlog = 7\n[log]\nlevel = \"debug\"\n[rules]\nblock = [\"GET\"]\n"),
    )
    .expect("a file");
    signal(run.pid(), "HUP");
    run.says("applied rules.block log.level");
    run.says("in force only after a restart: tcp_backlog");
    assert!(ask(&mut talk, "GET k").starts_with("-NOPERM "));
    fs::write(&file, format!("{HEAD}[rules]\nblok = [\"GET\"]\n")).expect("a file");
    signal(run.pid(), "HUP");
    let said = run.says("settings stay as they were");
    assert!(said.contains("nearside.toml:4") && said.contains("did you mean rules.block"), "{said}");
    assert!(ask(&mut talk, "GET k").starts_with("-NOPERM "));
    assert!(run.runs());
    signal(run.pid(), "TERM");
    run.says("stopped");
}

#[test]
fn a_file_that_is_watched_is_read_again_however_it_is_replaced() {
    let (server, dir) = (Server::start(&[]), Dir::new());
    let text = |rules: &str| format!("{HEAD}[reload]\nwatch = true\nevery = \"100ms\"\n[rules]\n{rules}\n");
    // As Kubernetes mounts it: the file is a link through a directory that is swapped.
    for (version, rules) in [("one", "read_only = false"), ("two", "block = [\"GET\"]")] {
        fs::create_dir(dir.join(version)).expect("a directory");
        fs::write(dir.join(version).join("nearside.toml"), text(rules)).expect("a file");
    }
    symlink("one", dir.join("..data")).expect("a link");
    let file = dir.join("nearside.toml");
    symlink("..data/nearside.toml", &file).expect("a link");
    let (mut run, mut talk) = start(&server, &file);
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
    symlink("two", dir.join("..new")).expect("a link");
    fs::rename(dir.join("..new"), dir.join("..data")).expect("it is swapped");
    run.says("applied rules.block");
    assert!(ask(&mut talk, "GET k").starts_with("-NOPERM "));
    // One that is wrong is said once, and what it held before stays in force.
    let new = dir.join("new.toml");
    fs::write(&new, text("blok = 1")).expect("a file");
    fs::rename(&new, &file).expect("it is replaced");
    run.says("settings stay as they were");
    fs::write(&file, text("read_only = true")).expect("it is written over");
    run.says("applied rules.block rules.read_only");
    eventually("the rule is gone", || (ask(&mut talk, "GET k") == "$-1\r\n").then_some(()));
    assert!(ask(&mut talk, "SET k v").starts_with("-NOPERM "));
    let wrong = run.said.iter().filter(|line| line.contains("settings stay as they were")).count();
    assert_eq!(wrong, 1, "{:#?}", run.said);
}
