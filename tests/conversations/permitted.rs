//! Where Nearside may answer otherwise than the server itself, and why. Only data; the README's list.

use crate::blur::{Blur, OF_ENTRIES, Rule};

const fn rule(command: &'static str, blur: Blur, reason: &'static str) -> Rule {
    Rule { command, blur, reason }
}

const OWN_CLIENTS: &str = "clients are Nearside's: it counts them, and knows their addresses, ages and names";
const REPLICATION: &str = "replication goes to the upstream itself, not through a proxy";

/// All of them.
pub(crate) const PERMITTED: &[Rule] = &[
    rule("ACL LOG", Blur::After(OF_ENTRIES), "the server saw Nearside's connections; the rest are times"),
    rule("CLIENT ID", Blur::Numbers, OWN_CLIENTS),
    rule("CLIENT INFO", Blur::Client, OWN_CLIENTS),
    rule("CLIENT LIST", Blur::Client, OWN_CLIENTS),
    rule("CLIENT LIST ID", Blur::Clients, OWN_CLIENTS),
    rule("CLUSTER SYNCSLOTS", Blur::Refused, REPLICATION),
    rule("HELLO", Blur::After(&["id"]), OWN_CLIENTS),
    rule("INFO", Blur::Info, "the server's own, with a section `# Nearside` added"),
    rule(
        "MONITOR",
        Blur::Monitor,
        "it shows what clients sent to Nearside, from their addresses, and not what scripts call; `NEARSIDE MONITOR UPSTREAM` shows what the server sees",
    ),
    rule("PSYNC", Blur::Refused, REPLICATION),
    rule("REPLCONF", Blur::Refused, REPLICATION),
    rule("SCRIPT DEBUG", Blur::Refused, "it takes the connection over with a protocol of its own"),
    rule(
        "SLOWLOG GET",
        Blur::Slowlog,
        "the server saw Nearside's connection, whose name is `nearside`; the numbers are times and ids",
    ),
    rule("SYNC", Blur::Refused, REPLICATION),
];
