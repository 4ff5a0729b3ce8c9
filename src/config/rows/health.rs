//! The rows of `[health]` and `[alerts]`.

use std::time::Duration;

use crate::config::field::Field;
use crate::config::setting::{Setting, live};

const MILLIS_100: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const TEN_SECONDS: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub(in crate::config) const HEALTH: &[Setting] = &[
    live(
        "health.every",
        Field::Span(|c| &mut c.health.every, [MILLIS_100, MINUTE]),
        "How often each worker sends a PING to the upstream the way clients' commands go, to know that they \
            get through. Nothing is sent where nobody asks: without an admin listener and without alerts.",
    ),
    live(
        "health.timeout",
        Field::Span(|c| &mut c.health.timeout, [MILLIS_100, MINUTE]),
        "How long that PING may wait for its answer before the worker counts as cut off from the upstream.",
    ),
    live(
        "health.stalled",
        Field::Span(|c| &mut c.health.stalled, [SECOND, HOUR]),
        "A worker that has done nothing at all for so long hangs: Nearside is not live any more.",
    ),
    live(
        "health.upstream_info",
        Field::Seconds(|c| &mut c.health.upstream_info),
        "Seconds between two looks at the upstream's own figures (INFO: memory, evictions, role, clients); \
            0 never.",
    ),
];

pub(in crate::config) const ALERTS: &[Setting] = &[
    live(
        "alerts.enabled",
        Field::Bool(|c| &mut c.alerts.enabled),
        "Whether Nearside warns by itself: in the log, in /health, in the metrics and in INFO. Warnings never \
            change whether it is live or ready.",
    )
    .unset("true for the program, false for a library's Config", "true"),
    live(
        "alerts.window",
        Field::Span(|c| &mut c.alerts.window, [TEN_SECONDS, HOUR]),
        "The time over which rates and means are taken. None is judged before so much time has passed.",
    ),
    live(
        "alerts.hold",
        Field::Span(|c| &mut c.alerts.hold, [Duration::ZERO, HOUR]),
        "How long something must be wrong before it is said, and right again before that is taken back.",
    ),
    live(
        "alerts.memory",
        Field::Share(|c| &mut c.alerts.memory),
        "Share of its maxmemory that the upstream uses, where its policy is noeviction. 0 never warns. Without \
            a maxmemory there is nothing to compare with.",
    ),
    live(
        "alerts.evictions",
        Field::Number(|c| &mut c.alerts.evictions, 0, u32::MAX),
        "Keys that the upstream evicts per second, where its policy evicts: such a server is full as a matter \
            of course. 0 never warns.",
    ),
    live(
        "alerts.connections",
        Field::Share(|c| &mut c.alerts.connections),
        "Share of the most there may be: of maxclients here, of the upstream's maxclients, and, while commands \
            wait for one, of upstream.max_connections. 0 never warns.",
    ),
    live(
        "alerts.latency",
        Field::Span(|c| &mut c.alerts.latency, [Duration::ZERO, HOUR]),
        "Mean time from a command's arrival to its reply; blocking commands are left out. 0s never warns.",
    ),
    live(
        "alerts.error_rate",
        Field::Share(|c| &mut c.alerts.error_rate),
        "Share of commands that failed for want of a working upstream or proxy; an error that is the client's \
            own (WRONGTYPE, a syntax error, a right it has not) is an answer. 0 never warns.",
    ),
    live(
        "alerts.least_commands",
        Field::Number(|c| &mut c.alerts.least_commands, 1, u32::MAX),
        "With fewer commands in the window neither alerts.latency nor alerts.error_rate is judged.",
    ),
    live(
        "alerts.hit_rate",
        Field::Share(|c| &mut c.alerts.hit_rate),
        "Share of cacheable reads that are answered from memory: warns below it. 0 never warns.",
    ),
    live(
        "alerts.least_reads",
        Field::Number(|c| &mut c.alerts.least_reads, 1, u32::MAX),
        "With fewer cacheable reads in the window alerts.hit_rate is not judged.",
    ),
    live(
        "alerts.certificate",
        Field::Span(|c| &mut c.alerts.certificate, [Duration::ZERO, Duration::from_secs(10 * 365 * 24 * 3600)]),
        "How long before a certificate in use expires it is said. 0s never warns.",
    ),
];
