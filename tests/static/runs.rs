//! What works in an empty root, and what it says where something is missing.

use std::path::Path;
use std::process::Command;

use crate::common::{Dir, Place, Run, Server, Talk, signal};
use crate::dns;
use crate::root::{Root, image};

/// How many idle clients the figures are taken with.
const CLIENTS: usize = 1_000;

/// Starts it before this Redis, with further arguments; where it listens.
fn start(root: &Root, upstream: &str, more: &[&str]) -> (Run, Place) {
    let mut command = root.nearside();
    command.args(["--listen", "127.0.0.1:0", "--upstream", upstream, "--admin-listen", "none"]).args(more);
    let mut run = Run::start(&mut command);
    let line = run.says("listening on ");
    let address = line.rsplit("listening on ").next().and_then(|rest| rest.split_whitespace().next());
    let address = address.and_then(|address| address.parse().ok()).expect("an address");
    (run, Place::Tcp(address))
}

fn stop(mut run: Run) {
    signal(run.pid(), "TERM");
    assert!(run.end().success(), "{:#?}", run.said);
}

/// What `check --connect` says, and whether all is well.
fn visit(root: &Root, upstream: &str, more: &[&str]) -> (String, bool) {
    let mut command = root.nearside();
    command.args(["check", "--connect", "--upstream", upstream]).args(more);
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (text, output.status.success())
}

#[test]
fn it_serves_and_waits_and_stops() {
    let Some(root) = Root::new() else { return };
    let redis = Server::start_tcp(&[]);
    let (run, place) = start(&root, &format!("redis://127.0.0.1:{}", redis.port()), &[]);
    let mut talk = Talk::connect(&place);
    assert_eq!(talk.ask(&["SET", "k", "v"]), b"+OK\r\n");
    assert_eq!(talk.ask(&["GET", "k"]), b"$1\r\nv\r\n");
    assert!(talk.ask_text(&["INFO", "nearside"]).contains("nearside_cache_mode:tracked"));
    for host in ["127.0.0.1", "0.0.0.0"] {
        let listen = format!("{host}:{}", place.port());
        let waited = root.nearside().args(["wait", "--timeout", "5s", "--listen", &listen]).output();
        let waited = waited.expect("it runs");
        assert!(waited.status.success(), "{host}: {}", String::from_utf8_lossy(&waited.stderr));
    }
    stop(run);
    assert!(root.nearside().args(["check", "--reference"]).output().expect("it runs").status.success());
}

#[test]
fn names_are_found_in_hosts_and_asked_for() {
    let Some(root) = Root::new() else { return };
    let redis = Server::start_tcp(&[]);
    let at = |name: &str| format!("redis://{name}:{}", redis.port());
    // Neither file: said, and not only after a long time.
    let (said, fine) = visit(&root, &at("redis"), &[]);
    assert!(!fine && said.contains("cannot resolve redis"), "{said}");
    root.write("etc/hosts", b"127.0.0.1 localhost redis\n");
    for name in ["redis", "localhost"] {
        let (said, fine) = visit(&root, &at(name), &[]);
        assert!(fine && said.contains("answers: redis"), "{name}: {said}");
    }
    if dns::serve().is_none() {
        return;
    }
    let (short, domain) = dns::NAME.split_once('.').expect("it has a domain");
    // As a container's: what else a distribution may have put there does no harm.
    root.write("etc/resolv.conf", format!("nameserver {}\nsearch {domain}\n", dns::ADDRESS).as_bytes());
    root.write("etc/nsswitch.conf", b"hosts: files mdns4_minimal [NOTFOUND=return] resolve dns myhostname\n");
    root.remove("etc/hosts");
    for conf in ["with nsswitch.conf", "without"] {
        for name in [dns::NAME, short] {
            let (said, fine) = visit(&root, &at(name), &[]);
            assert!(fine && said.contains("answers: redis"), "{name}, {conf}: {said}");
        }
        let (said, fine) = visit(&root, &at("nobody"), &[]);
        assert!(!fine && said.contains("cannot resolve nobody"), "{said}");
        root.remove("etc/nsswitch.conf");
    }
}

#[test]
fn without_whom_to_trust_tls_is_an_error_that_says_so() {
    let Some(root) = Root::new() else { return };
    root.remove("etc/ssl/certs/ca-certificates.crt");
    let certs = Dir::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/make.sh");
    assert!(Command::new(script).arg("-d").arg(certs.path()).output().expect("it runs").status.success());
    let file = |name: &str| certs.join(name).display().to_string();
    let (cert, key, ca) = (file("server.crt"), file("server.key"), file("ca.crt"));
    let args = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let (_redis, port) = Server::start_tls(&[&args[..], &["--tls-auth-clients", "no"]].concat());
    let upstream = format!("rediss://127.0.0.1:{port}");
    let (said, fine) = visit(&root, &upstream, &[]);
    assert!(!fine && said.contains("REDIS_SSL_CA_CERTS"), "{said}");
    let authority = std::fs::read(&ca).expect("read");
    // Where the image has them, and where a setting says.
    root.write("etc/ssl/certs/ca-certificates.crt", &authority);
    let (said, fine) = visit(&root, &upstream, &[]);
    assert!(fine && said.contains("answers: redis"), "{said}");
    root.remove("etc/ssl/certs/ca-certificates.crt");
    root.write("certs/ca.crt", &authority);
    let (said, fine) = visit(&root, &upstream, &["--set", "upstream.ssl_ca_certs=/certs/ca.crt"]);
    assert!(fine && said.contains("answers: redis"), "{said}");
}

#[test]
fn without_an_upstream_it_says_that_there_is_no_server_to_start() {
    let Some(root) = Root::new() else { return };
    let output = root.nearside().args(["--listen", "127.0.0.1:0"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no upstream is configured") && said.contains("REDIS_URI"), "{said}");
}

#[test]
#[allow(clippy::print_stdout)] // the figures are what `make test-static` is for, too
fn the_image_holds_nothing_else_and_its_size_is_told() {
    let (Some(image), Some(root)) = (image(), Root::new()) else { return };
    let listed =
        Command::new("find").args([".", "-type", "f"]).current_dir(&image).output().expect("find runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut files: Vec<&str> = listed.lines().collect();
    files.sort_unstable();
    assert_eq!(files, ["./etc/ssl/certs/ca-certificates.crt", "./nearside"]);
    let ldd = Command::new("ldd").arg(image.join("nearside")).output().expect("ldd runs");
    let ldd = String::from_utf8_lossy(&[ldd.stdout, ldd.stderr].concat()).into_owned();
    assert!(ldd.contains("statically linked") || ldd.contains("not a dynamic"), "{ldd}");

    let redis = Server::start_tcp(&["--maxclients", "2000"]);
    let (run, place) = start(&root, &format!("redis://127.0.0.1:{}", redis.port()), &["--workers", "2"]);
    assert_eq!(Talk::connect(&place).ask(&["PING"]), b"+PONG\r\n");
    let idle = resident(run.pid());
    let clients: Vec<Talk> = (0..CLIENTS)
        .map(|_| {
            let mut talk = Talk::connect(&place);
            assert_eq!(talk.ask(&["GET", "k"]), b"$-1\r\n");
            talk
        })
        .collect();
    let with_clients = resident(run.pid());
    drop(clients);
    let bytes = std::fs::metadata(image.join("nearside")).expect("it is there").len();
    println!(
        "the static binary: {bytes} bytes; resident: {idle} KiB at the start, {with_clients} KiB with {CLIENTS} clients"
    );
    stop(run);
}

/// Of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
