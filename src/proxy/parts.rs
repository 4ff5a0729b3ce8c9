//! What workers share, as a configuration asks for it.

use std::sync::Arc;

use super::Error;
use crate::config::{AuthClients, Config, Tls};
use crate::net::tls::ClientTls;
use crate::policy::Gate;
use crate::telemetry::Stats;
use crate::upstream::Shared;

/// The rules; what is odd about them is logged.
pub(super) fn gate(config: &Config) -> Result<Gate, Error> {
    let gate = Gate::new(config)?;
    gate.doubts().iter().for_each(|doubt| tracing::warn!("{doubt}"));
    Ok(gate)
}

/// The upstream, with which TLS may be spoken.
pub(super) fn shared(config: &Config, tls: Option<Arc<ClientTls>>, stats: &Stats) -> Shared {
    let (upstream, limits) = (config.upstream.clone(), config.limits.clone());
    let shared = Shared::new(upstream, tls, limits, config.pubsub_dedicated);
    shared.with_longest_reply(config.rules.max_reply, stats)
}

/// TLS as it is spoken with those who operate the proxy, who show a token and no certificate.
pub(super) fn admin_tls(config: &Config) -> Tls {
    let listen = if config.admin.tls { config.admin.listen.clone() } else { Vec::new() };
    Tls { listen, auth_clients: AuthClients::No, ..config.tls.clone() }
}
