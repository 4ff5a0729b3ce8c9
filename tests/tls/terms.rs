//! Who is let in, and on which terms.

use std::process::{Command, Stdio};

use nearside::config::{AuthClients, TlsVersion};
use rcgen::{KeyPair, SanType};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

use super::*;
use crate::common::eventually;

#[test]
fn plain_and_tls_are_served_side_by_side() {
    let scene = Scene::new();
    let mut plain = scene.proxy.connect();
    for version in BOTH {
        let mut talk = scene.talk_in(version);
        assert_eq!(talk.ask(&["SET", "k", "of TLS"]), b"+OK\r\n");
        assert_eq!(plain.ask(&["GET", "k"]), b"$6\r\nof TLS\r\n");
        let list = talk.ask_text(&["CLIENT", "LIST"]);
        let local = talk.stream.local().unwrap();
        assert!(list.contains(&format!("addr={local}")), "{list}");
        assert!(list.contains(&format!("laddr=127.0.0.1:{}", scene.port())), "{list}");
        assert!(!list.contains("fd=-1"), "{list}");
    }
}

#[test]
fn who_speaks_no_tls_where_it_is_spoken_is_hung_up_on() {
    let scene = Scene::new();
    let mut talk = Talk::over(Stream::Tcp(scene.socket()));
    talk.say(&["PING"]);
    assert!(talk.until_closed().is_empty());
    // Its connection is closed a moment before it is counted.
    eventually("it is counted", || (scene.figure("tls_handshakes_failed") == 1).then_some(()));
}

#[test]
fn certificates_of_clients_are_asked_for_as_configured() {
    for auth in [AuthClients::No, AuthClients::Optional, AuthClients::Yes] {
        let scene = Scene::with(Certs::new(), |config, certs| {
            config.tls.auth_clients = auth;
            config.tls.ca_cert_file = Some(certs.path("ca.crt"));
            certs.sign("app", KeyPair::generate().unwrap(), |_| {});
            certs.sign_expired("old");
            let strangers = Certs::new();
            strangers.sign("stranger", KeyPair::generate().unwrap(), |_| {});
            for end in ["crt", "key"] {
                let name = format!("stranger.{end}");
                std::fs::copy(strangers.path(&name), certs.path(&name)).unwrap();
            }
        });
        for version in BOTH {
            let taken = |own| scene.ping_as(own, version).is_ok_and(|reply| reply == b"+PONG\r\n");
            assert!(taken(Some("app")), "{auth:?}");
            assert_eq!(taken(None), auth != AuthClients::Yes, "{auth:?}");
            assert_eq!(taken(Some("old")), auth == AuthClients::No, "{auth:?}: one that has ended");
            assert_eq!(taken(Some("stranger")), auth == AuthClients::No, "{auth:?}: a stranger's");
        }
    }
}

#[test]
fn a_client_that_does_not_trust_us_goes_away_and_is_counted() {
    let scene = Scene::with(Certs::new(), |config, certs| {
        certs.sign_expired("old");
        config.tls.cert_file = Some(certs.path("old.crt"));
        config.tls.key_file = Some(certs.path("old.key"));
    });
    assert!(scene.ping_as(None, &TLS13).unwrap_err().to_string().contains("expired"));
    let strangers = Certs::new();
    let error = scene.try_tls(&strangers.client(&BOTH, None)).unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    eventually("both are counted", || (scene.figure("tls_handshakes_failed") == 2).then_some(()));
    assert!(scene.figure("tls_cert_days_left") < -365);
}

#[test]
fn the_oldest_version_spoken_is_a_setting() {
    let scene = Scene::with(Certs::new(), |config, _| config.tls.min_version = TlsVersion::V13);
    assert!(scene.ping_as(None, &TLS13).is_ok());
    let refused = scene.ping_as(None, &TLS12).unwrap_err();
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
}

#[test]
fn sessions_are_resumed() {
    for (auth, own) in [(AuthClients::No, None), (AuthClients::Yes, Some("app"))] {
        let scene = Scene::with(Certs::new(), |config, certs| {
            config.tls.auth_clients = auth;
            config.tls.ca_cert_file = Some(certs.path("ca.crt"));
            certs.sign("app", KeyPair::generate().unwrap(), |_| {});
        });
        for version in BOTH {
            let config = scene.certs.client(&[version], own);
            let kinds: Vec<_> = (0..3)
                .map(|_| {
                    let mut talk = Talk::over(Stream::Tls(scene.try_tls(&config).unwrap()));
                    assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
                    let Stream::Tls(stream) = &talk.stream else { unreachable!() };
                    stream.conn.handshake_kind().unwrap()
                })
                .collect();
            assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
        }
        assert_eq!((scene.figure("tls_handshakes_done"), scene.figure("tls_handshakes_resumed")), (6, 4));
    }
}

#[test]
fn openssl_resumes_sessions_too() {
    let scene = Scene::with(Certs::with_rsa(), |_, _| {});
    for version in ["-tls1_2", "-tls1_3"] {
        let session = scene.certs.at("session");
        let port = format!("127.0.0.1:{}", scene.port());
        let ask = |how: &str| {
            let mut command = Command::new("openssl");
            command.args(["s_client", "-connect", &port, version, "-CAfile", &scene.certs.at("ca.crt")]);
            command.args([how, &session, "-verify_return_error", "-ign_eof"]).stdin(Stdio::piped());
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // The tickets of TLS 1.3 come with the first reply, and QUIT has the proxy end it.
            io::Write::write_all(&mut child.stdin.take().unwrap(), b"PING\r\nQUIT\r\n").unwrap();
            String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
        };
        assert!(ask("-sess_out").contains("New, "), "{version}");
        assert!(ask("-sess_in").contains("Reused, "), "{version}");
    }
}

#[test]
fn certificates_are_renewed_while_clients_are_connected() {
    let scene = Scene::with(Certs::new(), |config, _| config.tls.reload_every = common::PAUSE);
    let mut old = scene.talk();
    assert_eq!(old.ask(&["PING"]), b"+PONG\r\n");
    let serial = |talk: &Talk| {
        let Stream::Tls(stream) = &talk.stream else { unreachable!() };
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let before = serial(&old);
    std::fs::write(scene.certs.path("server.key"), "half of a replacement").unwrap();
    eventually("it is refused", || (scene.figure("tls_files_refused") > 0).then_some(()));
    assert_eq!(serial(&scene.talk()), before);
    scene.certs.sign("server", KeyPair::generate().unwrap(), |params| {
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 2].into()));
    });
    eventually("it is taken up", || (serial(&scene.talk()) != before).then_some(()));
    assert_eq!(old.ask(&["PING"]), b"+PONG\r\n", "who is connected stays");
}
