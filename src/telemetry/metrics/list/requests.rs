//! Requests, their errors, how long they take, and bytes.

use super::{Instrument, label};
use crate::telemetry::meters::{By, Cause, Class};
use crate::telemetry::metrics::Unit;

const CLASSES: &[&str] = &{
    let (mut names, mut at) = ([""; Class::COUNT], 0);
    while at < names.len() {
        names[at] = Class::ALL[at].name();
        at += 1;
    }
    names
};

const CAUSES: &[&str] = &{
    let (mut names, mut at) = ([""; Cause::COUNT], 0);
    while at < names.len() {
        names[at] = Cause::ALL[at].name();
        at += 1;
    }
    names
};

const ANSWERERS: &[&str] = &{
    let (mut names, mut at) = ([""; By::COUNT], 0);
    while at < names.len() {
        names[at] = By::ALL[at].name();
        at += 1;
    }
    names
};

pub(super) const ALL: &[Instrument] = &[
    Instrument::counter("nearside_requests_total", "Requests taken from clients, by the class of the command.")
        .by(&[label("class", CLASSES)]),
    Instrument::counter(
        "nearside_requests_answered_total",
        "Requests answered, by what answered: Nearside itself (here), the cache (memory), the reply to somebody else's read (joined), the upstream.",
    )
    .by(&[label("by", ANSWERERS)]),
    Instrument::counter(
        "nearside_errors_total",
        "Errors clients got: those of the upstream by their code in upper case (other: one that is not in the list), those of Nearside's own in lower case.",
    )
    .by(&[label("cause", CAUSES)]),
    Instrument::times(
        "nearside_request_duration_seconds",
        "How long requests took, from when they were read to when the reply was put for the client. Blocking commands and subscriptions are not in it.",
    )
    .by(&[label("class", CLASSES)])
    .when("for classes that have been timed"),
    Instrument::times(
        "nearside_request_upstream_duration_seconds",
        "The upstream's part of it, for requests that went there: from when they were written to when the reply was read. What is left is Nearside's own.",
    )
    .by(&[label("class", CLASSES)])
    .when("for classes that have been there"),
    Instrument::counter("nearside_clients_received_bytes_total", "Read from clients (inside TLS).").of(Unit::Bytes),
    Instrument::counter("nearside_clients_sent_bytes_total", "Written to clients (inside TLS).").of(Unit::Bytes),
    Instrument::counter("nearside_upstream_received_bytes_total", "Read from the upstream (inside TLS, without greetings).")
        .of(Unit::Bytes),
    Instrument::counter("nearside_upstream_sent_bytes_total", "Written to the upstream (inside TLS, without greetings).")
        .of(Unit::Bytes),
];
