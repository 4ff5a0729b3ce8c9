//! The composition root: bind first, start the workers, accept; drain with a deadline at the end.

mod accept;
mod crew;
mod desk;
mod error;
mod figures;
mod handle;
mod holders;
mod options;
mod overview;
mod parts;
mod probe;
mod reload;

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::timeout;

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
use crate::net::{BindError, Door, Listener};
use crate::session::InForce;
use crate::telemetry::Audit;
use crate::worker::Phase;

/// How long sessions have to notice that the time for draining is over.
const STOP: Duration = Duration::from_secs(1);
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
        let (phase, phases) = watch::channel(Phase::Serving);
        let (ready, started) = std_mpsc::sync_channel(1);
        let placing = Arc::<Placing>::default();
        let seed = fastrand::Rng::new().u64(..);
        let near = Arc::new(Near::new(config.cache.clone(), config.cache_mode(), config.workers, seed));
        let outside =
            Outside { phase: phase.clone(), placing: Arc::clone(&placing), near: Arc::clone(&near) };
        let thread = std::thread::Builder::new().name("nearside-accept".into()).spawn(move || {
            let result = Builder::new_current_thread().enable_all().build().map_err(Error::from);
            let result =
                result.and_then(|runtime| runtime.block_on(run(config, options, phases, &ready, outside)));
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
fn bind(config: &Config) -> Result<Vec<Listener>, BindError> {
    let plain = config.listen.iter().map(|listen| (listen, false));
    let all = plain.chain(config.tls.listen.iter().map(|listen| (listen, true)));
    let mut listeners = Vec::new();
    for (index, (listen, tls)) in all.enumerate() {
        listeners.extend(Listener::bind(listen, config.tcp_backlog, Door { index, tls })?);
    }
    Ok(listeners)
}

async fn run(
    mut config: Config,
    options: Options,
    mut phases: watch::Receiver<Phase>,
    ready: &Ready,
    outside: Outside,
) -> Result<(), Error> {
    let as_written = config.clone();
    config.upstream.bound_waits();
    let listeners = bind(&config)?;
    let mut admin = admin::Server::bind(&config.admin)?;
    let asked_at = admin.as_ref().map(admin::Server::addresses).unwrap_or_default();
    let addresses = Addresses::of(&listeners, asked_at);
    let written = std::mem::replace(&mut config.listen, addresses.plain.clone());
    if config.enabled
        && let Some(listen) = config.upstream_is_own_listener()
    {
        return Err(own_upstream(&config, listen));
    }
    config.listen = written; // rules name listeners as they are written
    let certificates = Arc::new(certificates(&config)?);
    let settings = if options.settings.is_empty() { config::effective(&config) } else { options.settings };
    let server = embed(&mut config, options.search_path).await?;
    let (relay, inner) = watch::channel(Phase::Serving);
    let force = watch::Sender::new(Arc::new(parts::in_force(&config)?));
    let forces = force.subscribe();
    let crew = Crew::new(
        &config,
        &certificates,
        outside,
        (options.source, force, as_written, settings),
        options.log,
    );
    let inside = crew.inside(addresses);
    let (workers, threads) = crew.start(inner)?;
    if let Some(admin) = &mut admin {
        admin.serve(Arc::clone(&inside.desk), certificates.admin_admission().map(Arc::new));
    }
    let accepting = accept::Accepting::new(listeners, workers, forces.clone());
    tokio::select! {
        () = accepting.run() => {}
        () = watch_certificates(&certificates, forces.clone(), accepting.audit()) => {}
        looped = serve(&accepting, &config, &inside, ready, &mut phases) => looped?,
    }
    let last = *phases.borrow();
    let audit = accepting.close(); // the listeners and the workers' queues
    let deadline = forces.borrow().config.drain_timeout;
    finish(&relay, last, deadline, phases, threads).await;
    audit.tell_left_out(true);
    if let Some(server) = server
        && let Err(error) = server.stop(EMBEDDED_STOP).await
    {
        tracing::error!(%error, "the embedded server did not stop cleanly");
    }
    Ok(())
}

/// Announces the proxy once it is sure not to talk to itself, and waits for the end.
async fn serve(
    accepting: &accept::Accepting,
    config: &Config,
    inside: &Inside,
    ready: &Ready,
    phases: &mut watch::Receiver<Phase>,
) -> Result<(), Error> {
    if config.enabled && accepting.shared().leads_back(accepting.nonce()).await {
        let addresses = &inside.addresses;
        let own = addresses.plain.iter().chain(&addresses.tls).next();
        return Err(own_upstream(config, own.unwrap_or(&Listen::Tcp(String::new(), 0))));
    }
    let _ = ready.send(Ok(inside.clone()));
    let _ = phases.wait_for(|phase| *phase != Phase::Serving).await;
    Ok(())
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

/// Drains the workers unless they are to stop at once, then stops what is left.
async fn finish(
    relay: &watch::Sender<Phase>,
    last: Phase,
    deadline: Duration,
    mut phases: watch::Receiver<Phase>,
    threads: Vec<JoinHandle<()>>,
) {
    let mut joined =
        tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| drop(thread.join())));
    if last != Phase::Stopped {
        let _ = relay.send(Phase::Draining);
        let stopped = async {
            let _ = phases.wait_for(|phase| *phase == Phase::Stopped).await;
        };
        tokio::select! {
            _ = &mut joined => return,
            () = stopped => {}
            () = tokio::time::sleep(deadline) => tracing::warn!(?deadline, "drain_timeout is over: closing what is left"),
        }
    }
    let _ = relay.send(Phase::Stopped);
    let _ = timeout(STOP, joined).await;
}
