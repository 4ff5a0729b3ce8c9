//! One core: a thread with a single-threaded runtime that owns its sessions and upstream connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::cache::Near;
use crate::config::{Config, OnLoss};
use crate::net::tls::Admission;
use crate::net::{Accepted, Stream};
use crate::policy::Origin;
use crate::policy::limit::Place;
use crate::pubsub::{self, Feeds, Shares};
use crate::session::{
    self, Bells, Client, Feed, InForce, Keeper, LaneWatch, Latest, Limiting, Monitors, Order, Orders, Pulse,
    Roster, Session, Taken, Traces, Warden, Worker,
};
use crate::telemetry::{Desk, Phase, Sampler, Stats, Tally};
use crate::upstream::{Lanes, Pool, Shared};

/// Room for a read; what a session or lane cannot use at once is copied out of it.
const SCRATCH: usize = 64 * 1024;
/// How often idle connections, idle clients and slow readers are looked at.
const TIDY: Duration = Duration::from_millis(100);
/// Clients on their way to a worker.
const QUEUE: usize = 1024;

/// What workers of one proxy have in common.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    /// What is in force.
    pub(crate) force: watch::Receiver<Arc<InForce>>,
    /// Whether workers have heard of it.
    pub(crate) taken: Arc<Taken>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) limiting: Limiting,
    pub(crate) shares: Arc<Shares>,
    pub(crate) near: Arc<Near>,
    pub(crate) desk: Arc<dyn Desk>,
    /// How clients are let in where TLS is spoken.
    pub(crate) admission: Option<Arc<Admission>>,
    pub(crate) bells: Arc<Bells>,
    pub(crate) nonce: Arc<str>,
    pub(crate) monitors: Arc<Monitors>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) phase: watch::Receiver<Phase>,
}

/// A client on its way to its worker.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: Accepted,
    /// Its place among the clients of its address.
    pub(crate) place: Place,
    pub(crate) id: u64,
}

/// Starts worker `index`. It ends when the phase is `Stopped`, or when it drains and has no client left:
/// who sends it clients is to have stopped by then.
pub(crate) fn start(
    index: usize,
    common: Common,
    orders: Orders,
) -> std::io::Result<(mpsc::Sender<Arrival>, JoinHandle<()>)> {
    let (sender, arrivals) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new().name(format!("nearside-{index}")).spawn(move || {
        let built = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match built {
            Ok(runtime) => runtime.block_on(run(index, common, arrivals, orders)),
            Err(error) => tracing::error!(%error, "worker cannot start"),
        }
    })?;
    Ok((sender, thread))
}

type Clients = Rc<RefCell<HashMap<u64, Rc<Client>>>>;

async fn run(index: usize, common: Common, mut arrivals: mpsc::Receiver<Arrival>, mut orders: Orders) {
    let hall = Hall {
        index,
        stats: Arc::clone(&common.stats),
        admission: common.admission.clone(),
        turn: Rc::new(Semaphore::new(1)),
        worker: Rc::new(worker(index, &common)),
        clients: Rc::default(),
    };
    let (worker, clients) = (&hall.worker, &hall.clients);
    let mut phase = common.phase.clone();
    let mut tick = interval(TIDY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let warden = Warden::new(index, &common.shared, &common.stats);
    let pulse = Pulse::new(Rc::clone(worker));
    let mut force = common.force.clone();
    let taken = Takes(index, &common.taken);
    taken.over(&force.borrow_and_update(), worker, clients);
    tokio::task::spawn_local(session::tend(Rc::clone(worker)));
    if index == 0 {
        tokio::task::spawn_local(session::inside::watch_scripts(Rc::clone(worker)));
        tokio::task::spawn_local(session::figures::watch_upstream(Rc::clone(worker)));
    }
    loop {
        tokio::select! {
            Some(arrival) = arrivals.recv() => hall.admit(arrival),
            () = worker.monitors.arrived() => worker.monitors.deliver(),
            Some(order) = orders.recv() => carry_out(order, &clients.borrow()),
            _ = tick.tick() => {
                pulse.look(Instant::now());
                if index == 0 {
                    worker.audit.tell_left_out(false);
                }
                worker.lanes.tidy();
                for (credential, when) in worker.lanes.take_revoked() {
                    clients.borrow().values().filter(|client| client.acts_as(&credential, when)).for_each(|client| client.cut());
                }
                worker.pool.tidy();
                if worker.draining.get() {
                    // Whose time is up to say something first.
                    clients.borrow().values().for_each(|client| client.wake());
                } else if worker.latest.get().config.enabled {
                    worker.pool.keep_warm();
                }
                warden.look(&worker.latest.get().config, &clients.borrow());
            }
            Ok(()) = force.changed() => {
                let latest = Arc::clone(&force.borrow_and_update());
                taken.over(&latest, worker, clients);
            }
            Ok(()) = phase.changed() => {
                worker.draining.set(*phase.borrow() >= Phase::Draining);
                clients.borrow().values().for_each(|client| client.wake());
            }
        }
        let now = *phase.borrow();
        // Counted are those on their way here, too, and those in the middle of a handshake.
        let left = || common.stats.clients[index].load(Ordering::Relaxed);
        if now == Phase::Stopped || (now == Phase::Draining && left() == 0) {
            return;
        }
    }
}

/// Has one worker take over what is in force, and tells that it has; dropped, that it never will again.
struct Takes<'a>(usize, &'a Taken);

impl Takes<'_> {
    fn over(&self, latest: &Arc<InForce>, worker: &Worker, clients: &Clients) {
        worker.take_over(Arc::clone(latest));
        // Each looks what is new for it in its next turn: some have to go.
        clients.borrow().values().for_each(|client| client.wake());
        self.1.says(self.0, latest.generation);
    }
}

impl Drop for Takes<'_> {
    fn drop(&mut self) {
        self.1.says(self.0, u64::MAX);
    }
}

/// Does what another worker's client has asked for.
fn carry_out(order: Order, clients: &HashMap<u64, Rc<Client>>) {
    match order {
        Order::Kill(id) => {
            if let Some(client) = clients.get(&id) {
                tracing::debug!(client = id, "closed: CLIENT KILL");
                client.kill();
            }
        }
        Order::Pin(id) => {
            if let Some(client) = clients.get(&id) {
                client.pin();
            }
        }
    }
}

fn worker(index: usize, common: &Common) -> Worker {
    let scratch = Rc::new(RefCell::new(BytesMut::with_capacity(SCRATCH)));
    let force = Arc::clone(&common.force.borrow());
    let (shared, config, stats) = (&common.shared, &*force.config, &common.stats);
    let tally = Rc::new(Tally::new(Arc::clone(&stats.workers[index]), stats.since));
    let pool = Rc::new(Pool::new(Arc::clone(shared), idle_share(index, config), Rc::clone(&tally)));
    let keeper = Keeper::new(&common.near, &common.bells, index);
    let (kept, base) = (Rc::clone(&keeper.worker), Arc::clone(shared));
    let settings = feeds(config, keeper.barrier());
    let feeds = Feeds::new(Arc::clone(shared), Rc::clone(&pool), Arc::clone(&common.shares), settings);
    Worker {
        index,
        feeds,
        roster: Arc::clone(&common.roster),
        lanes: Lanes::new(
            Arc::clone(shared),
            Rc::clone(&scratch),
            Rc::clone(&tally),
            move |db, credential| Rc::new(LaneWatch::new(&kept, db, credential, &base.credential())),
        ),
        tally,
        traces: Rc::new(Traces::new(Arc::clone(&stats.slow), Sampler::new(Arc::clone(&stats.access), index))),
        keeper,
        pool,
        limiting: common.limiting.clone(),
        denials: Arc::clone(&common.stats.denials),
        audit: Arc::clone(&common.stats.audit),
        notices: Arc::clone(&common.stats.notices),
        vitals: Arc::clone(&common.stats.vitals),
        scratch,
        spares: Rc::default(),
        draining: Cell::new(false),
        nonce: Arc::clone(&common.nonce),
        monitors: Feed::new(&common.monitors, index, config),
        desk: Arc::clone(&common.desk),
        shared: Arc::clone(shared),
        latest: Latest::new(force),
    }
}

/// How shared subscriptions behave.
fn feeds(config: &Config, barrier: pubsub::Barrier) -> pubsub::Settings {
    pubsub::Settings { resubscribe: config.pubsub_on_loss == OnLoss::Resubscribe, barrier }
}

/// How many of `upstream.min_idle` connections worker `index` keeps.
fn idle_share(index: usize, config: &Config) -> usize {
    let (all, workers) = (config.upstream.min_idle, config.workers.max(1));
    all / workers + usize::from(index < all % workers)
}

/// Where clients arrive.
#[derive(Clone)]
struct Hall {
    index: usize,
    stats: Arc<Stats>,
    admission: Option<Arc<Admission>>,
    /// Who works on a handshake.
    turn: Rc<Semaphore>,
    worker: Rc<Worker>,
    clients: Clients,
}

impl Hall {
    /// Starts a client's session, where TLS is spoken after the handshake.
    fn admit(&self, arrival: Arrival) {
        let (stats, clients) = (Arc::clone(&self.stats), Rc::clone(&self.clients));
        let gone = Gone { stats, index: self.index, clients, id: arrival.id, _place: arrival.place };
        let door = arrival.stream.door();
        let Ok(stream) = arrival.stream.register() else { return };
        stream.tune(self.worker.latest.get().config.tcp_keepalive);
        if !door.tls {
            return self.serve(stream, gone, door.index);
        }
        let hall = self.clone();
        tokio::task::spawn_local(async move {
            let Some(admission) = &hall.admission else { return };
            if let Some(stream) = admission.admit(stream, &hall.turn).await {
                hall.serve(stream, gone, door.index);
            }
        });
    }

    /// Starts a client's session; the client leaves the list when it ends.
    fn serve(&self, stream: Stream, gone: Gone, listener: usize) {
        let names = stream.peer_certificate_names().to_vec();
        let origin = Origin { listener, address: stream.peer().ip(), names };
        let (mut session, client) = Session::new(Rc::clone(&self.worker), stream, gone.id, origin);
        self.clients.borrow_mut().insert(gone.id, client);
        tokio::task::spawn_local(async move {
            session.run().await;
            drop(session);
            drop(gone);
        });
    }
}

/// Takes a client off the lists, however its session ends.
struct Gone {
    stats: Arc<Stats>,
    index: usize,
    clients: Clients,
    id: u64,
    _place: Place,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.stats.clients[self.index].fetch_sub(1, Ordering::Relaxed);
        self.clients.borrow_mut().remove(&self.id);
    }
}
