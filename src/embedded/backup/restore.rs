//! Putting a snapshot back.
//!
//! The next start goes by what the directory holds (see `persistence`): an append-only file beats a snapshot
//! unless `nearside.conf` says that `appendonly` was off. So the new snapshot takes the old one's place first,
//! and where the append-only file was in force, the configuration file then takes it out of force: one rename
//! each, and the last of them is the moment at which the data changes. What is moved aside after that is not
//! looked at any more.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use x509_cert::der::DateTime;

use super::super::error::Error;
use super::super::hold::Hold;
use super::super::{conf, find, persistence};
use super::error::BackupError;
use super::owner;
use super::rdb::{self, Checked};
use super::whole::{self, Whole, sync};
use crate::config::Embedded as Settings;

/// A server's append-only files, since Redis 7 and before.
const APPENDED: [&str; 2] = ["appendonlydir", "appendonly.aof"];
/// What the next start reads of the configuration file before it writes it anew.
const OUT_OF_FORCE: &[u8] = b"# Written by nearside restore: the data is that of dump.rdb.\nappendonly no\n";

/// A snapshot that was written or put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its size.
    pub bytes: u64,
    /// Its format as its first bytes name it, such as `REDIS0010`.
    pub format: String,
    /// Who has read it again.
    pub checked: Checked,
    /// Where the data is that it replaced: a data directory of its own. `None`: there was none.
    pub aside: Option<PathBuf>,
}

/// Makes the snapshot that `from` reads the data of the embedded server, which must not run; `name` says
/// what that is in messages. The next start loads it, and goes on with an append-only file if the settings
/// say so. The data it replaces is kept in the data directory, in `replaced-` with the date and time (UTC).
/// `path` is the value of `PATH`.
///
/// Blocks while `from` does. Killed or dropped at any point, it leaves all of the old data in force or all
/// of the new.
///
/// # Errors
/// A Nearside that runs, a file that is no snapshot or that the server would not load, and what the
/// operating system refuses: nothing has changed then ([`BackupError::Aside`] apart).
pub async fn restore(
    settings: &Settings,
    path: Option<OsString>,
    name: &Path,
    mut from: impl Read,
) -> Result<Receipt, BackupError> {
    let server = find::server(settings.server.as_deref(), path.as_deref())?;
    if settings.data_dir.exists() {
        owner::ours(&settings.data_dir)?;
    }
    let hold = Hold::take(&settings.data_dir).await.map_err(running)?;
    let dir = &hold.dir;
    let mut head = Vec::new();
    let read = (&mut from).take(rdb::HEAD as u64).read_to_end(&mut head);
    read.map_err(BackupError::io("read", name))?;
    let format = rdb::format(&name.to_string_lossy(), &head)?;

    let rdb = dir.join(conf::RDB);
    whole::sweep(&rdb);
    let mut whole = Whole::new(&rdb)?;
    let bytes = whole.fill(name, head.chain(from)).await?;
    let checked = rdb::check(&server, whole.path(), &name.to_string_lossy()).await?;
    let aside = if persistence::in_force(dir).is_some() { Some(set_aside(dir)?) } else { None };
    whole.keep()?;
    if let Some(aside) = &aside {
        retire(dir, aside)?;
    }
    Ok(Receipt { bytes, format, checked, aside })
}

fn running(error: Error) -> BackupError {
    match error {
        Error::Owned { data_dir, pid } => BackupError::Running { data_dir, pid },
        other => other.into(),
    }
}

/// A directory with all of the old data that is about to be replaced or overruled: the snapshot, and the
/// word which of the two is in force.
fn set_aside(dir: &Path) -> Result<PathBuf, BackupError> {
    let aside = dated(dir)?;
    for name in [conf::RDB, conf::CONF] {
        let (old, kept) = (dir.join(name), aside.join(name));
        // Not every file system has links.
        let copied = fs::hard_link(&old, &kept).or_else(|_| fs::copy(&old, &kept).map(drop));
        match copied {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            copied => copied.map_err(BackupError::io("keep a copy of", &old))?,
        }
    }
    sync(&aside)?;
    sync(dir)?;
    Ok(aside)
}

/// Takes the append-only file, if there is one, out of force and out of the way.
fn retire(dir: &Path, aside: &Path) -> Result<(), BackupError> {
    let mut old = APPENDED.iter().filter(|name| dir.join(name).exists()).peekable();
    if old.peek().is_none() {
        return Ok(());
    }
    let conf = dir.join(conf::CONF);
    let written = fs::write(conf.with_extension("new"), OUT_OF_FORCE);
    let written = written.and_then(|()| fs::File::open(conf.with_extension("new"))?.sync_all());
    written
        .and_then(|()| fs::rename(conf.with_extension("new"), &conf))
        .map_err(BackupError::io("write", &conf))?;
    sync(dir)?;
    for name in old {
        let (left, kept) = (dir.join(name), aside.join(name));
        fs::rename(&left, kept).map_err(|source| BackupError::Aside { left, source })?;
    }
    sync(aside)?;
    sync(dir)
}

/// A new directory named after this second.
fn dated(dir: &Path) -> Result<PathBuf, BackupError> {
    let now = DateTime::from_system_time(SystemTime::now()).map(|now| now.to_string()).unwrap_or_default();
    let now: String = now.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut turn = 1;
    loop {
        let suffix = if turn == 1 { String::new() } else { format!("-{turn}") };
        let aside = dir.join(format!("replaced-{now}{suffix}"));
        match DirBuilder::new().mode(0o700).create(&aside) {
            Ok(()) => return Ok(aside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => turn += 1,
            Err(error) => return Err(BackupError::io("create", &aside)(error)),
        }
    }
}
