//! Where a command goes, in words: what [`crate::session::path`] does with it, told.

use super::Court;
use crate::command::{Command, Family, Local, Pin, Route};
use crate::resp::request::Args;
use crate::session::{local, nearside, users};

/// Where, and why.
pub(super) fn of(
    court: Court<'_>,
    command: Option<&'static Command>,
    args: &Args<'_>,
    kept: bool,
) -> (&'static str, String) {
    let Some(command) = command else {
        return (
            "lease",
            "nobody here knows what it does to its connection, so it has one of its own".into(),
        );
    };
    let (route, why) = known(court, command, args, kept);
    let shared = matches!(route, "lane" | "cache");
    if shared && court.shared.is_large(args) {
        return ("lease", "its last reply was larger than limits.large".into());
    }
    if shared && command.conversion(args).is_none() {
        return (route, format!("{why}; for RESP2 clients on a lease, for its reply cannot be converted"));
    }
    (route, why.into())
}

fn known(
    court: Court<'_>,
    command: &'static Command,
    args: &Args<'_>,
    kept: bool,
) -> (&'static str, &'static str) {
    const LANE: (&str, &str) = ("lane", "it has no state: on the connection all clients of a worker share");
    let own =
        court.force.gate.has_users() && command.family == Family::Server && users::is_about_users(command);
    match command.route {
        _ if own => ("here", "users are Nearside's own"),
        Route::Lane | Route::Container if kept => ("cache", "answered from memory, or on the lane"),
        Route::Lane | Route::Container => LANE,
        Route::Blocking(_) if !command.blocks(args) => LANE,
        Route::Blocking(_) => ("lease", "it may wait for somebody else's write"),
        Route::Info if local::is_ours_alone(args) => ("here", "it is about Nearside alone"),
        Route::Info => ("lane", "the upstream is asked, and Nearside adds its own section"),
        Route::Session(Local::Auth) => ("here", "the upstream is asked on a connection of its own"),
        Route::Session(Local::Nearside) if nearside::is_private(args) => {
            ("here", "for users who may SLOWLOG LEN, or have a right of Nearside's own to it")
        }
        Route::Session(_) => ("here", "it is about the client's own connection"),
        Route::Refused => ("refused", "replication goes to the upstream itself, not through Nearside"),
        Route::Control => ("control", "it must get through when everything else is stuck"),
        Route::Lease => ("lease", "it may keep its connection busy for a while"),
        Route::Pin(pin) => ("pinned", pinned(pin)),
    }
}

fn pinned(pin: Pin) -> &'static str {
    match pin {
        Pin::Multi | Pin::Exec | Pin::Discard => {
            "a transaction has a connection of its own until it ends, unless it comes whole"
        }
        Pin::Watch | Pin::Unwatch => "watched keys belong to a connection",
        Pin::Subscribe(_) | Pin::Unsubscribe(_) => {
            "a subscriber has a connection of its own, or shares one (pubsub_dedicated)"
        }
        Pin::Monitor | Pin::MonitorUpstream => "a monitor hears until it leaves",
        Pin::Tracking => "what is tracked belongs to a connection",
        Pin::Reply => "it changes what is answered on its connection",
        Pin::ReadOnly => "it changes the mode of its connection",
        Pin::Wait => "it is about the last write of its connection",
    }
}
