//! Keyed hashes of reads and keys.

use std::hash::{BuildHasher, Hasher as _};

use foldhash::quality::FixedState;

/// Two independent hashes, keyed anew for every proxy.
#[derive(Clone, Debug)]
pub struct Hasher {
    entry: FixedState,
    key: FixedState,
}

impl Hasher {
    /// Hashes keyed by `seed`, which should be random and never leave the process.
    pub fn new(seed: u64) -> Self {
        Self { entry: FixedState::with_seed(seed), key: FixedState::with_seed(!seed) }
    }

    /// The hash of a read's arguments.
    #[inline]
    pub fn entry(&self, args: &[u8]) -> u64 {
        digest(&self.entry, args)
    }

    /// The hash of a key's name.
    #[inline]
    pub fn key(&self, name: &[u8]) -> u64 {
        digest(&self.key, name)
    }
}

fn digest(state: &FixedState, bytes: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}
