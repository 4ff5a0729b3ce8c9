//! TLS to the upstream, from the address and the settings beside it.
//!
//! TLS is spoken where the address says `rediss://` or `upstream.ssl` is true; what one of them asks for the
//! other does not take away, whichever beats the other elsewhere: nobody expects a password to go out in
//! the clear. The remaining settings follow the rule of the others.

use super::Resolver;
use crate::config::field::Part;
use crate::config::uri::{self, Uri};
use crate::config::written::{Origin, Problem};
use crate::config::{CertReqs, Config, Endpoint, UpstreamTls, units};
use std::path::PathBuf;

/// What says how TLS is spoken, once it is.
const DETAILS: [(&str, Part); 5] = [
    ("upstream.ssl_cert_reqs", Part::CertReqs),
    ("upstream.ssl_ca_certs", Part::CaCerts),
    ("upstream.ssl_certfile", Part::Certfile),
    ("upstream.ssl_keyfile", Part::Keyfile),
    ("upstream.ssl_server_name", Part::ServerName),
];

impl Resolver<'_> {
    pub(super) fn tls(&mut self, config: &mut Config, uri: Option<&(Uri, Origin)>) {
        match self.asks_for_tls(uri) {
            Some(by) if matches!(config.upstream.endpoint, Endpoint::Tcp { .. }) => {
                self.origins.insert("upstream.ssl", by);
                self.details(config, uri);
            }
            Some(by) => {
                self.origins.remove("upstream.ssl");
                let why = match config.upstream.endpoint {
                    Endpoint::Embedded => "no upstream is configured",
                    _ => "TLS is spoken over TCP only, and the upstream is on a Unix socket",
                };
                self.warnings.push(format!("{by} is not used: {why}"));
            }
            None => self.warn_of_unused_details(uri),
        }
    }

    /// Who asks for TLS, if anybody does.
    fn asks_for_tls(&mut self, uri: Option<&(Uri, Origin)>) -> Option<Origin> {
        let part = self.part("upstream.ssl", |text| units::boolean(text).ok_or("is neither true nor false"));
        match (uri, part) {
            (Some((Uri { tls: Some(true), .. }, by)), part) => {
                // In a sidecar `REDIS_SSL` says how the application speaks to Nearside.
                let guides = |by: &Origin| matches!(by, Origin::Env(name) if name.starts_with("REDIS_"));
                if let Some((false, other)) = part.filter(|(_, other)| guides(by) || !guides(other)) {
                    self.warnings.push(format!("{other} says no TLS, but {by} asks for it: TLS is spoken"));
                }
                Some(by.clone())
            }
            (uri, Some((true, by))) => {
                let plain = uri.filter(|(uri, _)| matches!(uri.endpoint, Endpoint::Tcp { .. }));
                if let Some((_, other)) = plain {
                    self.warnings.push(format!(
                        "{other} is an address without TLS, but {by} asks for it: TLS is spoken; write \
                         rediss:// to say so in one place"
                    ));
                }
                Some(by)
            }
            _ => None,
        }
    }

    fn details(&mut self, config: &mut Config, uri: Option<&(Uri, Origin)>) {
        let mut tls = UpstreamTls { enabled: true, ..UpstreamTls::default() };
        tls.cert_reqs = self.detail(DETAILS[0], uri, cert_reqs).unwrap_or_default();
        tls.ca_certs = self.detail(DETAILS[1], uri, path);
        tls.certfile = self.detail(DETAILS[2], uri, path);
        tls.keyfile = self.detail(DETAILS[3], uri, path);
        tls.server_name = self.detail(DETAILS[4], uri, name);
        let by = |key: &str| self.origins.get(key).cloned().unwrap_or_default();
        if tls.keyfile.is_some() && tls.certfile.is_none() {
            let message = "upstream.ssl_keyfile is the key of no certificate: upstream.ssl_certfile \
                           (REDIS_SSL_CERTFILE) is not set";
            let problem = Problem::new(&by("upstream.ssl_keyfile"), "upstream.ssl_keyfile", message);
            self.problems.push(problem);
        }
        if tls.cert_reqs == CertReqs::None {
            let by = by("upstream.ssl_cert_reqs");
            self.warnings.push(format!(
                "{by}: THE UPSTREAM'S CERTIFICATE IS NOT VERIFIED (upstream.ssl_cert_reqs = none): whoever \
                 gets between here and there can read and change everything, the password included; set it \
                 to required, and upstream.ssl_ca_certs (REDIS_SSL_CA_CERTS) to who signed the certificate"
            ));
        }
        config.upstream.tls = tls;
    }

    /// One of them: the address's own option, or the setting.
    fn detail<T: PartialEq>(
        &mut self,
        (key, part): (&'static str, Part),
        uri: Option<&(Uri, Origin)>,
        read: fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let option = uri.and_then(|(uri, by)| {
            let (_, text) = uri.details.iter().rev().find(|(of, _)| *of == part)?;
            Some((text.clone(), by.clone()))
        });
        let option = option.and_then(|(text, by)| match read(&text) {
            Ok(value) => Some((value, by)),
            Err(why) => {
                self.problems.push(Problem::new(&by, key, format!("in its options, {key} {why}")));
                None
            }
        });
        let setting = self.part(key, read);
        let (value, by) = option.unzip();
        self.choose(key, value, by, setting)
    }

    /// The guide's environment names files that TLS would use, and switches it off: that is no mistake.
    fn warn_of_unused_details(&mut self, uri: Option<&(Uri, Origin)>) {
        let why = "is not used: TLS to the upstream is off (upstream.ssl)";
        if let Some((_, by)) = uri.filter(|(uri, _)| !uri.details.is_empty()) {
            self.warnings.push(format!("what {by} says of TLS {why}"));
        }
        for (key, _) in DETAILS {
            let Some(written) = self.named(key).into_iter().next() else { continue };
            let guides = matches!(&written.origin, Origin::Env(name) if name.starts_with("REDIS_"));
            let usual = written.value.one() == Ok(CertReqs::Required.name());
            if !guides && !usual {
                self.warnings.push(format!("{} {why}", written.origin));
            }
        }
    }
}

impl CertReqs {
    const ALL: [Self; 3] = [Self::Required, Self::Optional, Self::None];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::None => "none",
        }
    }
}

/// Also in the words of Python's `ssl` (`CERT_NONE`), which are passed around in addresses.
fn cert_reqs(text: &str) -> Result<CertReqs, &'static str> {
    let lower = text.trim().to_ascii_lowercase();
    let bare = lower.strip_prefix("cert_").unwrap_or(&lower);
    let found = CertReqs::ALL.into_iter().find(|one| one.name() == bare);
    found.ok_or("is none of required, optional and none")
}

fn path(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() || text.contains('\0') { Err("is no path") } else { Ok(PathBuf::from(text)) }
}

fn name(text: &str) -> Result<String, &'static str> {
    let good = !text.is_empty() && (uri::is_host(text) || text.parse::<std::net::IpAddr>().is_ok());
    if good { Ok(text.to_owned()) } else { Err("is neither a host name nor an address") }
}

/// What `check` shows.
pub(super) fn shown(tls: &UpstreamTls, part: Part) -> String {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
    match part {
        Part::Tls => tls.enabled.to_string(),
        Part::CertReqs => tls.cert_reqs.name().into(),
        Part::CaCerts => path(&tls.ca_certs),
        Part::Certfile => path(&tls.certfile),
        Part::Keyfile => path(&tls.keyfile),
        Part::ServerName => tls.server_name.clone().unwrap_or_default(),
        _ => String::new(),
    }
}
