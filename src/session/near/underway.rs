//! What a connection of one's own has under way that concerns what is kept.
//!
//! Replies there are counted: a write is in flight until as many have come as were owed with it. What is in
//! flight for too long only keeps its keys from being given out.

use std::collections::VecDeque;
use std::rc::Rc;

use super::doing::{Doing, doing};
use super::mark::{Global, Mark, Written};
use super::queued::Queued;
use crate::cache::{PerWorker, Stripe};
use crate::command::{Command, Effect};
use crate::resp::request::Args;

/// One request that is not answered yet.
#[derive(Debug)]
struct Pending {
    /// The count of replies at which it is answered.
    due: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// It ends by being dropped.
    Mark(#[allow(dead_code)] Mark),
    /// It may change these at any time before its reply.
    Blocked(Vec<Stripe>),
    /// Its reply tells of what nobody knows.
    Unknown,
    /// A command nobody is told of; it must not be forgotten while it may still be carried out.
    Unannounced(Global),
}

/// What is under way on one connection.
#[derive(Debug)]
pub(in crate::session) struct Underway {
    worker: Rc<PerWorker>,
    pending: VecDeque<Pending>,
    queued: Queued,
    answered: u64,
}

impl Underway {
    pub(in crate::session) fn new(worker: &Rc<PerWorker>) -> Self {
        Self { worker: Rc::clone(worker), pending: VecDeque::new(), queued: Queued::default(), answered: 0 }
    }

    /// The beginning of a large request goes to the connection, and is answered by the `owed`-th reply from
    /// now on. What it does depends on what is still to come.
    pub(in crate::session) fn sent_in_part(&mut self, command: Option<&Command>, owed: usize) {
        let reads = command.is_some_and(|command| matches!(command.effect, Effect::None | Effect::Read));
        if self.worker.near.is_on() && !reads {
            self.pending.push_back(Pending { due: self.answered + owed as u64, what: What::Unknown });
        }
    }

    /// `args` goes to a connection whose replies cannot be told apart. What concerns all keys is under way
    /// until it ends; everything else is a signal there.
    pub(in crate::session) fn sent_unmatched(&mut self, command: Option<&Command>) {
        self.global_until(command, u64::MAX);
    }

    /// A request goes to the connection that gets no reply; the `owed`-th from now on says that it is done.
    /// Nobody is told of its effect: it counts as somebody else's, but for what nobody is ever told of.
    pub(in crate::session) fn sent_unheard(&mut self, command: Option<&Command>, owed: usize) {
        self.global_until(command, self.answered + owed as u64);
    }

    /// If it concerns all keys, it is under way until so many replies have come.
    fn global_until(&mut self, command: Option<&Command>, due: u64) {
        if self.worker.near.is_on() && command.is_some_and(|command| command.effect == Effect::Global) {
            self.pending.push_back(Pending { due, what: What::Unannounced(Global::begin(&self.worker)) });
        }
    }

    /// `args` goes to the connection, and is answered by the `owed`-th reply from now on.
    pub(in crate::session) fn sent(&mut self, command: Option<&Command>, args: &Args<'_>, owed: usize) {
        let near = &self.worker.near;
        if !near.is_on() {
            return;
        }
        let due = self.answered + owed as u64;
        let blocks = command.is_some_and(|command| command.blocks(args));
        let keys = command.into_iter().flat_map(|command| command.keys(args));
        let what = match doing(command, args, near.settings.scripts_declare_keys) {
            Doing::Nothing if blocks => What::Unknown,
            Doing::Nothing => return,
            Doing::Keys if blocks => What::Blocked(keys.map(|key| near.stripe(key)).collect()),
            Doing::Keys => {
                let written = keys.map(|key| Written::begin(&self.worker, key));
                What::Mark(Mark::Writes(written.collect()))
            }
            Doing::Unknown => What::Unknown,
            Doing::Global { announced: false } => What::Unannounced(Global::begin(&self.worker)),
            Doing::Global { announced: true } | Doing::Rights => {
                What::Mark(Mark::Global(Global::begin(&self.worker)))
            }
        };
        self.pending.push_back(Pending { due, what });
    }

    /// `args` is queued in a transaction.
    pub(in crate::session) fn queues(&mut self, command: Option<&Command>, args: &Args<'_>) {
        self.queued.add(&self.worker, command, args);
    }

    /// The transaction is run, and answered by the `owed`-th reply from now on.
    pub(in crate::session) fn runs(&mut self, owed: usize) {
        let due = self.answered + owed as u64;
        let mut queued = std::mem::take(&mut self.queued);
        let mut add = |what| self.pending.push_back(Pending { due, what });
        match queued.writes(&self.worker) {
            Mark::None => {}
            writes => add(What::Mark(writes)),
        }
        if queued.unknown {
            add(What::Unknown);
        }
        match queued.global {
            Some(true) => add(What::Mark(Mark::Global(Global::begin(&self.worker)))),
            Some(false) => add(What::Unannounced(Global::begin(&self.worker))),
            None => {}
        }
    }

    /// The transaction is not run.
    pub(in crate::session) fn discards(&mut self) {
        self.queued = Queued::default();
    }

    /// Bytes have come that may be the reply to anything: what was blocked may have run.
    pub(in crate::session) fn heard(&self) {
        for pending in &self.pending {
            if let What::Blocked(stripes) = &pending.what {
                stripes.iter().for_each(|stripe| self.worker.near.changed(*stripe));
            }
        }
    }

    /// Whether what comes may make others act on what they have not been told of.
    pub(in crate::session) fn tells(&self) -> bool {
        self.pending.iter().any(|pending| matches!(pending.what, What::Blocked(_) | What::Unknown))
    }

    /// A reply has ended.
    pub(in crate::session) fn answered(&mut self) {
        self.answered += 1;
        while self.pending.front().is_some_and(|pending| pending.due <= self.answered) {
            self.pending.pop_front();
        }
    }

    /// Everything that is owed will never come, or has been forgotten.
    pub(in crate::session) fn forget(&mut self) {
        self.pending.clear();
        self.queued = Queued::default();
    }

    /// The connection is lost: what must not be forgotten before it is known to be closed.
    pub(in crate::session) fn unannounced(&mut self) -> Vec<Global> {
        let pending = self.pending.drain(..);
        let global = pending.filter_map(|pending| match pending.what {
            What::Unannounced(global) => Some(global),
            _ => None,
        });
        global.collect()
    }
}
