//! Everything that one proxy makes of certificates, and what `INFO` shows of it.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::client::ClientTls;
use super::watch::{Renewable, Renewals, watch};

/// Everything that one proxy makes of certificates.
#[derive(Debug, Default)]
pub struct Certificates {
    upstream: Option<Arc<ClientTls>>,
    renewals: Renewals,
}

impl Certificates {
    /// `upstream`: how TLS is spoken with it, if it is.
    pub fn new(upstream: Option<Arc<ClientTls>>) -> Self {
        Self { upstream, renewals: Renewals::default() }
    }

    /// How TLS is spoken with the upstream, if it is.
    pub fn upstream(&self) -> Option<Arc<ClientTls>> {
        self.upstream.clone()
    }

    /// What is not as it should be, though it works: a line each.
    pub fn warnings(&self) -> Vec<String> {
        let now = SystemTime::now();
        self.upstream.iter().flat_map(|tls| tls.warnings(now)).collect()
    }

    /// Looks at every file so often and has what changed used for new connections, until dropped. Never
    /// ready.
    pub async fn watch(&self, every: Duration) {
        match &self.upstream {
            Some(tls) => watch(Arc::clone(tls), every, &self.renewals).await,
            None => std::future::pending().await,
        }
    }

    /// The lines of `INFO`; none without TLS.
    pub fn section(&self) -> String {
        let mut out = String::new();
        let now = SystemTime::now();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = write!(out, "nearside_{name}:{value}\r\n");
        };
        let Some(upstream) = &self.upstream else { return out };
        line("upstream_tls", &1);
        if let Some(days) = upstream.days_left(now) {
            line("upstream_tls_cert_days_left", &days);
        }
        line("tls_files_renewed", &self.renewals.used.load(Ordering::Relaxed));
        line("tls_files_refused", &self.renewals.refused.load(Ordering::Relaxed));
        out
    }
}
