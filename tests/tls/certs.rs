//! Certificates, made for each test.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::common::Dir;

/// An authority, and what it has signed, in files of PEM.
pub(crate) struct Certs {
    dir: Dir,
    issuer: Issuer<'static, KeyPair>,
}

impl Certs {
    /// With `ca.crt`, and `server.crt` for this machine with `server.key`.
    pub(crate) fn new() -> Self {
        Self::with_key(KeyPair::generate().unwrap())
    }

    pub(crate) fn with_key(server: KeyPair) -> Self {
        let (dir, key) = (Dir::new(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the authority of a test");
        let ca = params.self_signed(&key).unwrap();
        fs::write(dir.join("ca.crt"), ca.pem()).unwrap();
        let certs = Self { dir, issuer: Issuer::new(params, key) };
        certs.sign("server", server, |_| {});
        certs
    }

    /// The cheapest key is not what everybody has.
    pub(crate) fn with_rsa() -> Self {
        let made = Command::new("openssl").args(["genpkey", "-quiet", "-algorithm", "RSA"]).output().unwrap();
        Self::with_key(KeyPair::from_pem(&String::from_utf8(made.stdout).unwrap()).unwrap())
    }

    /// `name.crt` and `name.key` for this machine, signed by the authority.
    pub(crate) fn sign(&self, name: &str, key: KeyPair, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path(&format!("{name}.crt")), cert.pem()).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// One that has ended.
    pub(crate) fn sign_expired(&self, name: &str) {
        self.sign(name, KeyPair::generate().unwrap(), |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        });
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// As text, for a command line.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// How a client that trusts the authority speaks; with a certificate of its own where one is named.
    pub(crate) fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&str>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.crt")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let cert = CertificateDer::from_pem_file(self.path(&format!("{name}.crt"))).unwrap();
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        Arc::new(config)
    }
}
