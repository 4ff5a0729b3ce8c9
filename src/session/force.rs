//! What is in force: what a reload replaces, whole, while sessions go on.
//!
//! A worker has the latest, and each of its sessions what it has looked at last: it compares a number once in
//! every turn, and takes over what is new between two requests.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::path::Path;
use super::{Intake, Session, Worker};
use crate::config::Config;
use crate::policy::limit::{RateError, Rates};
use crate::policy::{Gate, UserError};

/// Everything that can change while sessions go on. Made whole, checked, never changed.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Another one for every other; later ones are larger.
    pub generation: u64,
    /// The configuration, of which what needs a restart is as it was at the start.
    pub config: Arc<Config>,
    /// Who may do what.
    pub gate: Arc<Gate>,
    /// How much of it; `None`: nothing is limited per second.
    pub rates: Option<Arc<Rates>>,
}

/// Why a configuration cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ForceError {
    /// The rights of a user cannot be read.
    #[error(transparent)]
    Users(#[from] UserError),
    /// A rate cannot be applied.
    #[error(transparent)]
    Rates(#[from] RateError),
}

impl InForce {
    /// What `config` asks for, as the first of its proxy.
    ///
    /// # Errors
    /// What is wrong with its users or its rates.
    pub fn new(config: &Config) -> Result<Self, ForceError> {
        let (gate, rates) = (Arc::new(Gate::new(config)?), Rates::new(config)?);
        Ok(Self { generation: 0, config: Arc::new(config.clone()), gate, rates })
    }

    /// What comes after it with `config`; `same_gate`: nothing of that concerns who may do what.
    ///
    /// # Errors
    /// What is wrong with its users or its rates.
    pub fn next(&self, config: Config, same_gate: bool) -> Result<Self, ForceError> {
        let gate = if same_gate { Arc::clone(&self.gate) } else { Arc::new(Gate::new(&config)?) };
        let rates = Rates::renewed(&config, self.rates.as_deref())?;
        Ok(Self { generation: self.generation + 1, config: Arc::new(config), gate, rates })
    }
}

/// A worker's look at it.
#[derive(Debug)]
pub struct Latest {
    generation: Cell<u64>,
    force: RefCell<Arc<InForce>>,
}

impl Latest {
    /// Begins with `force`.
    pub fn new(force: Arc<InForce>) -> Self {
        Self { generation: Cell::new(force.generation), force: RefCell::new(force) }
    }

    /// What is in force.
    pub fn get(&self) -> Arc<InForce> {
        Arc::clone(&self.force.borrow())
    }

    /// From now on this is in force.
    pub fn set(&self, force: Arc<InForce>) {
        self.generation.set(force.generation);
        *self.force.borrow_mut() = force;
    }

    /// Whether `force` is what is in force.
    #[inline]
    pub(super) fn is(&self, force: &InForce) -> bool {
        self.generation.get() == force.generation
    }
}

impl Worker {
    /// From now on `force` is in force on this worker: its sessions look at it in their next turn.
    pub fn take_over(&self, force: Arc<InForce>) {
        self.monitors.bound(force.config.client_output_buffer_limit);
        self.lanes.look_again();
        self.keeper.renew(&self.lanes);
        self.latest.set(force);
    }
}

/// The client would not be let in any more as who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expelled;

impl Session {
    /// Takes over what is in force, if it has changed since the last look; answers whether it had. `listens`:
    /// its client may hear what it has not asked for.
    #[inline]
    pub(super) fn renew(&mut self, listens: bool) -> Result<bool, Expelled> {
        if self.path.worker.latest.is(&self.path.force) {
            return Ok(false);
        }
        self.path.renew(&mut self.intake, listens).map(|()| true)
    }
}

impl Path {
    #[cold]
    fn renew(&mut self, intake: &mut Intake, listens: bool) -> Result<(), Expelled> {
        let force = self.worker.latest.get();
        let before = std::mem::replace(&mut self.force, Arc::clone(&force));
        if !Arc::ptr_eq(&before.gate, &force.gate) {
            self.renew_rights(&force.gate)?;
            intake.rename(force.gate.renames().cloned());
        }
        self.limited.renew(force.rates.as_ref(), self.rights.user(), &self.origin);
        self.set_limits();
        self.client.bound(&force.config.limits);
        self.limit_output(listens || self.member.is_some() || self.worker.monitors.has(&self.client));
        Ok(())
    }

    fn renew_rights(&mut self, gate: &Gate) -> Result<(), Expelled> {
        self.renew_terms();
        let user = self.credential.user().to_owned();
        let Some(rights) = gate.renewed(&self.rights, &self.proof, &self.origin, &user) else {
            tracing::info!(
                client = self.client.id,
                user = self.rights.user(),
                "closed: its user is gone, switched off, or has another password since settings were reloaded"
            );
            return Err(Expelled);
        };
        if self.client.card.is_subscribed() && !rights.hears_all_of(&self.rights) {
            tracing::info!(
                client = self.client.id,
                user = self.rights.user(),
                "closed: it is subscribed, and its user has lost channels since settings were reloaded"
            );
            return Err(Expelled);
        }
        self.have(rights);
        Ok(())
    }

    /// Holds the client to the output limit of subscribers, or to that of others.
    pub(super) fn limit_output(&self, subscribed: bool) {
        let limits = &self.force.config.client_output_buffer_limit;
        self.client.set_output_limit(if subscribed { limits.pubsub } else { limits.normal });
    }
}
