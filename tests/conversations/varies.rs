//! What differs from one call to the next, Nearside or not. Only data.

use crate::blur::{Blur, Rule};

/// All of it.
pub(crate) const VARIES: &[Rule] = &[Rule { command: "TIME", blur: Blur::Numbers, reason: "time goes by" }];
