//! TLS on both sides, as ready values.

use super::Listen;
use std::path::PathBuf;
use std::time::Duration;

/// TLS to clients: where it is spoken and with which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where clients connect with TLS, beside [`super::Config::listen`]. Default none.
    pub listen: Vec<Listen>,
    /// The certificate, with what leads to its issuer behind it (PEM). Needed where `listen` is not empty.
    pub cert_file: Option<PathBuf>,
    /// Its key (PEM).
    pub key_file: Option<PathBuf>,
    /// Who signs certificates of clients (PEM).
    pub ca_cert_file: Option<PathBuf>,
    /// Whether clients show a certificate. Default [`AuthClients::No`].
    pub auth_clients: AuthClients,
    /// The oldest version spoken. Default 1.2.
    pub min_version: TlsVersion,
    /// How long a client may take to finish its handshake. Default 10 s.
    pub handshake_timeout: Duration,
    /// Handshakes going on at once, of all workers together; others wait for their turn. Default 64.
    pub max_handshakes: usize,
    /// Which users clients are by the names in their certificates; the first that fits holds.
    pub users: Vec<CertificateUser>,
    /// How often files of certificates and keys are looked at for changes. Default 10 s.
    pub reload_every: Duration,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthClients {
    /// They are not asked for one.
    #[default]
    No,
    /// They may; one that is shown must be good.
    Optional,
    /// They must.
    Yes,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2 (RFC 5246).
    #[default]
    V12,
    /// 1.3 (RFC 8446).
    V13,
}

/// A client whose certificate has such a name is this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateUser {
    /// Glob pattern, held against the subject's common name and every DNS and URI name.
    pub cert: String,
    /// The user: one of `users`.
    pub user: String,
}

/// TLS to the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Whether it is spoken. Default `false`.
    pub enabled: bool,
    /// What the upstream's certificate is held to. Default [`CertReqs::Required`].
    pub cert_reqs: CertReqs,
    /// Who signs it (PEM); `None`: whom the system trusts.
    pub ca_certs: Option<PathBuf>,
    /// Our own certificate, where the upstream wants one (PEM).
    pub certfile: Option<PathBuf>,
    /// Its key (PEM).
    pub keyfile: Option<PathBuf>,
    /// The name the certificate must have, sent as SNI; `None`: the upstream's host.
    pub server_name: Option<String>,
}

/// What the upstream's certificate is held to, in the words of `REDIS_SSL_CERT_REQS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertReqs {
    /// Chain and name must be good.
    #[default]
    Required,
    /// The same for a certificate that is shown, and a server always shows one.
    Optional,
    /// Nothing: anybody may answer in the upstream's place.
    None,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            cert_file: None,
            key_file: None,
            ca_cert_file: None,
            auth_clients: AuthClients::No,
            min_version: TlsVersion::V12,
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: 64,
            users: Vec::new(),
            reload_every: Duration::from_secs(10),
        }
    }
}
