//! One entry to be: which read it answers, and its key's stamp from before the read was sent.

use std::cell::Cell;

use crate::cache::{Kept, Lane, Query, Stripe};

/// One entry to be.
#[derive(Debug)]
pub(super) struct Part {
    /// Which element of the reply it is, where there are several.
    pub(super) at: usize,
    pub(super) row: u16,
    pub(super) name: Box<[u8]>,
    pub(super) tail: Box<[u8]>,
    pub(super) hash: u64,
    pub(super) stripe: Stripe,
    pub(super) stamp: Cell<u64>,
    pub(super) kept: Kept,
}

impl Part {
    /// `None`: its key is not kept.
    pub(super) fn new(lane: &Lane, query: &Query<'_>, at: usize) -> Option<Self> {
        let near = lane.near();
        let kept = lane.worker.patterns().kept(query.name)?;
        let stripe = near.stripe(query.name);
        let stamp = Cell::new(near.stamps.at(stripe).load());
        let (name, tail) = (query.name.into(), query.tail.into());
        Some(Self { at, row: query.row, name, tail, hash: query.hash, stripe, stamp, kept })
    }

    /// Whether it would answer this query.
    pub(super) fn answers(&self, query: &Query<'_>) -> bool {
        self.row == query.row && *self.tail == *query.tail
    }
}
