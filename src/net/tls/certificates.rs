//! Everything that one proxy makes of certificates, and what `INFO` shows of it.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::admission::Admission;
use super::client::ClientTls;
use super::server::{ServerSetup, ServerTls, ServerTlsError};
use super::watch::{Renewable, Renewals, watch};
use crate::config::Tls;
use crate::telemetry::{Audit, Handshakes};

/// Everything that one proxy makes of certificates.
#[derive(Debug, Default)]
pub struct Certificates {
    clients: Option<Arc<ServerTls>>,
    /// For those who operate the proxy.
    admin: Option<Arc<ServerTls>>,
    upstream: Option<Arc<ClientTls>>,
    handshakes: Arc<Handshakes>,
    renewals: Renewals,
}

impl Certificates {
    /// How TLS is spoken with clients and with the upstream, if it is.
    pub fn new(clients: Option<Arc<ServerTls>>, upstream: Option<Arc<ClientTls>>) -> Self {
        Self { clients, upstream, ..Self::default() }
    }

    /// The same, and how TLS is spoken with those who operate the proxy, if it is.
    pub fn with_admin(self, admin: Option<Arc<ServerTls>>) -> Self {
        Self { admin, ..self }
    }

    /// The same as [`Self::prepare`] for those who operate the proxy.
    ///
    /// # Errors
    /// A file cannot be used, or is not named.
    pub fn prepare_admin(&self, settings: &Tls) -> Result<Option<ServerSetup>, ServerTlsError> {
        self.admin.as_ref().map(|tls| tls.prepare(settings)).transpose()
    }

    /// The same as [`Self::renew`] for those who operate the proxy.
    pub fn renew_admin(&self, settings: &Tls, setup: Option<ServerSetup>) {
        if let (Some(tls), Some(setup)) = (&self.admin, setup) {
            tls.renew(settings, setup);
        }
    }

    /// How those who operate the proxy are let in, if TLS is spoken with them.
    pub fn admin_admission(&self) -> Option<Admission> {
        // They are no clients, and are not counted with them.
        Some(Admission::new(self.admin.clone()?, Arc::default()))
    }

    /// How clients are let in on listeners that speak TLS, if any does.
    pub fn admission(&self) -> Option<Admission> {
        let tls = self.clients.clone()?;
        Some(Admission::new(tls, Arc::clone(&self.handshakes)))
    }

    /// How TLS is spoken with the upstream, if it is.
    pub fn upstream(&self) -> Option<Arc<ClientTls>> {
        self.upstream.clone()
    }

    /// Makes what TLS to clients would be with other `settings`; `None` where it is spoken nowhere.
    ///
    /// # Errors
    /// A file cannot be used, or is not named.
    pub fn prepare(&self, settings: &Tls) -> Result<Option<ServerSetup>, ServerTlsError> {
        self.clients.as_ref().map(|tls| tls.prepare(settings)).transpose()
    }

    /// From now on clients are let in by `settings`, and with what was prepared for them. Those that are there
    /// go on as they are.
    pub fn renew(&self, settings: &Tls, setup: Option<ServerSetup>) {
        if let (Some(tls), Some(setup)) = (&self.clients, setup) {
            tls.renew(settings, setup);
        }
    }

    /// What is not as it should be, though it works: a line each.
    pub fn warnings(&self) -> Vec<String> {
        let now = SystemTime::now();
        // Both show the same certificate.
        let clients = self.clients.iter().chain(&self.admin).take(1).flat_map(|tls| tls.warnings(now));
        clients.chain(self.upstream.iter().flat_map(|tls| tls.warnings(now))).collect()
    }

    /// Looks at every file so often and has what changed used for new connections, until dropped. Never
    /// ready.
    pub async fn watch(&self, every: Duration, audit: &Audit) {
        let (clients, admin, upstream) = (self.clients.as_ref(), self.admin.as_ref(), self.upstream.as_ref());
        let (clients, admin) = (self.look(clients, every, audit), self.look(admin, every, audit));
        tokio::join!(clients, admin, self.look(upstream, every, audit));
    }

    async fn look<R: Renewable>(&self, tls: Option<&Arc<R>>, every: Duration, audit: &Audit) {
        match tls {
            Some(tls) => watch(Arc::clone(tls), every, &self.renewals, audit).await,
            None => std::future::pending().await,
        }
    }

    /// Whose certificate of those in use expires first, and in how many whole days; negative when it has.
    pub fn soonest(&self, now: SystemTime) -> Option<(&'static str, i64)> {
        // Where both are there it is the same file.
        let clients = self.clients.as_ref().or(self.admin.as_ref()).and_then(|tls| tls.days_left(now));
        let upstream = self.upstream.as_ref().and_then(|tls| tls.days_left(now));
        let all = [
            ("shown to clients (tls.cert_file)", clients),
            ("shown to the upstream (upstream.ssl_certfile)", upstream),
        ];
        all.into_iter().filter_map(|(whose, days)| Some((whose, days?))).min_by_key(|(_, days)| *days)
    }

    /// When what each file holds that was named ends, seconds since 1970; by the setting that names it.
    pub fn ends(&self) -> Vec<(&'static str, i64)> {
        let clients = self.clients.iter().flat_map(|tls| tls.ends());
        let all = clients.chain(self.upstream.iter().flat_map(|tls| tls.ends()));
        all.map(|(setting, end)| (setting.split(' ').next().unwrap_or(setting), end)).collect()
    }

    /// Handshakes with clients.
    pub fn handshakes(&self) -> &Handshakes {
        &self.handshakes
    }

    /// How often changed files were put to use, and how often they could not be.
    pub fn renewals(&self) -> (u64, u64) {
        let Renewals { used, refused } = &self.renewals;
        (used.load(Ordering::Relaxed), refused.load(Ordering::Relaxed))
    }

    /// The lines of `INFO`; none without TLS.
    pub fn section(&self) -> String {
        let mut out = String::new();
        let now = SystemTime::now();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = write!(out, "nearside_{name}:{value}\r\n");
        };
        if self.clients.is_none() && self.admin.is_none() && self.upstream.is_none() {
            return out;
        }
        if let Some(days) = self.clients.as_ref().or(self.admin.as_ref()).and_then(|tls| tls.days_left(now)) {
            line("tls_cert_days_left", &days);
        }
        if let Some(upstream) = &self.upstream {
            line("upstream_tls", &1);
            if let Some(days) = upstream.days_left(now) {
                line("upstream_tls_cert_days_left", &days);
            }
        }
        line("tls_files_renewed", &self.renewals.used.load(Ordering::Relaxed));
        line("tls_files_refused", &self.renewals.refused.load(Ordering::Relaxed));
        if self.clients.is_some() {
            out += &self.handshakes.section();
        }
        out
    }
}
