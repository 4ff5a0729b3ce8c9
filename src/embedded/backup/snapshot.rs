//! A snapshot of the data as it is now.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::super::control::Control;
use super::super::error::Error;
use super::super::hold::Hold;
use super::super::{Server, conf, find, persistence, place, said};
use super::error::BackupError;
use super::rdb::{self, Checked};
use super::whole::{self, Whole};
use super::{Receipt, owner};
use crate::config::Embedded as Settings;

/// How long a running Nearside may have no server that listens: it starts, or is being restarted.
const SILENT_MAX: Duration = Duration::from_secs(30);
/// How often the server is asked whether it is done.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long a server started only to read an append-only file may take to leave.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// The data as it was at one moment after it was asked for, in the form of an RDB file. Holds the file open,
/// so nothing that happens to the data directory changes it any more.
#[derive(Debug)]
pub struct Snapshot {
    file: File,
    path: PathBuf,
    dir: PathBuf,
    server: Result<PathBuf, String>,
    format: String,
}

impl Snapshot {
    /// Takes one of the embedded server's data. While a Nearside runs there, its server is asked for it
    /// (`BGSAVE`) over the private socket, and clients are served meanwhile; while none does, the data
    /// directory is locked, and a server is started for as long as it takes where the data is an append-only
    /// file. Everything acknowledged before the call is in it. `path` is the value of `PATH`.
    ///
    /// Saving and loading have no deadline. Dropping the future leaves the data as it was; a server started
    /// for it is told to go.
    ///
    /// # Errors
    /// No data, a data directory that cannot be used, a server that does not save, in its own words.
    pub async fn take(settings: &Settings, path: Option<OsString>) -> Result<Self, BackupError> {
        let found = settings.data_dir.canonicalize();
        let dir = match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoData(settings.data_dir.clone()));
            }
            found => found.map_err(BackupError::io("find the data directory", &settings.data_dir))?,
        };
        let server = find::server(settings.server.as_deref(), path.as_deref()).map_err(|e| e.to_string());
        let file = file(settings, path, &dir).await?;
        let path = dir.join(conf::RDB);
        let mut head = Vec::new();
        let read = (&file).take(rdb::HEAD as u64).read_to_end(&mut head).and_then(|_| (&file).rewind());
        read.map_err(BackupError::io("read", &path))?;
        let format = rdb::format(&path.to_string_lossy(), &head)?;
        Ok(Self { file, path, dir, server, format })
    }

    /// Writes it to the file `to`, which is replaced if it is there: by all of it, or not at all. What was
    /// written is read again by the server, where there is one.
    ///
    /// # Errors
    /// Not a place for a file, no room, or a server that finds what was written damaged.
    pub async fn save(&self, to: &Path) -> Result<Receipt, BackupError> {
        let to = self.target(to)?;
        let mut whole = Whole::new(&to)?;
        let bytes = whole.fill(&self.path, &self.file).await?;
        let checked = self.check(whole.path(), &to.to_string_lossy()).await?;
        whole.keep()?;
        Ok(Receipt { bytes, format: self.format.clone(), checked, aside: None })
    }

    /// Writes it to `out`, checked before. Blocks as `out` does.
    ///
    /// # Errors
    /// As [`Snapshot::save`].
    pub async fn write(&self, out: &mut impl Write) -> Result<Receipt, BackupError> {
        let checked = self.check(&self.path, "the snapshot").await?;
        let to = Path::new("standard output");
        let copied = io::copy(&mut &self.file, out).and_then(|bytes| out.flush().map(|()| bytes));
        let bytes = copied.map_err(BackupError::io("write to", to))?;
        Ok(Receipt { bytes, format: self.format.clone(), checked, aside: None })
    }

    async fn check(&self, file: &Path, name: &str) -> Result<Checked, BackupError> {
        match &self.server {
            Ok(server) => rdb::check(server, file, name).await,
            Err(why) => Ok(Checked::Not(why.clone())),
        }
    }

    /// Where a file of that name goes: links are followed, so that they stay.
    fn target(&self, to: &Path) -> Result<PathBuf, BackupError> {
        let refused = |why| BackupError::Target { to: to.to_owned(), why };
        match fs::metadata(to) {
            Ok(meta) if meta.is_dir() => return Err(refused("it is a directory: name a file in it")),
            Ok(meta) if !meta.is_file() => {
                return Err(refused("it is not an ordinary file; `-` is standard output"));
            }
            Ok(_) => {}
            Err(_) if to.file_name().is_none() => return Err(refused("it names no file")),
            Err(_) => {}
        }
        let to = to.canonicalize().unwrap_or_else(|_| to.to_owned());
        let beside = whole::parent(&to).canonicalize();
        if beside.is_ok_and(|beside| beside == self.dir) {
            return Err(refused("that is the data directory itself: keep backups elsewhere"));
        }
        Ok(to)
    }
}

/// The snapshot's file, from whoever has the data.
async fn file(settings: &Settings, path: Option<OsString>, dir: &Path) -> Result<File, BackupError> {
    let began = Instant::now();
    loop {
        let reason = match Control::connect(&place::left_behind(dir)).await {
            Ok(mut control) => return saved(&mut control, dir).await,
            Err(error) => error,
        };
        if reason.kind() == io::ErrorKind::PermissionDenied {
            return Err(BackupError::io("connect to the server in", dir)(reason));
        }
        owner::ours(dir)?;
        match Hold::take(dir).await {
            Ok(hold) => return alone(hold, settings, path.as_deref()).await,
            // It starts, or its server is just being restarted.
            Err(Error::Owned { .. }) if began.elapsed() < SILENT_MAX => {}
            Err(Error::Owned { data_dir, .. }) => {
                return Err(BackupError::Silent { data_dir, reason: reason.to_string() });
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Of a directory that is ours while it lasts.
async fn alone(hold: Hold, settings: &Settings, path: Option<&OsStr>) -> Result<File, BackupError> {
    let dir = hold.dir.clone();
    match persistence::in_force(&dir) {
        None => Err(BackupError::NoData(dir)),
        Some(false) => {
            let rdb = dir.join(conf::RDB);
            File::open(&rdb).map_err(BackupError::io("open", &rdb))
        }
        Some(true) => {
            let settings = Settings { appendonly: true, ..settings.clone() };
            let binary = find::server(settings.server.as_deref(), path)?;
            let server = Server::start_in(hold, binary, &settings).await?;
            let taken = match Control::connect(server.socket()).await {
                Ok(mut control) => saved(&mut control, &dir).await,
                Err(error) => Err(BackupError::io("connect to", server.socket())(error)),
            };
            server.stop(STOP_DEADLINE).await?;
            taken
        }
    }
}

/// Has a server that answers save in the background, and opens what it wrote.
async fn saved(control: &mut Control, dir: &Path) -> Result<File, BackupError> {
    let rdb = dir.join(conf::RDB);
    let not_saved = |reason: String| BackupError::NotSaved { reason, said: said::recent(dir) };
    loop {
        // One that is being written may lack what was acknowledged before we were called.
        idle(control).await.map_err(|error| not_saved(error.to_string()))?;
        // Held open until the new one is there: its inode cannot be used again meanwhile.
        let before = File::open(&rdb).ok();
        let reply = control.exchange("BGSAVE").await.map_err(|error| not_saved(error.to_string()))?;
        if reply.contains("already in progress") || reply.contains("Another child process") {
            tokio::time::sleep(ASK_EVERY).await;
            continue;
        }
        if reply.starts_with('-') {
            return Err(not_saved(reply));
        }
        let info = idle(control).await.map_err(|error| not_saved(error.to_string()))?;
        if !has(&info, "rdb_last_bgsave_status:ok") {
            return Err(not_saved("its BGSAVE failed".into()));
        }
        let file = File::open(&rdb).map_err(BackupError::io("open", &rdb))?;
        // A FLUSHALL ends a BGSAVE, without a trace in its status.
        if !before.is_some_and(|before| is_same(&before, &file)) {
            return Ok(file);
        }
    }
}

/// Waits until the server has loaded its data and no child of it writes; its last `INFO persistence`.
async fn idle(control: &mut Control) -> io::Result<String> {
    const BUSY: [&str; 5] = [
        "loading:1",
        "async_loading:1",
        "rdb_bgsave_in_progress:1",
        "aof_rewrite_in_progress:1",
        "aof_rewrite_scheduled:1",
    ];
    loop {
        let info = control.exchange("INFO persistence").await?;
        if info.starts_with('-') {
            return Err(io::Error::other(info));
        }
        if !BUSY.iter().any(|busy| has(&info, busy)) {
            return Ok(info);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn has(info: &str, line: &str) -> bool {
    info.lines().any(|each| each == line)
}

fn is_same(one: &File, other: &File) -> bool {
    let id = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino())).ok();
    id(one) == id(other)
}
