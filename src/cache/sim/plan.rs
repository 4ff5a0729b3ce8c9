//! What happens in a run, and how often.

use fastrand::Rng;

use super::Time;
use super::kit::MILLI;

/// D of the contract, in a run.
pub(super) const PATIENCE: Time = 30 * MILLI;
/// How often a lane's heart beats.
pub(super) const BEAT: Time = 6 * MILLI;
/// How long a fence is waited for.
pub(super) const FENCE: Time = 8 * MILLI;

/// What a session may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Get,
    Mget,
    Exists,
    Hash,
    Set,
    Mset,
    Expire,
    Script,
    Exec,
    Peek,
    Pop,
    FarScript,
    Flush,
    Swap,
    Select,
}

/// What others may do to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    Set,
    Mset,
    Delete,
    Expire,
    Field,
    Flush,
    Signal,
    Evict,
}

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A lane's connection breaks.
    Lane,
    /// The server has dropped a lane's connection, and nobody has noticed.
    HalfOpen,
    /// A connection of a session's own breaks.
    Own,
    /// Another server becomes the master.
    FailOver,
}

/// A kind of run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) workers: usize,
    pub(super) dbs: usize,
    pub(super) sessions: usize,
    /// Most requests in one write of a session.
    pub(super) depth: usize,
    /// How many keys strings have.
    pub(super) keys: usize,
    pub(super) stamps: u32,
    pub(super) length: Time,
    /// Mean time between two writes of a session, and between two doings of strangers.
    pub(super) think: Time,
    pub(super) outside: Time,
    /// Mean time between two troubles.
    pub(super) trouble: Time,
    /// In a thousand: how many messages are held up, and for how long at most.
    pub(super) stalls: u64,
    pub(super) stall: Time,
    /// In a thousand: how many pushes are held up besides.
    pub(super) late_pushes: u64,
    /// A read of several keys is interrupted by others of its own worker.
    pub(super) yields: bool,
    pub(super) does: Vec<(Does, u64)>,
    pub(super) outsides: Vec<(Outside, u64)>,
    pub(super) troubles: Vec<(Trouble, u64)>,
}

impl Plan {
    /// Some of everything.
    pub(super) fn any(rng: &mut Rng) -> Self {
        let rarely = |rng: &mut Rng, weight| if rng.u8(..3) == 0 { weight } else { 0 };
        Self {
            workers: rng.usize(1..=3),
            dbs: rng.usize(1..=2),
            sessions: rng.usize(2..=5),
            depth: rng.usize(1..=4),
            keys: rng.usize(1..=3),
            stamps: 1 << rng.u32(0..10),
            length: 200 * MILLI,
            think: rng.u64(2..8) * MILLI / 2,
            outside: rng.u64(3..30) * MILLI,
            trouble: rng.u64(40..400) * MILLI,
            stalls: rng.u64(0..40),
            stall: rng.u64(2..60) * MILLI,
            late_pushes: rng.u64(0..40),
            yields: rng.bool(),
            does: vec![
                (Does::Get, 100),
                (Does::Mget, 20),
                (Does::Exists, 8),
                (Does::Hash, 20),
                (Does::Set, rng.u64(1..12)),
                (Does::Mset, rng.u64(0..4)),
                (Does::Expire, rng.u64(0..4)),
                (Does::Script, rarely(rng, 3)),
                (Does::Exec, 2),
                (Does::Peek, 3),
                (Does::Pop, rarely(rng, 3)),
                (Does::FarScript, rarely(rng, 2)),
                (Does::Flush, rarely(rng, 2)),
                (Does::Swap, rarely(rng, 2)),
                (Does::Select, 2),
            ],
            outsides: vec![
                (Outside::Set, 20),
                (Outside::Mset, 8),
                (Outside::Delete, 3),
                (Outside::Expire, 5),
                (Outside::Field, 6),
                (Outside::Flush, rarely(rng, 2)),
                (Outside::Signal, 8),
                (Outside::Evict, 2),
            ],
            troubles: vec![
                (Trouble::Lane, 4),
                (Trouble::HalfOpen, 2),
                (Trouble::Own, 3),
                (Trouble::FailOver, 1),
            ],
        }
    }

    /// Only reads of strings, and what `more` adds, by two workers.
    pub(super) fn only(more: &[(Does, u64)], outsides: &[(Outside, u64)]) -> Self {
        Self {
            workers: 2,
            dbs: 1,
            sessions: 4,
            depth: 1,
            keys: 2,
            stamps: 1 << 10,
            length: 120 * MILLI,
            think: 2 * MILLI,
            outside: 6 * MILLI,
            trouble: 1000 * MILLI,
            stalls: 40,
            stall: 12 * MILLI,
            late_pushes: 0,
            yields: false,
            does: [&[(Does::Get, 50)], more].concat(),
            outsides: outsides.to_vec(),
            troubles: vec![(Trouble::Lane, 1)],
        }
    }
}

/// One of them, by weight; `None` when nothing has any.
pub(super) fn pick<T: Copy>(rng: &mut Rng, of: &[(T, u64)]) -> Option<T> {
    let all: u64 = of.iter().map(|(_, weight)| weight).sum();
    let mut at = (all > 0).then(|| rng.u64(..all))?;
    for (what, weight) in of {
        if at < *weight {
            return Some(*what);
        }
        at -= weight;
    }
    None
}
