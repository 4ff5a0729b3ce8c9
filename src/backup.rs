//! `nearside backup` and `nearside restore`: the embedded server's data as a file, and back.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use nearside::Config;
use nearside::config::Endpoint;
use nearside::embedded::{BackupError, Checked, Receipt, Snapshot, restore};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::BAD_CONFIG;

/// How long what is under way has to clean up after a signal.
const GRACE: Duration = Duration::from_secs(2);
/// What a shell says of a program that a signal ended.
const INTERRUPTED: u8 = 130;

/// Writes the data as it is now to `file`; `-` is standard output.
pub(crate) fn backup(config: Config, file: PathBuf) -> ExitCode {
    if let Some(refusal) = not_ours(&config) {
        return refusal;
    }
    if file == Path::new("-") && std::io::stdout().is_terminal() {
        eprintln!("nearside: a backup is not for a terminal: name a file, or pipe it somewhere");
        return ExitCode::FAILURE;
    }
    guarded(move || async move {
        let snapshot = Snapshot::take(&config.embedded, std::env::var_os("PATH")).await?;
        if file == Path::new("-") {
            let written = snapshot.write(&mut std::io::stdout().lock()).await?;
            eprintln!("nearside: {}", what(&written));
            return Ok(());
        }
        let written = snapshot.save(&file).await?;
        println!("{} in {}", what(&written), file.display());
        Ok(())
    })
}

/// Makes what is in `file` the data; `-` is standard input.
pub(crate) fn put_back(config: Config, file: PathBuf) -> ExitCode {
    if let Some(refusal) = not_ours(&config) {
        return refusal;
    }
    guarded(move || async move {
        let (name, from): (&Path, Box<dyn Read>) = if file == Path::new("-") {
            (Path::new("standard input"), Box::new(std::io::stdin().lock()))
        } else {
            let open =
                File::open(&file).map_err(|source| BackupError::Unreadable { file: file.clone(), source })?;
            (&file, Box::new(open))
        };
        let done = restore(&config.embedded, std::env::var_os("PATH"), name, from).await?;
        println!("restored {} into {}", what(&done), config.embedded.data_dir.display());
        if let Some(aside) = &done.aside {
            let aside = aside.display();
            println!("the data it replaces: {aside}");
            println!("to see that data, or go back to it: nearside backup --data-dir {aside} FILE");
        }
        println!("now start Nearside");
        Ok(())
    })
}

fn what(receipt: &Receipt) -> String {
    let Receipt { bytes, format, checked, .. } = receipt;
    match checked {
        Checked::By(server) => {
            format!("{bytes} bytes ({format}, read and found good by {})", server.display())
        }
        Checked::Not(why) => format!("{bytes} bytes ({format}; not checked: {why})"),
    }
}

/// A refusal where the data is somebody else's.
fn not_ours(config: &Config) -> Option<ExitCode> {
    let upstream = &config.upstream;
    if upstream.endpoint == Endpoint::Embedded {
        return None;
    }
    eprintln!(
        "nearside: the upstream is {} ({}), not a server of Nearside's own: back that up where it is, with \
         `redis-cli BGSAVE` and a copy of its dump.rdb, or with `redis-cli --rdb FILE`",
        upstream.address(),
        upstream.origin
    );
    Some(ExitCode::from(BAD_CONFIG))
}

/// Runs `work` on a thread of its own, so that a signal ends it even while it waits for a pipe.
fn guarded<F>(work: impl FnOnce() -> F + Send + 'static) -> ExitCode
where
    F: Future<Output = Result<(), BackupError>>,
{
    let (cancel, cancelled) = oneshot::channel::<()>();
    let (done, mut finished) = oneshot::channel();
    std::thread::spawn(move || {
        let outcome = runtime().map_err(|error| error.to_string()).and_then(|runtime| {
            runtime.block_on(async {
                tokio::select! {
                    outcome = work() => outcome.map_err(|error| error.to_string()),
                    _ = cancelled => Err("interrupted".into()),
                }
            })
        });
        let _ = done.send(outcome);
    });
    let outcome = runtime().map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                outcome = &mut finished => outcome.map_err(|error| error.to_string())?.map(|()| ExitCode::SUCCESS),
                () = interrupted() => {
                    drop(cancel);
                    let _ = tokio::time::timeout(GRACE, finished).await;
                    Ok(ExitCode::from(INTERRUPTED))
                }
            }
        })
    });
    outcome.unwrap_or_else(|why| {
        eprintln!("nearside: {why}");
        ExitCode::FAILURE
    })
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Until SIGINT or SIGTERM; for ever where they cannot be listened for.
async fn interrupted() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
