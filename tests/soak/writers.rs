//! Those who write what has one writer: each has some slots, and a connection to every place.

use std::time::Duration;

use crate::check::{Lapse, NEVER, What};
use crate::readers::{favourite, read};
use crate::registers::Registers;
use crate::session::{Expect, Script, Session, script};
use crate::wire::{Reply, nanos};
use crate::world::{Kind, Spot, World};

/// Servers count milliseconds, and round.
const ROUNDING: Duration = Duration::from_millis(2);
/// A read may share the reply to one that was sent so long before it, and be shown what has expired since:
/// the README says so, and `cache/fill/join.rs` bounds it.
const SHARED: Duration = Duration::from_millis(20);

/// Writes the slots `first`, `first + step`... of the round.
pub(crate) fn write(world: &World<'_>, first: u32, step: u32, who: u64) {
    let mut random = world.random(who);
    let mut spots = world.spots();
    spots.push(Spot::Direct);
    let mut sessions: Vec<Session<'_>> =
        spots.into_iter().map(|spot| Session::new(world, spot, random.bool(), What::Aside)).collect();
    let slots: Vec<u32> = (first..world.registers.slots()).step_by(step as usize).collect();
    while !world.stopped() {
        let fashion = world.registers.slot(favourite(world)).filter(|slot| slots.contains(slot));
        let fashion = fashion.filter(|_| random.u8(..3) > 0);
        let slot = fashion.unwrap_or_else(|| slots[random.usize(..slots.len())]);
        let (at, other) = (random.usize(..sessions.len()), random.usize(..sessions.len()));
        let pounces = random.bool();
        if pounces && random.bool() {
            // So that there is something to be hit.
            look(world, &mut sessions[other], slot, &mut random);
            look(world, &mut sessions[other], slot, &mut random);
        }
        {
            let _writing = world.writing.read();
            one(world, &mut sessions[at], slot, &mut random);
        }
        if pounces {
            look(world, &mut sessions[other], slot, &mut random);
        }
        if random.u8(..4) == 0 {
            std::thread::sleep(Duration::from_micros(random.u64(..2000)));
        }
    }
}

fn look(world: &World<'_>, session: &mut Session<'_>, slot: u32, random: &mut fastrand::Rng) {
    read(session, world.registers.at(slot), random);
    session.run();
}

/// Makes one write, and waits for its outcome.
fn one(world: &World<'_>, session: &mut Session<'_>, slot: u32, random: &mut fastrand::Rng) {
    let registers = &world.registers;
    let (register, latest) = (registers.at(slot), registers.latest(slot));
    if session.wire().is_none() {
        return;
    }
    let single = registers.parts(register) == 1;
    let delete = random.u8(..8) == 0;
    let number = if delete { latest } else { latest + 1 };
    let version = if delete { number * 2 + 1 } else { number * 2 };
    let write = Write { register, version, padding: padding(random) };
    let mut expires = None;
    match random.u8(..12) {
        _ if delete => remove(session, &write, random),
        0..3 if single => {
            let ms = random.u64(3..250);
            expires = Some(Duration::from_millis(ms));
            expiring(session, &write, ms, random.bool());
        }
        3 | 4 => transaction(session, &write, &[]),
        5 => scripted(session, &write, random),
        6..9 => published(session, &write, random),
        9 => pushed(session, &write, random),
        10 if single && !world.plan.kind.vanishing() => moved(session, &write, random),
        _ => plain(session, &write),
    }
    session.run();
    let fate = session.fate.take();
    let unknown = fate != Some(true);
    if let Some(expires) = expires {
        let (from, by) = (session.span.0 + nanos(expires), session.span.1 + nanos(expires));
        let by = if unknown { NEVER } else { by + nanos(ROUNDING + SHARED) };
        world.lapse(register, Lapse { version: version + 1, from: from - nanos(ROUNDING), by });
    }
    if unknown && world.plan.kind == Kind::Flushing {
        // Nobody logs what a flush does to it from here on.
        for version in [latest * 2 + 1, number * 2 + 1] {
            world.lapse(register, Lapse { version, from: session.span.0, by: NEVER });
        }
    }
    match unknown {
        true => registers.turn(slot),
        false => registers.set_latest(slot, number),
    }
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
struct Write {
    register: u32,
    version: u32,
    padding: usize,
}

impl Write {
    fn keys(&self, registers: &Registers) -> Vec<Vec<u8>> {
        (0..registers.parts(self.register)).map(|part| registers.key(self.register, part)).collect()
    }

    fn value(&self) -> Vec<u8> {
        Registers::value(self.register, self.version / 2, self.padding)
    }

    /// Keys and values in turn.
    fn pairs(&self, registers: &Registers) -> Vec<Vec<u8>> {
        self.keys(registers).into_iter().flat_map(|key| [key, self.value()]).collect()
    }

    fn expect(&self, what: What) -> Expect {
        Expect::Written(self.register, self.version, what)
    }
}

fn padding(random: &mut fastrand::Rng) -> usize {
    if random.u8(..50) == 0 { 3000 } else { random.usize(..40) }
}

fn words(head: &[&str], rest: &[Vec<u8>]) -> Vec<Vec<u8>> {
    head.iter().map(|word| word.as_bytes().to_vec()).chain(rest.iter().cloned()).collect()
}

fn plain(session: &mut Session<'_>, write: &Write) {
    let pairs = write.pairs(&session.world.registers);
    let name = if pairs.len() > 2 { "MSET" } else { "SET" };
    session.say(write.expect(What::Marked), &words(&[name], &pairs));
}

fn remove(session: &mut Session<'_>, write: &Write, random: &mut fastrand::Rng) {
    let keys = write.keys(&session.world.registers);
    let words = match random.u8(..5) {
        0 => words(&["UNLINK"], &keys),
        1 if keys.len() == 1 => words(&["PEXPIRE"], &[keys[0].clone(), b"-1".to_vec()]),
        2 if keys.len() == 1 => words(&["GETDEL"], &keys),
        _ => words(&["DEL"], &keys),
    };
    session.say(write.expect(What::Marked), &words);
}

fn expiring(session: &mut Session<'_>, write: &Write, ms: u64, short: bool) {
    let key = write.keys(&session.world.registers).remove(0);
    let (ms, value) = (ms.to_string(), write.value());
    let words: [&[u8]; 5] = [b"SET", &key, &value, b"PX", ms.as_bytes()];
    let others: [&[u8]; 4] = [b"PSETEX", &key, ms.as_bytes(), &value];
    if short {
        session.say(write.expect(What::Marked), &others);
    } else {
        session.say(write.expect(What::Marked), &words);
    }
}

/// One `SET` for each key, and `more`, all at once.
fn transaction(session: &mut Session<'_>, write: &Write, more: &[Vec<u8>]) {
    let pairs = write.pairs(&session.world.registers);
    let mut expected = Vec::new();
    session.say(Expect::Skip, &["MULTI"]);
    // Were it refused, the rest would be done, or not, each by itself: and then nobody must be told.
    if !more.is_empty() && !done(session) {
        return;
    }
    for (at, pair) in pairs.chunks(2).enumerate() {
        session.say(Expect::Skip, &words(&["SET"], pair));
        expected.push(if at == 0 { write.expect(What::Marked) } else { Expect::Skip });
    }
    if !more.is_empty() {
        session.say(Expect::Skip, more);
        expected.push(Expect::Skip);
    }
    session.say(Expect::Exec(expected), &["EXEC"]);
}

/// Sends what there is; whether all of it was done.
fn done(session: &mut Session<'_>) -> bool {
    let replies = session.run();
    replies.is_some_and(|replies| !replies.iter().any(|reply| matches!(reply, Reply::Error(_))))
}

fn scripted(session: &mut Session<'_>, write: &Write, random: &mut fastrand::Rng) {
    let call = script(session.world, Script::Set, random);
    let mut words: Vec<Vec<u8>> = call.iter().map(|word| word.to_vec()).collect();
    words.extend(write.pairs(&session.world.registers));
    session.say(write.expect(What::Write), &words);
}

/// Written and published: in a transaction, a script, or one after the other.
fn published(session: &mut Session<'_>, write: &Write, random: &mut fastrand::Rng) {
    let channel = format!("{}:news", session.world.registers.tag()).into_bytes();
    let message = Registers::message(write.register, Some(write.version)).into_bytes();
    let publish = vec![b"PUBLISH".to_vec(), channel.clone(), message.clone()];
    match random.u8(..3) {
        0 => transaction(session, write, &publish),
        1 => {
            let call = script(session.world, Script::SetTell, random);
            let mut words: Vec<Vec<u8>> = call.iter().map(|word| word.to_vec()).collect();
            words.extend([channel, message]);
            words.extend(write.pairs(&session.world.registers));
            session.say(write.expect(What::Write), &words);
        }
        _ => {
            plain(session, write);
            if done(session) {
                session.say(Expect::Skip, &publish);
            }
        }
    }
}

/// Written, and an element that says so pushed to a consumer's queue, at once.
fn pushed(session: &mut Session<'_>, write: &Write, random: &mut fastrand::Rng) {
    let world = session.world;
    let consumer = random.usize(..world.spots().len());
    let queue = format!("{}:queue:{consumer}", world.registers.tag()).into_bytes();
    let element = Registers::message(write.register, Some(write.version)).into_bytes();
    transaction(session, write, &[b"LPUSH".to_vec(), queue, element]);
}

/// Written to another key, then renamed or copied.
fn moved(session: &mut Session<'_>, write: &Write, random: &mut fastrand::Rng) {
    let key = write.keys(&session.world.registers).remove(0);
    let other = [key.as_slice(), b":other"].concat();
    session.say(Expect::Skip, &[b"SET".as_slice(), &other, &write.value()]);
    if !done(session) {
        return;
    }
    match random.bool() {
        true => session.say(write.expect(What::Marked), &[b"RENAME".as_slice(), &other, &key]),
        false => session.say(write.expect(What::Marked), &[b"COPY".as_slice(), &other, &key, b"REPLACE"]),
    }
}
