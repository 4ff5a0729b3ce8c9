//! Commands that have no conversation. Only data.

/// Their rows, which stand for their subcommands too, and why.
pub(crate) const EXEMPT: &[(&str, &str)] = &[(
    "NEARSIDE",
    "Nearside's own: a server does not know it; tests/lifecycle and tests/nearside speak of it",
)];
