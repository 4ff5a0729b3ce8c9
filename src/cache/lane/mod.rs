//! The cache's side of a lane: what its connection has vouched for, and until when.

mod look;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::{Fill, Flaw, LaneState, Near, PerWorker, Sent, Time};

/// What a lane's connection can be trusted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Nothing: nothing it brings is kept.
    #[default]
    None,
    /// It is told of every change of what it has read.
    Tracked,
    /// It is told of nothing; entries live for a short while.
    Ttl,
}

/// What a lane had before its connection was lost.
#[derive(Clone, Copy, Debug)]
struct Before {
    epoch: u64,
    at: Time,
}

/// A lane as the cache knows it. Belongs to one worker. Dropping it voids what it has fetched.
#[derive(Debug)]
pub struct Lane {
    /// What all its worker's lanes share.
    pub worker: Rc<PerWorker>,
    /// Its number, which its entries carry.
    pub number: u32,
    state: Arc<LaneState>,
    trust: Cell<Trust>,
    /// The server knows TTLs of hash fields.
    field_ttl: Cell<bool>,
    /// Rises with every connection: what a former one has under way is not counted any more.
    connection: Cell<u64>,
    /// Hits end then, unless a heartbeat is answered.
    fresh_until: Cell<Time>,
    /// When somebody last asked for something.
    wanted: Cell<Time>,
    /// When the heartbeat that is not answered yet was sent.
    beating: Cell<Option<Time>>,
    /// The number of the last fence sent.
    sent: Cell<u64>,
    /// Replies under way that others may join.
    pub(super) fills: RefCell<HashMap<u64, Weak<Fill>>>,
    before: Cell<Option<Before>>,
    /// The last heartbeat did not vouch for it.
    doubtful: Cell<bool>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.state.next_epoch();
        self.near().leave(&self.state);
    }
}

impl Lane {
    /// A lane of `worker` without a connection. `who`: a hash of the credential it acts as; 0: the one of
    /// clients that bring none of their own.
    pub fn new(worker: Rc<PerWorker>, who: u64) -> Self {
        let state = worker.near.enter(worker.index, who);
        Self {
            worker,
            number: state.number,
            state,
            trust: Cell::default(),
            field_ttl: Cell::new(false),
            connection: Cell::new(0),
            fresh_until: Cell::new(0),
            wanted: Cell::new(0),
            beating: Cell::new(None),
            sent: Cell::new(0),
            fills: RefCell::default(),
            before: Cell::new(None),
            doubtful: Cell::new(false),
        }
    }

    /// The database it reads and the user it acts as, for those who look at it.
    pub fn serves(&self, db: u32, user: &str) {
        self.state.serves(db, user);
    }

    /// The part all workers share.
    #[inline]
    pub fn near(&self) -> &Arc<Near> {
        &self.worker.near
    }

    /// Its epoch: entries of another are void.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.state.epoch()
    }

    /// Its user may not have what a fill needs, as the server says: nothing more is kept on this connection.
    pub(super) fn forbidden(&self, reply: &str) {
        self.trust.set(Trust::None);
        let reason = reply.trim_start_matches('-').trim_end();
        self.stands("off", format!("the lane's user may not ask for what keeping needs: {reason}"));
    }

    /// Says how the cache stands. Lanes of users of their own do not speak for all.
    fn stands(&self, mode: &'static str, reason: String) {
        if self.state.who == 0 {
            self.near().stands(mode, reason);
        }
    }

    /// Everything fetched with its credential is void: it may no longer read what it could.
    pub fn refused(&self) {
        self.near().void_credential(self.state.who);
    }

    /// How long its entries may live for the sake of its credential's rights.
    pub(super) fn longest(&self) -> Time {
        if self.state.who == 0 { Time::MAX } else { self.near().longest_for_users() }
    }

    /// What its connection can be trusted with.
    #[inline]
    pub fn trust(&self) -> Trust {
        self.trust.get()
    }

    pub(super) fn state(&self) -> &Arc<LaneState> {
        &self.state
    }

    pub(super) fn has_field_ttl(&self) -> bool {
        self.field_ttl.get()
    }

    pub(super) fn connection(&self) -> u64 {
        self.connection.get()
    }

    /// It has a connection, to be trusted as far as `trust` goes, for this `reason`.
    pub fn opened(&self, trust: Trust, field_ttl: bool, reason: String) {
        self.trust.set(trust);
        self.field_ttl.set(field_ttl);
        self.before.set(None);
        self.beating.set(None);
        self.doubtful.set(false);
        self.vouch(if trust == Trust::Ttl { Time::MAX } else { 0 });
        let mode = match trust {
            Trust::None => "off",
            Trust::Tracked => "tracked",
            Trust::Ttl => "ttl",
        };
        self.stands(mode, reason);
    }

    /// Its connection is gone, or no longer to be trusted: everything it has fetched is void from now on,
    /// and so is what is under way. To be called before anybody is told.
    pub fn lost(&self, now: Time) {
        let had = self.trust.replace(Trust::None);
        let fresh = self.fresh_until.get();
        self.vouch(0);
        if had == Trust::Tracked && fresh > 0 {
            self.before.set(Some(Before { epoch: self.epoch(), at: now }));
        }
        if !self.near().flaws.has(Flaw::LostEpoch) {
            self.state.next_epoch();
        }
        self.connection.set(self.connection.get() + 1);
        self.beating.set(None);
        self.state.empty();
        self.state.pass(self.state.asked());
        self.fills.borrow_mut().clear();
        self.worker.figures().lanes_lost.add();
    }

    /// Its server is not, or no longer, what a heartbeat has to find: everything it has fetched is void, and
    /// nothing is given out until one does.
    pub fn doubted(&self, reason: &str) {
        self.state.next_epoch();
        self.vouch(0);
        if !self.doubtful.replace(true) {
            self.stands("off", reason.into());
        }
    }

    /// The upstream says that a key has changed; `None`: all keys have.
    pub fn invalidated(&self, name: Option<&[u8]>) {
        let (near, figures) = (self.near(), self.worker.figures());
        match name {
            Some(name) => {
                figures.invalidations.add();
                if !near.flaws.has(Flaw::Push) {
                    near.changed(near.stripe(name));
                }
            }
            None => {
                figures.flushes.add();
                if !near.flaws.has(Flaw::NullPush) {
                    self.state.next_epoch();
                }
            }
        }
    }

    fn vouch(&self, until: Time) {
        self.fresh_until.set(until);
        self.state.fresh_until(until);
    }

    /// What a heartbeat has vouched for holds for so much less from now on.
    pub(super) fn sooner(&self, less: Time) {
        if self.trust.get() == Trust::Tracked {
            self.vouch(self.fresh_until.get().saturating_sub(less));
        }
    }

    /// Whether a heartbeat has vouched for it.
    #[inline]
    pub fn is_fresh(&self, now: Time) -> bool {
        now < self.fresh_until.get() || self.near().flaws.has(Flaw::HitFresh)
    }

    /// Whether a heartbeat should be sent: somebody has lately asked, and none is under way.
    pub fn should_beat(&self, now: Time) -> bool {
        let wanted = now.saturating_sub(self.wanted.get()) <= 2 * self.near().patience();
        self.trust.get() == Trust::Tracked && self.beating.get().is_none() && wanted
    }

    /// One is about to be enqueued.
    pub fn beats(&self, now: Time) {
        self.beating.set(Some(now));
    }

    /// The heartbeat sent at `since` has been answered, by a master that is who it was or not.
    pub fn beaten(&self, since: Time, vouches: bool) {
        if self.beating.get() == Some(since) {
            self.beating.set(None);
        }
        self.worker.figures().heartbeats.add();
        if vouches && self.trust.get() == Trust::Tracked {
            let until = since.saturating_add(self.near().patience());
            self.vouch(self.fresh_until.get().max(until));
            if self.doubtful.replace(false) {
                self.stands("tracked", "the upstream is a master again".into());
            }
        }
    }

    /// The number of the fence that others have asked for and that is to be sent now, if there is one.
    pub fn fence_due(&self) -> Option<u64> {
        let asked = self.state.asked();
        (self.sent.replace(asked) < asked).then_some(asked)
    }

    /// The number of a fence that is sent now without anybody having asked.
    pub fn fence_here(&self) -> Sent {
        let number = self.state.ask();
        self.sent.set(number);
        (Arc::clone(&self.state), number)
    }

    /// The fence of that number has been answered, or there is no connection to send it on.
    pub fn fence_passed(&self, number: u64) {
        self.state.pass(number);
    }
}
