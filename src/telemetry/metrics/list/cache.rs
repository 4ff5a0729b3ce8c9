//! The near cache.

use super::{Instrument, label};
use crate::telemetry::metrics::Unit;

pub(super) const ALL: &[Instrument] = &[
    Instrument::gauge("nearside_cache_mode", "Whether the cache is in this mode (1) or not (0): the upstream announces changes of what is kept, it is kept for a short while, or nothing is.")
        .by(&[label("mode", &["tracked", "ttl", "off"])]),
    Instrument::gauge("nearside_cache_bytes", "Memory that entries take.").of(Unit::Bytes),
    Instrument::gauge("nearside_cache_limit_bytes", "The most they may take (`cache.memory`).").of(Unit::Bytes),
    Instrument::gauge("nearside_cache_entries", "Replies kept, current or not."),
    Instrument::gauge("nearside_cache_lanes", "Lanes that may have entries: one per worker, database and user."),
    Instrument::gauge("nearside_cache_hit_ratio", "Share of cacheable reads the upstream was spared, since the start.").of(Unit::Ratio),
    Instrument::counter("nearside_cache_hits_total", "Reads answered from memory."),
    Instrument::counter("nearside_cache_joins_total", "Reads answered by the reply to somebody else's that was under way."),
    Instrument::counter("nearside_cache_stale_served_total", "Reads answered from memory while the upstream was away (`serve_stale`)."),
    Instrument::counter(
        "nearside_cache_misses_total",
        "Cacheable reads that were sent. cold: not kept, fetched to be (what has become void is dropped soon and is cold then); not_admitted: not asked for often enough; not_cacheable: no pattern, or a write under way; changed: void, its key may have changed; epoch: void, its lane was lost or all keys may have changed; expired: its TTL or the most it may live was over; not_fresh: nothing vouched for its lane; order: something before it was unanswered; passed_by: looking does not pay; untracked: the upstream does not announce changes.",
    )
    .by(&[label(
        "reason",
        &[
            "cold", "not_admitted", "not_cacheable", "changed", "epoch", "expired", "not_fresh", "order",
            "passed_by", "untracked",
        ],
    )]),
    Instrument::counter("nearside_cache_fills_total", "Reads sent so that their replies can be kept."),
    Instrument::counter("nearside_cache_installs_total", "Replies kept."),
    Instrument::counter(
        "nearside_cache_discards_total",
        "Replies fetched to be kept that were not: their key changed meanwhile (stamp), their lane was lost (epoch), a command for all keys came (word), their TTL was over (ttl), they were errors or too large (unfit).",
    )
    .by(&[label("reason", &["stamp", "epoch", "word", "ttl", "unfit"])]),
    Instrument::counter("nearside_cache_invalidations_total", "Keys the upstream said have changed."),
    Instrument::counter("nearside_cache_flushes_total", "Times the upstream said that all keys have."),
    Instrument::counter("nearside_cache_fences_total", "Questions to lanes whether they have heard everything so far."),
    Instrument::counter("nearside_cache_fences_late_total", "Those not answered in time, whose lanes lost what they had."),
    Instrument::counter("nearside_cache_signals_held_total", "Messages and replies that waited for a fence."),
    Instrument::counter("nearside_cache_lanes_lost_total", "Connections of lanes lost or closed; what they had kept is void."),
    Instrument::counter("nearside_cache_heartbeats_total", "Proofs that a lane still hears."),
    Instrument::counter("nearside_cache_verified_total", "Hits compared with the upstream's own reply (`cache.verify`)."),
    Instrument::counter("nearside_cache_mismatches_total", "Those that differed though nothing had changed: more than 0 is a defect."),
];
