//! What workers share, as a configuration asks for it, at the start and at a reload.

use std::sync::Arc;

use tokio::runtime::Builder;

use super::Error;
use crate::cache::Near;
use crate::config::{AuthClients, Config, Endpoint, Tls, Upstream};
use crate::net::tls::{Certificates, ClientTls, ServerSetup};
use crate::session::{InForce, Limiting, Taken};
use crate::telemetry::Stats;
use crate::telemetry::log::{Filter, Levels};
use crate::upstream::{Failure, Shared, Visit};

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
    /// What the log shows, where that is ours to say.
    pub(super) levels: Option<Levels>,
    /// Where the upstream is, which need not be what was written.
    pub(super) endpoint: Endpoint,
}

/// What was made of new settings and is not in use yet.
#[derive(Debug)]
pub(super) struct Prepared {
    tls: Option<ServerSetup>,
    admin_tls: Option<ServerSetup>,
    level: Option<Filter>,
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
        let (mut tls, mut admin_tls) = (None, None);
        if old.tls != new.tls {
            tls = self.certificates.prepare(&new.tls)?;
            admin_tls = self.certificates.prepare_admin(&admin_tls_of(new))?;
        }
        let level = (old.log.level != new.log.level).then(|| Filter::parse(&new.log.level)).transpose()?;
        let is_other =
            |old: &Upstream, new: &Upstream| old.username != new.username || old.password != new.password;
        let odd = new.enabled && is_other(&old.upstream, &new.upstream);
        let odd = if odd { self.try_credential(new)? } else { None };
        Ok(Prepared { tls, admin_tls, level, warnings: odd.into_iter().collect() })
    }

    /// Asks the upstream whether it lets us in as `config` says; what is odd, if it cannot be asked.
    fn try_credential(&self, config: &Config) -> Result<Option<String>, Error> {
        let tls = self.certificates.upstream();
        let shared = Shared::new(config.upstream.clone(), tls, config.limits.clone(), 0);
        // Who reloads may be on a runtime of its own, which cannot run another one.
        let visit = || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            Ok::<_, std::io::Error>(runtime.block_on(shared.visit()))
        };
        let visited = std::thread::scope(|scope| scope.spawn(visit).join());
        let gone = || std::io::Error::other("a thread ended early");
        match visited.map_err(|_| gone())?? {
            Ok(Visit::Welcome { .. }) => Ok(None),
            Ok(Visit::WantsPassword) => Ok(Some(
                "the upstream wants a password and upstream.password is not set: clients have to bring theirs".into(),
            )),
            Err(Failure::Refused(text)) => Err(Error::Refused(text)),
            Err(failure) => Ok(Some(format!("upstream.username and upstream.password could not be tried: {failure}"))),
        }
    }

    /// From now on `config` is in force. Cannot fail.
    pub(super) fn apply(&self, config: &Config, prepared: Prepared) {
        self.shared.renew(&config.upstream, &config.limits, config.rules.max_reply);
        self.certificates.renew(&config.tls, prepared.tls);
        self.certificates.renew_admin(&admin_tls_of(config), prepared.admin_tls);
        if let (Some(levels), Some(level)) = (&self.levels, prepared.level) {
            levels.apply(level);
        }
        self.near.renew(&config.cache, config.features.cache);
        self.limiting.admission.renew(&config.admission);
        self.limiting.stats.audit.renew(&config.audit);
        self.limiting.stats.slow.set(&config.slowlog);
        self.limiting.stats.access.set(config.log.access_sample);
        self.limiting.stats.vitals.reconfigure(config);
    }
}

/// TLS as it is spoken with those who operate the proxy, who show a token and no certificate.
pub(super) fn admin_tls_of(config: &Config) -> Tls {
    let listen = if config.admin.tls { config.admin.listen.clone() } else { Vec::new() };
    Tls { listen, auth_clients: AuthClients::No, ..config.tls.clone() }
}
