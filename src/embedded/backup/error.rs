//! Why there is no backup, or why it was not put back, in words a person can act on.

use std::io;
use std::path::{Path, PathBuf};

use super::super::error::Error;

/// Why a snapshot could not be taken, written or put back. Nothing was changed then, but for what
/// [`BackupError::Aside`] says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The server, its data directory, or the operating system.
    #[error(transparent)]
    Embedded(#[from] Error),
    /// There is nothing to take a snapshot of.
    #[error("there is no data in {}: nothing to back up", .0.display())]
    NoData(PathBuf),
    /// The files in the data directory must stay their owner's.
    #[error(
        "{} belongs to user {owner}, and this is user {user}: run it as that user (`sudo -u '#{owner}' ...`), \
         or the server could not read its files any more", data_dir.display()
    )]
    NotOwner {
        /// The data directory.
        data_dir: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// A Nearside runs on the data directory, but its server did not answer.
    #[error("the Nearside that runs on {} has no server that answers ({reason})", data_dir.display())]
    Silent {
        /// The data directory.
        data_dir: PathBuf,
        /// What the last attempt met.
        reason: String,
    },
    /// The server did not do what it was asked for; `said` is in its own words.
    #[error("the server took no snapshot ({reason}); its log ends with: {said}")]
    NotSaved {
        /// Its reply, or what became of it.
        reason: String,
        /// The last lines of its log.
        said: String,
    },
    /// A Nearside runs on the data directory that is to be replaced.
    #[error(
        "a Nearside{} runs on {}: stop it first (SIGTERM), then restore",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), data_dir.display()
    )]
    Running {
        /// The data directory.
        data_dir: PathBuf,
        /// Its process id, where it could be read.
        pid: Option<u32>,
    },
    /// What was given cannot be opened.
    #[error("cannot open {}: {source}", file.display())]
    Unreadable {
        /// What was given.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was given is no snapshot.
    #[error("{name} is not an RDB file: {why}")]
    NotRdb {
        /// What was given.
        name: String,
        /// What it is instead.
        why: &'static str,
    },
    /// The server would not load it; `said` is in its own words.
    #[error("{name} is damaged, or not for {}: {said}", server.display())]
    Refused {
        /// What was given.
        name: String,
        /// The server that looked at it.
        server: PathBuf,
        /// What it found.
        said: String,
    },
    /// The place for the backup is not one for a file.
    #[error("cannot write a backup to {}: {why}", to.display())]
    Target {
        /// Where it was to go.
        to: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// The snapshot was put back, and the old append-only file could not be set aside after that.
    #[error(
        "the snapshot is in place and the next start uses it, but the old {} is still in the data directory: \
         {source}", left.display()
    )]
    Aside {
        /// What could not be moved.
        left: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl BackupError {
    /// For `map_err`: what was tried, and on what.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let wrap = Error::io(doing, path);
        move |source| wrap(source).into()
    }
}
