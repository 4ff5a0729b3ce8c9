//! The composition root: bind first, start the workers, accept; drain with a deadline at the end.

mod accept;
mod crew;
mod desk;
mod error;
mod figures;
mod handle;
mod health;
mod holders;
mod leave;
mod options;
mod overview;
mod parts;
mod probe;
mod reload;
mod takeover;
mod tell;

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;

use self::accept::Placing;
use self::crew::Crew;
pub use self::error::Error;
pub use self::handle::Handle;
use self::handle::{Addresses, Inside};
pub use self::options::{Load, Options, Source};
pub use self::reload::Reloader;
use crate::admin;
use crate::cache::Near;
use crate::config::{self, Config, Endpoint, Listen};
use crate::embedded::Server;
use crate::net::tls::{Certificates, ClientTls, ServerTls};
use crate::net::{BindError, Door, Inherited, Listener};
use crate::session::InForce;
use crate::telemetry::{Audit, Phase};

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
        let seed = fastrand::Rng::new().u64(..);
        let near = Arc::new(Near::new(config.cache.clone(), config.cache_mode(), config.workers, seed));
        let outside =
            Outside { phase: phase.clone(), placing: Arc::clone(&placing), near: Arc::clone(&near) };
        let thread = std::thread::Builder::new().name("nearside-accept".into()).spawn(move || {
            let result = Builder::new_current_thread().enable_all().build().map_err(Error::from);
            let result = result.and_then(|runtime| runtime.block_on(run(config, options, &ready, outside)));
            handle::leave(&told, Phase::Stopped);
            if let Err(error) = result {
                let _ = ready.send(Err(error));
            }
        })?;
        match started.recv() {
            Ok(Ok(inside)) => Ok(Handle::new(phase, placing, near, inside, thread)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(std::io::Error::other("the accepting thread ended early").into()),
        }
    }
}

/// What the proxy shares with its handle.
struct Outside {
    phase: watch::Sender<Phase>,
    placing: Arc<Placing>,
    near: Arc<Near>,
}

type Ready = std_mpsc::SyncSender<Result<Inside, Error>>;

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

async fn run(mut config: Config, options: Options, ready: &Ready, outside: Outside) -> Result<(), Error> {
    let as_written = config.clone();
    config.upstream.bound_waits();
    let Options { search_path, settings, source, mut inherited, log } = options;
    let predecessor = takeover::meet(&config, &outside.near, &mut inherited).await?;
    let listeners = bind(&config, &mut inherited)?;
    let mut admin = admin::Server::bind(&config.admin, &mut inherited)?;
    inherited.left().for_each(|name| tracing::warn!("a socket that was handed in is not used: {name}"));
    drop(inherited);
    let mut offers = listeners.iter().map(Listener::offer).collect::<Result<Vec<_>, _>>()?;
    offers.extend(admin.iter_mut().flat_map(admin::Server::offers));
    let asked_at = admin.as_ref().map(admin::Server::addresses).unwrap_or_default();
    let addresses = Addresses::of(&listeners, asked_at);
    let (near, phase, mut phases) =
        (Arc::clone(&outside.near), outside.phase.clone(), outside.phase.subscribe());
    let written = std::mem::replace(&mut config.listen, addresses.plain.clone());
    if config.enabled
        && let Some(listen) = config.upstream_is_own_listener()
    {
        return Err(own_upstream(&config, listen));
    }
    config.listen = written; // rules name listeners as they are written
    let certificates = Arc::new(certificates(&config)?);
    let settings = if settings.is_empty() { config::effective(&config) } else { settings };
    let server = embed(&mut config, search_path).await?;
    let (relay, inner) = watch::channel(Phase::Serving);
    let force = watch::Sender::new(Arc::new(parts::in_force(&config)?));
    let forces = force.subscribe();
    let crew = Crew::new(&config, &certificates, outside, (source, force, as_written, settings), log);
    let inside = crew.inside(addresses);
    let tell = tell::Tell::new(&config, &inside.desk, &inside.stats)?;
    let (workers, threads) = crew.start(inner)?;
    let leaving = leave::Leaving { threads, relay, roster: Arc::clone(&workers.roster) };
    let alone = watch::Sender::new(predecessor.is_none());
    let opened = takeover::succeed(&config, &workers.shared, predecessor, &offers, &alone).await;
    let post = opened.inspect_err(|_| {
        let _ = leaving.relay.send(Phase::Stopped);
    })?;
    if let Some(admin) = &mut admin {
        admin.serve(Arc::clone(&inside.desk), certificates.admin_admission().map(Arc::new));
    }
    let watcher = health::Watcher::new(forces.clone(), &certificates, &workers, Arc::clone(&near));
    let accepting = accept::Accepting::new(listeners, workers, forces.clone());
    let estate = takeover::Estate { near: &near, offers: &offers, alone: alone.subscribe() };
    let left = tokio::select! {
        () = accepting.run() => None,
        () = watcher.run() => None,
        () = tell.run() => None,
        () = watch_certificates(&certificates, forces.clone(), accepting.audit()) => None,
        left = serve(&accepting, &config, &inside, ready, async {
            tokio::select! {
                successor = estate.successor(post.as_ref()) => Some(successor),
                () = leave::told(&mut phases, accepting.phase(), &forces) => None,
            }
        }) => left?,
    };
    handle::leave(&phase, Phase::Draining);
    if left.is_some() {
        // It is asked there now, and nobody may be asked twice.
        drop(admin.take());
    }
    let given: Vec<usize> = left.as_ref().map_or_else(Vec::new, |successor| successor.takes.clone());
    drop(offers);
    tracing::info!(clients = accepting.connected(), handed_over = left.is_some(), "draining");
    let stats = accepting.stats();
    stats.vitals.phase.reach(Phase::Draining);
    drop(post); // nobody can take over from here on
    accepting.close(&given, *phases.borrow() != Phase::Stopped).await; // the listeners and the workers' queues
    let deadline = forces.borrow().config.drain_timeout;
    leaving.finish(&mut phases, deadline, left).await;
    stats.vitals.phase.reach(Phase::Stopped);
    stats.audit.tell_left_out(true);
    tell.finish().await;
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
    inside: &Inside,
    ready: &Ready,
    leaves: impl Future<Output = T>,
) -> Result<T, Error> {
    if config.enabled && accepting.shared().leads_back(accepting.nonce()).await {
        let addresses = &inside.addresses;
        let own = addresses.plain.iter().chain(&addresses.tls).next();
        return Err(own_upstream(config, own.unwrap_or(&Listen::Tcp(String::new(), 0))));
    }
    let _ = ready.send(Ok(inside.clone()));
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
    let admin = ServerTls::load(&parts::admin_tls_of(config))?.map(Arc::new);
    let certificates = Certificates::new(clients, upstream).with_admin(admin);
    certificates.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(certificates)
}

/// Looks after the files of certificates, as often as the settings of the moment say. Never ready.
async fn watch_certificates(
    certificates: &Certificates,
    mut forces: watch::Receiver<Arc<InForce>>,
    audit: &Audit,
) {
    loop {
        let tls = forces.borrow_and_update().config.tls.clone();
        tokio::select! {
            () = certificates.watch(tls.reload_every, audit) => {}
            Ok(_) = forces.wait_for(|force| force.config.tls != tls) => {}
        }
    }
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
