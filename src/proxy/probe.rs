//! A look at the upstream without serving anybody: what `check --connect` does.

use std::rc::Rc;
use std::sync::Arc;

use tokio::runtime::Builder;

use super::{Error, Proxy, certificates};
use crate::config::{Config, Endpoint};
use crate::policy::Gate;
use crate::session::{InForce, inside};
use crate::upstream::{Failure, Pool, Shared, Visit};

impl Proxy {
    /// Reads the rights of users and the files of certificates and keys that `config` names, without using
    /// them; what is not as it should be, though a proxy would start, a line each.
    ///
    /// # Errors
    /// With such users or files a proxy does not start.
    pub fn check(config: &Config) -> Result<Vec<String>, Error> {
        let doubts = InForce::new(config)?.gate.doubts();
        certificates(config).map(|certificates| [certificates.warnings(), doubts].concat())
    }

    /// Connects to the upstream once, as a proxy would, and leaves; blocks for no longer than
    /// `upstream.connect_timeout`. Says whom it met. Asks nothing that changes anything.
    ///
    /// # Errors
    /// Why it cannot be used, with the setting to look at.
    pub fn visit(config: &Config) -> Result<String, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        if !config.enabled {
            return Ok("enabled = false: the upstream is not used".into());
        }
        if config.upstream.endpoint == Endpoint::Embedded {
            return Ok("no upstream is configured: a server of Nearside's own would be started".into());
        }
        let mut settings = config.upstream.clone();
        settings.bound_waits();
        let tls = certificates(config).map_err(|e| text(&e))?.upstream();
        let shared = Arc::new(Shared::new(settings, tls, config.limits.clone(), 0));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| text(&e))?;
        let address = config.upstream.address();
        let met = runtime.block_on(shared.visit()).map_err(|failure| match failure {
            Failure::Unreachable { upstream, reason } => {
                format!("upstream {upstream} is unreachable: {reason}")
            }
            other => other.to_string(),
        })?;
        match met {
            Visit::Welcome { server, version: [major, minor, patch] } => {
                let warning = runtime.block_on(scripts(config, shared));
                let warning = warning.map(|text| format!("\nwarning: {text}")).unwrap_or_default();
                Ok(format!("{address} answers: {server} {major}.{minor}.{patch}{warning}"))
            }
            Visit::WantsPassword => Err(format!(
                "{address} answers, and wants a password: set REDIS_PASSWORD (upstream.password); without \
                 one every client has to bring its own"
            )),
        }
    }
}

/// What is to be said of scripts, if they can run what is blocked.
async fn scripts(config: &Config, shared: Arc<Shared>) -> Option<String> {
    let inside = Gate::new(config).ok()?.inside(shared.credential().user())?;
    let hold = inside::ask(&Pool::new(shared, 0, Rc::default()), &inside).await.ok()?;
    inside::explain(&hold)
}
