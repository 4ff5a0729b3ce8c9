//! Changing `appendonly` between two runs without losing data.
//!
//! A server that is started with `appendonly yes` reads only the append-only file: with nothing but a
//! snapshot there it starts empty (tried with Redis 7.0 and 8.2 and Valkey 9.1), and it ignores the file
//! when started with `no`. So the child is started with what was in force when the data was last written,
//! and is switched over once it has loaded; the file that says what is in force is written after that.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::conf;
use super::control::Control;
use crate::config::Embedded as Settings;

/// How often the first rewrite is asked after.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Whether the data in `dir` was last written with `appendonly`; `None` if there is none.
pub(super) fn in_force(dir: &Path) -> Option<bool> {
    let appended = ["appendonlydir/appendonly.aof.manifest", "appendonly.aof"];
    let appended = appended.iter().any(|name| dir.join(name).exists());
    match (appended, dir.join(conf::RDB).exists()) {
        (false, false) => None,
        (true, true) => {
            let last = fs::read_to_string(dir.join(conf::CONF));
            Some(last.ok().as_deref().and_then(conf::appendonly).unwrap_or(true))
        }
        (appended, _) => Some(appended),
    }
}

/// Switches a server that has loaded its data to what the settings want, and waits until the data is
/// safe that way too.
pub(super) async fn switch(control: &mut Control, settings: &Settings) -> io::Result<()> {
    tracing::info!(appendonly = settings.appendonly, "changing how the embedded server persists its data");
    if settings.appendonly {
        done(control.exchange("CONFIG SET appendonly yes").await?)?;
        return rewritten(control).await;
    }
    if !settings.save.trim().is_empty() {
        done(control.exchange("SAVE").await?)?;
    }
    done(control.exchange("CONFIG SET appendonly no").await?)
}

async fn rewritten(control: &mut Control) -> io::Result<()> {
    loop {
        let info = control.exchange("INFO persistence").await?;
        let is = |field: &str| info.lines().any(|line| line == field);
        let working = is("aof_rewrite_in_progress:1") || is("aof_rewrite_scheduled:1");
        if !working && is("aof_last_bgrewrite_status:ok") {
            return Ok(());
        }
        if !working {
            return Err(io::Error::other("it could not write its append-only file"));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn done(reply: String) -> io::Result<()> {
    if reply.starts_with('-') { Err(io::Error::other(reply)) } else { Ok(()) }
}
