//! Certificates for a test: those of `certs/make.sh`, and worse ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::common::{Dir, Server};
use nearside::Config;
use nearside::config::{Endpoint, Listen, UpstreamTls};

/// A directory of certificates; removed on drop.
pub(crate) struct Certs(Dir);

impl Certs {
    /// An authority, a server and a client.
    pub(crate) fn new() -> Self {
        let certs = Self(Dir::new());
        make(certs.0.path(), &["also.example"]);
        certs
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs openssl there.
    pub(crate) fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command.current_dir(self.0.path()).args(words.split_whitespace());
        let done = command.output().expect("openssl runs");
        assert!(done.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A certificate `name.crt` of the server's key, signed by the authority.
    pub(crate) fn sign(&self, name: &str, subject: &str, extension: &str, options: &str) {
        std::fs::write(self.path("x.ext"), extension).expect("a file");
        self.openssl(&format!("req -new -key server.key -subj {subject} -out x.csr"));
        self.openssl(&format!(
            "x509 -req -in x.csr -CA ca.crt -CAkey ca.key -set_serial 77 -extfile x.ext -out {name}.crt {options}"
        ));
    }

    /// A Redis that shows `certificate`, and its port; `auth` is its `tls-auth-clients`.
    pub(crate) fn redis_of(&self, certificate: &str, auth: &str, more: &[&str]) -> (Server, u16) {
        let args = self.args(certificate, auth);
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        args.extend(more);
        Server::start_tls(&args)
    }

    pub(crate) fn redis(&self, auth: &str) -> (Server, u16) {
        self.redis_of("server.crt", auth, &[])
    }

    pub(crate) fn redis_on(&self, port: u16, auth: &str) -> Server {
        let args = self.args("server.crt", auth);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Server::start_tls_on(port, &args)
    }

    fn args(&self, certificate: &str, auth: &str) -> Vec<String> {
        let (cert, key, ca) = (self.text(certificate), self.text("server.key"), self.text("ca.crt"));
        let args = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
        args.into_iter().chain(["--tls-auth-clients", auth]).map(String::from).collect()
    }

    /// A configuration whose upstream is the Redis at `port`, trusted by our authority.
    pub(crate) fn config(&self, port: u16) -> Config {
        let mut config =
            Config { listen: vec![Listen::Tcp("127.0.0.1".into(), 0)], workers: 2, ..Config::default() };
        config.upstream.endpoint = Endpoint::Tcp { host: "localhost".into(), port };
        config.upstream.origin = "the test".into();
        config.upstream.tls =
            UpstreamTls { enabled: true, ca_certs: Some(self.path("ca.crt")), ..UpstreamTls::default() };
        config
    }

    /// The same with our client certificate.
    pub(crate) fn config_of_client(&self, port: u16) -> Config {
        let mut config = self.config(port);
        config.upstream.tls.certfile = Some(self.path("client.crt"));
        config.upstream.tls.keyfile = Some(self.path("client.key"));
        config
    }
}

/// Runs the script as a developer would.
pub(crate) fn make(dir: &Path, names: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/make.sh");
    let done = Command::new(script).arg("-d").arg(dir).args(names).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
