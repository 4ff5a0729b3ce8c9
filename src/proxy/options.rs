//! What a proxy is given besides its configuration.

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use crate::config::{Effective, Loaded};
use crate::net::Inherited;
use crate::telemetry::log::Levels;

/// What a proxy may be given besides its configuration, by a program that has it. All of it is optional.
#[derive(Debug, Default)]
pub struct Options {
    /// Where a server binary is looked for, the value of `PATH`. Only for the embedded server.
    pub search_path: Option<OsString>,
    /// Listening sockets to use for those of the configured addresses they are bound to. What is left of them
    /// is closed, with a warning.
    pub inherited: Inherited,
    /// Where settings come from when they are to be read again. Without it they cannot be.
    pub source: Option<Source>,
    /// Where the settings came from, for those who ask; empty: from the program.
    pub settings: Vec<Effective>,
    /// What changes which lines the log shows; without it `log.level` needs a restart.
    pub log: Option<Levels>,
}

/// Reads a configuration anew, from wherever the first one came. Errors are a line each, and name the file, the
/// line and the setting. It may block, and is called on whatever thread reloads.
#[derive(Clone)]
pub struct Source(pub Arc<Load>);

/// See [`Source`].
pub type Load = dyn Fn() -> Result<Loaded, Vec<String>> + Send + Sync;

impl Source {
    /// One that calls `load`.
    pub fn new(load: impl Fn() -> Result<Loaded, Vec<String>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(load))
    }

    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, Vec<String>> {
        (self.0)()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
