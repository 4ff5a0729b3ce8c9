//! A worker's lanes: found or made, and forgotten when nobody uses them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::{Lane, OWNERS};
use crate::telemetry::Tally;
use crate::upstream::{Caller, Class, Credential, Shared};

/// A lane that no session has held for this long is closed.
const FREE_CLOSE: Duration = Duration::from_secs(30);
/// A worker's lanes, by database and credential.
#[derive(Debug)]
pub struct Lanes<C: Caller> {
    shared: Arc<Shared>,
    scratch: Rc<RefCell<BytesMut>>,
    tally: Rc<Tally>,
    watch: NewWatch<C>,
    pub(super) open: RefCell<Vec<Rc<Lane<C>>>>,
}

/// Who watches a new lane.
struct NewWatch<C: Caller>(Box<Watching<C>>);

type Watching<C> = dyn Fn(u32, &Credential) -> Rc<<C as Caller>::Watch>;

impl<C: Caller> std::fmt::Debug for NewWatch<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewWatch")
    }
}

impl<C: Caller> Lanes<C> {
    /// No lane yet. `scratch` is the worker's read buffer, `tally` where its bytes are counted; `watch` names who watches a new
    /// lane to a database that acts as a credential.
    pub fn new(
        shared: Arc<Shared>,
        scratch: Rc<RefCell<BytesMut>>,
        tally: Rc<Tally>,
        watch: impl Fn(u32, &Credential) -> Rc<C::Watch> + 'static,
    ) -> Self {
        Self { shared, scratch, tally, watch: NewWatch(Box::new(watch)), open: RefCell::new(Vec::new()) }
    }

    /// Shows every lane to `look`.
    pub fn each(&self, look: impl FnMut(&Rc<Lane<C>>)) {
        self.open.borrow().iter().for_each(look);
    }

    /// Has every lane look at the settings again.
    pub fn look_again(&self) {
        self.open.borrow().iter().for_each(|lane| lane.signal());
    }

    /// The lane to `db` as `credential`. Opens no connection: the first request does. Must be called
    /// on the worker's own runtime.
    pub fn lane(&self, db: u32, credential: &Credential) -> Rc<Lane<C>> {
        let mut open = self.open.borrow_mut();
        let fits = |lane: &&Rc<Lane<C>>| {
            // One that is set aside ends as soon as it is empty, listed or not: what came then was lost.
            let holds = lane.revoked.get().is_none() && lane.doubted.get().is_none() && !lane.aside.get();
            lane.db == db && lane.credential == *credential && holds
        };
        if let Some(lane) = open.iter().find(fits) {
            return Rc::clone(lane);
        }
        let (shared, scratch) = (Arc::clone(&self.shared), Rc::clone(&self.scratch));
        let (tally, watch) = (Rc::clone(&self.tally), (self.watch.0)(db, credential));
        let lane = Rc::new(Lane::new(shared, db, credential.clone(), scratch, tally, watch));
        open.push(Rc::clone(&lane));
        tokio::task::spawn_local(Rc::clone(&lane).run());
        lane
    }

    /// Credentials that the server has hung up on and takes no longer (`ACL DELUSER`): their sessions are
    /// to be closed, as it would close them, if they were there by then: a user may come again. Their lanes
    /// are forgotten.
    pub fn take_revoked(&self) -> Vec<(Credential, Instant)> {
        let mut open = self.open.borrow_mut();
        let revoked = open.extract_if(.., |lane| lane.revoked.get().is_some());
        let retired = revoked.map(|lane| {
            lane.retired.set(true);
            lane.signal();
            (lane.credential.clone(), lane.revoked.get().unwrap_or_else(Instant::now))
        });
        retired.collect()
    }

    /// Forgets lanes that nobody has used for a while, and wakes idle ones if connections are short.
    pub fn tidy(&self) {
        let (now, contended) = (Instant::now(), self.shared.contended(Class::Lane));
        self.check_silent(now);
        self.open.borrow_mut().retain(|lane| {
            let free = Rc::strong_count(lane) <= OWNERS && lane.queue.borrow().is_empty();
            let since = if free { lane.free_since.get().unwrap_or(now) } else { now };
            lane.free_since.set(free.then_some(since));
            lane.retired.set(free && (contended || now.duration_since(since) >= FREE_CLOSE));
            if lane.retired.get() || contended {
                lane.signal();
            }
            !lane.retired.get()
        });
    }
}
