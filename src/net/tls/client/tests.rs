use std::future::poll_fn;
use std::time::Duration;

use bytes::BytesMut;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Semaphore;

use super::*;

/// A server for `name`, whose own certificate is the file that is trusted.
struct Scene {
    file: PathBuf,
    server: Arc<ServerConfig>,
}

impl Scene {
    fn new(test: &str, name: &str) -> Self {
        let file = std::env::temp_dir().join(format!("ns-client-{}-{test}.crt", std::process::id()));
        let server = renew(&file, name);
        Self { file, server }
    }

    fn client(&self, host: &str) -> ClientTls {
        let tls = UpstreamTls { enabled: true, ca_certs: Some(self.file.clone()), ..UpstreamTls::default() };
        let endpoint = Endpoint::Tcp { host: host.into(), port: 6379 };
        let upstream = Upstream { endpoint, tls, ..Upstream::default() };
        ClientTls::load(&upstream).unwrap().unwrap()
    }

    /// Connects and hears one byte; whether that took up an earlier session.
    fn visit(&self, client: &ClientTls) -> Result<bool, String> {
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
        let turn = Semaphore::new(1);
        runtime.block_on(async {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let accepting = handshake::accept(Stream::Unix(ours), Arc::clone(&self.server), &turn);
            let both = async { tokio::join!(accepting, client.connect(Stream::Unix(theirs))) };
            let (ours, theirs) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
            let theirs = theirs?;
            let ours = ours.unwrap();
            let (_read, write) = ours.stream.split();
            write.write_all(b"!").await.unwrap();
            let (mut read, _write) = theirs.split();
            let mut heard = BytesMut::new();
            poll_fn(|cx| read.poll_into(cx, &mut heard)).await.unwrap();
            Ok(ours.resumed)
        })
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Puts the certificate of a new server into `file`.
fn renew(file: &Path, name: &str) -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.ticketer = ring::Ticketer::new().unwrap();
    Arc::new(config)
}

#[test]
fn a_later_connection_resumes_the_session_of_an_earlier_one() {
    let scene = Scene::new("resume", "redis.test");
    let client = scene.client("redis.test");
    assert_eq!(scene.visit(&client), Ok(false));
    assert_eq!(scene.visit(&client), Ok(true));
    assert_eq!(scene.visit(&client), Ok(true));
}

#[test]
fn who_is_trusted_no_more_is_not_trusted_for_a_session_of_before() {
    let mut scene = Scene::new("trust", "redis.test");
    let client = scene.client("redis.test");
    assert_eq!(scene.visit(&client), Ok(false));
    let before = Arc::clone(&scene.server);
    scene.server = renew(&scene.file, "redis.test");
    let look = client.look().unwrap();
    assert_ne!(look.mark, client.used());
    client.replace(look.made.unwrap());
    assert_eq!(scene.visit(&client), Ok(false));
    scene.server = before;
    let refused = scene.visit(&client).unwrap_err();
    assert!(refused.contains("is not signed by") && refused.contains("REDIS_SSL_CA_CERTS"), "{refused}");
}

#[test]
fn the_name_is_checked_on_every_host() {
    let scene = Scene::new("name", "redis.test");
    assert_eq!(scene.visit(&scene.client("REDIS.test")), Ok(false));
    let refused = scene.visit(&scene.client("other.test")).unwrap_err();
    assert!(refused.contains("it is for redis.test, not for other.test"), "{refused}");
}
