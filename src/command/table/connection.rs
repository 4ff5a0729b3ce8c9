//! The connection itself.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Connection,
    [
        row("AUTH", -2, NO_KEYS, Session(Local::Auth), None, Unproven),
        row("CLIENT", -2, NO_KEYS, Container, Unknown, Unproven),
        row("CLIENT|CACHING", 3, NO_KEYS, Pin(Pin::Tracking), None, Unproven),
        row("CLIENT|CAPA", -3, NO_KEYS, Pin(Pin::ReadOnly), None, Unproven),
        row("CLIENT|GETNAME", 2, NO_KEYS, Session(Local::ClientGetname), None, Unproven),
        row("CLIENT|GETREDIR", 2, NO_KEYS, Pin(Pin::Tracking), None, Unproven),
        row("CLIENT|HELP", 2, NO_KEYS, Lane, None, GENERIC),
        row("CLIENT|ID", 2, NO_KEYS, Session(Local::ClientId), None, Unproven),
        row("CLIENT|IMPORT-SOURCE", 3, NO_KEYS, Pin(Pin::ReadOnly), None, Unproven),
        row("CLIENT|INFO", 2, NO_KEYS, Session(Local::ClientInfo), None, Unproven),
        row("CLIENT|KILL", -3, NO_KEYS, Control, Elsewhere, GENERIC),
        row("CLIENT|LIST", -2, NO_KEYS, Session(Local::ClientList), None, Unproven),
        row("CLIENT|NO-EVICT", 3, NO_KEYS, Session(Local::ClientNoEvict), None, Unproven),
        row("CLIENT|NO-TOUCH", 3, NO_KEYS, Pin(Pin::ReadOnly), None, Unproven),
        row("CLIENT|PAUSE", -3, NO_KEYS, Control, Elsewhere, GENERIC),
        row("CLIENT|REPLY", 3, NO_KEYS, Pin(Pin::Reply), None, Unproven),
        row("CLIENT|SETINFO", 4, NO_KEYS, Session(Local::ClientSetinfo), None, Unproven),
        row("CLIENT|SETNAME", 3, NO_KEYS, Session(Local::ClientSetname), None, Unproven),
        row("CLIENT|TRACKING", -3, NO_KEYS, Pin(Pin::Tracking), None, Unproven),
        row("CLIENT|TRACKINGINFO", 2, NO_KEYS, Pin(Pin::Tracking), None, Unproven),
        row("CLIENT|UNBLOCK", -3, NO_KEYS, Control, Elsewhere, GENERIC),
        row("CLIENT|UNPAUSE", 2, NO_KEYS, Control, Elsewhere, GENERIC),
        row("ECHO", 2, NO_KEYS, Lane, None, GENERIC),
        row("HELLO", -1, NO_KEYS, Session(Local::Hello), None, Unproven),
        row("PING", -1, NO_KEYS, Lane, None, GENERIC),
        row("QUIT", -1, NO_KEYS, Session(Local::Quit), None, Unproven),
        row("RESET", 1, NO_KEYS, Session(Local::Reset), None, Unproven),
        row("SELECT", 2, NO_KEYS, Session(Local::Select), None, Unproven),
    ],
);
