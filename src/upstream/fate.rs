//! What becomes of one lent connection, counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Class, Shared};

/// Follows one connection from hand to pool and back; where it ends says how it is counted.
#[derive(Debug)]
pub(super) struct Fate {
    shared: Arc<Shared>,
    class: Class,
    now: Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    /// In somebody's hands. Ending here it was dirty: nobody vouched for it.
    Lent,
    /// Clean: on its way to the pool, or in it.
    Resting,
    /// The upstream has ended it.
    Lost,
}

impl Fate {
    /// Of a connection just opened.
    pub(super) fn opened(shared: Arc<Shared>, class: Class) -> Self {
        shared.lending.opened.fetch_add(1, Ordering::Relaxed);
        Self { shared, class, now: Now::Lent }
    }

    /// It is clean, and idle from now on.
    pub(super) fn rest(&mut self) {
        if self.now == Now::Lent {
            self.shared.idle(self.class).fetch_add(1, Ordering::Relaxed);
            self.now = Now::Resting;
        }
    }

    /// It is lent again.
    pub(super) fn lend(&mut self) {
        self.wake();
        self.shared.lending.reused.fetch_add(1, Ordering::Relaxed);
        self.now = Now::Lent;
    }

    /// The upstream hung up.
    pub(super) fn lose(&mut self) {
        self.wake();
        self.now = Now::Lost;
    }

    fn wake(&self) {
        if self.now == Now::Resting {
            self.shared.idle(self.class).fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        self.wake();
        if self.now == Now::Lent {
            self.shared.lending.closed_dirty.fetch_add(1, Ordering::Relaxed);
        }
    }
}
