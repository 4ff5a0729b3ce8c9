//! Who may touch the files of a data directory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::BackupError;

/// An error unless `dir` is ours: what we wrote there as somebody else (root, say), its server could not
/// read.
pub(super) fn ours(dir: &Path) -> Result<(), BackupError> {
    let owner = fs::metadata(dir).map_err(BackupError::io("look at", dir))?.uid();
    let user = rustix::process::geteuid().as_raw();
    if owner == user {
        return Ok(());
    }
    Err(BackupError::NotOwner { data_dir: dir.to_owned(), owner, user })
}
