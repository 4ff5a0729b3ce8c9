//! What the program and its service manager tell each other: sockets at the start, a state afterwards.
//! Without a manager nothing of this does anything.

use std::time::Duration;

use nearside::net::Inherited;
use sd_notify::NotifyState;

/// The listening sockets the manager has opened (`LISTEN_FDS`), with their names (`LISTEN_FDNAMES`). To be
/// called first, while nobody else looks at the environment: it takes them out of it.
pub(crate) fn inherited() -> Inherited {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').collect();
    let mut sockets = listenfd::ListenFd::from_env();
    let mut inherited = Inherited::default();
    for at in 0..sockets.len() {
        let name = names.get(at).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("descriptor {}", at + 3), ToString::to_string);
        if let Ok(Some(socket)) = sockets.take_unix_listener(at) {
            inherited.add(name, socket.into());
        } else if let Ok(Some(socket)) = sockets.take_tcp_listener(at) {
            inherited.add(name, socket.into());
        } else {
            tracing::warn!("{name}: the manager's descriptor is no listening stream socket: not used");
        }
    }
    inherited
}

/// It serves.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It ends, in its own time.
pub(crate) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Shows the manager that the program lives, if it wants that (`WATCHDOG_USEC`), for as long as `lives` says
/// so of the time it has. Never returns.
pub(crate) async fn watchdog(lives: impl Fn(Duration) -> bool) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return std::future::pending().await;
    };
    let mut tick = tokio::time::interval((limit / 3).max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if lives(limit) {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how we are");
    }
}
