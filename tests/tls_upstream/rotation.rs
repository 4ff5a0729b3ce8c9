//! Files are replaced under a running Nearside.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use super::certs::{Certs, make};
use super::common::{Dir, Proxy, Talk, eventually};

/// Points the symlink `..data` in `dir` at another directory, in one step, as Kubernetes does it.
fn swap(dir: &Path, target: &Path) {
    let (new, link) = (dir.join("..new"), dir.join("..data"));
    symlink(target, &new).expect("a symlink");
    std::fs::rename(new, link).expect("it takes the other's place");
}

fn figure(talk: &mut Talk, name: &str) -> i64 {
    let info = talk.ask_text(&["INFO", "nearside"]);
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().parse().ok()).unwrap_or_else(|| panic!("no {name} in {info}"))
}

#[test]
fn an_authority_and_a_client_certificate_are_replaced_while_running() {
    let (first, second) = (Certs::new(), Certs::new());
    let mounted = Dir::new();
    swap(mounted.path(), first.path("").as_path());
    for name in ["ca.crt", "client.crt", "client.key"] {
        symlink(Path::new("..data").join(name), mounted.join(name)).expect("a symlink");
    }
    let (redis, port) = first.redis("yes");
    let mut config = first.config(port);
    config.upstream.tls.ca_certs = Some(mounted.join("ca.crt"));
    config.upstream.tls.certfile = Some(mounted.join("client.crt"));
    config.upstream.tls.keyfile = Some(mounted.join("client.key"));
    config.upstream.timeout = Duration::from_secs(1);
    config.tls.reload_every = Duration::from_millis(20);
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    assert_eq!(figure(&mut talk, "nearside_tls_files_renewed"), 0);

    // Half of a replacement: the new certificate and the old key.
    let half = Dir::new();
    std::fs::copy(first.path("ca.crt"), half.join("ca.crt")).expect("a copy");
    std::fs::copy(second.path("client.crt"), half.join("client.crt")).expect("a copy");
    std::fs::copy(first.path("client.key"), half.join("client.key")).expect("a copy");
    swap(mounted.path(), half.path());
    eventually("it is refused", || (figure(&mut talk, "nearside_tls_files_refused") == 1).then_some(()));
    // New connections are made with what there was before.
    redis.connect().ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    eventually("a new connection", || (talk.ask(&["SET", "k", "v"]) == b"+OK\r\n").then_some(()));

    swap(mounted.path(), second.path("").as_path());
    eventually("it is used", || (figure(&mut talk, "nearside_tls_files_renewed") >= 1).then_some(()));
    // A server that only the new ones fit.
    drop(redis);
    let redis = second.redis_on(port, "yes");
    eventually("the new server", || (talk.ask(&["SET", "k", "new"]) == b"+OK\r\n").then_some(()));
    assert_eq!(redis.connect().ask(&["GET", "k"]), b"$3\r\nnew\r\n");
    assert_eq!(figure(&mut talk, "nearside_tls_files_refused"), 1);
}

#[test]
fn the_script_replaces_what_a_running_nearside_uses() {
    let certs = Certs::new();
    let (redis, port) = certs.redis("yes");
    let mut config = certs.config_of_client(port);
    config.tls.reload_every = Duration::from_millis(20);
    config.upstream.timeout = Duration::from_secs(1);
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
    // The key is renamed before the certificate: in between nothing fits, and that harms nobody.
    make(certs.path("ca.crt").parent().expect("a directory"), &[]);
    eventually("it is used", || (figure(&mut talk, "nearside_tls_files_renewed") >= 1).then_some(()));
    redis.connect().ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    eventually("a new connection", || (talk.ask(&["SET", "k", "v"]) == b"+OK\r\n").then_some(()));
}
