//! TLS to the upstream: who may answer, who we are to it, and by which name.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use crate::config::{CertReqs, Endpoint, Upstream, UpstreamTls};
use crate::net::Stream;
use crate::net::tls::cert::Validity;
use crate::net::tls::explain::explain;
use crate::net::tls::files::{Fault, FileError, Identity, PemFile};
use crate::net::tls::handshake;
use crate::net::tls::verify::{Anybody, Verifier};
use crate::net::tls::watch::{Look, Mark, Renewable};

const CA_CERTS: &str = "upstream.ssl_ca_certs (REDIS_SSL_CA_CERTS)";
const CERTFILE: &str = "upstream.ssl_certfile (REDIS_SSL_CERTFILE)";
const KEYFILE: &str = "upstream.ssl_keyfile (REDIS_SSL_KEYFILE)";

/// Where systems keep whom they trust: Debian and Alpine, Fedora, openSUSE, BSD.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS to the upstream cannot be had as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientTlsError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// No certificate can be for such a name.
    #[error(
        "upstream.ssl_server_name (by default the upstream's host): {0:?} is neither a host name nor an address"
    )]
    Name(String),
    /// rustls does not like it.
    #[error("TLS to the upstream: {0}")]
    Other(String),
}

/// What TLS to the upstream is made of, as the files stood at one moment.
#[derive(Debug)]
struct ClientFiles {
    /// Whom the upstream's certificate may be signed by; `None` where that is not looked at.
    authorities: Option<PemFile>,
    /// Our certificate and its key.
    identity: Option<(PemFile, PemFile)>,
}

impl ClientFiles {
    fn mark(&self) -> Mark {
        let identity = self.identity.iter().flat_map(|(chain, key)| [chain, key]);
        Mark::of(self.authorities.iter().chain(identity).map(PemFile::text))
    }
}

/// What new connections are made with.
#[derive(Clone, Debug)]
pub struct ClientSetup {
    config: Arc<ClientConfig>,
    validity: Option<Validity>,
    /// Certificates of the authorities that cannot be one.
    skipped: usize,
    /// What was in the files.
    mark: Mark,
    /// When the last of those that are named ends.
    authorities_end: Option<i64>,
}

/// TLS to one upstream. New connections use the setup of the moment; those there are keep theirs. A later
/// connection to the same server resumes the session of an earlier one with the same setup.
#[derive(Debug)]
pub struct ClientTls {
    settings: UpstreamTls,
    name: ServerName<'static>,
    setup: RwLock<ClientSetup>,
    /// The server has asked for a certificate of ours.
    asked: Arc<AtomicBool>,
}

impl ClientTls {
    /// TLS as `upstream` says, its files read; `None` where it is not to be spoken.
    ///
    /// # Errors
    /// A file cannot be used, or the name cannot be one.
    pub fn load(upstream: &Upstream) -> Result<Option<Self>, ClientTlsError> {
        let Endpoint::Tcp { host, .. } = &upstream.endpoint else { return Ok(None) };
        let settings = upstream.tls.clone();
        if !settings.enabled {
            return Ok(None);
        }
        let name = settings.server_name.clone().unwrap_or_else(|| host.clone());
        let name = ServerName::try_from(name.clone()).map_err(|_| ClientTlsError::Name(name))?;
        let (asked, files) = (Arc::default(), read(&settings)?);
        let setup = RwLock::new(make(&settings, &files, &asked)?);
        Ok(Some(Self { settings, name, setup, asked }))
    }

    fn setup(&self) -> ClientSetup {
        self.setup.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Speaks TLS on `stream`. Cancelling closes it.
    ///
    /// # Errors
    /// What is wrong, and which setting mends it.
    pub(in crate::net) async fn connect(&self, stream: Stream) -> Result<Stream, String> {
        let shaken = handshake::connect(stream, self.setup().config, self.name.clone()).await;
        shaken.map(|shaken| shaken.stream).map_err(|error| explain(&error, self))
    }

    /// What to say of a server that has not finished its handshake within `limit`.
    pub(in crate::net) fn explain_silence(limit: Duration) -> String {
        crate::net::tls::explain::silence(limit)
    }

    /// Why a connection was lost on which nothing had been said yet, if TLS is why: a server that finds
    /// fault with a client's certificate may say so only then.
    pub fn explain_early_loss(&self, error: &std::io::Error) -> Option<String> {
        crate::net::tls::explain::early_loss(error, self)
    }

    /// When what each file holds ends, seconds since 1970; by the setting that names it.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let setup = self.setup();
        let own = setup.validity.map(|validity| (CERTFILE, validity.to));
        own.into_iter().chain(setup.authorities_end.map(|end| (CA_CERTS, end)))
    }

    /// The name the certificate must have.
    pub(super) fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    pub(super) fn settings(&self) -> &UpstreamTls {
        &self.settings
    }

    /// Whether the server has asked for a certificate, and none is set.
    pub(super) fn lacks_certificate(&self) -> bool {
        self.settings.certfile.is_none() && self.asked.load(Ordering::Relaxed)
    }

    /// Whom its certificate may be signed by, for people.
    pub(super) fn trusted(&self) -> String {
        match &self.settings.ca_certs {
            Some(path) => format!("{} ({CA_CERTS})", path.display()),
            None => format!("whom this system trusts (as {CA_CERTS} is not set)"),
        }
    }
}

impl Renewable for ClientTls {
    type Setup = ClientSetup;

    fn what(&self) -> &'static str {
        "TLS to the upstream"
    }

    fn used(&self) -> Mark {
        self.setup().mark
    }

    fn look(&self) -> Result<Look<ClientSetup>, String> {
        let files = read(&self.settings).map_err(|error| error.to_string())?;
        let made = make(&self.settings, &files, &self.asked).map_err(|error| error.to_string());
        Ok(Look { mark: files.mark(), made })
    }

    fn replace(&self, setup: ClientSetup) {
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = setup;
    }

    fn days_left(&self, now: SystemTime) -> Option<i64> {
        self.setup().validity.map(|validity| validity.days_left(now))
    }

    fn warnings(&self, now: SystemTime) -> Vec<String> {
        let setup = self.setup();
        let mut found = Vec::new();
        if let (Some(path), Some(why)) =
            (&self.settings.certfile, setup.validity.and_then(|v| v.complaint(now)))
        {
            found.push(format!("{CERTFILE}: {}: the certificate {why}", path.display()));
        }
        if let Some(path) = self.settings.ca_certs.as_ref().filter(|_| setup.skipped > 0) {
            let (skipped, path) = (setup.skipped, path.display());
            found.push(format!("{CA_CERTS}: {path}: {skipped} of its certificates cannot be an authority"));
        }
        found
    }
}

fn read(settings: &UpstreamTls) -> Result<ClientFiles, FileError> {
    let authorities = match (&settings.cert_reqs, &settings.ca_certs) {
        (CertReqs::None, _) => None,
        (_, Some(path)) => Some(PemFile::read_all(CA_CERTS, path)?),
        (_, None) => Some(system()?),
    };
    let identity = match (&settings.certfile, &settings.keyfile) {
        (Some(chain), key) => {
            // One file may hold both.
            let (setting, key) = key.as_ref().map_or((CERTFILE, chain), |key| (KEYFILE, key));
            Some((PemFile::read(CERTFILE, chain)?, PemFile::read(setting, key)?))
        }
        (None, _) => None,
    };
    Ok(ClientFiles { authorities, identity })
}

/// Whom this system trusts.
fn system() -> Result<PemFile, FileError> {
    let found = SYSTEM.iter().map(Path::new).find(|path| path.is_file());
    match found {
        Some(path) => PemFile::read(CA_CERTS, path).map(PemFile::lenient),
        None => Err(FileError::of(CA_CERTS, &PathBuf::from(SYSTEM[0]), Fault::NoSystem)),
    }
}

fn make(
    settings: &UpstreamTls,
    files: &ClientFiles,
    asked: &Arc<AtomicBool>,
) -> Result<ClientSetup, ClientTlsError> {
    let provider = Arc::new(ring::default_provider());
    let other = |error: &dyn std::fmt::Display| ClientTlsError::Other(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| other(&error))?
        .dangerous();
    let (builder, skipped, authorities_end) = match &files.authorities {
        None => (builder.with_custom_certificate_verifier(Arc::new(Anybody::new(&provider))), 0, None),
        Some(file) => {
            let authorities = file.authorities()?;
            // A system trusts authorities, no server.
            let skipped = if settings.ca_certs.is_some() { authorities.skipped } else { 0 };
            let end = settings.ca_certs.as_ref().and_then(|_| authorities.end());
            let servers = if settings.ca_certs.is_some() { authorities.all } else { Vec::new() };
            let verifier = Verifier::new(authorities.roots, servers, &provider).map_err(|e| other(&e))?;
            (builder.with_custom_certificate_verifier(Arc::new(verifier)), skipped, end)
        }
    };
    let identity = files.identity.as_ref().map(|(chain, key)| Identity::new(chain, key, &provider));
    let identity = identity.transpose()?;
    let validity = identity.as_ref().map(|identity| identity.validity);
    let shown = Shown { key: identity.map(|identity| identity.key), asked: Arc::clone(asked) };
    let config = Arc::new(builder.with_client_cert_resolver(Arc::new(shown)));
    Ok(ClientSetup { config, validity, skipped, mark: files.mark(), authorities_end })
}

/// Our certificate, if there is one, and whether it was asked for.
#[derive(Debug)]
struct Shown {
    key: Option<Arc<CertifiedKey>>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

#[cfg(test)]
mod tests;
