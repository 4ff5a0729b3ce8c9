//! What rules and rates have decided.

use super::{Instrument, configured, label};

pub(super) const ALL: &[Instrument] = &[
    Instrument::counter("nearside_denied_total", "Requests refused, by the rule that refused them.")
        .by(&[configured("rule", "the rule's name: as many as there are rules")])
        .when("for rules that have refused something"),
    Instrument::counter(
        "nearside_rate_decisions_total",
        "Requests over a rate: refused, held back until they were not, or let pass because the rate only observes.",
    )
    .by(&[
        configured("rate", "the rate's name: as many as there are in `limits.rate`"),
        label("decision", &["refused", "delayed", "observed"]),
    ])
    .when("where rates are configured"),
];
