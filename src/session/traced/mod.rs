//! Requests that are told of one by one: slow ones, and those that are sampled for the access log.

mod words;

use std::sync::Arc;

use super::client::{Client, Ticket};
use super::path::Path;
use crate::command::Command;
use crate::resp::request::Args;
use crate::telemetry::meters::By;
use crate::telemetry::slow::Entry;
use crate::telemetry::{Sampler, SlowLog};
use crate::upstream::Heard;

pub(super) use words::{note, noted};

/// One worker's part in both logs.
#[derive(Debug)]
pub struct Traces {
    slow: Arc<SlowLog>,
    sampler: Sampler,
}

impl Traces {
    /// Slow requests go to `slow`, and those that `sampler` chooses to the access log.
    pub fn new(slow: Arc<SlowLog>, sampler: Sampler) -> Self {
        Self { slow, sampler }
    }

    /// Whether a request that took so long is to be told of. What it has waited for others does not count.
    #[inline]
    pub(super) fn is_slow(&self, nanos: u64) -> bool {
        nanos >= self.slow.threshold()
    }

    /// Whether this request is told of however long it takes.
    #[inline]
    pub(super) fn samples(&self) -> bool {
        self.sampler.chooses()
    }

    /// Whether any request may be told of, so that its words must be kept.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.slow.threshold() < u64::MAX || self.sampler.is_on()
    }

    /// Whether those answered here are, which take no time to speak of.
    #[inline]
    pub(super) fn wants_all(&self) -> bool {
        self.slow.threshold() == 0 || self.sampler.is_on()
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was answered.
    By(By),
    /// It was refused here.
    Denied,
}

/// A request that has been answered. Times as a `Tally` counts them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// What [`note`] made of it.
    pub(super) words: &'a [u8],
    pub(super) outcome: Outcome,
    pub(super) asked: u64,
    /// 0: it was not written to the upstream.
    pub(super) written: u64,
    pub(super) read: u64,
    /// How long it stood still because the client did not read.
    pub(super) stalled: u64,
    pub(super) sampled: bool,
}

impl Client {
    /// Whether a request is told of, so that what it was is needed.
    #[inline]
    pub(super) fn is_told(&self, ticket: &Ticket, read: u64) -> bool {
        ticket.sampled || self.traces.is_slow(read.saturating_sub(ticket.asked))
    }

    /// Tells of a request that a lane has answered, if it is one to be told of: then what it was is known.
    #[cold]
    pub(super) fn tell_heard(&self, ticket: &Ticket, heard: &Heard<'_>) {
        if self.is_told(ticket, heard.read) {
            self.tell(&Told {
                words: &noted(heard.request),
                outcome: Outcome::By(ticket.by),
                asked: ticket.asked,
                written: heard.written,
                read: heard.read,
                stalled: 0,
                sampled: ticket.sampled,
            });
        }
    }

    /// Tells of a request, if it is one to be told of.
    #[inline]
    pub(super) fn tell_if_wanted(&self, told: &Told<'_>) {
        if told.sampled || self.traces.is_slow(told.read.saturating_sub(told.asked)) {
            self.tell(told);
        }
    }

    /// Tells of a request.
    #[cold]
    pub(super) fn tell(&self, told: &Told<'_>) {
        let total = told.read.saturating_sub(told.asked);
        let upstream =
            if told.written > 0 { told.read.saturating_sub(told.written.max(told.asked)) } else { 0 };
        let client = told.stalled.min(upstream);
        let (key, command) = words::read(told.words);
        let [total_us, upstream_us, client_us] = [total, upstream - client, client].map(|nanos| nanos / 1000);
        if told.sampled {
            self.log_access(told, key.as_deref(), command.first(), [total_us, upstream_us]);
        }
        if self.traces.is_slow(total) {
            let queue_us = (total - upstream) / 1000;
            self.enter(Entry { total_us, queue_us, upstream_us, client_us, command, ..Entry::default() });
        }
    }

    /// It has read at last what it had left unread for so long.
    #[cold]
    pub(super) fn has_stalled(&self, nanos: u64) {
        let listens = self.is_patient() || self.card.subscriptions().iter().any(|count| *count > 0);
        if listens || !self.traces.is_slow(nanos) {
            return;
        }
        let name = self.card.command().map_or("?", |command| command.name);
        let (total_us, command) = (nanos / 1000, vec![name.replace('|', " ")]);
        self.enter(Entry { total_us, client_us: total_us, command, ..Entry::default() });
    }

    fn enter(&self, entry: Entry) {
        let names = self.card.names().clone();
        self.traces.slow.enter(Entry {
            client: self.id,
            address: self.card.address(),
            name: crate::telemetry::desk::shown(&names.name),
            user: names.user,
            db: self.card.db(),
            ..entry
        });
    }

    fn log_access(
        &self,
        told: &Told<'_>,
        key: Option<&str>,
        command: Option<&String>,
        [total_us, upstream_us]: [u64; 2],
    ) {
        let outcome = match told.outcome {
            Outcome::By(By::Memory) => "hit",
            Outcome::By(by) => by.name(),
            Outcome::Denied => "denied",
        };
        let id = self.traces.sampler.next_id();
        #[cfg(feature = "otlp")]
        self.pick(&id, command, outcome, [total_us, upstream_us]);
        tracing::info!(
            target: "nearside::access",
            id,
            client = self.id,
            address = self.card.address(),
            user = self.card.names().user,
            command = command.map_or("", String::as_str),
            key,
            outcome,
            total_us,
            upstream_us,
            "request"
        );
    }

    #[cfg(feature = "otlp")]
    fn pick(&self, id: &str, command: Option<&String>, outcome: &'static str, us: [u64; 2]) {
        let spans = &self.traces.sampler.share().spans;
        if spans.are_wanted() {
            spans.pick(crate::telemetry::spans::Picked {
                id: id.to_owned(),
                command: command.cloned().unwrap_or_default(),
                outcome,
                client: self.id,
                address: self.card.address(),
                user: self.card.names().user.clone(),
                db: self.card.db(),
                end: std::time::SystemTime::now(),
                total_us: us[0],
                upstream_us: us[1],
            });
        }
    }
}

impl Path {
    /// Tells of a request that was answered without asking anybody, if such are told of.
    #[cold]
    pub(super) fn tell_here(&self, command: Option<&Command>, args: &Args<'_>, outcome: Outcome) {
        let sampled = self.worker.traces.samples();
        let read = self.worker.tally.now();
        if !sampled && !self.worker.traces.is_slow(read.saturating_sub(self.asked)) {
            return;
        }
        let mut words = Vec::new();
        note(&mut words, command, args, 0);
        let (asked, words) = (self.asked, &words[..]);
        self.client.tell(&Told { words, outcome, asked, written: 0, read, stalled: 0, sampled });
    }
}
