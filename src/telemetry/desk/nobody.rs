//! A desk nobody sits at, for tests.

use super::{Clients, Desk, Format, HotKey, Named, Overview, Probe, Setting};
use crate::telemetry::history::Rings;

/// Answers that there is nothing, and does nothing.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Desk for Nobody {
    fn ready(&self) -> Probe {
        Probe::no("nobody is here")
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

    fn cache(&self) -> Named {
        Named::default()
    }

    fn overview(&self) -> Overview {
        Overview::default()
    }

    fn history(&self) -> Rings {
        Rings::default()
    }

    fn look(&self) {}

    fn info(&self) -> String {
        String::new()
    }

    fn metrics(&self, _format: Format) -> String {
        String::new()
    }

    fn flush_cache(&self) {}

    fn drain(&self) {}
}
