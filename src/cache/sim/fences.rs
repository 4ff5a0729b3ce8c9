//! Signals are held until every lane has heard what they tell of (I6, I7).

use super::kit::MILLI;
use super::lanes::{What, Whose};
use super::plan::FENCE;
use super::server::{Moment, Reg};
use super::sessions::Answer;
use super::wire::Event;
use super::world::World;
use super::{Fence, Sent};

/// Something that may make clients act on what no lane has told them.
pub(super) struct Signal {
    /// Whose reply it is, and what that changed; `None`: a message.
    pub(super) whose: Option<(Whose, Vec<Reg>)>,
    /// What has been at the server when it was said.
    pub(super) at: Moment,
}

/// Signals of one worker that came in one turn, and have not asked for a fence yet.
#[derive(Default)]
pub(super) struct Batch {
    signals: Vec<Signal>,
    sent: Vec<Sent>,
    /// One of them has no fence on its way.
    any: bool,
}

/// Signals that wait for a fence.
pub(super) struct Hold {
    id: u64,
    fence: Fence,
    signals: Vec<Signal>,
    /// Somebody will look at it.
    due: bool,
}

impl World {
    /// A signal has come to `worker`. `sent`: a fence that was sent behind what brought it, on its lane.
    pub(super) fn hold(&mut self, worker: usize, signal: Signal, sent: Option<Sent>) {
        if !self.near.is_live(self.wires.now) {
            return self.tell(signal);
        }
        self.worth.held += 1;
        self.say(|| format!("worker {worker}: a signal of @{} is held", signal.at));
        let batch = &mut self.batches[worker];
        let first = batch.signals.is_empty();
        batch.signals.push(signal);
        match sent {
            Some(sent) => batch.sent.push(sent),
            None => batch.any = true,
        }
        if first {
            let turn = self.soon(MILLI / 5);
            self.wires.after(turn, Event::Seal(worker));
        }
    }

    /// The worker's turn is over: one fence for all signals that came in it.
    pub(super) fn seal(&mut self, worker: usize) {
        let Batch { signals, sent, any } = std::mem::take(&mut self.batches[worker]);
        let fence = self.near.fence(if any { &[] } else { &sent }, self.wires.now);
        self.next += 1;
        let id = self.next;
        self.say(|| format!("worker {worker}: {} signals wait for fence {id}", signals.len()));
        for other in fence.workers() {
            let delay = if other == worker { 0 } else { self.soon(MILLI / 5) };
            self.wires.after(delay, Event::Wake(other));
        }
        self.holds.push(Hold { id, fence, signals, due: false });
        self.wires.after(FENCE, Event::Deadline(id));
    }

    /// Fences that others have asked for are sent.
    pub(super) fn wake(&mut self, worker: usize) {
        for lane in 0..self.tracks.len() {
            if self.tracks[lane].worker != worker {
                continue;
            }
            let Some(number) = self.tracks[lane].lane.fence_due() else { continue };
            if self.tracks[lane].wire.is_some() {
                self.enqueue(lane, "PING", What::Fence(number), false);
            } else {
                self.tracks[lane].lane.fence_passed(number);
            }
        }
    }

    /// Who waits for a fence hears a little later that it has been passed.
    pub(super) fn look_at_holds(&mut self) {
        for at in 0..self.holds.len() {
            if !self.holds[at].due && self.holds[at].fence.is_passed() {
                self.holds[at].due = true;
                let (id, delay) = (self.holds[at].id, self.soon(MILLI / 5));
                self.wires.after(delay, Event::Look(id));
            }
        }
    }

    pub(super) fn look_at(&mut self, id: u64) {
        if let Some(at) = self.holds.iter().position(|hold| hold.id == id) {
            self.say(|| format!("fence {id} has been passed, or waited for long enough"));
            let hold = self.holds.swap_remove(at);
            hold.signals.into_iter().for_each(|signal| self.tell(signal));
        }
    }

    pub(super) fn deadline(&mut self, id: u64) {
        if let Some(hold) = self.holds.iter().find(|hold| hold.id == id) {
            let late = self.near.fence_late(&hold.fence);
            self.worth.late += late as u64;
            self.say(|| format!("fence {id} is late: {late} lanes are void"));
            self.look_at(id);
        }
    }

    fn tell(&mut self, Signal { whose, at }: Signal) {
        match whose {
            Some((whose, changed)) => self.answer(whose, Answer::Reply { bytes: Vec::new(), at, changed }),
            None => self.floors.told = self.floors.told.max(at),
        }
    }
}
