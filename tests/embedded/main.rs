//! The embedded server, against real servers: nothing acknowledged is lost, nobody shares a data
//! directory, and what goes wrong is said.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nearside::config::Embedded as Settings;
use nearside::embedded::{Error, Server};
use tokio::io::AsyncBufReadExt;

use crate::rig::{Client, Dir, ask, kill, path, settings, start, stop, within};

mod owners;
mod rig;

#[tokio::test]
async fn it_starts_answers_and_stops() {
    let dir = Dir::new("start");
    let server = start(&dir.settings()).await;
    let socket = server.socket().to_owned();
    assert_eq!(ask(&socket, "PING").await, "+PONG");
    for (file, mode) in [(dir.0.join("data"), 0o700), (socket.clone(), 0o700)] {
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, mode);
    }
    let mut client = Client::connect(&socket).await.expect("it listens");
    for (name, value) in [
        ("port", "0"),
        ("maxmemory", "268435456"),
        ("maxmemory-policy", "volatile-lru"),
        ("appendonly", "yes"),
    ] {
        assert_eq!(client.ask(&format!("CONFIG GET {name}")).await.expect("an array"), "*2");
        // The rest of that array: the name, then the value.
        let mut lines = String::new();
        for _ in 0..4 {
            client.0.read_line(&mut lines).await.expect("a line");
        }
        assert!(lines.ends_with(&format!("\r\n{value}\r\n")), "{lines}");
    }
    let mut status = server.status();
    let pid = status.borrow().pid.expect("it runs");
    stop(server).await;
    assert!(!socket.exists(), "the socket is cleared away");
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the child is gone");
    assert!(status.changed().await.is_err(), "whoever watched it knows");
}

#[tokio::test]
async fn data_survives_stop_and_start() {
    let dir = Dir::new("survive");
    for (appendonly, save) in [(true, ""), (false, "900 1")] {
        let name = format!("{appendonly}");
        let data_dir = dir.0.join(&name);
        let settings = Settings { appendonly, save: save.into(), ..settings(data_dir) };
        let server = start(&settings).await;
        assert_eq!(ask(server.socket(), "SET kept yes").await, "+OK");
        stop(server).await;
        let server = start(&settings).await;
        assert_eq!(ask(server.socket(), "GET kept").await, "yes", "appendonly {name}");
        stop(server).await;
    }
}

#[tokio::test]
async fn changing_appendonly_keeps_the_data() {
    let dir = Dir::new("switch");
    let mut settings = Settings { appendonly: false, ..dir.settings() };
    for turn in 0..5 {
        let server = start(&settings).await;
        let writes = if turn == 0 { "$-1".to_owned() } else { (turn - 1).to_string() };
        assert_eq!(ask(server.socket(), "GET turn").await, writes, "appendonly {}", settings.appendonly);
        assert_eq!(ask(server.socket(), &format!("SET turn {turn}")).await, "+OK");
        if turn == 3 {
            // Not even a crash right after the change goes back to the older file.
            kill(server.status().borrow().pid.expect("it runs"), "-9");
            within(server.status().wait_for(|status| status.pid.is_some() && status.restarts == 1))
                .await
                .expect("it is restarted");
            assert_eq!(ask(server.socket(), "GET turn").await, "3");
        }
        stop(server).await;
        settings.appendonly = !settings.appendonly;
    }
}

#[tokio::test]
async fn a_killed_child_is_started_again_with_its_data() {
    let dir = Dir::new("restart");
    let server = start(&dir.settings()).await;
    let mut status = server.status();
    for turn in 1..=2 {
        assert_eq!(ask(server.socket(), "INCR count").await, format!(":{turn}"));
        let first = status.borrow_and_update().pid.expect("it runs");
        kill(first, "-9");
        let again = within(status.wait_for(|status| status.restarts == turn)).await.expect("supervised").pid;
        assert_ne!(again, Some(first));
        assert_eq!(ask(server.socket(), "GET count").await, turn.to_string());
    }
    stop(server).await;
}

#[tokio::test]
async fn a_shutdown_by_a_client_is_a_restart() {
    let dir = Dir::new("shutdown");
    let server = start(&dir.settings()).await;
    let mut client = Client::connect(server.socket()).await.expect("it listens");
    client.ask("SHUTDOWN").await.expect_err("it closes the connection");
    within(server.status().wait_for(|status| status.restarts == 1)).await.expect("supervised");
    stop(server).await;
}

#[tokio::test]
async fn stop_works_while_it_is_being_restarted_and_when_it_is_locked_by_password() {
    let dir = Dir::new("stop");
    let server = start(&dir.settings()).await;
    let mut status = server.status();
    kill(status.borrow().pid.expect("it runs"), "-9");
    within(status.wait_for(|status| status.pid.is_none())).await.expect("supervised");
    stop(server).await;

    let server = start(&dir.settings()).await;
    assert_eq!(ask(server.socket(), "CONFIG SET requirepass secret").await, "+OK");
    stop(server).await;
}

#[tokio::test]
async fn a_server_that_does_not_stop_is_killed_at_the_deadline() {
    let dir = Dir::new("deaf");
    let server = start(&dir.settings()).await;
    let pid = server.status().borrow().pid.expect("it runs");
    assert_eq!(ask(server.socket(), "SET kept yes").await, "+OK");
    kill(pid, "-STOP");
    let stopped = server.stop(Duration::from_millis(200)).await;
    assert!(matches!(stopped, Err(Error::Killed { .. })), "{stopped:?}");
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the child is gone");
    let server = start(&dir.settings()).await;
    assert_eq!(ask(server.socket(), "GET kept").await, "yes");
    stop(server).await;
}

#[test]
fn dropped_with_its_runtime_it_saves_and_goes() {
    let dir = Dir::new("drop");
    // No append-only file: only an orderly end saves this.
    let settings = Settings { appendonly: false, ..dir.settings() };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let first = runtime();
    let server = first.block_on(async {
        let server = start(&settings).await;
        assert_eq!(ask(server.socket(), "SET kept yes").await, "+OK");
        server
    });
    drop(first);
    drop(server);
    runtime().block_on(async {
        let server = start(&settings).await;
        assert_eq!(ask(server.socket(), "GET kept").await, "yes");
        stop(server).await;
    });
}

#[tokio::test]
async fn without_a_server_binary_it_says_what_to_do() {
    let dir = Dir::new("missing");
    let said = Server::start(&dir.settings(), Some("/nowhere".into())).await.expect_err("none").to_string();
    assert!(said.contains("apt-get install redis-server") && said.contains("--upstream"), "{said}");
    assert!(!dir.0.join("data").exists(), "nothing was made");
    let named = Settings { server: Some("/nowhere/redis-server".into()), ..dir.settings() };
    let said = Server::start(&named, path()).await.expect_err("none").to_string();
    assert!(said.contains("/nowhere/redis-server"), "{said}");
}

#[tokio::test]
async fn a_refused_setting_is_told_in_the_servers_words() {
    let dir = Dir::new("refused");
    let bad = Settings { maxmemory_policy: "no-such".into(), ..dir.settings() };
    let said = within(Server::start(&bad, path())).await.expect_err("refused").to_string();
    assert!(said.contains("maxmemory-policy") && said.contains("must be one of"), "{said}");
    // The directory is free again.
    stop(start(&dir.settings()).await).await;
}

#[tokio::test]
async fn a_damaged_file_is_told_in_the_servers_words() {
    let dir = Dir::new("damaged");
    let settings = Settings { appendonly: false, ..dir.settings() };
    stop(start(&settings).await).await;
    fs::write(settings.data_dir.join("dump.rdb"), "not a snapshot").expect("written");
    let said = within(Server::start(&settings, path())).await.expect_err("damaged").to_string();
    assert!(said.to_lowercase().contains("wrong signature"), "{said}");
}

#[tokio::test]
async fn a_long_data_dir_works_and_so_does_one_with_odd_characters() {
    let dir = Dir::new("long");
    for name in ["n".repeat(150), "it's \"odd\" \\ ü".to_owned()] {
        let settings = settings(dir.0.join(name));
        let server = start(&settings).await;
        assert_eq!(ask(server.socket(), "INCR count").await, ":1");
        let socket = server.socket().to_owned();
        stop(server).await;
        assert!(!socket.exists());
        let server = start(&settings).await;
        assert_eq!(ask(server.socket(), "INCR count").await, ":2");
        stop(server).await;
        assert_eq!(fs::symlink_metadata(settings.data_dir.join("server.sock")).ok().map(|_| ()), None);
    }
}

#[tokio::test]
async fn a_stale_socket_and_half_written_files_are_no_obstacle() {
    let dir = Dir::new("stale");
    let data = dir.0.join("data");
    fs::create_dir(&data).expect("made");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("private");
    drop(std::os::unix::net::UnixListener::bind(data.join("server.sock")).expect("bound"));
    for (file, text) in [("nearside.conf", "appendon"), ("owner.lock", "999999"), ("server.pid", "x")] {
        fs::write(data.join(file), text).expect("written");
    }
    let server = start(&dir.settings()).await;
    assert_eq!(ask(server.socket(), "PING").await, "+PONG");
    stop(server).await;
}

#[tokio::test]
async fn ctrl_c_at_the_terminal_does_not_reach_the_server() {
    let dir = Dir::new("group");
    let server = start(&dir.settings()).await;
    let pid = server.status().borrow().pid.expect("it runs");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("on Linux");
    // After the name in parentheses: state, parent, group.
    let group = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(2));
    assert_eq!(group, Some(pid.to_string().as_str()));
    stop(server).await;
}
