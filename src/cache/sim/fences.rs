//! Signals are held until every lane has heard what they tell of (I6, I7).

use std::sync::Arc;

use super::kit::MILLI;
use super::lanes::{What, Whose};
use super::plan::FENCE;
use super::server::{Moment, Reg};
use super::sessions::Answer;
use super::wire::Event;
use super::world::World;
use super::{Fence, LaneState};

/// Something that is told later.
pub(super) struct Hold {
    id: u64,
    fence: Fence,
    /// Whose reply it is; `None`: a message.
    whose: Option<(Whose, Vec<Reg>)>,
    at: Moment,
    /// Somebody will look at it.
    due: bool,
}

impl World {
    /// A signal that tells of `at` has come to `worker`.
    pub(super) fn hold(
        &mut self,
        worker: usize,
        whose: Option<(Whose, Vec<Reg>)>,
        at: Moment,
        sent: &[(Arc<LaneState>, u64)],
    ) {
        let fence = self.near.fence(sent, self.wires.now);
        if fence.is_passed() {
            return self.tell(whose, at);
        }
        self.next += 1;
        let id = self.next;
        self.worth.held += 1;
        self.say(|| format!("worker {worker}: signal {id} of @{at} is held"));
        for other in fence.workers().collect::<Vec<_>>() {
            let delay = if other == worker { 0 } else { self.soon(MILLI / 5) };
            self.wires.after(delay, Event::Wake(other));
        }
        self.holds.push(Hold { id, fence, whose, at, due: false });
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
            let hold = self.holds.swap_remove(at);
            self.say(|| format!("signal {id} of @{} is told", hold.at));
            self.tell(hold.whose, hold.at);
        }
    }

    pub(super) fn deadline(&mut self, id: u64) {
        if let Some(hold) = self.holds.iter().find(|hold| hold.id == id) {
            let late = self.near.fence_late(&hold.fence);
            self.worth.late += 1;
            self.say(|| format!("signal {id} has waited long enough: {late} lanes are void"));
            self.look_at(id);
        }
    }

    fn tell(&mut self, whose: Option<(Whose, Vec<Reg>)>, at: Moment) {
        match whose {
            Some((whose, changed)) => self.answer(whose, Answer::Reply { bytes: Vec::new(), at, changed }),
            None => self.floors.told = self.floors.told.max(at),
        }
    }
}
