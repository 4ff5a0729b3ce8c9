//! What chance seldom brings about: for each, a lane that is held at the right moment, somebody who would hit
//! what it has not heard of, and somebody who makes that matter.

use std::sync::Arc;
use std::thread::{ScopedJoinHandle, scope, sleep};
use std::time::Duration;

use crate::check::What;
use crate::relay::Link;
use crate::session::{Expect, Session};
use crate::tellers::{listen, news};
use crate::world::{Near, Spot, World};

/// Those who take part: on one worker, on the next, on the server itself, and who listens.
struct Cast<'a> {
    world: &'a World<'a>,
    near: &'a Near,
    reader: Session<'a>,
    writer: Session<'a>,
    other: Session<'a>,
    outside: Session<'a>,
    listener: Session<'a>,
    random: fastrand::Rng,
}

/// Plots through one Nearside, one after the other, until the round is over.
pub(crate) fn plots(world: &World<'_>, proxy: u8, who: u64) {
    let mut random = world.random(who);
    let workers = u16::try_from(world.setup.workers).unwrap_or(1);
    let worker = random.u16(..workers);
    let session = |worker, reads| Session::new(world, Spot::Near { proxy, worker }, true, reads);
    let mut cast = Cast {
        world,
        near: &world.nears[usize::from(proxy)],
        reader: session(worker, What::Aside),
        writer: session(worker, What::Read),
        other: session((worker + 1) % workers, What::Read),
        outside: Session::new(world, Spot::Direct, false, What::Aside),
        listener: session((worker + 1) % workers, What::Aside),
        random,
    };
    while !world.stopped() {
        let counter = world.registers.plotted(proxy, &mut cast.random);
        match cast.random.u8(..8) {
            0 => cast.no_way_through(counter),
            1..4 => cast.in_flight(counter),
            4 | 5 => cast.too_late(counter),
            _ => cast.seen_elsewhere(counter),
        }
        cast.near.relay.heal();
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Waits for whoever reads, unless it is stuck.
fn until_done(reading: &ScopedJoinHandle<'_, ()>) {
    for _ in 0..60 {
        if reading.is_finished() {
            return;
        }
        sleep(ms(1));
    }
}

impl Cast<'_> {
    /// One of the lanes: perhaps the reader's.
    fn lane(&mut self) -> Option<Arc<Link>> {
        let mut lanes = self.near.relay.links();
        lanes.retain(|link| link.is_lane());
        (!lanes.is_empty()).then(|| lanes.swap_remove(self.random.usize(..lanes.len())))
    }

    fn get(session: &mut Session<'_>, counter: u32) {
        let key = session.world.registers.key(counter, 0);
        session.say(Expect::Value(counter), &[b"GET".as_slice(), &key]);
        session.run();
    }

    fn count(session: &mut Session<'_>, counter: u32) {
        let key = session.world.registers.key(counter, 0);
        session.say(Expect::Count(counter, What::Marked), &[b"INCR".as_slice(), &key]);
        session.run();
    }

    /// What the reader's lane keeps from here on, unless others write.
    fn warm(&mut self, counter: u32) {
        for _ in 0..3 {
            Self::get(&mut self.reader, counter);
        }
    }

    /// Reads, and lets everything through again a little later: who does not hit waits for that.
    fn read_in_the_dark(&mut self, counter: u32) {
        let (near, reader) = (self.near, &mut self.reader);
        scope(|scope| {
            scope.spawn(|| {
                sleep(ms(8));
                near.relay.heal();
            });
            Self::get(reader, counter);
        });
    }

    /// Nothing comes through for longer than anything may be stale.
    fn no_way_through(&mut self, counter: u32) {
        self.warm(counter);
        self.near.relay.dark(true);
        Self::count(&mut self.outside, counter);
        sleep(self.world.setup.bound + ms(1));
        self.read_in_the_dark(counter);
    }

    /// A write's reply is on its way, and somebody has seen already what it wrote.
    fn in_flight(&mut self, counter: u32) {
        self.warm(counter);
        let Some(lane) = self.lane() else { return sleep(ms(5)) };
        lane.down.hold(true);
        let (near, reader, writer, other) = (self.near, &mut self.reader, &mut self.writer, &mut self.other);
        scope(|scope| {
            scope.spawn(|| Self::count(writer, counter));
            let reading = scope.spawn(|| {
                for _ in 0..4 {
                    sleep(ms(2));
                    Self::get(other, counter);
                }
                Self::get(reader, counter);
            });
            until_done(&reading);
            near.relay.heal();
        });
    }

    /// A lane does not answer in time what a message waits for.
    fn too_late(&mut self, counter: u32) {
        let channel = format!("{}:plot:{:?}", self.world.registers.tag(), self.reader.spot());
        listen(&mut self.listener, &channel);
        self.warm(counter);
        let Some(lane) = self.lane() else { return sleep(ms(5)) };
        lane.down.hold(true);
        self.outside.tell(counter, &channel);
        // The message comes after the deadline of the fence, and before the lane counts as stuck, perhaps.
        let heard = (0..2).any(|_| news(&mut self.listener).is_some_and(|(told, _)| told == counter));
        if heard {
            self.read_in_the_dark(counter);
        }
    }

    /// The reader sees over another connection what its lane has not heard of.
    fn seen_elsewhere(&mut self, counter: u32) {
        self.warm(counter);
        let Some(lane) = self.lane() else { return sleep(ms(5)) };
        lane.down.hold(true);
        Self::count(&mut self.outside, counter);
        let key = self.world.registers.key(counter, 0);
        let (near, reader) = (self.near, &mut self.reader);
        scope(|scope| {
            let reading = scope.spawn(|| {
                reader.say(Expect::Skip, &["MULTI"]);
                reader.say(Expect::Skip, &[b"GET".as_slice(), &key]);
                reader.say(Expect::Exec(vec![Expect::Value(counter)]), &["EXEC"]);
                reader.run();
                Self::get(reader, counter);
            });
            until_done(&reading);
            near.relay.heal();
        });
    }
}
