//! Who a client is by its certificate.

use nearside::config::{AuthClients, CertificateUser, LocalUser, Secret};
use rcgen::{KeyPair, SanType};

use super::*;

fn scene() -> Scene {
    Scene::with(Certs::new(), |config, certs| {
        config.tls.auth_clients = AuthClients::Optional;
        config.tls.ca_cert_file = Some(certs.path("ca.crt"));
        config.users = [("billing", "on >b ~bill:* +@all"), ("gone", "off >g ~* +@all")]
            .map(|(name, acl)| LocalUser { name: name.into(), acl: Secret::new(acl) })
            .to_vec();
        config.tls.users = [("billing.*", "billing"), ("gone", "gone"), ("spiffe://corp/*", "billing")]
            .map(|(cert, user)| CertificateUser { cert: cert.into(), user: user.into() })
            .to_vec();
        let uri = "spiffe://corp/billing";
        certs.sign("billing.example", KeyPair::generate().unwrap(), |_| {});
        certs.sign("gone", KeyPair::generate().unwrap(), |_| {});
        certs.sign("other", KeyPair::generate().unwrap(), |_| {});
        certs.sign("by-uri", KeyPair::generate().unwrap(), |params| {
            params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        });
    })
}

fn talk(scene: &Scene, config: &Arc<ClientConfig>) -> Talk {
    Talk::over(Stream::Tls(scene.try_tls(config).unwrap()))
}

#[test]
fn a_certificate_says_who_its_client_is() {
    let scene = scene();
    for version in BOTH {
        for name in ["billing.example", "by-uri"] {
            let config = scene.certs.client(&[version], Some(name));
            // The second is a session resumed, in which no certificate is shown again.
            for _ in 0..2 {
                let mut talk = talk(&scene, &config);
                assert_eq!(talk.ask_text(&["ACL", "WHOAMI"]), "$7\r\nbilling\r\n");
                assert_eq!(talk.ask(&["GET", "bill:1"]), b"$-1\r\n");
                assert!(talk.ask(&["GET", "other"]).starts_with(b"-NOPERM"));
                assert_eq!(talk.ask(&["RESET"]), b"+RESET\r\n");
                assert_eq!(
                    talk.ask_text(&["ACL", "WHOAMI"]),
                    "$7\r\nbilling\r\n",
                    "it still has its certificate"
                );
            }
        }
        for name in [Some("other"), Some("gone"), None] {
            let mut talk = talk(&scene, &scene.certs.client(&[version], name));
            assert_eq!(talk.ask(&["GET", "bill:1"]), b"-NOAUTH Authentication required.\r\n", "{name:?}");
            assert_eq!(talk.ask(&["AUTH", "billing", "b"]), b"+OK\r\n");
            assert_eq!(talk.ask(&["GET", "bill:1"]), b"$-1\r\n");
        }
    }
}
