//! Changing settings while the proxy runs: everything is read and checked first, then applied whole, or not at all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::options::Source;
use super::parts::Parts;
use crate::config::{self, Changes, Config, Effective};
use crate::session::InForce;
use crate::telemetry::audit::{Event, Kind};
use crate::telemetry::desk::{ReloadError, Reloaded};

/// How long workers have to take over what is new; each does between two events.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// Settings that do not concern who may do what. All others make the rules anew.
const NOT_THE_GATE: &[&str] = &[
    "maxclients",
    "timeout",
    "tcp_keepalive",
    "client_output_buffer_limit",
    "drain_delay",
    "drain_timeout",
    "rates",
    "features.rate_limiting",
    "features.cache",
    "cache.",
    "limits.",
    "log.",
    "slowlog.",
    "admission.",
    "audit.",
    "alerts.",
    "health.",
    "reload.",
    "reload.",
];

/// Reloads one proxy's settings, from any thread. A clone is the same one; one that is left over when the proxy
/// has ended does nothing of use.
#[derive(Clone, Debug)]
pub struct Reloader(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Option<Source>,
    parts: Parts,
    force: watch::Sender<Arc<InForce>>,
    /// The settings in force as they were written; locked for as long as a reload takes.
    written: Mutex<Config>,
    /// The same, and where each came from, for those who ask.
    settings: Mutex<Vec<Effective>>,
    /// What could not be switched on while the proxy runs, as it was switched off when it started.
    off: Vec<&'static str>,
}

impl Reloader {
    /// For a proxy that was started with these settings, as they were written, of which `force` tells everybody
    /// who has to know.
    pub(super) fn new(
        source: Option<Source>,
        parts: Parts,
        force: watch::Sender<Arc<InForce>>,
        (written, settings): (Config, Vec<Effective>),
    ) -> Self {
        let switches = [("enabled", written.enabled), ("features.cache", written.features.cache)];
        let off = switches.into_iter().filter(|(_, is_on)| !is_on).map(|(key, _)| key).collect();
        parts.limiting.stats.reloads.starts(config::hash(&written));
        let (written, settings) = (Mutex::new(written), Mutex::new(settings));
        Self(Arc::new(Inner { source, parts, force, written, settings, off }))
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.force.borrow().config)
    }

    /// What is in force.
    pub(super) fn force(&self) -> Arc<InForce> {
        Arc::clone(&self.0.force.borrow())
    }

    /// Every setting in force and where it came from, secrets masked.
    pub fn settings(&self) -> Vec<Effective> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of every change of what is in force.
    pub fn watch(&self) -> watch::Receiver<Arc<InForce>> {
        self.0.force.subscribe()
    }

    /// Reads the settings anew and puts what has changed into force: for every request that comes after this
    /// returns. Clients whom a change does not concern notice nothing. One reload at a time: a second one waits.
    ///
    /// Blocks: for files, and for as long as workers take to hear of it. Not to be called on a worker's thread.
    ///
    /// # Errors
    /// Everything that is wrong with the new settings; nothing has changed then.
    pub fn reload(&self) -> Result<Reloaded, ReloadError> {
        let inner = &*self.0;
        let mut written = inner.written.lock().unwrap_or_else(PoisonError::into_inner);
        let done = inner.reload(&mut written);
        let stats = &inner.parts.limiting.stats;
        match &done {
            Ok(reloaded) => stats.reloads.succeeded(reloaded.hash.clone(), reloaded.needs_restart.clone()),
            Err(_) => stats.reloads.failed(),
        }
        tell(&done);
        let (reason, keys) = match &done {
            Ok(reloaded) => (None, reloaded.applied.join(" ")),
            Err(_) => (Some("refused"), String::new()),
        };
        stats.audit.tell(Kind::Reload, "", || Event {
            reason,
            about: (!keys.is_empty()).then_some(keys),
            ..Event::default()
        });
        done
    }
}

impl Inner {
    fn reload(&self, written: &mut Config) -> Result<Reloaded, ReloadError> {
        let nowhere = "this proxy was not told where its settings come from";
        let source = self.source.as_ref().ok_or_else(|| ReloadError::of(nowhere))?;
        let loaded = source.load().map_err(|problems| ReloadError { problems })?;
        let mut changes = config::changes(written, &loaded.config);
        self.hold_back(&mut changes, &loaded.config);
        let mut next = loaded.config;
        config::carry(&changes.fixed, written, &mut next);

        // Everything that can be wrong is made before anything is replaced.
        let old = Arc::clone(&self.force.borrow());
        let same_gate = !changes.live.iter().any(|key| concerns_gate(key));
        let mut config = next.clone();
        self.parts.adapt(&mut config);
        let force = Arc::new(old.next(config, same_gate).map_err(ReloadError::of)?);
        let mut prepared = self.parts.prepare(&old.config, &force.config).map_err(ReloadError::of)?;

        let generation = force.generation;
        let doubts = force.gate.doubts().into_iter().filter(|_| !same_gate);
        let odd = std::mem::take(&mut prepared.warnings);
        let warnings = loaded.warnings.into_iter().chain(doubts).chain(odd).collect();
        self.parts.apply(&force.config, prepared);
        self.force.send_replace(force);
        if !self.parts.taken.wait(generation, TAKEN_WITHIN) {
            tracing::warn!("a worker is busy: it takes over the new settings when it is not");
        }
        *written = next;
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        for setting in &mut *settings {
            let now = loaded.settings.iter().find(|now| now.key == setting.key);
            if let Some(now) = now.filter(|now| !changes.fixed.contains(&now.key)) {
                setting.clone_from(now);
            }
        }
        drop(settings);
        let Changes { live: applied, fixed: needs_restart, unchanged } = changes;
        Ok(Reloaded { applied, needs_restart, unchanged, warnings, hash: config::hash(written) })
    }

    /// What would have to be switched on, and was not made ready for it at the start, waits for a restart; and
    /// so does the level of a log that is not ours.
    fn hold_back(&self, changes: &mut Changes, new: &Config) {
        let waits = |key: &mut &str| match *key {
            "enabled" => self.off.contains(key) && new.enabled,
            "features.cache" => self.off.contains(key) && new.features.cache,
            "log.level" => self.parts.levels.is_none(),
            _ => false,
        };
        let held: Vec<_> = changes.live.extract_if(.., waits).collect();
        changes.fixed.extend(held);
    }
}

/// Has the log say what has become of it.
fn tell(done: &Result<Reloaded, ReloadError>) {
    match done {
        Ok(Reloaded { applied, needs_restart, warnings, .. }) => {
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            let or_nothing = |keys: &[&str]| if keys.is_empty() { "nothing".into() } else { keys.join(" ") };
            tracing::info!("settings were read again: applied {}", or_nothing(applied));
            if !needs_restart.is_empty() {
                tracing::warn!("changed, but in force only after a restart: {}", needs_restart.join(" "));
            }
        }
        Err(error) => {
            let problems = &error.problems;
            problems.iter().for_each(|problem| tracing::error!("settings stay as they were: {problem}"));
        }
    }
}

fn concerns_gate(key: &str) -> bool {
    let fits = |prefix: &&str| key == *prefix || (prefix.ends_with('.') && key.starts_with(*prefix));
    !NOT_THE_GATE.iter().any(fits)
}
