//! One run of the child, from spawn to exit.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::conf;
use super::control::Control;
use super::error::Error;
use super::hold::Hold;
use super::persistence;
use super::place::Place;
use super::said::Said;
use crate::config::Embedded as Settings;

/// How often a child that does not listen yet, or still loads, is asked again.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How often waiting for it is logged.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// No deadline is longer: a sum with an instant must not overflow.
const STOP_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long after a SHUTDOWN that had no effect the next is sent.
const STOP_EVERY: Duration = Duration::from_millis(100);

/// All that a run needs and that stays from run to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) server: PathBuf,
    pub(super) settings: Settings,
    pub(super) place: Place,
    // Last: the directory is given up after all else.
    pub(super) hold: Hold,
}

impl Plan {
    fn write_conf(&self, appendonly: bool) -> Result<PathBuf, Error> {
        let path = self.hold.dir.join(conf::CONF);
        let text = conf::text(&self.settings, &self.hold.dir, self.place.socket(), appendonly);
        replace(&path, text.as_bytes()).map_err(Error::io("write", &path))?;
        Ok(path)
    }
}

/// A living child. Dropped before it has exited it is told to save and exit, without waiting for it;
/// if it cannot be told, it is killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    control: Option<Control>,
    socket: PathBuf,
    server: PathBuf,
    said: Said,
    appendonly: bool,
}

impl Running {
    /// Starts the child and does not wait for anything.
    pub(super) fn spawn(plan: &Plan) -> Result<Self, Error> {
        let dir = &plan.hold.dir;
        let appendonly = persistence::in_force(dir).unwrap_or(plan.settings.appendonly);
        let conf = plan.write_conf(appendonly)?;
        let (said, out) = Said::begin(dir).map_err(Error::io("write the server's output in", dir))?;
        let err = out.try_clone().map_err(Error::io("share", dir))?;
        let lock = plan.hold.child.try_clone().map_err(Error::io("share the lock of", dir))?;
        let child = Command::new(&plan.server)
            .arg(conf)
            .current_dir(dir)
            .stdin(Stdio::from(lock))
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err))
            // Its own group: a Ctrl-C at the terminal is for us, who then stop it in order.
            .process_group(0)
            .spawn()
            .map_err(Error::io("run", &plan.server))?;
        let (socket, server) = (plan.place.socket().to_owned(), plan.server.clone());
        Ok(Self { child, control: None, socket, server, said, appendonly })
    }

    /// Waits until it has loaded its data and answers, for as long as it lives: loading has no deadline,
    /// because a second attempt would not be faster. May be dropped and called again.
    pub(super) async fn ready(&mut self, plan: &Plan) -> Result<(), Error> {
        let control = tokio::select! {
            biased;
            status = self.child.wait() => return Err(self.failed(exit(status))),
            control = answering(&self.socket) => self.control.insert(control),
        };
        if self.appendonly != plan.settings.appendonly {
            let switched = tokio::select! {
                biased;
                status = self.child.wait() => return Err(self.failed(exit(status))),
                switched = persistence::switch(control, &plan.settings) => switched,
            };
            if let Err(error) = switched {
                return Err(self.failed(format!("appendonly could not be changed: {error}")));
            }
            plan.write_conf(plan.settings.appendonly)?;
            self.appendonly = plan.settings.appendonly;
        }
        Ok(())
    }

    /// Its process id, until it has exited.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for its end: how it exited and what it last said. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> String {
        let status = self.child.wait().await;
        format!("{}: {}", exit(status), self.said.last())
    }

    /// Has it save as configured and exit; after the deadline kills it. Returns when it is gone.
    pub(super) async fn stop(&mut self, deadline: Duration) -> Result<(), Error> {
        let end = Instant::now() + deadline.min(STOP_MAX);
        let mut reason = String::from("it did not answer SHUTDOWN");
        while Instant::now() < end {
            tokio::select! {
                biased;
                status = self.child.wait() => return self.stopped(status),
                asked = ask_to_stop(&mut self.control, &self.socket) => if let Err(error) = asked {
                    reason = error.to_string();
                },
                () = tokio::time::sleep_until(end) => break,
            }
            let again = end.min(Instant::now() + STOP_EVERY);
            tokio::select! {
                status = self.child.wait() => return self.stopped(status),
                () = tokio::time::sleep_until(again) => {}
            }
        }
        self.child.kill().await.map_err(Error::io("kill", &self.server))?;
        Err(Error::Killed { deadline, reason })
    }

    fn stopped(&self, status: io::Result<ExitStatus>) -> Result<(), Error> {
        if !matches!(&status, Ok(status) if status.success()) {
            tracing::warn!(status = exit(status), said = self.said.last(), "the embedded server ended badly");
        }
        Ok(())
    }

    fn failed(&self, status: String) -> Error {
        Error::Failed { server: self.server.clone(), status, said: self.said.last() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let told = self.control.as_ref().is_some_and(Control::leave_shutdown)
            || UnixStream::connect(&self.socket).is_ok_and(|mut s| s.write_all(b"SHUTDOWN\r\n").is_ok());
        if !told {
            let _ = self.child.start_kill();
        }
    }
}

/// The first connection over which the server says PONG.
async fn answering(socket: &Path) -> Control {
    let mut told = Instant::now();
    loop {
        let mut said = String::from("it does not listen yet");
        if let Ok(mut control) = Control::connect(socket).await {
            match control.ask("PING").await {
                Ok(reply) if reply == "+PONG" => return control,
                Ok(reply) => said = reply,
                Err(error) => said = error.to_string(),
            }
        }
        if told.elapsed() > TELL_EVERY {
            tracing::info!(said, "waiting for the embedded server");
            told = Instant::now();
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Over the connection we have; over a new one if that was lost.
async fn ask_to_stop(control: &mut Option<Control>, socket: &Path) -> io::Result<()> {
    if let Some(open) = control {
        let asked = open.shutdown().await;
        if asked.is_ok() {
            *control = None;
        }
        return asked;
    }
    control.insert(Control::connect(socket).await?).shutdown().await
}

fn exit(status: io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// A whole new file or the old one, never half of one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    file?.write_all(bytes)?;
    fs::rename(new, path)
}
