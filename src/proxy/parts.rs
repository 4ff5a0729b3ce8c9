//! What workers share, as a configuration asks for it, at the start and at a reload.

use std::sync::Arc;

use super::Error;
use crate::cache::Near;
use crate::config::{Config, Endpoint};
use crate::net::tls::{Certificates, ClientTls, ServerSetup};
use crate::session::{InForce, Limiting, Taken};
use crate::telemetry::Stats;
use crate::upstream::Shared;

/// What is in force at the start; what is odd about the rules is logged.
pub(super) fn in_force(config: &Config) -> Result<InForce, Error> {
    let force = InForce::new(config)?;
    force.gate.doubts().iter().for_each(|doubt| tracing::warn!("{doubt}"));
    Ok(force)
}

/// The upstream, with which TLS may be spoken.
pub(super) fn shared(config: &Config, tls: Option<Arc<ClientTls>>, stats: &Stats) -> Shared {
    let (upstream, limits) = (config.upstream.clone(), config.limits.clone());
    let shared = Shared::new(upstream, tls, limits, config.pubsub_dedicated);
    shared.with_longest_reply(config.rules.max_reply, stats)
}

/// What all workers share and a reload changes in place.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) near: Arc<Near>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) limiting: Limiting,
    pub(super) taken: Arc<Taken>,
    /// Where the upstream is, which need not be what was written.
    pub(super) endpoint: Endpoint,
}

/// What was made of new settings and is not in use yet.
#[derive(Debug)]
pub(super) struct Prepared {
    tls: Option<ServerSetup>,
    /// What is odd about it, a line each.
    pub(super) warnings: Vec<String>,
}

impl Parts {
    /// Makes of what was written what workers use.
    pub(super) fn adapt(&self, config: &mut Config) {
        config.upstream.bound_waits();
        config.upstream.endpoint.clone_from(&self.endpoint);
    }

    /// Makes what may fail.
    ///
    /// # Errors
    /// With these settings a proxy would not start.
    pub(super) fn prepare(&self, old: &Config, new: &Config) -> Result<Prepared, Error> {
        let tls = if old.tls == new.tls { None } else { self.certificates.prepare(&new.tls)? };
        Ok(Prepared { tls, warnings: Vec::new() })
    }

    /// From now on `config` is in force. Cannot fail.
    pub(super) fn apply(&self, config: &Config, prepared: Prepared) {
        self.shared.renew(&config.upstream, &config.limits, config.rules.max_reply);
        self.certificates.renew(&config.tls, prepared.tls);
        self.near.renew(&config.cache, config.features.cache);
        self.limiting.admission.renew(&config.admission);
        self.limiting.stats.audit.renew(&config.audit);
    }
}
