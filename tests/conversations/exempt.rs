//! Commands that have no conversation. Only data.

/// Their rows and why.
pub(crate) const EXEMPT: &[(&str, &str)] = &[
    ("NEARSIDE", "Nearside's own: a server does not know it"),
    (
        "SYNC",
        "the answer is the whole data set and then the stream of changes; refused by design, see permitted.rs",
    ),
    ("PSYNC", "as SYNC"),
    ("SHUTDOWN", "ends the server: tests/faults"),
];
