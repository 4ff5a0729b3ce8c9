//! What a transaction will do once it is run.

use std::rc::Rc;

use super::doing::{Doing, doing};
use super::mark::{Mark, Written};
use crate::cache::PerWorker;
use crate::command::Command;
use crate::resp::request::Args;

/// What the commands queued so far do, together.
#[derive(Debug, Default)]
pub(in crate::session) struct Queued {
    keys: Vec<Box<[u8]>>,
    /// One of them may change any key.
    pub(in crate::session) unknown: bool,
    /// One of them may change all keys at once, or who sees them; `false`: and nobody is told.
    pub(in crate::session) global: Option<bool>,
}

impl Queued {
    /// `args` is queued as well.
    pub(in crate::session) fn add(&mut self, worker: &PerWorker, command: Option<&Command>, args: &Args<'_>) {
        let near = &worker.near;
        if !near.is_on() {
            return;
        }
        let mut global = |announced| self.global = Some(self.global.unwrap_or(true) && announced);
        match doing(command, args, near.settings.scripts_declare_keys) {
            Doing::Nothing => {}
            Doing::Keys => {
                let keys = command.into_iter().flat_map(|command| command.keys(args));
                self.keys.extend(keys.map(Box::from));
            }
            Doing::Unknown => self.unknown = true,
            Doing::Global { announced } => global(announced),
            Doing::Rights => global(true),
        }
    }

    /// It is run: a mark for the keys it writes.
    pub(in crate::session) fn writes(&mut self, worker: &Rc<PerWorker>) -> Mark {
        let keys = std::mem::take(&mut self.keys);
        if keys.is_empty() {
            return Mark::None;
        }
        Mark::Writes(keys.iter().map(|key| Written::begin(worker, key)).collect())
    }
}
