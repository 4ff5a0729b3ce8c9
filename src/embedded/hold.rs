//! Who holds the data directory. Two locks, both by `flock`, which belongs to an open file and goes with
//! its last descriptor, however its process ends:
//!
//! * `owner.lock`: the Nearside process alone. Never inherited, so it is free once that process is gone.
//! * `nearside.lock`: handed to the child as its standard input, so it stays held while the child (or a
//!   process it forked to save) lives, with or without us.
//!
//! The first is taken before the second is looked at. So whoever finds the second held knows that its
//! holder has no Nearside any more, and that nobody else is starting one.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::conf;
use super::control::Control;
use super::error::Error;
use super::place;

/// How long an orphan may take to save and go.
const ORPHAN_DEADLINE: Duration = Duration::from_secs(60);
/// How long an owner is taken to be going rather than there: a process that a killed Nearside had just
/// forked shares its lock until it executes.
const OWNER_GRACE: Duration = Duration::from_millis(500);
/// How often a lock is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// How long one request to stop may go unanswered before the next.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The data directory, ours until dropped.
#[derive(Debug)]
pub(super) struct Hold {
    /// The directory, absolute and without links.
    pub(super) dir: PathBuf,
    /// What the child is given a copy of.
    pub(super) child: File,
    // Last, so that nobody can take this while the other is still ours.
    _owner: Owner,
}

/// `owner.lock`, held.
#[derive(Debug)]
struct Owner(File);

impl Hold {
    /// Makes the directory where needed and takes both locks, first stopping a server that a killed
    /// Nearside left behind. Blocks nobody: waiting is asynchronous.
    pub(super) async fn take(data_dir: &Path) -> Result<Self, Error> {
        let dir = directory(data_dir)?;
        let owner = own(&dir).await?;
        let path = dir.join("nearside.lock");
        let child = open(&path)?;
        if !try_lock(&child, &path)? {
            stop_orphan(&dir, &child, &path).await?;
        }
        Ok(Self { dir, child, _owner: owner })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // An orderly end leaves no pid behind to be mistaken for a living one. Unlocked by name, because
        // closing leaves the lock to any process that is being forked just now, until it executes.
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

fn directory(data_dir: &Path) -> Result<PathBuf, Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    made.map_err(Error::io("create the data directory", data_dir))?;
    let dir = data_dir.canonicalize().map_err(Error::io("find the data directory", data_dir))?;
    let mode = fs::metadata(&dir).map_err(Error::io("look at", &dir))?.permissions().mode();
    if mode & 0o077 != 0 {
        // It may be shared on purpose (a volume): say it, do not change what we did not make.
        let mode = format!("{:04o}", mode & 0o7777);
        tracing::warn!(data_dir = %dir.display(), mode, "other users may read the embedded server's data");
    }
    Ok(dir)
}

async fn own(dir: &Path) -> Result<Owner, Error> {
    let path = dir.join("owner.lock");
    let mut owner = open(&path)?;
    let began = Instant::now();
    while !try_lock(&owner, &path)? {
        if began.elapsed() > OWNER_GRACE {
            let mut pid = String::new();
            let _ = owner.read_to_string(&mut pid);
            return Err(Error::Owned { data_dir: dir.to_owned(), pid: pid.trim().parse().ok() });
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
    let pid = std::process::id().to_string();
    let written = owner.set_len(0).and_then(|()| owner.write_all(pid.as_bytes()));
    written.map_err(Error::io("write", &path))?;
    Ok(Owner(owner))
}

fn open(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map_err(Error::io("open", path))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(Error::io("lock", path)(source)),
    }
}

/// Asks again and again: an orphan may not listen yet (its Nearside was killed as it started), may
/// refuse for a moment, or may be gone but for a process it forked to save.
async fn stop_orphan(dir: &Path, lock: &File, path: &Path) -> Result<(), Error> {
    let pid = read_pid(dir);
    tracing::warn!(data_dir = %dir.display(), pid, "stopping a server that a killed Nearside left behind");
    let began = Instant::now();
    let mut reason = String::from("it was never reached");
    while !try_lock(lock, path)? {
        if began.elapsed() > ORPHAN_DEADLINE {
            return Err(Error::Orphan { data_dir: dir.to_owned(), pid, waited: ORPHAN_DEADLINE, reason });
        }
        match tokio::time::timeout(ASK_EVERY, ask_to_stop(dir)).await {
            Ok(Ok(())) => reason = String::from("it closed its connection but did not exit"),
            Ok(Err(error)) => reason = error.to_string(),
            Err(_) => reason = String::from("it did not answer SHUTDOWN"),
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
    tracing::info!(took_ms = began.elapsed().as_millis() as u64, "the left behind server has stopped");
    Ok(())
}

async fn ask_to_stop(dir: &Path) -> std::io::Result<()> {
    Control::connect(&place::left_behind(dir)).await?.shutdown().await
}

/// The pid the server in `dir` wrote down for itself.
fn read_pid(dir: &Path) -> Option<u32> {
    fs::read_to_string(dir.join(conf::PID)).ok()?.trim().parse().ok()
}
