//! Certificates, keys and authorities from PEM files. Errors name the cause, the file and the setting.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{PemObject, SectionKind, SliceIter};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::cert::{self, Validity};

/// Far more than any system's bundle of authorities.
const LARGEST: u64 = 16 << 20;

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {}: {fault}", path.display())]
pub struct FileError {
    /// The setting that names it, with the guide's variable where there is one.
    pub setting: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not there.
    #[error("there is no such file")]
    Missing,
    /// It may not be read.
    #[error(
        "permission denied: user {0}, as whom Nearside runs, must be able to read it and to enter its directories"
    )]
    Denied(u32),
    /// It cannot be read for another reason.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// No other is set, and this system has none.
    #[error("this system has no list of authorities where others have one; name them with this setting")]
    NoSystem,
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is something else.
    #[error(
        "it is not PEM: it has no line that begins with -----BEGIN (openssl x509 or openssl pkey with -inform der makes PEM of DER)"
    )]
    NotPem,
    /// It begins like PEM.
    #[error("it is broken PEM: {0}")]
    BrokenPem(String),
    /// No certificate.
    #[error("it holds no certificate{}", but(.0))]
    NoCertificate(Vec<&'static str>),
    /// No private key.
    #[error("it holds no private key{}", but(.0))]
    NoKey(Vec<&'static str>),
    /// The key needs a passphrase.
    #[error(
        "its private key is encrypted, and there is nobody to ask for the passphrase; write it without one (openssl pkey -in old.key -out new.key) where only Nearside may read it"
    )]
    KeyEncrypted,
    /// The key is of a kind that is not known here.
    #[error(
        "its private key is none that can be used here (RSA from 2048 bits, ECDSA P-256 or P-384, Ed25519): {0}"
    )]
    KeyUnusable(String),
    /// The key belongs to another certificate.
    #[error("its private key does not belong to the (first) certificate in {}", .0.display())]
    Mismatch(PathBuf),
    /// A certificate cannot be understood.
    #[error("its certificate cannot be used: {0}")]
    CertificateUnusable(String),
}

fn but(found: &[&'static str]) -> String {
    if found.is_empty() { String::new() } else { format!(", but {}", found.join(" and ")) }
}

/// A file as it was read, with the setting that names it. `Debug` shows nothing of it: it may be a key.
#[derive(Clone)]
pub struct PemFile {
    setting: &'static str,
    path: PathBuf,
    text: Vec<u8>,
    /// A directory of files, not all of which need be certificates.
    gathered: bool,
}

impl std::fmt::Debug for PemFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PemFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl PemFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn read(setting: &'static str, path: &Path) -> Result<Self, FileError> {
        let text = read(path).map_err(|error| FileError::of(setting, path, fault(&error)))?;
        Ok(Self::of(setting, path, text))
    }

    /// Reads a file, or every file of a directory whose name does not begin with a dot.
    ///
    /// # Errors
    /// The file is not there or cannot be read; the directory cannot be listed.
    pub fn read_all(setting: &'static str, path: &Path) -> Result<Self, FileError> {
        if !path.is_dir() {
            return Self::read(setting, path);
        }
        let failed = |error: io::Error| FileError::of(setting, path, fault(&error));
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.path();
            let hidden = name.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && name.is_file() {
                names.push(name);
            }
        }
        names.sort();
        let mut all = Vec::new();
        for name in names {
            // One that may not be read, or went meanwhile, is as good as none.
            if let Ok(text) = read(&name) {
                all.extend(text);
                all.push(b'\n');
            }
        }
        Ok(Self { gathered: true, ..Self::of(setting, path, all) })
    }

    /// One whose text is known.
    pub fn of(setting: &'static str, path: &Path, text: Vec<u8>) -> Self {
        Self { setting, path: path.to_owned(), text, gathered: false }
    }

    /// One in which what cannot be understood is passed over.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self { gathered: true, ..self }
    }

    /// Its text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// An error about it.
    fn bad(&self, fault: Fault) -> FileError {
        FileError::of(self.setting, &self.path, fault)
    }

    fn sections(&self) -> Result<Vec<(SectionKind, Vec<u8>)>, FileError> {
        let mut found = Vec::new();
        for section in SliceIter::<(SectionKind, Vec<u8>)>::new(&self.text) {
            match section {
                Ok(section) => found.push(section),
                Err(_) if self.gathered => {}
                Err(error) => return Err(self.bad(Fault::BrokenPem(error.to_string()))),
            }
        }
        Ok(found)
    }

    /// Its certificates, in order; at least one.
    ///
    /// # Errors
    /// It is not PEM, or has none.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, FileError> {
        self.is_pem()?;
        let sections = self.sections()?;
        let kinds: Vec<SectionKind> = sections.iter().map(|(kind, _)| *kind).collect();
        let found = sections.into_iter().filter(|(kind, _)| *kind == SectionKind::Certificate);
        let found: Vec<_> = found.map(|(_, der)| CertificateDer::from(der)).collect();
        if found.is_empty() {
            return Err(self.bad(Fault::NoCertificate(self.instead(&kinds))));
        }
        Ok(found)
    }

    /// Its first private key: PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// It is not PEM, has none, or has one that is encrypted.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, FileError> {
        self.is_pem()?;
        if has(&self.text, b"BEGIN ENCRYPTED PRIVATE KEY") || has(&self.text, b"Proc-Type: 4,ENCRYPTED") {
            return Err(self.bad(Fault::KeyEncrypted));
        }
        let sections = self.sections()?;
        let kinds: Vec<SectionKind> = sections.iter().map(|(kind, _)| *kind).collect();
        let found = sections.into_iter().find_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
        found.ok_or_else(|| self.bad(Fault::NoKey(self.instead(&kinds))))
    }

    /// Its certificates as authorities, and those among them that cannot be one.
    ///
    /// # Errors
    /// It is not PEM, or has no certificate that can be an authority.
    pub fn authorities(&self) -> Result<Authorities, FileError> {
        let all = self.certificates()?;
        let mut roots = RootCertStore::empty();
        let (mut skipped, mut why) = (0, String::new());
        for one in &all {
            if let Err(error) = roots.add(one.clone()) {
                (skipped, why) = (skipped + 1, error.to_string());
            }
        }
        if roots.is_empty() {
            return Err(self.bad(Fault::CertificateUnusable(why)));
        }
        Ok(Authorities { roots, all, skipped })
    }

    fn is_pem(&self) -> Result<(), FileError> {
        match () {
            () if self.text.trim_ascii().is_empty() && !self.gathered => Err(self.bad(Fault::Empty)),
            () if !has(&self.text, b"-----BEGIN ") && !self.gathered => Err(self.bad(Fault::NotPem)),
            () => Ok(()),
        }
    }

    /// What it holds instead of what was looked for.
    fn instead(&self, kinds: &[SectionKind]) -> Vec<&'static str> {
        use SectionKind::{Certificate, Csr, EcPrivateKey, PrivateKey, PublicKey, RsaPrivateKey};
        let any = |wanted: &[SectionKind]| kinds.iter().any(|kind| wanted.contains(kind));
        let found = [
            (any(&[Certificate]), "certificates"),
            (any(&[PrivateKey, EcPrivateKey, RsaPrivateKey]), "a private key"),
            (any(&[PublicKey]), "a public key"),
            (any(&[Csr]), "a request for a certificate"),
            (has(&self.text, b"BEGIN TRUSTED CERTIFICATE"), "a certificate in OpenSSL's own form"),
        ];
        found.into_iter().filter_map(|(there, what)| there.then_some(what)).collect()
    }
}

/// Whom certificates may be signed by.
#[derive(Debug)]
pub struct Authorities {
    /// Those that can be one.
    pub roots: RootCertStore,
    /// Every certificate there was.
    pub all: Vec<CertificateDer<'static>>,
    /// How many of them cannot be one.
    pub skipped: usize,
}

impl Authorities {
    /// When the last of them ends, seconds since 1970: from then on nobody is trusted for their sake.
    pub fn end(&self) -> Option<i64> {
        self.all.iter().filter_map(Validity::of).map(|validity| validity.to).max()
    }
}

/// A certificate with its chain and its key, which belong together.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What rustls signs with.
    pub key: Arc<CertifiedKey>,
    /// When the certificate is good.
    pub validity: Validity,
}

impl Identity {
    /// The certificate with its chain in `chain`, and the key in `key`.
    ///
    /// # Errors
    /// Either cannot be used, or they do not belong together.
    pub fn new(chain: &PemFile, key: &PemFile, provider: &CryptoProvider) -> Result<Self, FileError> {
        let certificates = chain.certificates()?;
        let not_x509 = || chain.bad(Fault::CertificateUnusable("it is not X.509".into()));
        let validity = Validity::of(&certificates[0]).ok_or_else(not_x509)?;
        let public = cert::public_key(&certificates[0]).ok_or_else(not_x509)?;
        let private = provider.key_provider.load_private_key(key.key()?);
        let private = private.map_err(|error| key.bad(Fault::KeyUnusable(error.to_string())))?;
        if private.public_key().is_some_and(|of_key| of_key.as_ref() != public) {
            return Err(key.bad(Fault::Mismatch(chain.path.clone())));
        }
        let certified = CertifiedKey::new(certificates, private);
        Ok(Self { key: Arc::new(certified), validity })
    }
}

impl FileError {
    /// An error about the file at `path`, which `setting` names.
    pub fn of(setting: &'static str, path: &Path, fault: Fault) -> Self {
        Self { setting, path: path.to_owned(), fault }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than any file of certificates"));
    }
    Ok(text)
}

fn fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing,
        io::ErrorKind::PermissionDenied => Fault::Denied(rustix::process::geteuid().as_raw()),
        io::ErrorKind::IsADirectory => Fault::Unreadable("it is a directory".into()),
        _ => Fault::Unreadable(error.to_string()),
    }
}

fn has(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}
