//! Where Nearside may answer otherwise than the server itself, and why. Only data.

use crate::blur::{Blur, Rule};

/// All of them.
pub(crate) const PERMITTED: &[Rule] = &[
    Rule { command: "CLIENT ID", reason: "each counts its own clients", blur: Blur::Numbers },
    Rule { command: "HELLO", reason: "each counts its own clients", blur: Blur::After(&["id"]) },
];
