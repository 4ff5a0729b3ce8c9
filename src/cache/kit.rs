//! What tests of the cache share: requests out of words, a proxy's cache, a lane that is open.

use std::rc::Rc;
use std::sync::Arc;

use super::{Lane, Near, PerWorker, Query, Time, Trust};
use crate::command::{Command, lookup};
use crate::config::{self, CacheMode, Config};
use crate::policy::{Gate, Origin, Permit};
use crate::resp::request::{Args, Span, encode};

/// A second, and a millisecond.
pub(super) const SECOND: Time = 1_000_000_000;
pub(super) const MILLI: Time = 1_000_000;

/// A request as a client sends it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl Request {
    pub(super) fn new(words: &[&[u8]]) -> Self {
        let bytes = encode(words);
        let (mut spans, mut at) = (Vec::new(), format!("*{}\r\n", words.len()).len());
        for word in words {
            let start = at + format!("${}\r\n", word.len()).len();
            spans.push(Span { start, end: start + word.len() });
            at = start + word.len() + 2;
        }
        Self { bytes, spans }
    }

    /// The words of `text`.
    pub(super) fn of(text: &str) -> Self {
        Self::new(&text.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    pub(super) fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    pub(super) fn command(&self) -> &'static Command {
        lookup(&self.args()).expect("a known command")
    }

    pub(super) fn query(&self, lane: &Lane) -> Query<'_> {
        Query::whole(&lane.near().hasher, lane.number, self.command(), &self.args()).expect("an array")
    }
}

pub(super) fn permit() -> Permit {
    let origin = Origin { listener: 0, address: None, names: Vec::new() };
    let rights = Gate::new(&Config::default()).expect("no users").admitted(&origin, "default");
    rights.check(None, &Request::of("PING").args()).expect("all is permitted")
}

/// A cache for so many workers.
pub(super) fn near(settings: config::Cache, workers: usize) -> Arc<Near> {
    Arc::new(Near::new(settings, CacheMode::Auto, workers, 7))
}

/// Settings for a small cache.
pub(super) fn settings() -> config::Cache {
    config::Cache { memory: 1 << 20, stamps: 1 << 10, ..config::Cache::default() }
}

/// A lane of worker 0 of a cache of its own that is open, and fresh for a second from 0 on.
pub(super) fn lane() -> Rc<Lane> {
    lane_of(&near(settings(), 1), 0)
}

pub(super) fn lane_of(near: &Arc<Near>, worker: usize) -> Rc<Lane> {
    let lane = Rc::new(Lane::new(Rc::new(PerWorker::new(Arc::clone(near), worker)), 0));
    lane.opened(Trust::Tracked, true, "a test".into());
    lane.beats(0);
    lane.beaten(0, true);
    lane
}

/// What the lane would answer at `now`.
pub(super) fn hit(lane: &Lane, text: &str, now: Time) -> Option<Vec<u8>> {
    let (request, mut reply) = (Request::of(text), None);
    lane.look(permit(), &request.query(lane), now, |bytes| reply = Some(bytes.to_vec()));
    reply
}
