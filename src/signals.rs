//! The signals the program obeys.

use nearside::{Handle, Reloader};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::systemd;

/// Waits for SIGTERM or SIGINT and drains, or until another process has taken over or the proxy was told to; a
/// second signal ends the program at once. Until then SIGHUP has the settings read again. `announce` is called
/// once a signal is no longer fatal: who reads that it listens may stop it.
pub(crate) fn until_leaving(handle: &Handle, announce: impl FnOnce()) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (name, mut stops) = runtime.block_on(async {
        let mut stops = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut hangup = signal(SignalKind::hangup())?;
        announce();
        let watchdog = systemd::watchdog(|limit| handle.lives(limit));
        let reloads = async {
            while hangup.recv().await.is_some() {
                reload(handle.reloader());
            }
        };
        Ok::<_, std::io::Error>(tokio::select! {
            name = next(&mut stops) => (Some(name), stops),
            () = handle.until_leaving() => (None, stops),
            () = watchdog => (None, stops),
            () = reloads => (None, stops),
        })
    })?;
    systemd::stopping("draining");
    if let Some(name) = name {
        tracing::info!(signal = name, "told to stop");
        handle.drain();
    }
    // From here on the signals' handlers are ours still: a second one must not be swallowed. Where nobody has
    // sent a first one, that asks for what is done already.
    std::thread::spawn(move || {
        runtime.block_on(async {
            if name.is_none() {
                tracing::info!(
                    signal = next(&mut stops).await,
                    "draining already; once more ends it at once"
                );
            }
            next(&mut stops).await;
        });
        end_now();
    });
    Ok(())
}

/// The name of the next signal to stop.
async fn next((term, int): &mut (Signal, Signal)) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

/// Reads the settings again, beside whatever else there is to do. What becomes of it is in the log.
fn reload(reloader: Reloader) {
    tracing::info!(signal = "SIGHUP", "reading the settings again");
    // Files may be far away, and signals must not wait for them.
    std::thread::spawn(move || drop(reloader.reload()));
}

#[allow(clippy::disallowed_methods)] // the one place that may
fn end_now() -> ! {
    std::process::exit(130)
}
