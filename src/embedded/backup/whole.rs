//! Files that are there whole or not at all: written beside their place under another name, synced, renamed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::BackupError;

/// So much is copied before others have a turn.
const CHUNK: usize = 1 << 20;
/// How the names of unfinished files end.
const SUFFIX: &str = ".part";

/// A file that has no name of its own yet. Dropped, it is gone; killed with its process it stays behind as
/// `.NAME.XXXXXX.part`.
#[derive(Debug)]
pub(super) struct Whole {
    file: NamedTempFile,
    to: PathBuf,
}

impl Whole {
    /// An empty one that is to become `to`.
    pub(super) fn new(to: &Path) -> Result<Self, BackupError> {
        let dir = parent(to);
        let file = tempfile::Builder::new().prefix(&prefix(to)).suffix(SUFFIX).tempfile_in(dir);
        let file = file.map_err(BackupError::io("write in", dir))?;
        Ok(Self { file, to: to.to_owned() })
    }

    /// Adds all of `from`; how many bytes. Others have turns meanwhile.
    pub(super) async fn fill(&mut self, name: &Path, mut from: impl Read) -> Result<u64, BackupError> {
        let mut chunk = vec![0; CHUNK];
        let mut bytes = 0;
        loop {
            let n = match from.read(&mut chunk) {
                Ok(0) => return Ok(bytes),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BackupError::io("read", name)(error)),
            };
            let written = self.file.write_all(&chunk[..n]);
            written.map_err(BackupError::io("write", &self.to))?;
            bytes += n as u64;
            tokio::task::yield_now().await;
        }
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives it its name, in place of what had that name, whose permissions it takes over. On disk when this
    /// returns.
    pub(super) fn keep(self) -> Result<(), BackupError> {
        let failed = |doing| BackupError::io(doing, &self.to);
        if let Ok(old) = fs::metadata(&self.to) {
            let mode = fs::Permissions::from_mode(old.permissions().mode() & 0o777);
            self.file.as_file().set_permissions(mode).map_err(failed("set the permissions of"))?;
        }
        self.file.as_file().sync_all().map_err(failed("sync"))?;
        let dir = parent(&self.to);
        let failed = failed("write");
        self.file.persist(&self.to).map_err(|error| failed(error.error))?;
        sync(dir)
    }
}

/// Removes what killed processes left of attempts to write `to`. Only for who is alone there.
pub(super) fn sweep(to: &Path) {
    let prefix = prefix(to);
    for entry in fs::read_dir(parent(to)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn prefix(to: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(to.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

/// The directory `path` is in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Names that were made or changed in `dir` are on disk when this returns.
pub(super) fn sync(dir: &Path) -> Result<(), BackupError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(BackupError::io("sync", dir))
}
