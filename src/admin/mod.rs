//! HTTP for those who operate a proxy: probes, figures, the dashboard, and what it may be told to do.
//!
//! Owns: a thread of its own, its listeners, who may ask, and the form of answers. Never: knows what the
//! answers are made of; it asks the desk ([`crate::telemetry::desk`]). A proxy serves its clients whatever
//! happens here: nothing on a request's path waits for this thread.

mod answer;
mod crowd;
mod dashboard;
mod gate;
#[cfg(feature = "otlp")]
pub mod otlp;
mod routes;
mod serve;

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;

use crate::config::{Admin, Listen, Secret};
use crate::net::tls::Admission;
use crate::net::{BindError, Door, Inherited, Listener, Offer};
use crate::telemetry::Desk;

/// Clients that may wait to be accepted: one for whom there is no room tries again after a second.
const BACKLOG: u32 = 1024;

/// Why those who operate a proxy cannot ask it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// An address cannot be listened on.
    #[error("admin.listen: {0}")]
    Bind(#[from] BindError),
    /// The token cannot be had.
    #[error("admin.token_file: {0}")]
    Token(String),
    /// Anybody could ask.
    #[error(
        "admin.listen: other machines could drain this proxy and read its keys at {0}: set admin.token, or \
         admin.open = true if they may"
    )]
    Exposed(Listen),
    /// A thread or runtime cannot be made.
    #[error("cannot start the admin thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What is asked, and who may ask.
#[derive(Clone, Debug)]
struct Setup {
    desk: Arc<dyn Desk>,
    /// How TLS is spoken, where it is.
    tls: Option<Arc<Admission>>,
}

/// The server, bound. Dropping it ends it: answers that are on their way are given half a second.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<Listen>,
    offers: Vec<Offer>,
    setup: Option<oneshot::Sender<Setup>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds what `settings` name, or takes it from the `inherited`, on a thread of its own; blocks for that
    /// long. Clients wait until [`Self::serve`]. `None`: nothing is to be served, or only the default address is taken.
    ///
    /// # Errors
    /// An address, or the file of the token, cannot be used.
    pub fn bind(settings: &Admin, inherited: &mut Inherited) -> Result<Option<Self>, AdminError> {
        if settings.listen.is_empty() {
            return Ok(None);
        }
        if let Some(listen) = settings.exposed() {
            return Err(AdminError::Exposed(listen.clone()));
        }
        let gate = gate::Gate::new(token(settings)?);
        let (bound, answer) = std_mpsc::sync_channel(1);
        let (setup, wanted) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (wishes, mut sockets) = (settings.clone(), std::mem::take(inherited));
        let thread = std::thread::Builder::new().name("nearside-admin".into()).spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let ended = runtime.map_err(AdminError::from).and_then(|runtime| {
                runtime.block_on(async {
                    let listeners = listen(&wishes, &mut sockets)?;
                    let addresses = listeners.iter().map(Listener::address).collect();
                    let offers = listeners.iter().map(Listener::offer).collect::<Result<_, _>>()?;
                    let _ = bound.send(Ok((addresses, offers, sockets)));
                    // Both are dropped together with the server.
                    if let Ok(setup) = wanted.await {
                        serve::run(listeners, gate, setup, stopped).await;
                    }
                    Ok(())
                })
            });
            if let Err(error) = ended {
                let _ = bound.send(Err(error));
            }
        })?;
        let (setup, stop, thread) = (Some(setup), Some(stop), Some(thread));
        match answer.recv() {
            Ok(Ok((addresses, offers, left))) => {
                *inherited = left;
                Ok(Some(Self { addresses, offers, setup, stop, thread }))
            }
            Ok(Err(AdminError::Bind(error))) if settings.optional => {
                tracing::warn!("{error}; going on without health, metrics and dashboard (admin.listen)");
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(std::io::Error::other("the admin thread ended early").into()),
        }
    }

    /// Where it is asked, with the ports that were picked.
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses
    }

    /// Its sockets, as another process could have them; given out once. They listen until these are dropped.
    pub fn offers(&mut self) -> Vec<Offer> {
        std::mem::take(&mut self.offers)
    }

    /// Answers from now on, over TLS where `tls` is given.
    pub fn serve(&mut self, desk: Arc<dyn Desk>, tls: Option<Arc<Admission>>) {
        if let Some(setup) = self.setup.take() {
            let _ = setup.send(Setup { desk, tls });
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop((self.setup.take(), self.stop.take()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(settings: &Admin, inherited: &mut Inherited) -> Result<Vec<Listener>, AdminError> {
    let mut listeners = Vec::new();
    for (index, listen) in settings.listen.iter().enumerate() {
        let door = Door { index, tls: settings.tls };
        listeners.extend(Listener::bind_private(listen, BACKLOG, door, inherited)?);
    }
    Ok(listeners)
}

/// What has to be shown, if anything has.
fn token(settings: &Admin) -> Result<Option<Secret>, AdminError> {
    let Some(path) = &settings.token_file else { return Ok(settings.token.clone()) };
    let why = |why: String| AdminError::Token(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| why(error.to_string()))?;
    Secret::token(&text).map(Some).map_err(why)
}
