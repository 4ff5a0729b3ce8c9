//! What a proxy is given besides its configuration.

use std::ffi::OsString;

use crate::config::Effective;
use crate::net::Inherited;

/// What a proxy may be given besides its configuration, by a program that has it. All of it is optional.
#[derive(Debug, Default)]
pub struct Options {
    /// Where a server binary is looked for, the value of `PATH`. Only for the embedded server.
    pub search_path: Option<OsString>,
    /// Where the settings came from, for those who ask; empty: from the program.
    pub settings: Vec<Effective>,
    /// Listening sockets to use for those of the configured addresses they are bound to. What is left of them
    /// is closed, with a warning.
    pub inherited: Inherited,
}
