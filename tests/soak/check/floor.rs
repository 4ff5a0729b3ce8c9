//! The newest state seen so far, in the eyes of each.

use super::{Rules, Version};

/// A version and the operation that showed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Floor {
    pub(super) version: Version,
    /// Its place in the history.
    pub(super) by: u32,
}

impl Floor {
    pub(super) fn raise(&mut self, other: Self) {
        if other.version > self.version {
            *self = other;
        }
    }

    pub(super) fn max(mut self, other: Self) -> Self {
        self.raise(other);
        self
    }
}

/// Everybody's floor.
#[derive(Debug)]
pub(super) struct Floors {
    pub(super) truth: Floor,
    pub(super) proxies: Vec<Floor>,
    pub(super) lanes: Vec<Floor>,
    pub(super) sessions: Vec<Floor>,
}

impl Floors {
    pub(super) fn new(rules: &Rules) -> Self {
        let lanes = rules.sessions.iter().map(|via| usize::from(via.lane) + 1).max().unwrap_or(0);
        Self {
            truth: Floor::default(),
            proxies: vec![Floor::default(); rules.proxies],
            lanes: vec![Floor::default(); lanes],
            sessions: vec![Floor::default(); rules.sessions.len()],
        }
    }

    /// Everybody has to know it.
    pub(super) fn raise_all(&mut self, floor: Floor) {
        self.truth.raise(floor);
        self.proxies.iter_mut().for_each(|proxy| proxy.raise(floor));
    }
}
