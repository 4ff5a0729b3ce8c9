//! Who is let in.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nearside::config::{Listen, Secret};

use crate::certs::Certs;
use crate::common::{Dir, Place, Proxy, Run, Server, binary, config, eventually};
use crate::http::{Scene, ask};

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn a_token_is_wanted_for_all_but_probes_and_the_page() {
    let scene = Scene::new(|config| config.admin.token = Some(Secret::new("t0k3n")));
    for path in ["/", "/live"] {
        assert_eq!(scene.get(path).status, 200, "{path}");
    }
    for line in ["GET /config", "GET /clients", "GET /nosuch", "POST /cache/flush", "POST /drain"] {
        let answer = ask(&scene.place(), line, &[]);
        assert_eq!(answer.status, 401, "{line}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"nearside\""));
        assert!(answer.json()["error"].as_str().unwrap().contains("Bearer"));
        assert_eq!(ask(&scene.place(), line, &[("Authorization", &bearer("t0k3m"))]).status, 401, "{line}");
    }
    let shown = [("Authorization", &*bearer("t0k3n"))];
    assert_eq!(ask(&scene.place(), "POST /cache/flush", &shown).status, 200);
    let settings = ask(&scene.place(), "GET /config", &shown);
    assert_eq!((settings.status, settings.body.contains("t0k3n")), (200, false));
}

#[test]
fn a_page_elsewhere_and_a_name_made_up_get_nothing() {
    let scene = Scene::new(|_| {});
    let place = scene.place();
    assert_eq!(ask(&place, "GET /config", &[("Host", "evil.example")]).status, 421);
    assert_eq!(ask(&place, "POST /drain", &[("Origin", "http://evil.example")]).status, 403);
    assert_eq!(ask(&place, "POST /drain", &[("Sec-Fetch-Site", "cross-site")]).status, 403);
    assert_eq!(ask(&place, "POST /cache/flush", &[("Origin", "http://localhost")]).status, 200);
    assert!(scene.get("/config").header("access-control-allow-origin").is_none());
    assert_eq!(scene.proxy.connect().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn a_unix_socket_is_its_owners_alone_and_is_gone_afterwards() {
    let dir = Dir::new();
    let path = dir.join("admin.sock");
    let scene = Scene::new(|config| config.admin.listen = vec![Listen::Unix(path.clone())]);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(ask(&Place::Unix(path.clone()), "GET /live", &[("Host", "whatever")]).status, 200);
    drop(scene);
    assert!(!path.exists());
}

#[test]
fn what_would_let_anybody_in_is_refused_unless_it_is_asked_for() {
    let server = Server::start(&[]);
    let everybody = || vec![Listen::Tcp("0.0.0.0".into(), 0)];
    let mut settings = config(&server.place());
    settings.admin.listen = everybody();
    let refused = Proxy::try_start(settings.clone()).unwrap_err();
    assert!(refused.is_configuration());
    assert!(refused.to_string().contains("admin.token"), "{refused}");
    settings.admin.open = true;
    drop(Proxy::start(settings.clone()));
    (settings.admin.open, settings.admin.token) = (false, Some(Secret::new("t")));
    drop(Proxy::start(settings));
    for args in [vec![], vec!["--set", "admin.token=zq xw"]] {
        let output = binary().args(["check", "--admin-listen", "0.0.0.0:9180"]).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("admin.token") && !said.contains("zq"), "{said}");
    }
}

#[test]
fn a_token_may_stand_in_a_file() {
    let dir = Dir::new();
    let server = Server::start(&[]);
    std::fs::write(dir.join("token"), "from-a-file\n").unwrap();
    let mut settings = config(&server.place());
    settings.admin.listen = vec![Listen::Tcp("127.0.0.1".into(), 0)];
    settings.admin.token_file = Some(dir.join("token"));
    let proxy = Proxy::start(settings.clone());
    let place = Place::of(&proxy.handle().admin_addresses()[0]);
    assert_eq!(ask(&place, "GET /config", &[]).status, 401);
    let settings_shown = ask(&place, "GET /config", &[("Authorization", &bearer("from-a-file"))]);
    assert_eq!((settings_shown.status, settings_shown.body.contains("from-a-file")), (200, false));
    for text in ["", "\n", "two words"] {
        std::fs::write(dir.join("token"), text).unwrap();
        let refused = Proxy::try_start(settings.clone()).unwrap_err();
        assert!(refused.to_string().contains("admin.token_file"), "{refused}");
        assert!(!refused.to_string().contains("words"), "{refused}");
    }
}

#[test]
fn tls_is_spoken_with_the_certificate_of_clients_and_with_the_new_one_once_it_is_renewed() {
    let certs = Certs::new();
    let server = Server::start(&[]);
    let mut settings = config(&server.place());
    settings.admin.listen = vec![Listen::Tcp("127.0.0.1".into(), 0)];
    settings.admin.tls = true;
    // Those who operate it show a token, whatever clients have to show.
    settings.tls.auth_clients = nearside::config::AuthClients::Yes;
    settings.tls.ca_cert_file = Some(certs.path("ca.crt"));
    settings.tls.cert_file = Some(certs.path("server.crt"));
    settings.tls.key_file = Some(certs.path("server.key"));
    settings.tls.reload_every = std::time::Duration::from_millis(100);
    let proxy = Proxy::start(settings);
    let Place::Tcp(addr) = Place::of(&proxy.handle().admin_addresses()[0]) else { panic!("it is TCP") };
    let curl = |more: &[&str]| {
        let url = format!("https://localhost:{}/live", addr.port());
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "10", "--ipv4", "--cacert", &certs.at("ca.crt")]).args(more).arg(url);
        command.output().unwrap()
    };
    let answer = curl(&[]);
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "{\"ok\":true}\n", "{answer:?}");
    certs.sign("server", rcgen::KeyPair::generate().unwrap(), |params| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "the renewed");
    });
    eventually("the new one is shown", || {
        let said = String::from_utf8_lossy(&curl(&["-v"]).stderr).into_owned();
        said.contains("the renewed").then_some(())
    });
    let stranger = Command::new("curl")
        .args(["-sS", "-m", "10", &format!("http://127.0.0.1:{}/live", addr.port())])
        .output();
    assert!(!stranger.unwrap().status.success());
}

#[test]
fn a_port_that_is_taken_is_an_error_where_it_was_asked_for_and_a_warning_where_it_is_the_default() {
    let server = Server::start(&[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = config(&server.place());
    settings.admin.listen = vec![Listen::Tcp("127.0.0.1".into(), taken.local_addr().unwrap().port())];
    let refused = Proxy::try_start(settings.clone()).unwrap_err();
    assert!(refused.to_string().starts_with("admin.listen: cannot listen on 127.0.0.1:"), "{refused}");
    settings.admin.optional = true;
    let proxy = Proxy::start(settings);
    assert!(proxy.handle().admin_addresses().is_empty());
    assert_eq!(proxy.connect().ask(&["PING"]), b"+PONG\r\n");
}

#[test]
fn the_program_listens_by_flag_and_ends_when_it_is_told_to() {
    let (dir, server) = (Dir::new(), Server::start(&[]));
    let Place::Unix(upstream) = server.place() else { panic!("servers are on Unix sockets") };
    let (listen, admin) = (dir.join("n").display().to_string(), dir.join("a"));
    let mut run = Run::start(binary().args([
        "--upstream",
        &format!("unix://{}", upstream.display()),
        "--listen",
        &format!("unix:{listen}"),
        "--admin-listen",
        &format!("unix:{}", admin.display()),
    ]));
    run.says("health, metrics and dashboard on unix:");
    let place = Place::Unix(admin.clone());
    assert_eq!(ask(&place, "GET /log", &[]).body, "{\"level\":\"info\"}\n");
    for wrong in ["", "?level=loud", "?level=a=b=c"] {
        assert_eq!(ask(&place, &format!("POST /log{wrong}"), &[]).status, 400, "{wrong}");
    }
    assert_eq!(ask(&place, "POST /log?level=info,nearside::admin=debug", &[]).status, 200);
    run.says("log.level is info,nearside::admin=debug");
    assert_eq!(ask(&Place::Unix(admin.clone()), "POST /drain", &[]).status, 200);
    assert!(run.end().success());
    assert!(!admin.exists());
}
