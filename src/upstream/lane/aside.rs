//! Setting a stuck lane aside.
//!
//! A script that runs for seconds, or a write held up by `CLIENT PAUSE`, blocks the connection it came
//! on. On a shared connection that would hurt everybody behind it, though the server answers others:
//! a lane that is silent with work outstanding is checked by a second connection, and if that one is
//! answered the lane is left to whoever waits on it, and everybody else gets a new one.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::replies::is_alike;
use super::{Lane, Lanes};
use crate::resp::Proto;
use crate::upstream::{Caller, Failure, Watch};

/// How long a lane may be silent with work outstanding before it is suspected.
const SUSPECT: Duration = Duration::from_millis(100);

impl<C: Caller> Lanes<C> {
    /// Looks for lanes that have not answered anything since the last look, and has them checked.
    pub(super) fn check_silent(&self, now: Instant) {
        for lane in self.open.borrow().iter() {
            let heard = lane.heard.get();
            let silent = lane.heard_before.replace(heard) == heard;
            let waited =
                lane.queue.borrow().front_since().is_some_and(|since| now.duration_since(since) > SUSPECT);
            if silent && waited && lane.link_info().is_some() && !lane.suspected.replace(true) {
                tokio::task::spawn_local(Rc::clone(lane).check(heard));
            }
        }
        let aside: Vec<Rc<Lane<C>>> =
            self.open.borrow_mut().extract_if(.., |lane| lane.aside.get()).collect();
        for lane in aside {
            let front = lane.queue.borrow().front_request().to_vec();
            // What is of the same kind as what holds the lane up would hold the next one up as well.
            let moved = lane.queue.borrow_mut().take_innocent(|request| !is_alike(&front, request));
            if moved.is_empty() {
                continue;
            }
            let other = self.lane(lane.db, &lane.credential);
            for (done, request) in moved {
                for (caller, ticket) in done.callers() {
                    other.send((&caller, ticket), C::Mark::default(), &request, true, 1, now);
                }
            }
        }
    }
}

impl<C: Caller> Lane<C> {
    /// Whether the lane is left to those who wait on it: nothing more must be sent on it. So is one whose
    /// credential is to be renewed.
    #[inline]
    pub fn is_aside(&self) -> bool {
        self.aside.get() || self.shared.is_outdated(&self.credential)
    }

    /// Asks the server on a connection of its own. It may say that it is busy: then others are told so
    /// at once, as they would be on their own connections.
    async fn check(self: Rc<Self>, heard: u64) {
        let since = Instant::now();
        let asked = self.shared.connect(Proto::Resp3, self.db, &self.credential, false).await;
        // A server that takes its time with everybody is slow, not stuck: another lane would be no better.
        let prompt = since.elapsed() < SUSPECT;
        let alive = matches!(asked, Ok(_) | Err(Failure::Refused(_)));
        if prompt && alive && self.heard.get() == heard && self.link_info().is_some() {
            tracing::warn!(db = self.db, waiting = self.queue.borrow().len(), "lane is stuck: set aside");
            self.aside.set(true);
            self.retired.set(true);
            // Who comes from now on gets another lane: nothing of this one is given out any more.
            self.watch.lost();
        }
        self.suspected.set(false);
    }
}
