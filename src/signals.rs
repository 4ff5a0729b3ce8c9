//! The signals the program obeys.

use nearside::{Handle, Reloader};
use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT and drains, or until the proxy was told to; a signal from then on ends the program
/// at once. Until then SIGHUP has the settings read again. `announce` is called once a signal is no longer fatal:
/// who reads that it listens may stop it.
pub(crate) fn until_leaving(handle: &Handle, announce: impl FnOnce()) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = runtime.block_on(async {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut hangup = signal(SignalKind::hangup())?;
        announce();
        loop {
            tokio::select! {
                _ = term.recv() => return Ok::<_, std::io::Error>(Some("SIGTERM")),
                _ = int.recv() => return Ok(Some("SIGINT")),
                () = handle.until_leaving() => return Ok(None),
                _ = hangup.recv() => reload(handle.reloader()),
            }
        }
    })?;
    if let Some(name) = name {
        tracing::info!(signal = name, "draining");
        handle.drain();
    }
    // From here on the signals' handlers are ours still: a second one must not be swallowed.
    std::thread::spawn(move || {
        let again = runtime.block_on(async {
            let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            Ok::<_, std::io::Error>(())
        });
        if again.is_ok() {
            end_now();
        }
    });
    Ok(())
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
