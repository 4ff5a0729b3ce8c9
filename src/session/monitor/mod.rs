//! `MONITOR`: whoever asks for it is shown what all clients of the proxy send, on all workers.
//!
//! A request is put into words once, by the worker that takes it, and left for each worker that has
//! monitors; that worker hands the lines to its monitoring clients in its next turn, all that have
//! come by then in one write. Nobody waits for a monitor: one that does not read is cut by the output
//! limit for subscribers, and one whose worker is stuck for so long that its lines would fill memory is
//! cut too. Where nobody monitors, a request pays for one relaxed load.

mod line;
mod post;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use super::Flag;
use super::client::Client;
use super::local::integer;
use super::path::Path;
use crate::command::{Command, Local, Route};
use crate::config::{Config, Listen, OutputLimits};
use crate::net::Peer;
use crate::resp::request::Args;
use post::Post;

pub use post::Monitors;

/// What Redis answers a client that monitors and would use data: to it a monitor is a kind of replica.
pub(super) const KEYSPACE: &str = "ERR Replica can't interact with the keyspace";
/// A line's buffer larger than this is given back.
const KEEP: usize = 64 * 1024;

/// One worker's monitors, and its way to show its clients' requests to everybody's.
#[derive(Debug)]
pub struct Feed {
    all: Arc<Monitors>,
    post: Arc<Post>,
    clients: RefCell<Vec<Rc<Client>>>,
    limits: Cell<OutputLimits>,
    default_db: u32,
    /// What clients on a Unix socket are called, who have no address: Redis names the socket.
    unix: String,
    line: RefCell<Vec<u8>>,
}

impl Feed {
    /// The feed of worker `index`. Dropping it forgets the worker's monitors.
    pub fn new(all: &Arc<Monitors>, index: usize, config: &Config) -> Self {
        let socket = config.listen.iter().find_map(|listen| match listen {
            Listen::Unix(path) => Some(path.display().to_string()),
            Listen::Tcp(..) => None,
        });
        Self {
            post: all.post(index),
            all: Arc::clone(all),
            clients: RefCell::default(),
            limits: Cell::new(config.client_output_buffer_limit),
            default_db: config.upstream.database,
            unix: format!("unix:{}", socket.unwrap_or_default()),
            line: RefCell::default(),
        }
    }

    /// From now on monitors are held to `limits`, and those that are none any more.
    pub fn bound(&self, limits: OutputLimits) {
        self.limits.set(limits);
    }

    /// Whether anybody monitors, on any worker.
    #[inline]
    pub fn any(&self) -> bool {
        self.all.any()
    }

    /// From now on `client` is shown what others send; nothing from before. Held to the output limit
    /// for subscribers, and never idle. Asking twice changes nothing. Say `+OK` in the same turn.
    pub fn add(&self, client: &Rc<Client>) {
        if self.has(client) {
            return;
        }
        self.deliver();
        client.set_output_limit(self.limits.get().pubsub);
        client.patient.set(true);
        client.card.set(Flag::Monitor, true);
        self.clients.borrow_mut().push(Rc::clone(client));
        self.all.joined(&self.post);
    }

    /// `client` monitors no more (`RESET`, or its end); nothing if it did not.
    pub fn remove(&self, client: &Client) {
        if !self.any() || !self.has(client) {
            return;
        }
        self.clients.borrow_mut().retain(|one| one.id != client.id);
        self.all.left(&self.post);
        client.set_output_limit(self.limits.get().normal);
        client.patient.set(false);
        client.card.set(Flag::Monitor, false);
    }

    /// Whether `client` monitors.
    pub fn has(&self, client: &Client) -> bool {
        self.clients.borrow().iter().any(|one| one.id == client.id)
    }

    /// Whether `client` monitors and must not send this: the answer is [`KEYSPACE`] (inside a
    /// transaction, which is then aborted, too).
    pub(super) fn refuses(&self, client: &Client, command: &Command, args: &Args<'_>) -> bool {
        command.uses_keyspace() && command.arity_ok(args.len()) && self.has(client)
    }

    /// Shows a request that `path`'s client sent: call it once for each that has been taken, after
    /// what is answered here, before what is passed on. One that is passed on before it is `whole` is
    /// shown by the arguments that have come. Costs one load when nobody monitors.
    #[inline]
    pub(super) fn show(&self, path: &Path, command: Option<&Command>, args: &Args<'_>, whole: bool) {
        if self.any() {
            self.show_all(path, command, args, whole);
        }
    }

    /// Waits until there is something to [`Self::deliver`]. Cancel safe.
    pub async fn arrived(&self) {
        self.post.arrived().await;
    }

    /// Hands the worker's monitors the lines that have come.
    pub fn deliver(&self) {
        let waiting = self.post.take();
        for client in self.clients.borrow().iter().filter(|client| !client.is_cut()) {
            if waiting.lost {
                tracing::warn!(client = client.id, peer = %client.peer, "closed: MONITOR lines were lost");
                client.cut();
            } else if !waiting.lines.is_empty() {
                // A stay on a connection of its own may have ended since, and changed it.
                client.set_output_limit(self.limits.get().pubsub);
                client.push(&waiting.lines);
            }
        }
    }

    #[cold]
    fn show_all(&self, path: &Path, command: Option<&Command>, args: &Args<'_>, whole: bool) {
        if !is_shown(command, args, whole) || (path.must_authenticate() && !before_auth(command)) {
            return;
        }
        let secrets = command.map_or_else(Vec::new, |command| command.secrets(args));
        let by = match path.client.peer {
            Peer::Unix => &self.unix,
            peer @ Peer::Tcp(_) => &peer.to_string(),
        };
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let sent = line::Sent { at, db: self.db(path, command, args), by };
        let line = &mut *self.line.borrow_mut();
        line.clear();
        line::write(line, sent, args, &secrets, !whole);
        self.all.send(line);
        if line.capacity() > KEEP {
            *line = Vec::new();
        }
    }

    /// The database Redis names: the one in use once the request has been carried out.
    fn db(&self, path: &Path, command: Option<&Command>, args: &Args<'_>) -> u32 {
        match command.map(|command| command.route) {
            Some(Route::Session(Local::Select)) => {
                integer(args.get(1)).and_then(|db| u32::try_from(db).ok()).unwrap_or(path.db)
            }
            Some(Route::Session(Local::Reset)) => self.default_db,
            _ => path.db,
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.clients.borrow().iter().for_each(|_| self.all.left(&self.post));
    }
}

/// Whether Redis would show it. What a module may know has a dot in its name; other words that are
/// no command may be anything, a mistyped `AUTH` with its password too.
fn is_shown(command: Option<&Command>, args: &Args<'_>, whole: bool) -> bool {
    match command {
        Some(command) if !whole => !command.is_hidden() && command.route != Route::Refused,
        Some(command) => command.is_shown(args),
        None => args.get(0).contains(&b'.'),
    }
}

/// Whether it is carried out for a client that must still authenticate.
fn before_auth(command: Option<&Command>) -> bool {
    let route = command.map(|command| command.route);
    matches!(route, Some(Route::Session(Local::Auth | Local::Hello | Local::Reset | Local::Quit)))
}

#[cfg(test)]
pub(super) mod tests;
