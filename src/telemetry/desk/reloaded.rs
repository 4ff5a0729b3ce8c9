//! What has come of a reload.

use serde::Serialize;

/// What a reload has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Keys of settings that were different, and are in force now.
    pub applied: Vec<&'static str>,
    /// Keys of settings that are different and need a restart: what was in force still is.
    pub needs_restart: Vec<&'static str>,
    /// How many settings are what they were.
    pub unchanged: usize,
    /// What is odd about the new settings, a line each.
    pub warnings: Vec<String>,
    /// The hash of what is in force now; see [`crate::config::hash`].
    pub hash: String,
}

/// Why nothing was reloaded: everything that is wrong, a line each. What was in force still is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("settings were not reloaded, and stay as they were: {}", problems.join("; "))]
pub struct ReloadError {
    /// What is wrong, with file, line and setting where it is about one.
    pub problems: Vec<String>,
}

impl ReloadError {
    /// For one problem.
    pub fn of(problem: impl ToString) -> Self {
        Self { problems: vec![problem.to_string()] }
    }
}
