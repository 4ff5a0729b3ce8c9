//! The composition root: bind first, start the workers, accept; drain with a deadline at the end.

mod accept;
mod error;
mod handle;
mod leave;
mod options;
mod parts;
mod probe;
mod takeover;

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};

use self::accept::Placing;
pub use self::error::Error;
use self::handle::Addresses;
pub use self::handle::Handle;
pub use self::options::Options;
use crate::cache::Near;
use crate::config::{Config, Endpoint, Listen};
use crate::embedded::Server;
use crate::net::tls::{Certificates, ClientTls, ServerTls};
use crate::net::{BindError, Door, Inherited, Listener};
use crate::session::{Bells, Limiting, Monitors, Roster};
use crate::telemetry::{Phase, Stats};
use crate::worker::{self, Arrival, Common};

/// How long the embedded server has to save and leave.
const EMBEDDED_STOP: Duration = Duration::from_secs(30);

/// A proxy to be. [`Proxy::start`] makes it run.
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    /// The same as [`Proxy::start_with`], for who has nothing to add but where a server binary is looked for
    /// (the value of `PATH`).
    pub fn start(config: Config, search_path: Option<std::ffi::OsString>) -> Result<Handle, Error> {
        Self::start_with(config, Options { search_path, ..Options::default() })
    }

    /// Binds, starts the embedded server if the configuration wants one, starts the workers and
    /// serves. Returns once clients can connect; blocks until then.
    ///
    /// Spawns `config.workers` threads and one that accepts; installs nothing global.
    pub fn start_with(config: Config, options: Options) -> Result<Handle, Error> {
        let (phase, _) = watch::channel(Phase::Serving);
        let told = phase.clone();
        let (ready, started) = std_mpsc::sync_channel(1);
        let placing = Arc::<Placing>::default();
        let places = Arc::clone(&placing);
        let seed = fastrand::Rng::new().u64(..);
        let near = Arc::new(Near::new(config.cache.clone(), config.cache_mode(), config.workers, seed));
        let kept = Arc::clone(&near);
        let thread = std::thread::Builder::new().name("nearside-accept".into()).spawn(move || {
            let result = Builder::new_current_thread().enable_all().build().map_err(Error::from);
            let result = result
                .and_then(|runtime| runtime.block_on(run(config, options, &told, &ready, (places, kept))));
            handle::leave(&told, Phase::Stopped);
            if let Err(error) = result {
                let _ = ready.send(Err(error));
            }
        })?;
        match started.recv() {
            Ok(Ok((addresses, stats))) => Ok(Handle::new(addresses, phase, placing, (near, stats), thread)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(std::io::Error::other("the accepting thread ended early").into()),
        }
    }
}

type Ready = std_mpsc::SyncSender<Result<(Addresses, Arc<Stats>), Error>>;

/// Binds every address, those without TLS first.
fn bind(config: &Config, inherited: &mut Inherited) -> Result<Vec<Listener>, BindError> {
    let plain = config.listen.iter().map(|listen| (listen, false));
    let all = plain.chain(config.tls.listen.iter().map(|listen| (listen, true)));
    let mut listeners = Vec::new();
    for (index, (listen, tls)) in all.enumerate() {
        listeners.extend(Listener::bind(listen, config.tcp_backlog, Door { index, tls }, inherited)?);
    }
    Ok(listeners)
}

async fn run(
    mut config: Config,
    options: Options,
    phase: &watch::Sender<Phase>,
    ready: &Ready,
    (placing, near): (Arc<Placing>, Arc<Near>),
) -> Result<(), Error> {
    config.upstream.bound_waits();
    let mut inherited = options.inherited;
    let predecessor = takeover::meet(&config, &near, &mut inherited).await?;
    let mut listeners = bind(&config, &mut inherited)?;
    inherited.left().for_each(|name| tracing::warn!("a socket that was handed in is not used: {name}"));
    drop(inherited);
    let mut phases = phase.subscribe();
    let addresses = Addresses::of(&listeners);
    let written = std::mem::replace(&mut config.listen, addresses.plain.clone());
    if config.enabled
        && let Some(listen) = config.upstream_is_own_listener()
    {
        return Err(own_upstream(&config, listen));
    }
    config.listen = written; // rules name listeners as they are written
    let certificates = Arc::new(certificates(&config)?);
    let server = embed(&mut config, options.search_path).await?;
    let (relay, inner) = watch::channel(Phase::Serving);
    let config = Arc::new(config);
    let alone = watch::Sender::new(predecessor.is_none());
    let (workers, threads) = start_workers(&config, &certificates, inner, placing, Arc::clone(&near))?;
    let leaving = leave::Leaving { threads, relay, roster: Arc::clone(&workers.roster) };
    let opened = takeover::succeed(&config, &workers.shared, predecessor, &mut listeners, &alone).await;
    let post = opened.inspect_err(|_| {
        let _ = leaving.relay.send(Phase::Stopped);
    })?;
    let accepting = accept::Accepting::new(listeners, workers, Arc::clone(&config));
    let estate = takeover::Estate { near: &near, listeners: accepting.listeners(), alone: alone.subscribe() };
    let left = tokio::select! {
        () = accepting.run() => None,
        () = certificates.watch(config.tls.reload_every, accepting.audit()) => None,
        left = serve(&accepting, &config, &addresses, ready, async {
            tokio::select! {
                successor = estate.successor(post.as_ref()) => Some(successor),
                () = leave::told(&mut phases, accepting.phase(), config.drain_delay) => None,
            }
        }) => left?,
    };
    handle::leave(phase, Phase::Draining);
    let given = left.as_ref().map_or_else(Vec::new, |successor| successor.takes.clone());
    tracing::info!(clients = accepting.connected(), handed_over = left.is_some(), "draining");
    let stats = accepting.stats();
    stats.phase.reach(Phase::Draining);
    drop(post); // nobody can take over from here on
    accepting.close(&given, *phases.borrow() != Phase::Stopped).await; // the listeners and the workers' queues
    leaving.finish(&mut phases, config.drain_timeout, left).await;
    stats.phase.reach(Phase::Stopped);
    stats.audit.tell_left_out(true);
    if let Some(server) = server
        && let Err(error) = server.stop(EMBEDDED_STOP).await
    {
        tracing::error!(%error, "the embedded server did not stop cleanly");
    }
    Ok(())
}

/// Announces the proxy once it is sure not to talk to itself, and waits until it `leaves`.
async fn serve<T>(
    accepting: &accept::Accepting,
    config: &Config,
    addresses: &Addresses,
    ready: &Ready,
    leaves: impl Future<Output = T>,
) -> Result<T, Error> {
    if config.enabled && accepting.shared().leads_back(accepting.nonce()).await {
        let own = addresses.plain.iter().chain(&addresses.tls).next();
        return Err(own_upstream(config, own.unwrap_or(&Listen::Tcp(String::new(), 0))));
    }
    let _ = ready.send(Ok((addresses.clone(), accepting.stats())));
    Ok(leaves.await)
}

fn own_upstream(config: &Config, listen: &Listen) -> Error {
    Error::OwnUpstream {
        upstream: config.upstream.address(),
        origin: config.upstream.origin.clone(),
        listen: format!("listen = {listen}"),
    }
}

/// Everything that is made of certificates, as the files are now.
fn certificates(config: &Config) -> Result<Certificates, Error> {
    let clients = ServerTls::load(&config.tls)?.map(Arc::new);
    let upstream = if config.enabled { ClientTls::load(&config.upstream)?.map(Arc::new) } else { None };
    let certificates = Certificates::new(clients, upstream);
    certificates.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(certificates)
}

/// Starts the server of our own where no other is configured, and makes it the upstream.
async fn embed(
    config: &mut Config,
    search_path: Option<std::ffi::OsString>,
) -> Result<Option<Server>, Error> {
    if config.upstream.endpoint != Endpoint::Embedded || !config.enabled {
        return Ok(None);
    }
    let server = Server::start(&config.embedded, search_path).await?;
    config.upstream.endpoint = Endpoint::Unix(server.socket().to_owned());
    Ok(Some(server))
}

type Workers = (accept::Workers, Vec<JoinHandle<()>>);

fn start_workers(
    config: &Arc<Config>,
    certificates: &Arc<Certificates>,
    phase: watch::Receiver<Phase>,
    placing: Arc<Placing>,
    near: Arc<Near>,
) -> Result<Workers, Error> {
    let (roster, orders) = Roster::new(config.workers);
    let (limiting, gate) = (Limiting::new(config)?, parts::gate(config)?);
    let common = Common {
        config: Arc::clone(config),
        certificates: Arc::clone(certificates),
        admission: certificates.admission().map(Arc::new),
        shared: Arc::new(parts::shared(config, certificates.upstream(), &limiting.stats)),
        limiting: limiting.clone(),
        stats: Arc::clone(&limiting.stats),
        shares: Arc::default(),
        bells: Arc::new(Bells::new(config.workers)),
        near,
        gate: Arc::new(gate),
        monitors: Arc::new(Monitors::new(config.workers)),
        nonce: format!("{:016x}", fastrand::Rng::new().u64(..)).into(),
        roster: Arc::new(roster),
        phase,
    };
    let mut queues: Vec<mpsc::Sender<Arrival>> = Vec::new();
    let mut threads = Vec::new();
    for (index, orders) in orders.into_iter().enumerate() {
        let (queue, thread) = worker::start(index, common.clone(), orders)?;
        queues.push(queue);
        threads.push(thread);
    }
    Ok((
        accept::Workers {
            queues,
            shared: common.shared,
            stats: common.stats,
            limiting,
            nonce: common.nonce,
            placing,
            roster: common.roster,
        },
        threads,
    ))
}
