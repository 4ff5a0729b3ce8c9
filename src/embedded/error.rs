//! What can go wrong with the embedded server, in words a person can act on.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the embedded server could not be started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No upstream was given, no server was named, and there is none in `PATH`.
    #[error(
        "no upstream is configured, and neither redis-server nor valkey-server is in PATH to start one: \
         install one (`apt-get install redis-server` or `apt-get install valkey-server`), name its file \
         with `embedded.server`, or name a running server with `--upstream` or `REDIS_URI`"
    )]
    NoServer,
    /// A server was named, but it is not there or may not be executed.
    #[error("`embedded.server` names {}, which is not an executable file", .0.display())]
    NotExecutable(PathBuf),
    /// A live Nearside owns the data directory.
    #[error(
        "the data directory {} is in use by another Nearside{}: stop that one, or give this one its own \
         `embedded.data_dir`",
        data_dir.display(), with_pid(*pid)
    )]
    Owned {
        /// The directory both want.
        data_dir: PathBuf,
        /// The owner's process id, where it could be read.
        pid: Option<u32>,
    },
    /// A server left behind by a killed Nearside still holds the data and would not stop.
    #[error(
        "a server{} left behind by a killed Nearside still holds the data directory {} and did not stop \
         within {} s ({reason}): stop it, then start again",
        with_pid(*pid), data_dir.display(), waited.as_secs()
    )]
    Orphan {
        /// The directory it holds.
        data_dir: PathBuf,
        /// Its process id, where it could be read.
        pid: Option<u32>,
        /// How long it was waited for.
        waited: Duration,
        /// What the last attempt to stop it met.
        reason: String,
    },
    /// The server could not begin to serve; `said` is in its own words.
    #[error("{} did not start ({status}): {said}", server.display())]
    Failed {
        /// The binary that was run.
        server: PathBuf,
        /// How it ended, or what it was last asked for.
        status: String,
        /// The last lines it printed or logged.
        said: String,
    },
    /// The server did not stop in time and was killed: what it had not yet persisted is lost.
    #[error("the embedded server did not stop within {} ms and was killed ({reason})", deadline.as_millis())]
    Killed {
        /// The deadline it was given.
        deadline: Duration,
        /// What the last attempt to stop it met.
        reason: String,
    },
    /// The operating system refused something.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: what was tried, and on what.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

fn with_pid(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}
