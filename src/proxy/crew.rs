//! What the threads of a proxy share, and the workers among them.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};

use super::desk::Clerk;
use super::figures::Figures;
use super::handle::{Addresses, Inside};
use super::options::Source;
use super::overview::Lately;
use super::parts::{self, Parts};
use super::{Error, Outside, Reloader, accept};
use crate::config::{Config, Effective};
use crate::net::tls::Certificates;
use crate::pubsub::Shares;
use crate::session::{Bells, InForce, Limiting, Monitors, Orders, Roster, Taken};
use crate::telemetry::log::Levels;
use crate::telemetry::{Desk, Phase};
use crate::worker::{self, Arrival, Common};

/// Everything that is there before the first worker runs.
pub(super) struct Crew {
    desk: Arc<dyn Desk>,
    reloader: Reloader,
    common: Common,
    orders: Vec<Orders>,
    placing: Arc<accept::Placing>,
}

/// What a reload starts from: where settings come from, whom it tells, and how they were written.
type Settings = (Option<Source>, watch::Sender<Arc<InForce>>, Config, Vec<Effective>);

impl Crew {
    /// For `config`, and what is in force with it.
    pub(super) fn new(
        config: &Config,
        certificates: &Arc<Certificates>,
        outside: Outside,
        (source, force, written, settings): Settings,
        levels: Option<Levels>,
    ) -> Self {
        let forces = force.subscribe();
        let (roster, orders) = Roster::new(config.workers);
        let (limiting, taken) = (Limiting::new(config), Arc::new(Taken::new(config.workers)));
        limiting.stats.vitals.reconfigure(config);
        let shared = Arc::new(parts::shared(config, certificates.upstream(), &limiting.stats));
        let (shares, roster) = (Arc::<Shares>::default(), Arc::new(roster));
        let parts = Parts {
            shared: Arc::clone(&shared),
            near: Arc::clone(&outside.near),
            certificates: Arc::clone(certificates),
            limiting: limiting.clone(),
            taken: Arc::clone(&taken),
            levels: levels.clone(),
            endpoint: config.upstream.endpoint.clone(),
        };
        let reloader = Reloader::new(source, parts, force, (written, settings));
        let monitors = Arc::new(Monitors::new(config.workers));
        let figures = Figures {
            force: forces.clone(),
            stats: Arc::clone(&limiting.stats),
            shared: Arc::clone(&shared),
            shares: Arc::clone(&shares),
            near: Arc::clone(&outside.near),
            certificates: Arc::clone(certificates),
            monitors: Arc::clone(&monitors),
            started: SystemTime::now(),
        };
        let desk: Arc<dyn Desk> = Arc::new(Clerk {
            figures,
            reloader: reloader.clone(),
            levels,
            shared: Arc::clone(&shared),
            stats: Arc::clone(&limiting.stats),
            shares: Arc::clone(&shares),
            near: Arc::clone(&outside.near),
            certificates: Arc::clone(certificates),
            roster: Arc::clone(&roster),
            phase: outside.phase,
            lately: Lately::default(),
        });
        let common = Common {
            force: forces,
            taken,
            desk: Arc::clone(&desk),
            admission: certificates.admission().map(Arc::new),
            shared,
            stats: Arc::clone(&limiting.stats),
            limiting,
            shares,
            bells: Arc::new(Bells::new(config.workers)),
            near: outside.near,
            monitors,
            nonce: format!("{:016x}", fastrand::Rng::new().u64(..)).into(),
            roster,
            // Replaced by the one that workers are told to end by.
            phase: watch::channel(Phase::Serving).1,
        };
        Self { desk, reloader, common, orders, placing: outside.placing }
    }

    /// What its handle knows.
    pub(super) fn inside(&self, addresses: Addresses) -> Inside {
        let (reloader, desk) = (self.reloader.clone(), Arc::clone(&self.desk));
        Inside { addresses, reloader, desk, stats: Arc::clone(&self.common.stats) }
    }

    /// Starts the workers, who listen to `phase`.
    pub(super) fn start(
        mut self,
        phase: watch::Receiver<Phase>,
    ) -> Result<(accept::Workers, Vec<JoinHandle<()>>), Error> {
        self.common.phase = phase;
        let mut queues: Vec<mpsc::Sender<Arrival>> = Vec::new();
        let mut threads = Vec::new();
        for (index, orders) in self.orders.into_iter().enumerate() {
            let (queue, thread) = worker::start(index, self.common.clone(), orders)?;
            queues.push(queue);
            threads.push(thread);
        }
        let Common { shared, stats, limiting, nonce, roster, .. } = self.common;
        Ok((
            accept::Workers { queues, shared, stats, limiting, nonce, placing: self.placing, roster },
            threads,
        ))
    }
}
