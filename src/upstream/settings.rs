//! The settings of one upstream, of which most can change while it is in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::Shared;
use crate::config::{Limits, Upstream};
use crate::resp::rename::Names;

/// What is in force.
#[derive(Debug)]
pub(super) struct Settings {
    upstream: RwLock<Arc<Upstream>>,
    /// What the upstream calls commands; `None`: what Redis calls them.
    names: RwLock<Option<Arc<Names>>>,
    /// How often the settings have changed, and how often those names have.
    version: AtomicU64,
    wording: AtomicU64,
    large: AtomicU64,
    reply_buffer: AtomicU64,
}

impl Settings {
    pub(super) fn new(upstream: Upstream, limits: &Limits) -> Self {
        Self {
            names: RwLock::new(Names::outward(&upstream.rename).map(Arc::new)),
            upstream: RwLock::new(Arc::new(upstream)),
            version: AtomicU64::new(0),
            wording: AtomicU64::new(0),
            large: AtomicU64::new(limits.large),
            reply_buffer: AtomicU64::new(limits.reply_buffer),
        }
    }

    pub(super) fn names(&self) -> Option<Arc<Names>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    /// The settings in force. Not for the path of every request: it takes a lock that others read.
    pub fn settings(&self) -> Arc<Upstream> {
        Arc::clone(&self.settings.upstream.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on `upstream` and `limits` are in force, and replies of more than `longest` bytes (0: none) are
    /// kept from clients. Of `upstream`, where it is and how TLS is spoken with it stay what they were, and so
    /// does the number of connections that are not pinned.
    ///
    /// Where we are somebody else to it from now on, requests go on other lanes, as soon as there are requests;
    /// where its commands have other names, lanes and idle leases are made anew when nothing waits for them.
    pub fn renew(&self, upstream: &Upstream, limits: &Limits, longest: u64) {
        let old = self.settings();
        let is_other = old.username != upstream.username || old.password != upstream.password;
        let before = is_other.then(|| self.credential());
        *self.settings.upstream.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(upstream.clone());
        if let Some(before) = before {
            self.supersede(before);
        }
        if old.rename != upstream.rename {
            let names = Names::outward(&upstream.rename).map(Arc::new);
            *self.settings.names.write().unwrap_or_else(PoisonError::into_inner) = names;
            self.settings.wording.fetch_add(1, Ordering::AcqRel);
        }
        self.settings.large.store(limits.large, Ordering::Relaxed);
        self.settings.reply_buffer.store(limits.reply_buffer, Ordering::Relaxed);
        self.large.remember_for(limits.large_memory);
        self.memory.set_limit(limits.memory);
        self.longest.set(longest);
        self.budget.set_pinned(upstream.max_pinned);
        self.settings.version.fetch_add(1, Ordering::AcqRel);
    }

    /// How often the settings have changed.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.settings.version.load(Ordering::Relaxed)
    }

    /// Rises when connections that are shared or idle have to be made anew: [`Self::generation`], and what the
    /// upstream calls commands.
    pub(super) fn epoch(&self) -> u64 {
        self.generation() | self.wording() << 32
    }

    /// How often the names of commands have changed.
    pub(super) fn wording(&self) -> u64 {
        self.settings.wording.load(Ordering::Acquire)
    }

    /// `limits.large`.
    #[inline]
    pub(super) fn large_from(&self) -> u64 {
        self.settings.large.load(Ordering::Relaxed)
    }

    /// `limits.reply_buffer`.
    pub(super) fn reply_buffer(&self) -> u64 {
        self.settings.reply_buffer.load(Ordering::Relaxed)
    }
}
