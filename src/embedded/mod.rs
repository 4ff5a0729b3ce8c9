//! The embedded default: where no upstream is configured, a `redis-server` or `valkey-server` of our own,
//! as a child process on a private Unix socket, without any TCP port.
//!
//! Owns: the child, its data directory and who may use it, its configuration file, its restarts and its
//! orderly end. Never: reads the environment, sends signals other than the last resort's kill, or knows
//! what clients say to the server. Called by the composition root, before anything dials the upstream.
//!
//! What matters: no two servers ever have one data directory open. It is locked for the life of the child,
//! not of Nearside (see `hold`): a child that outlives a killed Nearside is found by the next start, told to
//! save and exit, and waited for before anything opens the data.
//!
//! In the data directory: `nearside.conf` (written at every start), `server.log`, `server.out` (standard
//! output and error of the last run), `server.pid`, `server.sock` (the socket, or a link to it),
//! `owner.lock`, `nearside.lock`, the data: `dump.rdb` and `appendonlydir/`, and in `replaced-<time>/` what a
//! restore replaced.

mod backup;
mod child;
mod conf;
mod control;
mod error;
mod find;
mod hold;
mod persistence;
mod place;
mod said;
mod supervise;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

pub use self::backup::{BackupError, Checked, Receipt, Snapshot, restore};
pub use self::error::Error;
pub use self::supervise::Status;
use crate::config::Embedded as Settings;

use self::child::{Plan, Running};
use self::hold::Hold;
use self::place::Place;
use self::supervise::{Stop, Supervisor};

/// For a child that answered but could not be made ready.
const FAILED_DEADLINE: Duration = Duration::from_secs(10);

/// A running embedded server, supervised by a task on the runtime that started it: if the child dies it is
/// started again, after a pause that grows with each failure in a row from 0.1 s to 10 s.
///
/// Dropping it without [`stop`](Self::stop) has the child save and exit, too: by the supervising task
/// within 10 s if its runtime goes on, else unattended (a child that cannot be told is killed). Until it
/// has exited, the next start on its data directory waits for it.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    status: watch::Receiver<Status>,
    stop: oneshot::Sender<Stop>,
}

impl Server {
    /// Starts the server and resolves once it has loaded its data and answers. There is no deadline for
    /// loading. `path` is the value of `PATH`, for finding the binary.
    ///
    /// A server left behind by a killed Nearside is stopped first: it has 60 s to save and exit.
    /// Must be called within a tokio runtime with I/O and time enabled. Dropping the future stops the
    /// child as dropping the `Server` does.
    ///
    /// # Errors
    /// No binary, a data directory that is in use or cannot be used, or a server that exits before it
    /// serves, in its own words (a bad setting, a damaged file).
    pub async fn start(settings: &Settings, path: Option<OsString>) -> Result<Self, Error> {
        let server = find::server(settings.server.as_deref(), path.as_deref())?;
        Self::start_in(Hold::take(&settings.data_dir).await?, server, settings).await
    }

    /// The same in a directory that is held already.
    async fn start_in(hold: Hold, server: PathBuf, settings: &Settings) -> Result<Self, Error> {
        let place = Place::make(&hold.dir)?;
        let plan = Plan { server, settings: settings.clone(), place, hold };
        let mut child = Running::spawn(&plan)?;
        if let Err(error) = child.ready(&plan).await {
            let _ = child.stop(FAILED_DEADLINE).await;
            plan.place.remove();
            return Err(error);
        }
        let socket = plan.place.socket().to_owned();
        let pid = child.pid();
        tracing::info!(
            server = %plan.server.display(), pid, data_dir = %plan.hold.dir.display(),
            socket = %socket.display(), "the embedded server is ready"
        );
        let (status_in, status) = watch::channel(Status { pid, restarts: 0 });
        let (stop, stop_out) = oneshot::channel();
        let supervisor = Supervisor { child: Some(child), plan, status: status_in, stop: stop_out };
        tokio::spawn(supervisor.run());
        Ok(Self { socket, status, stop })
    }

    /// Where it listens: the same path across restarts. Only its own user can connect.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How the child is doing, now and at every change; closed once it has stopped for good.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Has the child persist its data as configured and exit, and gives up the data directory. Dropping
    /// the future does not stop the stopping.
    ///
    /// # Errors
    /// [`Error::Killed`] if it had not exited by the deadline; it is gone then, too.
    pub async fn stop(self, deadline: Duration) -> Result<(), Error> {
        let (done, outcome) = oneshot::channel();
        let early = || Error::Killed { deadline, reason: String::from("its supervision had ended before") };
        self.stop.send(Stop { deadline, done: Some(done) }).map_err(|_| early())?;
        outcome.await.map_err(|_| early())?
    }
}
