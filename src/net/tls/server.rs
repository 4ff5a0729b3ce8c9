//! TLS to clients: who we are to them, and who they may be.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig, SupportedProtocolVersion};

use super::cert::Validity;
use super::files::{FileError, Identity, PemFile};
use super::watch::{Look, Mark, Renewable};
use crate::config::{AuthClients, Tls, TlsVersion};

const CERT_FILE: &str = "tls.cert_file";
const KEY_FILE: &str = "tls.key_file";
const CA_CERT_FILE: &str = "tls.ca_cert_file";

/// Sessions of TLS 1.2 that are remembered for clients that take no tickets.
const SESSIONS: usize = 4096;
/// The cheapest cipher where the processor helps, as it does wherever Redis runs; good enough for all.
const FIRST: CipherSuite = CipherSuite::TLS13_AES_128_GCM_SHA256;

/// Every version that is spoken.
const ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// TLS to clients cannot be had as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerTlsError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is needed and not named.
    #[error("{0} names no file, and {1}")]
    Unnamed(&'static str, &'static str),
    /// rustls does not like it.
    #[error("TLS to clients: {0}")]
    Other(String),
}

/// What TLS to clients is made of, as the files stood at one moment.
#[derive(Debug)]
struct ServerFiles {
    chain: PemFile,
    key: PemFile,
    /// Who signs certificates of clients, where those are looked at.
    authorities: Option<PemFile>,
}

/// What new connections are made with.
#[derive(Clone, Debug)]
pub struct ServerSetup {
    config: Arc<ServerConfig>,
    validity: Validity,
    /// Certificates of the authorities that cannot be one.
    skipped: usize,
    /// What was in the files.
    mark: Mark,
    /// When the last of them ends.
    authorities_end: Option<i64>,
}

/// TLS to clients, on every listener that speaks it. New connections use the setup of the moment; those
/// there are keep theirs. Sessions are resumed (by tickets, and for TLS 1.2 by their ids as well) as long as
/// the setup is the same.
#[derive(Debug)]
pub struct ServerTls {
    used: RwLock<Used>,
}

/// What is in use: the settings, and what was made of the files they name.
#[derive(Clone, Debug)]
struct Used {
    settings: Tls,
    setup: ServerSetup,
}

impl ServerTls {
    /// TLS as `settings` say, its files read; `None` where it is spoken nowhere.
    ///
    /// # Errors
    /// A file cannot be used, or is not named.
    pub fn load(settings: &Tls) -> Result<Option<Self>, ServerTlsError> {
        if settings.listen.is_empty() {
            return Ok(None);
        }
        let setup = make(settings, &read(settings)?)?;
        Ok(Some(Self { used: RwLock::new(Used { settings: settings.clone(), setup }) }))
    }

    /// Makes what other `settings` would be used with; the addresses to listen on are not looked at.
    ///
    /// # Errors
    /// A file cannot be used, or is not named.
    pub(super) fn prepare(&self, settings: &Tls) -> Result<ServerSetup, ServerTlsError> {
        make(settings, &read(settings)?)
    }

    /// From now on `settings` are in use, with what was prepared for them.
    pub(super) fn renew(&self, settings: &Tls, setup: ServerSetup) {
        *self.used.write().unwrap_or_else(PoisonError::into_inner) =
            Used { settings: settings.clone(), setup };
    }

    /// What the next handshake is made with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.in_use().setup.config)
    }

    /// How long a client may take to finish its handshake.
    pub(super) fn handshake_timeout(&self) -> Duration {
        self.in_use().settings.handshake_timeout
    }

    /// How many handshakes may go on at once.
    pub(super) fn max_handshakes(&self) -> usize {
        self.in_use().settings.max_handshakes
    }

    /// When what each file holds ends, seconds since 1970; by the setting that names it.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let setup = self.in_use().setup.clone();
        let authorities = setup.authorities_end.map(|end| (CA_CERT_FILE, end));
        std::iter::once((CERT_FILE, setup.validity.to)).chain(authorities)
    }

    fn in_use(&self) -> RwLockReadGuard<'_, Used> {
        self.used.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerFiles {
    fn mark(&self) -> Mark {
        Mark::of([&self.chain, &self.key].into_iter().chain(&self.authorities).map(PemFile::text))
    }
}

impl Renewable for ServerTls {
    type Setup = ServerSetup;

    fn what(&self) -> &'static str {
        "TLS to clients"
    }

    fn used(&self) -> Mark {
        self.in_use().setup.mark
    }

    fn look(&self) -> Result<Look<ServerSetup>, String> {
        let settings = self.in_use().settings.clone();
        let files = read(&settings).map_err(|error| error.to_string())?;
        let made = make(&settings, &files).map_err(|error| error.to_string());
        Ok(Look { mark: files.mark(), made })
    }

    fn replace(&self, setup: ServerSetup) {
        self.used.write().unwrap_or_else(PoisonError::into_inner).setup = setup;
    }

    fn days_left(&self, now: SystemTime) -> Option<i64> {
        Some(self.in_use().setup.validity.days_left(now))
    }

    fn warnings(&self, now: SystemTime) -> Vec<String> {
        let Used { settings, setup } = self.in_use().clone();
        let path = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
        };
        let mut found = Vec::new();
        if let Some(why) = setup.validity.complaint(now) {
            found.push(format!("{CERT_FILE}: {}: the certificate {why}", path(&settings.cert_file)));
        }
        if setup.skipped > 0 {
            let (skipped, path) = (setup.skipped, path(&settings.ca_cert_file));
            found.push(format!(
                "{CA_CERT_FILE}: {path}: {skipped} of its certificates cannot be an authority"
            ));
        }
        found
    }
}

fn read(settings: &Tls) -> Result<ServerFiles, ServerTlsError> {
    let named = |path: &Option<std::path::PathBuf>, setting, why| {
        path.as_deref().map(Path::to_owned).ok_or(ServerTlsError::Unnamed(setting, why))
    };
    let chain = named(&settings.cert_file, CERT_FILE, "tls.listen wants a certificate")?;
    // One file may hold both.
    let (setting, key) = settings.key_file.as_ref().map_or((CERT_FILE, &chain), |key| (KEY_FILE, key));
    let authorities = match settings.auth_clients {
        AuthClients::No => None,
        AuthClients::Optional | AuthClients::Yes => {
            let path =
                named(&settings.ca_cert_file, CA_CERT_FILE, "tls.auth_clients wants to know who signs")?;
            Some(PemFile::read_all(CA_CERT_FILE, &path)?)
        }
    };
    let key = PemFile::read(setting, key)?;
    Ok(ServerFiles { chain: PemFile::read(CERT_FILE, &chain)?, key, authorities })
}

fn make(settings: &Tls, files: &ServerFiles) -> Result<ServerSetup, ServerTlsError> {
    let other = |error: &dyn std::fmt::Display| ServerTlsError::Other(error.to_string());
    let provider = Arc::new(provider());
    let identity = Identity::new(&files.chain, &files.key, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(settings.min_version))
        .map_err(|error| other(&error))?;
    let (builder, skipped, authorities_end) = match &files.authorities {
        None => (builder.with_no_client_auth(), 0, None),
        Some(file) => {
            let authorities = file.authorities()?;
            let end = authorities.end();
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities.roots), provider);
            let clients = match settings.auth_clients {
                AuthClients::Yes => clients,
                AuthClients::No | AuthClients::Optional => clients.allow_unauthenticated(),
            };
            let clients = clients.build().map_err(|error| other(&error))?;
            (builder.with_client_cert_verifier(clients), authorities.skipped, end)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key)));
    config.ignore_client_order = true;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    // With every setup new keys of tickets: no session outlives the authorities it was made under.
    config.ticketer = ring::Ticketer::new().map_err(|error| other(&error))?;
    let (config, validity, mark) = (Arc::new(config), identity.validity, files.mark());
    Ok(ServerSetup { config, validity, skipped, mark, authorities_end })
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match least {
        TlsVersion::V12 => &ALL,
        TlsVersion::V13 => &ALL[..1],
    }
}

/// What everything is computed with: handed to rustls, installed nowhere.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != FIRST);
    provider
}
