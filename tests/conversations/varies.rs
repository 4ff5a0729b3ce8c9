//! What differs from one server to another like it, or from one call to the next, Nearside or not.
//! Only data; where only some replies to a command vary, a line of a conversation says `(like ...)`.

use crate::blur::{Blur, Rule};

const fn rule(command: &'static str, blur: Blur, reason: &'static str) -> Rule {
    Rule { command, blur, reason }
}

/// All of it.
pub(crate) const VARIES: &[Rule] = &[
    rule("ACL CAT", Blur::Order, "the order of a hash table with a seed"),
    rule("ACL GENPASS", Blur::Types, "random"),
    rule("COMMAND", Blur::Order, "the order of a hash table with a seed"),
    rule("COMMAND GETKEYS", Blur::Nothing, "the order is that of the arguments"),
    rule("COMMANDLOG GET", Blur::Shape, "times"),
    rule("CONFIG GET *", Blur::Types, "each server has a directory; the order of a hash table with a seed"),
    rule("CONFIG GET DIR", Blur::After(&["dir"]), "each server has its own"),
    rule("DEBUG OBJECT", Blur::Type, "addresses and times"),
    rule("DEBUG SDSLEN", Blur::Shape, "what the allocator gave"),
    rule("KEYS", Blur::Order, "the order of a hash table with a seed"),
    rule("LASTSAVE", Blur::Numbers, "a time"),
    rule("LATENCY DOCTOR", Blur::Type, "advice about times"),
    rule("LATENCY GRAPH", Blur::Type, "a picture of times"),
    rule("LATENCY HISTORY", Blur::Shape, "times"),
    rule("LATENCY LATEST", Blur::Shape, "times"),
    rule("LATENCY HISTOGRAM", Blur::After(&["calls", "histogram_usec"]), "times"),
    rule("LOLWUT", Blur::Type, "random"),
    rule("MEMORY DOCTOR", Blur::Type, "advice about memory"),
    rule("MEMORY MALLOC-STATS", Blur::Type, "the allocator's"),
    rule("MEMORY STATS", Blur::Types, "what the allocator gave"),
    rule("MEMORY USAGE", Blur::Numbers, "Valkey 9: how a value is kept depends on how its bytes arrived"),
    rule("OBJECT IDLETIME", Blur::Numbers, "time goes by"),
    rule("RANDOMKEY", Blur::Types, "random"),
    rule("SCAN", Blur::Order, "the order of a hash table with a seed"),
    rule("TIME", Blur::Numbers, "a time"),
    rule("VINFO", Blur::After(&["max-level", "vset-uid"]), "its levels are random"),
    rule("VLINKS", Blur::Type, "its levels are random"),
    rule("VRANDMEMBER", Blur::Types, "random"),
    rule("XINFO CONSUMERS", Blur::After(&["idle", "inactive"]), "time goes by"),
    rule("XINFO STREAM", Blur::After(&["seen-time", "active-time", "pel", "pending"]), "times"),
    rule("XPENDING", Blur::Shape, "time goes by"),
];
