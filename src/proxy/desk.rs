//! What stands behind the desk: every answer from where the figures are.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::Reloader;
use super::figures::Figures;
use super::handle::leave;
use super::overview::Lately;
use crate::cache::{Near, Value};
use crate::config::{self, Effective};
use crate::net::tls::Certificates;
use crate::pubsub::Shares;
use crate::session::explain::{self, Court};
use crate::session::{Card, Roster, now};
use crate::telemetry::alerts::Alert;
use crate::telemetry::desk::{
    Client, Clients, Desk, Explained, Figure, HotKey, Named, Overview, Probe, Question, ReloadError,
    Reloaded, Setting, shown,
};
use crate::telemetry::health::Health;
use crate::telemetry::history::Rings;
use crate::telemetry::log::Levels;
use crate::telemetry::metrics::{Format, Sheet};
use crate::telemetry::slow::Entry;
use crate::telemetry::upstream_view::Seen;
use crate::telemetry::{Phase, Stats, section};
use crate::upstream::Shared;

/// Knows whom to ask.
#[derive(Debug)]
pub(super) struct Clerk {
    /// What is measured.
    pub(super) figures: Figures,
    /// Knows the settings in force.
    pub(super) reloader: Reloader,
    /// Changes which lines the log shows, where it is ours.
    pub(super) levels: Option<Levels>,
    pub(super) shared: Arc<Shared>,
    pub(super) stats: Arc<Stats>,
    pub(super) shares: Arc<Shares>,
    pub(super) near: Arc<Near>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) roster: Arc<Roster>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) lately: Lately,
}

impl Desk for Clerk {
    fn health(&self) -> Health {
        self.stats.vitals.health(Instant::now())
    }

    fn live(&self) -> Probe {
        self.stats.vitals.live(Instant::now())
    }

    fn ready(&self) -> Probe {
        match *self.phase.borrow() {
            Phase::Serving => self.stats.vitals.ready(Instant::now()),
            Phase::Leaving => Probe::no("leaving: it will soon take no new clients (drain_delay)"),
            Phase::Draining => Probe::no("draining: it finishes what has begun and takes no new clients"),
            Phase::Stopped => Probe::no("stopped"),
        }
    }

    fn startup(&self) -> Probe {
        self.stats.vitals.startup(Instant::now())
    }

    fn alerts(&self) -> Vec<Alert> {
        self.stats.vitals.alerts()
    }

    fn upstream(&self) -> Arc<Seen> {
        self.stats.vitals.upstream.get()
    }

    fn settings(&self) -> Vec<Setting> {
        let restart = |key| {
            config::settings().find(|setting| setting.key == key).is_some_and(|setting| setting.restart)
        };
        let one = |setting: &Effective| Setting {
            key: setting.key,
            value: setting.value.clone(),
            origin: setting.origin.to_string(),
            restart: restart(setting.key),
        };
        self.reloader.settings().iter().map(one).collect()
    }

    fn clients(&self, most: usize) -> Clients {
        let (cards, now) = (self.roster.cards(), Instant::now());
        let clients = cards.iter().take(most).map(|card| client(card, now)).collect();
        Clients { connected: cards.len(), clients }
    }

    fn hot_keys(&self, most: usize) -> Vec<HotKey> {
        let one = |key: crate::cache::HotKey| HotKey {
            key: shown(&key.name),
            reads_per_second: key.rate,
            hit_share: key.hits,
            traffic_share: key.share,
        };
        self.near.hot_keys(now(), most).into_iter().map(one).collect()
    }

    fn slow_log(&self, most: usize) -> Vec<Entry> {
        self.stats.slow.entries(most)
    }

    fn slow_log_reset(&self) {
        self.stats.slow.reset();
    }

    fn cache(&self) -> Named {
        let figure = |value| match value {
            Value::Text(text) => Figure::Text(text),
            Value::Count(count) => Figure::Count(count),
            Value::Share(share) => Figure::Share(share),
        };
        Named(self.near.summary().into_iter().map(|(name, value)| (name, figure(value))).collect())
    }

    fn sheet(&self) -> Sheet {
        self.figures.sheet()
    }

    fn overview(&self) -> Overview {
        self.see()
    }

    fn history(&self) -> Rings {
        self.rings()
    }

    fn look(&self) {
        self.note();
    }

    fn explain(&self, question: &Question) -> Result<Explained, String> {
        let (near, shared) = (&*self.near, &*self.shared);
        explain::explain(Court { force: &self.reloader.force(), near, shared }, question)
    }

    fn info(&self) -> String {
        section(
            &self.stats,
            &self.reloader.config().upstream.address(),
            self.shared.connections(),
            &self.shared.lending,
        ) + &self.stats.vitals.section(Instant::now())
            + &self.stats.denials.section()
            + &self.stats.notices.section()
            + &self.shares.section()
            + &self.near.section()
            + &self.certificates.section()
            + &self.reloader.force().rates.as_ref().map_or_else(String::new, |rates| rates.section())
            + &self.stats.reloads.section()
    }

    fn metrics(&self, format: Format) -> String {
        self.figures.metrics(format)
    }

    fn flush_cache(&self) {
        self.near.flush();
    }

    fn reload(&self) -> Result<Reloaded, ReloadError> {
        self.reloader.reload()
    }

    fn log_level(&self) -> Option<String> {
        self.levels.as_ref().map(Levels::get)
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        let level = config::log_level(level).map_err(|why| format!("level {why}"))?;
        let levels = self.levels.as_ref().ok_or("the log is not this proxy's own: the program has it")?;
        levels.set(&level).map_err(|error| error.to_string())?;
        tracing::info!("log.level is {level} until it is set again, or reloaded with another value");
        Ok(())
    }

    fn drain(&self) {
        self.stats.vitals.leave();
        if leave(&self.phase, Phase::Leaving) {
            tracing::info!("told to drain");
        }
    }
}

fn client(card: &Card, now: Instant) -> Client {
    let names = card.names().clone();
    let library = [shown(&names.lib_name), shown(&names.lib_ver)].join(" ");
    Client {
        id: card.id,
        address: card.address(),
        name: shown(&names.name),
        user: names.user,
        library: library.trim().into(),
        worker: card.worker,
        db: card.db(),
        resp: card.proto().number(),
        flags: card.flags(),
        command: card.command().map_or_else(String::new, |command| command.name.to_lowercase()),
        requests: card.requests(),
        age_seconds: card.age(now),
        idle_seconds: card.idle(now),
        bytes_in: card.net_in(),
        bytes_out: card.net_out(),
        bytes_unread: card.unread(),
        subscriptions: card.subscriptions().iter().map(|count| u64::from(*count)).sum(),
    }
}
