//! Whatever is wrong, the log, `check` and the client's error name the cause and the setting.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::certs::Certs;
use super::common::{Place, Run, Server, Talk, binary};

/// The code for a configuration that cannot be used.
const BAD_CONFIG: i32 = 78;

type Env<'a> = &'a [(&'a str, &'a str)];

fn program(env: Env<'_>) -> Command {
    let mut command = binary();
    command.envs(env.iter().copied());
    command.env("NEARSIDE_UPSTREAM_TIMEOUT", "2s").env("REDIS_SOCKET_CONNECT_TIMEOUT", "1");
    command.env("NEARSIDE_LISTEN", "127.0.0.1:0").env("NEARSIDE_WORKERS", "1");
    command
}

/// What `check --connect` says, and its exit code.
fn checked(env: Env<'_>) -> (String, Option<i32>) {
    let output = program(env).args(["check", "--connect"]).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.code())
}

#[track_caller]
fn names(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
    assert!(!text.contains("hunter2"), "a password is in\n{text}");
}

/// A Nearside that starts and cannot use its upstream: all three say why.
#[track_caller]
fn cannot_be_used(env: Env<'_>, code: &str, words: &[&str]) {
    let (text, status) = checked(env);
    assert_eq!(status, Some(1), "{text}");
    names(&text, words);
    let mut run = Run::start(&mut program(env));
    let line = run.says("listening on 127.0.0.1:");
    let (_, port) = line.split_once("listening on 127.0.0.1:").expect("an address");
    let port = port.split_whitespace().next().expect("a port");
    let place = Place::Tcp(([127, 0, 0, 1], port.parse().expect("a port")).into());
    let error = Talk::connect(&place).ask_text(&["GET", "k"]);
    assert!(error.starts_with(&format!("-{code}")), "{error}");
    names(&error, words);
    let logged = run.said.iter().any(|line| words.iter().all(|word| line.contains(word)));
    if !logged {
        names(&run.says("upstream lane cannot be opened"), words);
    }
}

/// A Nearside that does not start.
#[track_caller]
fn does_not_start(env: Env<'_>, words: &[&str]) {
    let (text, status) = checked(env);
    assert_eq!(status, Some(BAD_CONFIG), "{text}");
    names(&text, words);
    let output = program(env).output().expect("it runs");
    assert_eq!(output.status.code(), Some(BAD_CONFIG));
    names(&String::from_utf8_lossy(&output.stderr), words);
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let uri = format!("redis://127.0.0.1:{}", listener.local_addr().expect("bound").port());
    drop(listener);
    cannot_be_used(
        &[("REDIS_URI", &uri)],
        "UPSTREAMDOWN",
        &["Connection refused", "env REDIS_URI", "is the server running"],
    );
    cannot_be_used(
        &[("REDIS_URI", "unix:///nosuch/socket")],
        "UPSTREAMDOWN",
        &["/nosuch/socket", "is the path right", "env REDIS_URI"],
    );
    cannot_be_used(
        &[("REDIS_HOST", "no.such.host.invalid")],
        "UPSTREAMDOWN",
        &["cannot resolve no.such.host.invalid", "env REDIS_HOST"],
    );
}

#[test]
fn the_password_is_wrong() {
    let certs = Certs::new();
    let (_redis, port) = certs.redis_of("server.crt", "no", &["--requirepass", "right"]);
    let (uri, ca) = (format!("rediss://localhost:{port}"), certs.text("ca.crt"));
    let env = [("REDIS_URI", uri.as_str()), ("REDIS_SSL_CA_CERTS", &ca), ("REDIS_PASSWORD", "hunter2")];
    cannot_be_used(&env, "WRONGPASS", &["WRONGPASS", "REDIS_PASSWORD", "upstream.password", "user default"]);
    let of_app = [&env[..], &[("REDIS_USERNAME", "app")]].concat();
    cannot_be_used(&of_app, "WRONGPASS", &["REDIS_USERNAME", "user app"]);
    let (text, status) = checked(&env[..2]);
    assert_eq!(status, Some(1));
    names(&text, &["wants a password", "REDIS_PASSWORD"]);
    let (text, status) = checked(&[env[0], env[1], ("REDIS_PASSWORD", "right")]);
    assert_eq!(status, Some(0), "{text}");
    names(&text, &["answers: redis 7"]);
}

#[test]
fn the_certificate_is_not_accepted() {
    let (certs, others) = (Certs::new(), Certs::new());
    let (_redis, port) = certs.redis("no");
    let (uri, ca, other) =
        (format!("rediss://localhost:{port}"), certs.text("ca.crt"), others.text("ca.crt"));
    let unknown = &["its certificate was not accepted", "is not signed by", "REDIS_SSL_CA_CERTS"];
    cannot_be_used(&[("REDIS_URI", &uri)], "UPSTREAMDOWN", unknown);
    let env = [("REDIS_URI", uri.as_str()), ("REDIS_SSL_CA_CERTS", &other)];
    cannot_be_used(&env, "UPSTREAMDOWN", &[unknown[1], &other]);
    // optional is as required; none takes anybody, and says so.
    let lax = [&env[..], &[("REDIS_SSL_CERT_REQS", "optional")]].concat();
    cannot_be_used(&lax, "UPSTREAMDOWN", unknown);
    let (text, status) = checked(&[&env[..], &[("REDIS_SSL_CERT_REQS", "none")]].concat());
    assert_eq!(status, Some(0), "{text}");
    names(&text, &["NOT VERIFIED", "answers: redis"]);
    let mut run = Run::start(&mut program(&[&env[..], &[("REDIS_SSL_CERT_REQS", "none")]].concat()));
    run.says("CERTIFICATE IS NOT VERIFIED");

    let uri = format!("rediss://127.0.0.3:{port}");
    let env = [("REDIS_URI", uri.as_str()), ("REDIS_SSL_CA_CERTS", &ca)];
    let named =
        &["it is for localhost, 127.0.0.1", "also.example", "not for 127.0.0.3", "upstream.ssl_server_name"];
    // 127.0.0.3 is this machine as well, but Redis may not listen there.
    let there = TcpListener::bind(("127.0.0.3", port)).is_err();
    let uri = format!("rediss://127.0.0.1:{port}");
    let by_name = [("REDIS_URI", uri.as_str()), env[1], ("NEARSIDE_UPSTREAM_SSL_SERVER_NAME", "127.0.0.3")];
    cannot_be_used(if there { &env } else { &by_name }, "UPSTREAMDOWN", named);
}

#[test]
fn the_certificate_is_not_of_this_time_or_for_this_use() {
    let certs = Certs::new();
    certs.sign("old", "/CN=x", "subjectAltName=DNS:localhost", "-days -1");
    certs.sign("nameless", "/CN=localhost", "basicConstraints=CA:FALSE", "");
    certs.openssl("req -new -key server.key -subj /CN=localhost -out first.csr");
    certs.openssl("x509 -req -in first.csr -CA ca.crt -CAkey ca.key -set_serial 78 -out first.crt");
    certs.sign("clients", "/CN=x", "subjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth", "");
    let ca = certs.text("ca.crt");
    for (certificate, words) in [
        ("old.crt", &["it has expired", "renewed", "clock"][..]),
        ("nameless.crt", &["no name at all", "upstream.ssl_server_name"]),
        ("first.crt", &["version 1", "subjectAltName"]),
        ("clients.crt", &["it is not meant for a server"]),
    ] {
        let (_redis, port) = certs.redis_of(certificate, "no", &[]);
        let uri = format!("rediss://localhost:{port}");
        cannot_be_used(&[("REDIS_URI", &uri), ("REDIS_SSL_CA_CERTS", &ca)], "UPSTREAMDOWN", words);
    }
}

#[test]
fn one_speaks_tls_and_the_other_does_not() {
    let certs = Certs::new();
    let plain = Server::start_tcp(&[]);
    let uri = format!("redis://127.0.0.1:{}", plain.port());
    let ca = certs.text("ca.crt");
    let env = [("REDIS_URI", uri.as_str()), ("REDIS_SSL", "true"), ("REDIS_SSL_CA_CERTS", &ca)];
    cannot_be_used(&env, "UPSTREAMDOWN", &["if it does not speak TLS", "REDIS_SSL=false", "redis://"]);
    let (_redis, port) = certs.redis("no");
    let uri = format!("redis://127.0.0.1:{port}");
    let words = &["if it speaks TLS there", "REDIS_SSL=true", "rediss://"];
    cannot_be_used(&[("REDIS_URI", &uri)], "UPSTREAMDOWN", words);
}

#[test]
fn the_upstream_wants_another_certificate_of_ours() {
    let (certs, others) = (Certs::new(), Certs::new());
    for protocols in ["TLSv1.3", "TLSv1.2"] {
        let (_redis, port) = certs.redis_of("server.crt", "yes", &["--tls-protocols", protocols]);
        let (uri, ca) = (format!("rediss://localhost:{port}"), certs.text("ca.crt"));
        let env = [("REDIS_URI", uri.as_str()), ("REDIS_SSL_CA_CERTS", &ca)];
        let words = &["certificate", "REDIS_SSL_CERTFILE", "REDIS_SSL_KEYFILE", "upstream.ssl_certfile"];
        cannot_be_used(&env, "UPSTREAMDOWN", words);
        let (cert, key) = (others.text("client.crt"), others.text("client.key"));
        let ours = [("REDIS_SSL_CERTFILE", cert.as_str()), ("REDIS_SSL_KEYFILE", &key)];
        let words = &["it does not accept our certificate", cert.as_str(), "REDIS_SSL_CERTFILE"];
        cannot_be_used(&[&env[..], &ours].concat(), "UPSTREAMDOWN", words);
    }
}

#[test]
fn files_that_cannot_be_used_stop_the_start() {
    let certs = Certs::new();
    certs.openssl("pkey -in client.key -aes256 -passout pass:hunter2 -out locked.key");
    certs.openssl("genrsa -aes256 -passout pass:hunter2 -traditional -out old.key 2048");
    certs.openssl("genrsa -out small.key 1024");
    certs.openssl("req -x509 -key small.key -subj /CN=small -out small.crt");
    certs.openssl("x509 -in ca.crt -outform der -out ca.der");
    std::fs::write(certs.path("empty"), "").expect("a file");
    std::fs::write(certs.path("cut.crt"), "-----BEGIN CERTIFICATE-----\nMIIB\n").expect("a file");
    let base = [("REDIS_URI", "rediss://localhost:1")];
    for (variable, file, words) in [
        ("REDIS_SSL_CA_CERTS", "nosuch.crt", "there is no such file"),
        ("REDIS_SSL_CA_CERTS", "nosuch/ca.crt", "there is no such file"),
        ("REDIS_SSL_CA_CERTS", "ca.key", "it holds no certificate, but a private key"),
        ("REDIS_SSL_CA_CERTS", "ca.der", "it is not PEM"),
        ("REDIS_SSL_CA_CERTS", "empty", "it is empty"),
        ("REDIS_SSL_CA_CERTS", "cut.crt", "broken PEM"),
    ] {
        let path = certs.text(file);
        does_not_start(&[&base[..], &[(variable, &path)]].concat(), &[variable, &path, words]);
    }
    let ca = certs.text("ca.crt");
    for (cert, key, words) in [
        ("nosuch.crt", "client.key", &["REDIS_SSL_CERTFILE", "there is no such file"][..]),
        ("client.crt", "nosuch.key", &["REDIS_SSL_KEYFILE", "there is no such file"]),
        ("client.crt", "ca.crt", &["REDIS_SSL_KEYFILE", "it holds no private key, but certificates"]),
        ("client.key", "client.key", &["REDIS_SSL_CERTFILE", "it holds no certificate"]),
        ("client.crt", "locked.key", &["REDIS_SSL_KEYFILE", "is encrypted", "locked.key"]),
        ("client.crt", "old.key", &["REDIS_SSL_KEYFILE", "is encrypted", "old.key"]),
        (
            "client.crt",
            "server.key",
            &["REDIS_SSL_KEYFILE", "does not belong to", "client.crt", "server.key"],
        ),
        ("small.crt", "small.key", &["REDIS_SSL_KEYFILE", "none that can be used here"]),
    ] {
        let (cert, key) = (certs.text(cert), certs.text(key));
        let ours =
            [("REDIS_SSL_CA_CERTS", ca.as_str()), ("REDIS_SSL_CERTFILE", &cert), ("REDIS_SSL_KEYFILE", &key)];
        does_not_start(&[&base[..], &ours].concat(), words);
    }
}

#[test]
fn a_file_that_may_not_be_read_is_named_with_who_may_not() {
    let certs = Certs::new();
    let directory = certs.path("").join("");
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).expect("its mode");
    std::fs::set_permissions(certs.path("client.key"), PermissionsExt::from_mode(0o000)).expect("its mode");
    let (ca, cert, key) = (certs.text("ca.crt"), certs.text("client.crt"), certs.text("client.key"));
    let env = [
        ("REDIS_URI", "rediss://localhost:1"),
        ("REDIS_SSL_CA_CERTS", &ca),
        ("REDIS_SSL_CERTFILE", &cert),
        ("REDIS_SSL_KEYFILE", &key),
    ];
    // Root may read everything. The program may lie where nobody else can reach it.
    let copy = directory.join("nearside");
    std::fs::copy(env!("CARGO_BIN_EXE_nearside"), &copy).expect("a copy");
    let mut command = Command::new(copy);
    command.env_clear().envs(env).arg("check");
    if std::fs::read(&key).is_ok() {
        command.uid(65_534);
    }
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(BAD_CONFIG));
    names(&String::from_utf8_lossy(&output.stderr), &["REDIS_SSL_KEYFILE", &key, "permission denied: user "]);
}

#[test]
fn a_certificate_of_ours_that_has_expired_is_a_warning() {
    let certs = Certs::new();
    certs.openssl("req -new -key client.key -subj /CN=client -out old.csr");
    certs.openssl("x509 -req -in old.csr -CA ca.crt -CAkey ca.key -set_serial 5 -days -1 -out old.crt");
    let (cert, key, ca) = (certs.text("old.crt"), certs.text("client.key"), certs.text("ca.crt"));
    let (_redis, port) = certs.redis("no");
    let uri = format!("rediss://localhost:{port}");
    let env = [
        ("REDIS_URI", uri.as_str()),
        ("REDIS_SSL_CA_CERTS", &ca),
        ("REDIS_SSL_CERTFILE", &cert),
        ("REDIS_SSL_KEYFILE", &key),
    ];
    let (text, status) = checked(&env);
    assert_eq!(status, Some(0), "{text}");
    names(&text, &["REDIS_SSL_CERTFILE", "old.crt", "has expired, 24 hours ago", "answers: redis"]);
    Run::start(&mut program(&env)).says("has expired, 24 hours ago");
}
