//! A desk nobody sits at, for tests.

use std::sync::Arc;
use std::time::Instant;

use crate::telemetry::Vitals;
use crate::telemetry::alerts::Alert;
use crate::telemetry::health::Health;
use crate::telemetry::history::Rings;
use crate::telemetry::slow::Entry;
use crate::telemetry::upstream_view::Seen;

use super::{
    Clients, Desk, Explained, Format, HotKey, Named, Overview, Probe, Question, ReloadError, Reloaded,
    Setting,
};

/// Answers that there is nothing, and does nothing.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Desk for Nobody {
    fn ready(&self) -> Probe {
        Probe::no("nobody is here")
    }

    fn health(&self) -> Health {
        Vitals::new(1).health(Instant::now())
    }

    fn live(&self) -> Probe {
        Probe::yes()
    }

    fn startup(&self) -> Probe {
        self.ready()
    }

    fn alerts(&self) -> Vec<Alert> {
        Vec::new()
    }

    fn upstream(&self) -> Arc<Seen> {
        Arc::default()
    }

    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }

    fn clients(&self, _most: usize) -> Clients {
        Clients { connected: 0, clients: Vec::new() }
    }

    fn hot_keys(&self, _most: usize) -> Vec<HotKey> {
        Vec::new()
    }

    fn slow_log(&self, _most: usize) -> Vec<Entry> {
        Vec::new()
    }

    fn slow_log_reset(&self) {}

    fn cache(&self) -> Named {
        Named::default()
    }

    fn sheet(&self) -> crate::telemetry::metrics::Sheet {
        crate::telemetry::metrics::Sheet::default()
    }

    fn overview(&self) -> Overview {
        Overview::default()
    }

    fn history(&self) -> Rings {
        Rings::default()
    }

    fn look(&self) {}

    fn explain(&self, _question: &Question) -> Result<Explained, String> {
        Err("nobody is here".into())
    }

    fn info(&self) -> String {
        String::new()
    }

    fn metrics(&self, _format: Format) -> String {
        String::new()
    }

    fn flush_cache(&self) {}

    fn reload(&self) -> Result<Reloaded, ReloadError> {
        Err(ReloadError::of("nobody is here"))
    }

    fn log_level(&self) -> Option<String> {
        None
    }

    fn set_log_level(&self, _level: &str) -> Result<(), String> {
        Err("nobody is here".into())
    }

    fn drain(&self) {}
}
