//! Which settings are in force, and what became of the attempts to change them.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What one proxy has to say of its settings. Written by whoever reloads, read by `INFO` and metrics.
#[derive(Debug, Default)]
pub struct Reloads(Mutex<Settings>);

/// The settings at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// A hash of those in force; see [`crate::config::hash`].
    pub hash: String,
    /// Keys whose new values wait for a restart.
    pub needs_restart: Vec<&'static str>,
    /// Reloads that succeeded, and those that changed nothing because something was wrong.
    pub succeeded: u64,
    /// See `succeeded`.
    pub failed: u64,
    /// When the last of either was, and whether it succeeded.
    pub last: Option<(SystemTime, bool)>,
}

impl Reloads {
    /// A proxy starts with settings of this hash.
    pub fn starts(&self, hash: String) {
        self.locked().hash = hash;
    }

    /// Settings of this hash are in force from now on, and these keys wait for a restart.
    pub fn succeeded(&self, hash: String, needs_restart: Vec<&'static str>) {
        let mut settings = self.locked();
        (settings.hash, settings.needs_restart) = (hash, needs_restart);
        settings.succeeded += 1;
        settings.last = Some((SystemTime::now(), true));
    }

    /// Something was wrong: what was in force still is.
    pub fn failed(&self) {
        let mut settings = self.locked();
        settings.failed += 1;
        settings.last = Some((SystemTime::now(), false));
    }

    /// What there is to say now.
    pub fn now(&self) -> Settings {
        self.locked().clone()
    }

    /// The lines of `INFO`.
    pub fn section(&self) -> String {
        let settings = self.now();
        let mut out = String::new();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = write!(out, "nearside_{name}:{value}\r\n");
        };
        let time = settings.last.and_then(|(at, _)| at.duration_since(UNIX_EPOCH).ok());
        let status = settings.last.map_or("none", |(_, succeeded)| if succeeded { "ok" } else { "err" });
        line("config_hash", &settings.hash);
        line("config_needs_restart", &settings.needs_restart.join(","));
        line("reloads", &settings.succeeded);
        line("reloads_failed", &settings.failed);
        line("last_reload_time", &time.map_or(0, |time| time.as_secs()));
        line("last_reload_status", &status);
        out
    }

    fn locked(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_reload_changes_nothing_but_what_is_said_of_it() {
        let reloads = Reloads::default();
        reloads.starts("a".into());
        assert!(reloads.section().contains("last_reload_time:0\r\nnearside_last_reload_status:none\r\n"));
        reloads.succeeded("b".into(), vec!["listen", "workers"]);
        reloads.failed();
        let now = reloads.now();
        assert_eq!((now.hash.as_str(), now.succeeded, now.failed), ("b", 1, 1));
        assert!(reloads.section().contains("nearside_config_needs_restart:listen,workers\r\n"));
        assert!(reloads.section().ends_with("nearside_last_reload_status:err\r\n"));
    }
}
