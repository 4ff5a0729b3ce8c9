//! The rows of changing settings while it runs.

use crate::config::field::Field;
use crate::config::setting::{Setting, fixed, live};
use std::time::Duration;

const EVERY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(24 * 3600)];

pub(in crate::config) const RELOAD: &[Setting] = &[
    fixed(
        "reload.watch",
        Field::Bool(|c| &mut c.reload.watch),
        "Whether the configuration file is looked at for changes, and read again by itself when it has changed and \
            is the same at two looks in a row. Not by default: a file that was cut off while it was written may \
            still be a good one, that says less. SIGHUP has it read again in any case.",
    ),
    live("reload.every", Field::Span(|c| &mut c.reload.every, EVERY), "How often reload.watch looks."),
];
