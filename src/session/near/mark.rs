//! What rides with a request on a lane for the cache's sake.

use std::rc::Rc;

use super::clock;
use super::verify::Verify;
use crate::cache::{self, Fill, Heard, PerWorker, Stripe, Time};
use crate::session::Client;
use crate::session::pulse::Probing;
use crate::upstream::{self, Lane};

/// See [`upstream::Mark`].
#[derive(Debug, Default)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// A read whose reply is not kept.
    Read,
    /// A write of one key.
    Write(Written),
    /// Writes of several.
    Writes(Box<[Written]>),
    /// Part of a fill.
    Fill(Filling),
    /// A heartbeat.
    Beat(Rc<cache::Lane>, Time),
    /// A fence.
    Fence(Fenced),
    /// Something that concerns all keys.
    Global(Global),
    /// A read whose reply is compared with what was given out.
    Verify(Box<Verify>),
    /// What shows that commands get through.
    Pulse(Box<Probing>),
}

/// Which reply of a fill it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// To what has the server watch the key.
    Watched,
    /// To the read.
    Value,
    /// To what asks for TTLs of fields.
    Fields,
    /// To what asks for the TTL of key so many.
    Ttl(u16),
}

/// A reply to a fill that is to come. Dropped without it, nothing of the fill is kept.
#[derive(Debug)]
pub struct Filling {
    fill: Rc<Fill>,
    part: Part,
    heard: bool,
}

impl Filling {
    pub(super) fn mark(fill: &Rc<Fill>, part: Part) -> Mark {
        Mark::Fill(Self { fill: Rc::clone(fill), part, heard: false })
    }

    fn replied(mut self, reply: &[u8], lane: &Lane<Client>) {
        self.heard = true;
        match self.part {
            Part::Watched => self.fill.watched(reply),
            Part::Value => {
                refused(reply, lane);
                if let Heard::Ask(request) = self.fill.value(reply) {
                    lane.ask(Self::mark(&self.fill, Part::Fields), &request, std::time::Instant::now());
                }
            }
            Part::Fields => self.fill.fields(reply),
            Part::Ttl(at) => self.fill.ttl(at.into(), reply, clock::now()),
        }
    }
}

/// A read that may not be read any more says that rights have been taken away.
#[inline]
fn refused(reply: &[u8], lane: &Lane<Client>) {
    if reply.starts_with(b"-NOPERM") {
        lane.watch().lane.refused();
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if !self.heard {
            self.fill.abandon();
        }
    }
}

/// A write in flight of the keys of a stripe; it has ended when this is dropped.
#[derive(Debug)]
pub struct Written {
    worker: Rc<PerWorker>,
    stripe: Stripe,
    /// It shows that it is in flight. If not, everything kept is void when it begins and when it ends.
    counted: bool,
}

impl Written {
    /// It begins.
    #[inline]
    pub(super) fn begin(worker: &Rc<PerWorker>, name: &[u8]) -> Self {
        let stripe = worker.near.stripe(name);
        Self { worker: Rc::clone(worker), stripe, counted: worker.near.write_begins(stripe) }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if self.counted {
            self.worker.near.write_ends(self.stripe);
        } else {
            self.worker.near.word.bump();
        }
    }
}

/// A command in flight that may change every key, or who may see them; it has ended when this is dropped.
#[derive(Debug)]
pub struct Global(Rc<PerWorker>);

impl Global {
    /// It begins.
    pub(super) fn begin(worker: &Rc<PerWorker>) -> Self {
        worker.near.global_begins();
        Self(Rc::clone(worker))
    }
}

impl Drop for Global {
    fn drop(&mut self) {
        self.0.near.global_ends();
    }
}

/// A fence that has been sent; who waits for it is told when this is dropped.
#[derive(Debug)]
pub struct Fenced {
    pub(super) lane: Rc<cache::Lane>,
    pub(super) number: u64,
    pub(super) signals: Rc<super::Signals>,
}

impl upstream::Mark<Client> for Mark {
    #[inline]
    fn replied(self, reply: &[u8], lane: &Lane<Client>) {
        match self {
            // They end here, by being dropped.
            Self::Read => refused(reply, lane),
            Self::None | Self::Write(_) | Self::Writes(_) | Self::Global(_) => {}
            Self::Fill(filling) => filling.replied(reply, lane),
            Self::Beat(of, since) => super::watch::beaten(lane, &of, since, reply),
            Self::Fence(fenced) => {
                fenced.lane.fence_passed(fenced.number);
                fenced.signals.passed();
            }
            Self::Verify(verify) => verify.compare(reply, clock::now()),
            Self::Pulse(probing) => probing.replied(reply),
        }
    }
}
