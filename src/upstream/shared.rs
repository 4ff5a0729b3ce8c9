//! What all workers of one upstream decide together.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::{Budget, Class, Permit};
use super::handshake::{Greeting, Link, greet};
use super::info::Habits;
use super::large::Large;
use super::longest::Longest;
use super::memory::Memory;
use super::settings::Settings;
use super::terms::Terms;
use super::{Credential, Failure};
use crate::config::{Limits, Upstream};
use crate::net::Address;
use crate::net::tls::ClientTls;
use crate::resp::Proto;
use crate::resp::request::Args;
use crate::telemetry::{Connections, LaneEvents, Lending};

/// Large replies that may be starting at once, on all workers: one is copied while one is sent.
const LARGE_STARTS: usize = 2;
/// How long a request may wait for its turn to get a large reply; turns take milliseconds.
const LARGE_WAIT: Duration = Duration::from_secs(60);

/// One upstream as every worker sees it: its settings, the connection budget, and which server is
/// the current one.
#[derive(Debug)]
pub struct Shared {
    pub(super) settings: Settings,
    /// How TLS is spoken with it, if it is.
    pub(super) tls: Option<Arc<ClientTls>>,
    pub(super) longest: Longest,
    pub(super) budget: Budget,
    pub(super) large: Large,
    /// Large replies that may be starting at once.
    starts: Arc<Semaphore>,
    /// Subscribers that may have a connection of their own.
    dedicated: Arc<Semaphore>,
    pub(super) current: Mutex<Option<Address>>,
    pub(super) generation: AtomicU64,
    pub(super) terms: Terms,
    pub(super) memory: Memory,
    /// What has become of the connections that are lent.
    pub lending: Lending,
    /// What has become of lanes.
    pub lane_events: LaneEvents,
    /// What the upstream has said of itself.
    habits: Mutex<Option<Arc<Habits>>>,
}

impl Shared {
    /// An upstream nobody has connected to. Its endpoint must be a real one, not `Embedded`.
    /// `tls`: how TLS is spoken with it, if it is. `dedicated`: how many subscribers may have a connection
    /// of their own.
    pub fn new(settings: Upstream, tls: Option<Arc<ClientTls>>, limits: Limits, dedicated: usize) -> Self {
        Self {
            budget: Budget::new(settings.max_connections, settings.max_pinned),
            longest: Longest::default(),
            large: Large::new(limits.large_memory),
            memory: Memory::new(limits.memory),
            starts: Arc::new(Semaphore::new(LARGE_STARTS)),
            dedicated: Arc::new(Semaphore::new(dedicated)),
            settings: Settings::new(settings, &limits),
            tls,
            current: Mutex::new(None),
            generation: AtomicU64::new(0),
            terms: Terms::default(),
            lending: Lending::default(),
            lane_events: LaneEvents::default(),
            habits: Mutex::default(),
        }
    }

    /// Rises when another server becomes the current one; connections of an older one must go.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Connections there are, by what they do.
    pub fn connections(&self) -> Connections {
        self.budget.in_use()
    }

    /// Whether somebody waits for what a connection of `class` holds, which may sit idle.
    pub fn contended(&self, class: Class) -> bool {
        self.budget.contended(class)
    }

    /// The right of one subscriber to a connection of its own, of all workers together
    /// (`pubsub_dedicated`); kept for as long as it is subscribed there. `None`: all are taken, it
    /// shares one.
    pub fn dedicated_subscriber(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.dedicated).try_acquire_owned().ok()
    }

    /// Whether replies to requests like this one have lately been too large for a lane.
    #[inline]
    pub fn is_large(&self, args: &Args<'_>) -> bool {
        self.large.contains(args)
    }

    /// Requests like this one get replies too large for a lane.
    pub fn note_large(&self, args: &Args<'_>) {
        self.large.note(args);
    }

    /// The turn of a request with a large reply; it holds the turn until the reply begins. Redis copies
    /// a reply whole before it sends a byte of it: a hundred at once would stop it for seconds.
    pub async fn large_turn(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let turn = tokio::time::timeout(LARGE_WAIT, Arc::clone(&self.starts).acquire_owned()).await;
        let busy = || Failure::Busy {
            waited: LARGE_WAIT,
            limit: format!("{LARGE_STARTS} large replies starting at once"),
        };
        turn.ok().and_then(Result::ok).ok_or_else(busy)
    }

    /// What the upstream does to all connections alike, as far as it has said.
    pub fn habits(&self) -> Arc<Habits> {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// Whether it has been reached, and has let anybody in.
    pub fn is_known(&self) -> bool {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// An element was popped for a client that had gone.
    pub fn note_lost_pop(&self) {
        self.lending.popped_elements_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// The memory for buffers of the whole process.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes `bytes` from the memory for buffers; `false` if there is not so much left.
    pub fn reserve(&self, bytes: usize) -> bool {
        self.memory.reserve(bytes)
    }

    /// Gives back what [`Self::reserve`] took.
    pub fn release(&self, bytes: usize) {
        self.memory.release(bytes);
    }

    pub(super) async fn permit(&self, class: Class) -> Result<Permit, Failure> {
        let permit = self.budget.acquire(class, self.settings().timeout).await;
        if permit.is_err() && class != Class::Lane {
            self.lending.waits_failed.fetch_add(1, Ordering::Relaxed);
        }
        permit
    }

    /// The right to open a lease that nobody asks for yet, if there is more than enough.
    pub(super) fn spare_permit(&self) -> Option<Permit> {
        self.budget.spare()
    }

    /// Takes back the rights to connections that there are too many of by now.
    pub(super) fn settle_budget(&self) {
        self.budget.settle();
    }

    /// Idle connections of `class`.
    pub(super) fn idle(&self, class: Class) -> &AtomicUsize {
        self.budget.idle(class)
    }

    /// Connects, greets and selects; with `track` has the server tell of changes to what is read, if it can.
    /// Names are resolved anew; the current server stays while its name has that address, and is else replaced.
    pub(super) async fn connect(
        &self,
        proto: Proto,
        db: u32,
        credential: &Credential,
        track: bool,
    ) -> Result<Link, Failure> {
        let connecting = async {
            let (address, stream) = self.reach().await.map_err(|e| self.unreachable(&e))?;
            let (wording, names) = (self.wording(), self.settings.names());
            let generation = self.settle(address) | wording << 32;
            let base = self.credential();
            let known = self.habits.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let asks = *credential == base || known.is_none();
            let (names, tls) = (names.as_ref(), self.tls.as_deref());
            let greeting = Greeting { proto, db, credential, base: &base, known, asks, track, names, tls };
            let greeted = greet(stream, &greeting, generation).await.map_err(|e| match e {
                Failure::Unreachable { reason, .. } | Failure::Lost { reason } => self.unreachable(&reason),
                other => other,
            })?;
            // A server that wants a password first has said nothing.
            let nothing = greeted.info.hello.is_empty();
            self.note_greeted(credential, nothing);
            if !nothing {
                let mut habits = self.habits.lock().unwrap_or_else(PoisonError::into_inner);
                *habits = Some(Arc::clone(&greeted.info.habits));
            }
            Ok(greeted)
        };
        let limit = self.settings().connect_timeout;
        tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| {
            Err(self.unreachable(&format!("no greeting within {limit:?} (upstream.connect_timeout)")))
        })
    }

    pub(super) fn unreachable(&self, reason: &impl ToString) -> Failure {
        let settings = self.settings();
        let origin = &settings.origin;
        let nobody = origin.is_empty() || origin == "default";
        let by = if nobody { String::new() } else { format!(" ({origin})") };
        let upstream = format!("{}{by}", settings.address());
        Failure::Unreachable { upstream, reason: reason.to_string() }
    }
}
