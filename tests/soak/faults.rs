//! What goes wrong in a round.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use crate::check::{NEVER, What};
use crate::readers;
use crate::relay::Link;
use crate::session::{Expect, Session};
use crate::wire::{Reply, Wire};
use crate::world::{Counts, Kind, Spot, World};

/// Makes things go wrong until the round is over, and right again at its end.
pub(crate) fn faults(world: &World<'_>, who: u64) {
    let mut random = world.random(who);
    let Ok((mut control, _)) = world.connect(Spot::Direct, false) else { return };
    let mut counts = Counts::new();
    while !world.stopped() {
        sleep(ms(random.u64(2..60)));
        let begun = world.clock.now();
        let name = once(world, &mut control, &mut random);
        world.fault(name, begun);
        *counts.entry(name).or_default() += 1;
    }
    world.nears.iter().for_each(|near| near.relay.heal());
    let _ = control.ask(&["CLIENT", "UNPAUSE"]);
    world.keep(Vec::new(), &counts);
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Mostly short; at times longer than anything may be stale.
fn a_while(world: &World<'_>, random: &mut fastrand::Rng) -> Duration {
    match random.u8(..20) {
        0 => world.setup.bound.mul_f64(1.0 + random.f64()),
        1..4 => ms(random.u64(50..150)),
        _ => ms(random.u64(1..30)),
    }
}

/// A connection of one Nearside: a lane, mostly.
fn a_link(world: &World<'_>, random: &mut fastrand::Rng) -> Option<Arc<Link>> {
    let near = &world.nears[random.usize(..world.nears.len())];
    let mut links = near.relay.links();
    if random.u8(..5) > 0 && links.iter().any(|link| link.is_lane()) {
        links.retain(|link| link.is_lane());
    }
    (!links.is_empty()).then(|| links.swap_remove(random.usize(..links.len())))
}

fn once(world: &World<'_>, control: &mut Wire, random: &mut fastrand::Rng) -> &'static str {
    let pause = a_while(world, random);
    let which = random.u8(..20);
    if which < 13 {
        let Some(link) = a_link(world, random) else { return "fault: nothing to spoil" };
        return spoil(&link, which, pause, random);
    }
    match which {
        13 | 14 => kill(control, random),
        15 => {
            let _ = control.ask(&[
                "DEBUG",
                "SLEEP",
                &pause.min(world.setup.bound.mul_f64(1.3)).as_secs_f64().to_string(),
            ]);
            "fault: server asleep"
        }
        16 => {
            let mode = if random.bool() { "WRITE" } else { "ALL" };
            let _ = control.ask(&["CLIENT", "PAUSE", &pause.as_millis().to_string(), mode]);
            sleep(pause);
            "fault: clients paused"
        }
        17 if random.bool() => {
            let near = &world.nears[random.usize(..world.nears.len())];
            near.relay.dark(true);
            sleep(if random.bool() { world.setup.bound.mul_f64(1.5) } else { pause });
            near.relay.heal();
            "fault: no way through"
        }
        17 => {
            let near = &world.nears[random.usize(..world.nears.len())];
            near.relay.links().iter().for_each(|link| link.down.hold(true));
            sleep(pause);
            near.relay.heal();
            "fault: all replies held"
        }
        18 if random.u8(..4) == 0 => {
            let near = &world.nears[random.usize(..world.nears.len())];
            near.relay.links().iter().for_each(|link| link.cut(random.bool()));
            "fault: all connections cut"
        }
        _ => "fault: none",
    }
}

fn spoil(link: &Link, which: u8, pause: Duration, random: &mut fastrand::Rng) -> &'static str {
    match which {
        0..4 => {
            link.down.hold(true);
            sleep(pause);
            link.heal();
            "fault: replies held"
        }
        4 => {
            link.up.hold(true);
            sleep(pause);
            link.heal();
            "fault: requests held"
        }
        5 | 6 => {
            // Black for a while, and lost: nobody hears any of it.
            link.up.hold(true);
            link.down.hold(true);
            sleep(pause);
            link.cut(random.bool());
            "fault: connection swallowed"
        }
        7 => {
            // What was asked is done, and its reply is lost.
            link.down.hold(true);
            sleep(pause);
            link.cut(random.bool());
            "fault: replies lost"
        }
        10 | 11 => {
            link.down.trickle(random.u64(5..60));
            sleep(pause * 2);
            link.heal();
            "fault: bytes trickle"
        }
        8 | 9 => {
            link.down.delay(random.u64(100..20_000));
            link.up.delay(random.u64(..3_000));
            sleep(pause * 3);
            link.heal();
            "fault: connection slow"
        }
        _ => {
            link.cut(random.bool());
            "fault: connection cut"
        }
    }
}

/// Kills a client of the server that is a lane, or any that is not one of ours.
fn kill(control: &mut Wire, random: &mut fastrand::Rng) -> &'static str {
    let Ok(Reply::Text(list)) = control.ask(&["CLIENT", "LIST", "TYPE", "normal"]) else {
        return "fault: none";
    };
    let list = String::from_utf8_lossy(&list).into_owned();
    let lanes: Vec<&str> = list
        .lines()
        .filter(|line| line.split(' ').any(|part| part.starts_with("flags=") && part.contains('t')))
        .collect();
    if lanes.is_empty() {
        return "fault: no lane to kill";
    }
    let id = lanes[random.usize(..lanes.len())].split(' ').next().and_then(|part| part.strip_prefix("id="));
    let _ = control.ask(&["CLIENT", "KILL", "ID", id.unwrap_or("0")]);
    "fault: lane killed"
}

/// Makes the server evict, or flushes everything now and then.
pub(crate) fn vanish(world: &World<'_>, who: u64) {
    match world.plan.kind {
        Kind::Evicting => evict(world, who),
        Kind::Flushing => flush(world, who),
        Kind::Plain | Kind::Lazy | Kind::FewTracked => {}
    }
}

/// Fills the server's memory, so that whatever is there may go.
fn evict(world: &World<'_>, who: u64) {
    let mut random = world.random(who);
    let mut session = Session::new(world, Spot::Direct, false, What::Aside);
    let filler = vec![b'f'; 20_000];
    while !world.stopped() {
        let key = format!("{}:filler:{}", world.registers.tag(), random.u32(..2000));
        session.say(Expect::Skip, &[b"SET".as_slice(), key.as_bytes(), &filler]);
        session.run();
        sleep(Duration::from_micros(200));
    }
}

/// Flushes everything, through any place, while nobody writes.
fn flush(world: &World<'_>, who: u64) {
    let mut random = world.random(who);
    let mut spots = world.spots();
    spots.push(Spot::Direct);
    let mut sessions: Vec<Session<'_>> =
        spots.into_iter().map(|spot| Session::new(world, spot, random.bool(), What::Aside)).collect();
    while !world.stopped() {
        sleep(ms(random.u64(5..60)));
        let at = random.usize(..sessions.len());
        let session = &mut sessions[at];
        let writing = world.writing.write();
        let words: &[&str] = match random.u8(..4) {
            0 => &["FLUSHDB"],
            1 => &["FLUSHALL", "ASYNC"],
            _ => &["FLUSHALL"],
        };
        session.say(Expect::Skip, words);
        let Some((_, number)) = session.wire() else { return };
        let done = matches!(session.run().as_deref(), Some([Reply::Text(_)]));
        session.count("flushes");
        if !done {
            world.unsure();
        }
        let favourite = readers::favourite(world);
        let (begun, ended) = session.span;
        for slot in 0..world.registers.slots() {
            let (register, latest) = (world.registers.at(slot), world.registers.latest(slot));
            let ended = if done { ended } else { NEVER };
            session.flushed(register, latest * 2 + 1, number, (begun, ended));
        }
        drop(writing);
        // Whoever asks now must not see what was there.
        for session in &mut sessions {
            readers::read(session, favourite, &mut random);
            session.run();
        }
    }
}
